/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/base.h"

#include <stdlib.h>
#include <string.h>

#include "ldpc/splitmix.h"
#include "pipeline/status.h"

enum { SHIFT_TRIES = 64, SET_WORDS = 2, SETS = KS_BASE_ROWS_MAX * KS_BASE_ROWS_MAX };

/* State of a construction. Differences of shifts that a pair of rows already has, modulo the smallest z, are
 * kept as sets of bits: two equal differences are a 4-cycle (Fossorier, IEEE Trans. IT 50(8), 1788 (2004),
 * theorem 2.1). */
typedef struct builder {
    const ks_base_spec *spec;
    ks_base_graph *graph;
    ks_base_flaws *flaws;
    uint64_t state;
    uint32_t z_min, z_max;
    uint16_t load[KS_BASE_ROWS_MAX];
    uint16_t tree[2][KS_BASE_ROWS_MAX]; /* union-find of degree-2 columns; [1] with all pairs merged */
    uint32_t offset[KS_BASE_ROWS_MAX];  /* of a merged row's checks against its tree's root, along degree-2
                                           columns */
    uint16_t degree[KS_BASE_COLUMNS_MAX];
    uint64_t (*differences[2])[SET_WORDS]; /* [1] with all pairs merged */
} builder;

unsigned ks_base_log2n_min(const ks_base_spec *spec) {
    unsigned log2n = 0;
    while ((1u << log2n) < (uint32_t)spec->columns * KS_LDPC_Z_MIN)
        log2n++;
    return log2n + log2n % 2;
}

uint32_t ks_base_edges(const ks_base_spec *spec) {
    uint32_t edges = 0;
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        edges += (uint32_t)d->degree * d->count;
    return edges;
}

static uint32_t merged_row(const builder *b, uint32_t row) {
    return row < 2u * b->spec->pairs ? row / 2 : row - b->spec->pairs;
}

static uint16_t root(uint16_t *tree, uint16_t x) {
    while (tree[x] != x)
        x = tree[x] = tree[tree[x]];
    return x;
}

static void shuffle_degrees(builder *b) {
    uint32_t n = 0;
    for (const ks_degree_count *d = b->spec->degrees; d->count; d++)
        for (uint32_t i = 0; i < d->count; i++)
            b->degree[n++] = d->degree;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(ks_splitmix(&b->state) % (i + 1));
        uint16_t swap = b->degree[i];
        b->degree[i] = b->degree[j];
        b->degree[j] = swap;
    }
}

/* 1 when the column, so far `count` edges, may not take this row: it or its partner is there. */
static int is_taken(const builder *b, const ks_ldpc_edge *edges, uint32_t count, uint32_t row) {
    for (uint32_t k = 0; k < count; k++)
        if (merged_row(b, edges[k].node) == merged_row(b, row))
            return 1;
    return 0;
}

/* The root of a merged row, and by how much a walk from there to the row shifts. */
static uint16_t root_with_offset(const builder *b, uint32_t row, uint32_t *offset) {
    uint16_t x = (uint16_t)merged_row(b, row);
    *offset = 0;
    while (b->tree[1][x] != x) {
        *offset += b->offset[x];
        x = b->tree[1][x];
    }
    return x;
}

/* 1 when a degree-2 column closes a loop of such columns in the merged graph that lifts to more than one turn
 * short of all z: an even total shift. Codewords of low weight live on such loops. */
static int closes_short_loop(const builder *b, ks_ldpc_edge x, ks_ldpc_edge y) {
    uint32_t p, q;
    if (root_with_offset(b, x.node, &p) != root_with_offset(b, y.node, &q))
        return 0;
    return (p + x.shift - y.shift - q) % 2 == 0;
}

static uint32_t loop_cost(builder *b, uint32_t row, uint32_t other) {
    if (root(b->tree[0], (uint16_t)row) == root(b->tree[0], (uint16_t)other))
        return 1u << 24;
    uint32_t p, q;
    return root_with_offset(b, row, &p) == root_with_offset(b, other, &q) ? 1u << 20 : 0;
}

