/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/mend.h"

#include <inttypes.h>

#include "ldpc/design/words.h"
#include "ldpc/splitmix.h"
#include "pipeline/status.h"

enum { WEIGHT_MOST = 24, TRIES = 1000, MENDS_MAX = 1024 };

typedef struct mender {
    const ks_base_spec *spec;
    ks_base_graph graph;
    ks_words *words; /* all pairs merged */
    uint32_t z;
    uint64_t state, steps;
    ks_base_words result;
    ks_base_mend mends[MENDS_MAX];
    uint16_t count;
} mender;

static uint32_t merged_row(const ks_base_spec *spec, uint32_t row) {
    return row < 2u * spec->pairs ? row / 2 : row - spec->pairs;
}

/* 4-cycles that two columns close: 64 for each, 1 where only merging closes it. */
static uint32_t cycles_of_two(const mender *m, uint32_t c, uint32_t d) {
    const ks_base_graph *g = &m->graph;
    uint32_t shared = 0, cost = 0, difference[KS_BASE_ROWS_MAX], split[KS_BASE_ROWS_MAX];
    for (uint32_t e = g->first[c]; e < g->first[c + 1]; e++)
        for (uint32_t f = g->first[d]; f < g->first[d + 1]; f++)
            if (merged_row(m->spec, g->edge[e].node) == merged_row(m->spec, g->edge[f].node)) {
                split[shared] = g->edge[e].node != g->edge[f].node;
                difference[shared++] = ((uint32_t)g->edge[e].shift - g->edge[f].shift) & (m->z - 1);
            }
    for (uint32_t i = 0; i < shared; i++)
        for (uint32_t k = 0; k < i; k++)
            if (difference[i] == difference[k])
                cost += split[i] || split[k] ? 1 : 64;
    return cost;
}

static uint32_t cycles_through(const mender *m, uint32_t column) {
    uint32_t cost = 0;
    for (uint32_t d = 0; d < m->spec->columns; d++)
        cost += d == column ? 0 : cycles_of_two(m, column, d);
    return cost;
}

static void keep(mender *m, uint32_t column, uint32_t edge, uint16_t shift) {
    uint16_t i = 0;
    while (i < m->count && (m->mends[i].column != column || m->mends[i].edge != edge))
        i++;
    m->mends[i] = (ks_base_mend){(uint16_t)column, (uint16_t)edge, shift};
    m->count = (uint16_t)(m->count + (i == m->count));
}

/* 1 when the column has no word of that weight any more, and at most so many 4-cycles. */
static int is_better(mender *m, uint32_t column, uint32_t cycles, uint32_t weight) {
    ks_word word;
    if (cycles_through(m, column) > cycles)
        return 0;
    ks_words_load(m->words, &m->graph);
    return ks_words_through(m->words, &word, column, weight, 0, &m->steps) == 0;
}

/* Draws two of a column's three shifts. */
static int mend_column(mender *m, uint32_t column, uint32_t weight) {
    ks_ldpc_edge *edges = m->graph.edge + m->graph.first[column];
    const uint32_t old_cycles = cycles_through(m, column), most = old_cycles + old_cycles / 4 + 2;
    const uint32_t z_max = (1u << 20) / m->spec->columns;
    const uint16_t old[2] = {edges[0].shift, edges[1].shift};
    for (int t = 0; t < TRIES && m->steps > 0; t++) {
        for (uint32_t k = 0; k < 2; k++)
            edges[k].shift = (uint16_t)(ks_splitmix(&m->state) % z_max);
        if (is_better(m, column, most, weight)) {
            keep(m, column, 0, edges[0].shift);
            keep(m, column, 1, edges[1].shift);
            return 1;
        }
    }
    edges[0].shift = old[0];
    edges[1].shift = old[1];
    return 0;
}

/* Columns of degree 2 stay: their loops have the total shift that they need. */
static int mend_word(mender *m, const ks_word *word, uint32_t weight) {
    for (uint32_t i = 0; i < word->weight && m->count + 2 <= MENDS_MAX; i++) {
        uint32_t column = word->bits[i] / m->z;
        if (m->graph.first[column + 1] - m->graph.first[column] == KS_WORD_LIGHT &&
            mend_column(m, column, weight))
            return 1;
    }
    ks_words_load(m->words, &m->graph);
    return 0;
}

