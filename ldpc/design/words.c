/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/words.h"

#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "pipeline/status.h"

enum { UNSATISFIED_MAX = KS_WORD_LIGHT * KS_WORD_MAX, JOIN_WORDS = 2 };

/* Edge lists by merged row and by column; only light columns stand in the former. */
struct ks_words {
    const ks_base_spec *spec;
    uint32_t merges, rows, z;
    uint32_t offers[KS_BASE_ROWS_MAX];
    ks_ldpc_edge (*offer)[KS_LDPC_ROW_EDGES_MAX];
    uint32_t first[KS_BASE_COLUMNS_MAX + 1];
    ks_ldpc_edge edge[KS_CODE_EDGES_MAX];
    uint32_t order[KS_BASE_COLUMNS_MAX], place[KS_BASE_COLUMNS_MAX];
    uint64_t (*joined)[JOIN_WORDS]; /* [row][row]: differences of checks that one light bit meets */
    uint8_t *taken;                 /* by bit: in the word, or tried before */
    /* Of one search: */
    uint32_t weight, earliest;
    uint64_t *visits;
    ks_word *found;
};

static uint32_t degree_of(const ks_words *w, uint32_t column) {
    return w->first[column + 1] - w->first[column];
}

ks_status ks_words_create(ks_words **out, const ks_base_spec *spec, uint32_t merges, uint32_t z) {
    ks_words *w = calloc(1, sizeof *w);
    *out = w;
    if (w) {
        *w = (ks_words){.spec = spec, .merges = merges, .rows = ks_code_rows(spec, merges), .z = z};
        w->offer = calloc(w->rows, sizeof *w->offer);
        w->joined = calloc((size_t)w->rows * w->rows, sizeof *w->joined);
        w->taken = calloc(spec->columns, z);
    }
    if (w && w->offer && w->joined && w->taken)
        return KS_OK;
    ks_words_destroy(w);
    *out = NULL;
    return ks_fail(KS_ERR_MEMORY, "no memory for a search in base %s", spec->name);
}

void ks_words_destroy(ks_words *words) {
    if (words) {
        free(words->offer);
        free(words->joined);
        free(words->taken);
    }
    free(words);
}

/* Heavy columns first, so that the others of a word are light. */
static void order_columns(ks_words *w) {
    uint32_t n = 0;
    for (int light = 0; light < 2; light++)
        for (uint32_t c = 0; c < w->spec->columns; c++)
            if ((degree_of(w, c) <= KS_WORD_LIGHT) == light) {
                w->place[c] = n;
                w->order[n++] = c;
            }
}

static uint64_t *join_at(const ks_words *w, uint32_t check, uint32_t other, uint64_t *bit) {
    uint32_t d = (check - other) & (w->z - 1);
    *bit = UINT64_C(1) << d % 64;
    return &w->joined[check / w->z * w->rows + other / w->z][d / 64];
}

static int is_joined(const ks_words *w, uint32_t check, uint32_t other) {
    uint64_t bit;
    return (*join_at(w, check, other, &bit) & bit) != 0;
}

/* The check of an edge that a bit of the edge's column meets. */
static uint32_t check_of(const ks_words *w, ks_ldpc_edge edge, uint32_t i) {
    return edge.node * w->z + ((i - edge.shift) & (w->z - 1));
}

static void join_column(ks_words *w, uint32_t column) {
    const ks_ldpc_edge *edges = w->edge + w->first[column];
    for (uint32_t j = 0; j < degree_of(w, column); j++)
        for (uint32_t k = 0; k < degree_of(w, column); k++) {
            uint64_t bit, *set = join_at(w, check_of(w, edges[j], 0), check_of(w, edges[k], 0), &bit);
            *set |= j == k ? 0 : bit;
        }
}

void ks_words_load(ks_words *words, const ks_base_graph *graph) {
    ks_words *w = words;
    memset(w->offers, 0, sizeof w->offers);
    memset(w->joined, 0, (size_t)w->rows * w->rows * sizeof *w->joined);
    memcpy(w->first, graph->first, sizeof w->first);
    for (uint32_t c = 0; c < w->spec->columns; c++) {
        for (uint32_t e = w->first[c]; e < w->first[c + 1]; e++) {
            uint32_t row = graph->edge[e].node;
            row = row < 2 * w->merges ? row / 2 : row - w->merges;
            w->edge[e] = (ks_ldpc_edge){(uint16_t)row, (uint16_t)(graph->edge[e].shift & (w->z - 1))};
            if (degree_of(w, c) <= KS_WORD_LIGHT)
                w->offer[row][w->offers[row]++] = (ks_ldpc_edge){(uint16_t)c, w->edge[e].shift};
        }
        if (degree_of(w, c) <= KS_WORD_LIGHT)
            join_column(w, c);
    }
    order_columns(w);
}