static uint32_t choose_row(builder *b, const ks_ldpc_edge *edges, uint32_t count, uint32_t degree) {
    uint32_t best = 0, best_cost = UINT32_MAX;
    for (uint32_t row = 0; row < b->spec->rows; row++) {
        uint32_t each = b->spec->light && row < 2u * b->spec->pairs ? 2048 : 1024;
        uint32_t cost = b->load[row] * each + (uint32_t)(ks_splitmix(&b->state) % 512);
        if (is_taken(b, edges, count, row))
            continue;
        if (degree == 2 && count == 1)
            cost += loop_cost(b, row, edges[0].node);
        if (cost < best_cost) {
            best_cost = cost;
            best = row;
        }
    }
    return best;
}

static void join_trees(builder *b, ks_ldpc_edge x, ks_ldpc_edge y) {
    uint16_t a = root(b->tree[0], x.node), c = root(b->tree[0], y.node);
    uint32_t at_x, at_y;
    uint16_t p = root_with_offset(b, x.node, &at_x), q = root_with_offset(b, y.node, &at_y);
    b->flaws->double_loops += a == c;
    b->flaws->merged_double_loops += p == q;
    b->tree[0][a] = c;
    if (p != q) {
        /* Check i of row x and check i + x.shift - y.shift of row y share a bit. */
        b->tree[1][p] = q;
        b->offset[p] = at_y - (x.shift - (uint32_t)y.shift) - at_x;
    }
}

/* The set of differences of two rows and the place of this one in it. */
static uint64_t *difference_at(builder *b, int merged, ks_ldpc_edge x, ks_ldpc_edge y, uint64_t *bit) {
    uint32_t i = merged ? merged_row(b, x.node) : x.node, j = merged ? merged_row(b, y.node) : y.node;
    uint32_t d = i < j ? (uint32_t)x.shift - y.shift : (uint32_t)y.shift - x.shift;
    d &= b->z_min - 1;
    *bit = UINT64_C(1) << d % 64;
    return &b->differences[merged][(i < j ? i : j) * KS_BASE_ROWS_MAX + (i < j ? j : i)][d / 64 % SET_WORDS];
}

static uint32_t count_cycles(builder *b, int merged, const ks_ldpc_edge *edges, uint32_t count,
                             ks_ldpc_edge edge) {
    uint32_t cycles = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t bit;
        cycles += (*difference_at(b, merged, edges[k], edge, &bit) & bit) != 0;
    }
    return cycles;
}

static uint16_t choose_shift(builder *b, const ks_ldpc_edge *edges, uint32_t count, uint32_t row,
                             uint32_t degree) {
    uint16_t best = 0;
    uint32_t best_cost = UINT32_MAX;
    for (int t = 0; t < SHIFT_TRIES && best_cost > 0; t++) {
        ks_ldpc_edge edge = {(uint16_t)row, (uint16_t)(ks_splitmix(&b->state) & (b->z_max - 1))};
        uint32_t cost = 64 * count_cycles(b, 0, edges, count, edge) + count_cycles(b, 1, edges, count, edge);
        if (degree == 2 && count == 1 && closes_short_loop(b, edges[0], edge))
            cost += 1u << 16;
        if (cost < best_cost) {
            best_cost = cost;
            best = edge.shift;
        }
    }
    return best;
}

/* Of edge k of a column and the ones before it. */
static void keep_differences(builder *b, const ks_ldpc_edge *edges, uint32_t k) {
    for (uint32_t i = 0; i < k; i++)
        for (int merged = 0; merged < 2; merged++) {
            uint64_t bit, *set = difference_at(b, merged, edges[i], edges[k], &bit);
            *set |= bit;
        }
}

static void place_column(builder *b, uint32_t column) {
    ks_ldpc_edge *edges = b->graph->edge + b->graph->first[column];
    uint32_t degree = b->degree[column];
    for (uint32_t k = 0; k < degree; k++) {
        uint32_t row = choose_row(b, edges, k, degree);
        edges[k] = (ks_ldpc_edge){(uint16_t)row, choose_shift(b, edges, k, row, degree)};
        b->load[row]++;
        keep_differences(b, edges, k);
    }
    if (degree == 2)
        join_trees(b, edges[0], edges[1]);
    b->graph->first[column + 1] = b->graph->first[column] + degree;
}

static void mend(ks_base_graph *graph, const ks_base_mended *mended) {
    for (uint32_t i = 0; i < mended->count; i++)
        graph->edge[graph->first[mended->mends[i].column] + mended->mends[i].edge].shift =
            mended->mends[i].shift;
}

