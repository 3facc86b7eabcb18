/* SPDX-License-Identifier: Apache-2.0 */
/* The search for codewords of low weight: against all codewords of tiny codes, in a graph with a planted
 * word, and against the records of the family (all of them with KS_LONG=1). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "ldpc/design/words.h"
#include "ldpc/splitmix.h"

enum { TINY_COLUMNS = 8, TINY_ROWS = 6, TINY_Z = 8, TINY_BITS = TINY_COLUMNS * TINY_Z };

static uint16_t base_named(const char *name) {
    uint16_t b = 0;
    while (strcmp(ks_family[b].name, name) != 0)
        b++;
    return b;
}

static uint32_t smallest_lift(const ks_base_spec *spec) {
    return (1u << ks_base_log2n_min(spec)) / spec->columns;
}

static ks_words *words_of(const ks_base_spec *spec, const ks_base_graph *graph, uint32_t merges, uint32_t z) {
    ks_words *words;
    cr_assert_eq(ks_words_create(&words, spec, merges, z), KS_OK);
    ks_words_load(words, graph);
    return words;
}

/* Every check of the merged matrix meets an even number of the word's bits; no bit stands there twice. */
static void assert_is_codeword(const ks_word *word, const ks_base_spec *spec, const ks_base_graph *graph,
                               uint32_t merges, uint32_t z) {
    uint8_t *parity = calloc((size_t)spec->rows * z, 1);
    for (uint32_t i = 0; i < word->weight; i++) {
        uint32_t column = word->bits[i] / z, bit = word->bits[i] % z;
        for (uint32_t k = 0; k < i; k++)
            cr_assert_neq(word->bits[i], word->bits[k]);
        for (uint32_t e = graph->first[column]; e < graph->first[column + 1]; e++) {
            uint32_t row = graph->edge[e].node;
            row = row < 2 * merges ? row / 2 : row - merges;
            parity[row * z + (bit - graph->edge[e].shift) % z] ^= 1;
        }
    }
    for (uint32_t c = 0; c < spec->rows * z; c++)
        cr_assert_eq(parity[c], 0);
    free(parity);
}

/* Columns of degree 2 and 3 in random rows. */
static void draw_tiny(ks_base_graph *graph, ks_ldpc_edge *edges, uint64_t *seed) {
    *graph = (ks_base_graph){.edge = edges};
    for (uint32_t c = 0; c < TINY_COLUMNS; c++) {
        uint32_t degree = 2 + (uint32_t)(ks_splitmix(seed) % 2),
                 first = (uint32_t)(ks_splitmix(seed) % TINY_ROWS);
        for (uint32_t k = 0; k < degree; k++)
            edges[graph->edges++] = (ks_ldpc_edge){(uint16_t)((first + k * (1 + c % 2)) % TINY_ROWS),
                                                   (uint16_t)(ks_splitmix(seed) % TINY_Z)};
        graph->first[c + 1] = graph->edges;
    }
}

/* Least weight of all codewords but zero, by elimination and enumeration. */
static uint32_t least_weight(const ks_base_graph *graph) {
    uint64_t row[TINY_ROWS * TINY_Z] = {0}, kernel[TINY_BITS];
    uint32_t pivot[TINY_ROWS * TINY_Z], rank = 0, dimension = 0, least = TINY_BITS;
    uint64_t pivots = 0;
    for (uint32_t c = 0; c < TINY_COLUMNS; c++)
        for (uint32_t e = graph->first[c]; e < graph->first[c + 1]; e++)
            for (uint32_t i = 0; i < TINY_Z; i++)
                row[graph->edge[e].node * TINY_Z + i] |=
                    UINT64_C(1) << (c * TINY_Z + (i + graph->edge[e].shift) % TINY_Z);
    for (uint32_t b = 0; b < TINY_BITS; b++) {
        uint32_t r = rank;
        while (r < TINY_ROWS * TINY_Z && !(row[r] >> b & 1))
            r++;
        if (r == TINY_ROWS * TINY_Z)
            continue;
        uint64_t found = row[r];
        row[r] = row[rank];
        row[rank] = found;
        for (uint32_t k = 0; k < TINY_ROWS * TINY_Z; k++)
            if (k != rank && row[k] >> b & 1)
                row[k] ^= found;
        pivot[rank++] = b;
        pivots |= UINT64_C(1) << b;
    }
    for (uint32_t b = 0; b < TINY_BITS; b++) {
        if (pivots >> b & 1)
            continue;
        kernel[dimension] = UINT64_C(1) << b;
        for (uint32_t r = 0; r < rank; r++)
            kernel[dimension] |= (row[r] >> b & 1) << pivot[r];
        dimension++;
    }
    cr_assert(dimension > 0 && dimension <= 26, "%u", dimension);
    uint64_t word = 0;
    for (uint32_t i = 1; i < 1u << dimension; i++) { /* Gray code */
        word ^= kernel[__builtin_ctz(i)];
        uint32_t weight = (uint32_t)__builtin_popcountll(word);
        least = weight < least ? weight : least;
    }
    return least;
}