/* Adds a bit: its checks change sides. Returns how many are unsatisfied then. */
static uint32_t toggle(const ks_words *w, uint32_t *checks, uint32_t n, uint32_t column, uint32_t i) {
    for (uint32_t e = w->first[column]; e < w->first[column + 1]; e++) {
        uint32_t check = check_of(w, w->edge[e], i), k = 0;
        while (k < n && checks[k] != check)
            k++;
        if (k < n)
            checks[k] = checks[--n];
        else
            checks[n++] = check;
    }
    return n;
}

/* 1 when some check shares no bit with another of them. */
static int has_loner(const ks_words *w, const uint32_t *checks, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k < n && (k == i || !is_joined(w, checks[i], checks[k])))
            k++;
        if (k == n)
            return 1;
    }
    return 0;
}

/* 0 when `rest` light bits cannot satisfy the checks: they meet at most 3 * rest. The next bit may be any of
 * them, for the order is free, and one that meets only one of the checks uses up three more places than it
 * satisfies checks. */
static int may_close(const ks_words *w, const uint32_t *checks, uint32_t n, uint32_t rest) {
    if (n > KS_WORD_LIGHT * rest)
        return 0;
    return n == 0 || KS_WORD_LIGHT * rest - n >= 3 || !has_loner(w, checks, n);
}

static uint32_t narrowest(const ks_words *w, const uint32_t *checks, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < n; k++)
        if (w->offers[checks[k] / w->z] < w->offers[checks[best] / w->z])
            best = k;
    return checks[best];
}

static int extend(ks_words *w, const uint32_t *checks, uint32_t n) {
    ks_word *word = w->found;
    if (n == 0)
        return 1;
    const uint32_t check = narrowest(w, checks, n), row = check / w->z, rest = w->weight - word->weight - 1;
    uint32_t tried[KS_LDPC_ROW_EDGES_MAX], tries = 0, next[UNSATISFIED_MAX];
    int result = 0;
    for (uint32_t o = 0; o < w->offers[row] && result == 0; o++) {
        ks_ldpc_edge edge = w->offer[row][o];
        uint32_t i = (check + edge.shift) & (w->z - 1), bit = edge.node * w->z + i;
        if (w->place[edge.node] < w->earliest || w->taken[bit])
            continue;
        if (*w->visits == 0) {
            result = -1;
            break;
        }
        --*w->visits;
        memcpy(next, checks, n * sizeof *next);
        uint32_t m = toggle(w, next, n, edge.node, i);
        if (!may_close(w, next, m, rest))
            continue;
        w->taken[bit] = 1;
        tried[tries++] = bit;
        word->bits[word->weight++] = bit;
        result = extend(w, next, m);
        word->weight -= result != 1;
    }
    while (tries > 0)
        w->taken[tried[--tries]] = 0;
    return result;
}

int ks_words_through(ks_words *words, ks_word *found, uint32_t column, uint32_t weight, int later,
                     uint64_t *visits) {
    ks_words *w = words;
    uint32_t checks[UNSATISFIED_MAX];
    if (degree_of(w, column) > KS_WORD_LIGHT * (weight - 1))
        return 0;
    w->weight = weight;
    w->earliest = later ? w->place[column] : 0;
    w->visits = visits;
    w->found = found;
    *found = (ks_word){1, {column * w->z}};
    w->taken[column * w->z] = 1;
    int result = extend(w, checks, toggle(w, checks, 0, column, 0));
    w->taken[column * w->z] = 0;
    return result;
}

int ks_words_any(ks_words *words, ks_word *found, uint32_t *from, uint32_t weight, uint64_t *visits) {
    for (; *from < words->spec->columns; ++*from) {
        int result = ks_words_through(words, found, words->order[*from], weight, 1, visits);
        if (result)
            return result;
    }
    return 0;
}

void ks_words_lowest(ks_words *words, ks_base_words *result, ks_word *found, uint32_t most, uint64_t visits) {
    *result = (ks_base_words){1, 0};
    for (uint32_t weight = 2; weight <= most; weight++) {
        uint32_t from = 0;
        int yes = ks_words_any(words, found, &from, weight, &visits);
        if (yes == 1)
            result->lowest = (uint16_t)weight;
        if (yes)
            return;
        result->clear = (uint16_t)weight;
    }
}