/* From the graph as it is in the end. */
static void count_short_cycles(builder *b) {
    memset(b->differences[0], 0, 2 * SETS * sizeof *b->differences[0]);
    for (uint32_t c = 0; c < b->spec->columns; c++) {
        const ks_ldpc_edge *edges = b->graph->edge + b->graph->first[c];
        for (uint32_t k = 0; k < b->degree[c]; k++) {
            b->flaws->short_cycles += count_cycles(b, 0, edges, k, edges[k]);
            b->flaws->merged_short_cycles += count_cycles(b, 1, edges, k, edges[k]);
            keep_differences(b, edges, k);
        }
    }
}

/* Of a row after merging. */
static uint32_t most_edges(const builder *b) {
    uint32_t edges[KS_BASE_ROWS_MAX] = {0}, most = 0;
    for (uint32_t r = 0; r < b->spec->rows; r++) {
        uint32_t *sum = &edges[merged_row(b, r)];
        *sum += b->load[r];
        most = *sum > most ? *sum : most;
    }
    return most;
}

static ks_status check_spec(const ks_base_spec *spec, uint32_t *edges) {
    uint32_t columns = 0;
    *edges = ks_base_edges(spec);
    for (const ks_degree_count *d = spec->degrees; d->count; d++) {
        columns += d->count;
        if (d->degree > spec->rows - spec->pairs)
            return ks_fail(KS_ERR_ARGUMENT, "base %s: a column of degree %u for %u rows", spec->name,
                           d->degree, spec->rows - spec->pairs);
    }
    if (columns != spec->columns || columns > KS_BASE_COLUMNS_MAX || spec->rows > KS_BASE_ROWS_MAX ||
        2 * spec->pairs > spec->rows)
        return ks_fail(KS_ERR_ARGUMENT, "base %s: counts of columns or rows do not fit", spec->name);
    return KS_OK;
}

ks_status ks_base_grow(ks_base_graph *graph, ks_base_flaws *flaws, const ks_base_spec *spec,
                       const ks_base_mended *mended) {
    uint32_t edges;
    memset(graph, 0, sizeof *graph);
    memset(flaws, 0, sizeof *flaws);
    KS_TRY(check_spec(spec, &edges));
    builder *b = calloc(1, sizeof *b);
    uint64_t(*differences)[SET_WORDS] = calloc((size_t)2 * SETS, sizeof *differences);
    graph->edge = calloc(edges, sizeof *graph->edge);
    if (!b || !differences || !graph->edge) {
        free(b);
        free(differences);
        ks_base_graph_free(graph);
        return ks_fail(KS_ERR_MEMORY, "no memory for base graph %s", spec->name);
    }
    *b = (builder){.spec = spec, .graph = graph, .flaws = flaws, .state = spec->seed};
    b->differences[0] = differences;
    b->differences[1] = differences + SETS;
    b->z_min = (1u << ks_base_log2n_min(spec)) / spec->columns;
    b->z_max = (1u << 20) / spec->columns;
    for (uint16_t r = 0; r < spec->rows; r++)
        b->tree[0][r] = b->tree[1][r] = r;
    shuffle_degrees(b);
    for (uint32_t c = 0; c < spec->columns; c++)
        place_column(b, c);
    graph->edges = edges;
    if (mended)
        mend(graph, mended);
    count_short_cycles(b);
    uint32_t most = most_edges(b);
    free(differences);
    free(b);
    if (most > KS_LDPC_ROW_EDGES_MAX) {
        ks_base_graph_free(graph);
        return ks_fail(KS_ERR_LIMIT, "base %s: merged rows of %u edges", spec->name, most);
    }
    return KS_OK;
}

void ks_base_graph_free(ks_base_graph *graph) {
    free(graph->edge);
    graph->edge = NULL;
}

uint64_t ks_base_digest(const ks_base_graph *graph, const ks_base_spec *spec) {
    uint64_t h = UINT64_C(0xCBF29CE484222325); /* FNV-1a over degrees and edges */
    for (uint32_t c = 0; c < spec->columns; c++) {
        h = (h ^ (graph->first[c + 1] - graph->first[c])) * UINT64_C(0x100000001B3);
        for (uint32_t e = graph->first[c]; e < graph->first[c + 1]; e++)
            h = (h ^ ((uint32_t)graph->edge[e].node << 16 | graph->edge[e].shift)) * UINT64_C(0x100000001B3);
    }
    return h;
}