/* 1 when no word of this weight is left. A mend closes no word of light columns alone, so the search goes on
 * where it was; a word with a heavy column may appear behind it, hence the last round that finds nothing. */
static int clear_weight(mender *m, uint32_t weight) {
    for (int changed = 1; changed;) {
        ks_word word;
        uint32_t from = 0;
        int yes;
        changed = 0;
        while ((yes = ks_words_any(m->words, &word, &from, weight, &m->steps)) == 1) {
            if (!mend_word(m, &word, weight)) {
                m->result.lowest = (uint16_t)word.weight;
                return 0;
            }
            changed = 1;
        }
        if (yes < 0)
            return 0;
    }
    m->result.clear = (uint16_t)weight;
    return 1;
}

static ks_status mend_base(ks_base_mended *row, mender *m, const ks_base_spec *spec, uint64_t steps) {
    ks_base_flaws ignored;
    *m = (mender){.spec = spec, .state = spec->digest, .steps = steps};
    m->z = (1u << ks_base_log2n_min(spec)) / spec->columns;
    KS_TRY(ks_base_grow(&m->graph, &ignored, spec, NULL));
    ks_status status = ks_words_create(&m->words, spec, spec->pairs, m->z);
    if (status == KS_OK) {
        ks_words_load(m->words, &m->graph);
        for (uint32_t weight = 2; weight <= WEIGHT_MOST && clear_weight(m, weight); weight++) {
        }
        *row = (ks_base_mended){.grown = spec->digest,
                                .digest = ks_base_digest(&m->graph, spec),
                                .steps = steps,
                                .count = m->count,
                                .mends = m->mends,
                                .words = m->result};
    }
    ks_words_destroy(m->words);
    ks_base_graph_free(&m->graph);
    return status;
}

static const ks_base_mended *mended_before(const ks_base_spec *spec) {
    for (unsigned i = 0; i < ks_mended_count; i++)
        if (ks_mended[i].grown == spec->digest && ks_mended[i].steps > 0)
            return &ks_mended[i];
    return NULL;
}

static void print_row(FILE *to, const char *name, const ks_base_mended *row) {
    fprintf(to, "    /* %s */\n    {UINT64_C(0x%016" PRIX64 "), UINT64_C(0x%016" PRIX64 "), %" PRIu64 ", %u,",
            name, row->grown, row->digest, row->steps, row->count);
    fprintf(to, row->count ? "\n     (const ks_base_mend[]){" : " NULL");
    for (uint16_t i = 0; i < row->count; i++)
        fprintf(to, "%s{%u, %u, %u}",
                i == 0  ? ""
                : i % 8 ? ", "
                        : ",\n      ",
                row->mends[i].column, row->mends[i].edge, row->mends[i].shift);
    fprintf(to, row->count ? "},\n     " : ", ");
    fprintf(to, "{%u, %u}},\n", row->words.clear, row->words.lowest);
    fflush(to);
}

ks_status ks_mend_family(FILE *to, uint64_t steps) {
    static mender m;
    fprintf(to, "/* SPDX-License-Identifier: Apache-2.0 */\n"
                "/* Generated by keystill-design mend. */\n"
                "#include <stddef.h>\n\n"
                "#include \"ldpc/base.h\"\n\n"
                "/* clang-format off */\n"
                "const ks_base_mended ks_mended[] = {\n");
    for (unsigned i = 0; i < ks_family_count; i++) {
        const ks_base_mended *before = mended_before(&ks_family[i]);
        ks_base_mended row;
        if (before)
            row = *before;
        else
            KS_TRY(mend_base(&row, &m, &ks_family[i], steps));
        print_row(to, ks_family[i].name, &row);
        fprintf(stderr, "%s: %u mends, no word up to weight %u\n", ks_family[i].name, row.count,
                row.words.clear);
    }
    fprintf(to, "};\n/* clang-format on */\n\n"
                "const unsigned ks_mended_count = sizeof ks_mended / sizeof *ks_mended;\n");
    return KS_OK;
}