Test(ldpc_words, finds_the_least_of_all_codewords) {
    const ks_base_spec spec = {.name = "tiny", .columns = TINY_COLUMNS, .rows = TINY_ROWS};
    uint64_t seed = 1;
    for (int t = 0; t < 40; t++) {
        ks_ldpc_edge edges[3 * TINY_COLUMNS];
        ks_base_graph graph;
        ks_base_words result;
        ks_word word;
        draw_tiny(&graph, edges, &seed);
        ks_words *words = words_of(&spec, &graph, 0, TINY_Z);
        const uint32_t least = least_weight(&graph);
        ks_words_lowest(words, &result, &word, KS_WORD_MAX, UINT64_MAX);
        cr_assert_eq(result.lowest, least, "code %d: %u, not %u", t, result.lowest, least);
        cr_assert_eq(result.clear, least - 1);
        cr_assert_eq(word.weight, least);
        assert_is_codeword(&word, &spec, &graph, 0, TINY_Z);
        ks_words_destroy(words);
    }
}

/* Four columns of degree 3 of which any two share a check: a word of four bits. */
Test(ldpc_words, finds_a_planted_word) {
    const uint16_t base = base_named("s461");
    const ks_base_spec *spec = &ks_family[base];
    const uint32_t z = smallest_lift(spec);
    ks_base_graph graph;
    ks_base_flaws flaws;
    ks_base_words result;
    ks_word word;
    cr_assert_eq(ks_base_grow(&graph, &flaws, spec, &ks_mended[base]), KS_OK);
    ks_words *words = words_of(spec, &graph, 0, z);
    ks_words_lowest(words, &result, &word, 12, UINT64_MAX);
    cr_assert(result.lowest == 0 && result.clear == 12);
    uint32_t columns[4], n = 0;
    for (uint32_t c = 0; n < 4; c += 1 + 7 * (graph.first[c + 1] - graph.first[c] == 3))
        if (graph.first[c + 1] - graph.first[c] == 3)
            columns[n++] = c;
    uint32_t used[4] = {0}, row = 2u * spec->pairs;
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < i; k++, row++) {
            graph.edge[graph.first[columns[i]] + used[i]++] =
                (ks_ldpc_edge){(uint16_t)row, (uint16_t)(17 * i)};
            graph.edge[graph.first[columns[k]] + used[k]++] =
                (ks_ldpc_edge){(uint16_t)row, (uint16_t)(17 * k)};
        }
    ks_words_load(words, &graph);
    ks_words_lowest(words, &result, &word, 12, UINT64_MAX);
    cr_assert(result.lowest == 4 && result.clear == 3, "%u", result.lowest);
    assert_is_codeword(&word, spec, &graph, 0, z);
    ks_words_destroy(words);
    ks_base_graph_free(&graph);
}

/* The seed of s508 grows a graph with a word of ten bits, once seen as undetected errors. */
Test(ldpc_words, mended_graph_has_lost_its_word) {
    const uint16_t base = base_named("s508");
    const ks_base_spec *spec = &ks_family[base];
    const uint32_t z = smallest_lift(spec);
    for (int mended = 0; mended < 2; mended++) {
        ks_base_graph graph;
        ks_base_flaws flaws;
        ks_base_words result;
        ks_word word;
        cr_assert_eq(ks_base_grow(&graph, &flaws, spec, mended ? &ks_mended[base] : NULL), KS_OK);
        ks_words *words = words_of(spec, &graph, spec->pairs, z);
        ks_words_lowest(words, &result, &word, 12, UINT64_MAX);
        cr_assert_eq(result.lowest, mended ? 0 : 10);
        if (!mended)
            assert_is_codeword(&word, spec, &graph, spec->pairs, z);
        ks_words_destroy(words);
        ks_base_graph_free(&graph);
    }
}

/* Searched again: to the weight that the record calls clear. Four steps of weight below that in the short
 * run. */
Test(ldpc_words, records_are_true) {
    const uint32_t less = getenv("KS_LONG") ? 0 : 4;
    for (uint16_t b = 0; b < ks_family_count; b = (uint16_t)(b + (less ? 9 : 1))) {
        const ks_base_spec *spec = &ks_family[b];
        const uint32_t clear = ks_mended[b].words.clear;
        ks_base_words result;
        ks_word word;
        cr_assert_geq(clear, 5, "base %s", spec->name);
        ks_words *words = words_of(spec, ks_code_graph(b), spec->pairs, smallest_lift(spec));
        ks_words_lowest(words, &result, &word, clear - less, UINT64_MAX);
        cr_expect_eq(result.clear, clear - less, "base %s: a word of weight %u", spec->name, result.lowest);
        ks_words_destroy(words);
    }
}
