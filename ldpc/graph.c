/* SPDX-License-Identifier: Apache-2.0 */
/* From the table of the family to what the kernels take. */
#include <pthread.h>
#include <string.h>

#include "ldpc/code.h"

enum { BASES_MAX = 128 };

static ks_base_graph graphs[BASES_MAX];
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

const ks_base_graph *ks_code_graph(uint16_t base) {
    const ks_base_graph *graph = NULL;
    ks_base_flaws ignored;
    (void)pthread_mutex_lock(&growing);
    if (graphs[base].edge ||
        ks_base_grow(&graphs[base], &ignored, &ks_family[base], &ks_mended[base]) == KS_OK)
        graph = &graphs[base];
    (void)pthread_mutex_unlock(&growing);
    return graph;
}

/* Merged pairs come first: row i < merges holds rows 2i and 2i + 1 of the base, the rest keep their order. */
static uint32_t place_of(uint32_t row, uint32_t merges) {
    return row < 2 * merges ? row / 2 : row - merges;
}

static void fill_lists(ks_code_decoder *d, const ks_base_graph *graph, uint32_t merges, uint32_t z,
                       uint32_t columns) {
    uint32_t next[KS_BASE_ROWS_MAX];
    memset(d->first, 0, sizeof d->first);
    for (uint32_t e = 0; e < graph->first[columns]; e++)
        d->first[place_of(graph->edge[e].node, merges) + 1]++;
    for (uint32_t r = 0; r < d->by_row.rows; r++) {
        d->first[r + 1] += d->first[r];
        next[r] = d->first[r];
    }
    for (uint32_t c = 0; c < columns; c++)
        for (uint32_t e = graph->first[c]; e < graph->first[c + 1]; e++)
            d->edges[next[place_of(graph->edge[e].node, merges)]++] =
                (ks_ldpc_edge){(uint16_t)c, (uint16_t)(graph->edge[e].shift & (z - 1))};
}

static void fill_tables(ks_code_decoder *d, const ks_base_spec *spec) {
    for (uint32_t l = 0; l < spec->levels; l++)
        for (int k = 0; k < 2; k++)
            for (int m = 0; m < KS_LDPC_TABLE; m++)
                d->tables[l][k][m] = (uint8_t)(spec->level[l].table[k][m] - KS_BASE_ZERO);
}

/* Share of unsatisfied checks, in 2^-16, when every message is wrong with this probability: a check of d
 * edges is unsatisfied with (1 - (1 - 2p)^d) / 2. In integers, so that every machine finds the same. */
static uint16_t unsatisfied_at(const ks_code_decoder *d, uint32_t error) {
    const uint64_t one = UINT64_C(1) << 31;
    uint64_t base = one - error, sum = 0; /* (1 - 2p) in 2^-31, p in 2^-32 */
    for (uint32_t r = 0; r < d->by_row.rows; r++) {
        uint64_t power = one;
        for (uint32_t k = d->first[r]; k < d->first[r + 1]; k++)
            power = power * base >> 31;
        sum += (one - power) >> 1;
    }
    return (uint16_t)(sum / d->by_row.rows >> 15);
}

/* Levels whose range is empty after rounding are left out: limits must fall strictly. */
static void fill_limits(ks_code_decoder *d, const ks_base_spec *spec) {
    uint32_t kept = 0;
    for (uint32_t l = 0; l < spec->levels; l++) {
        uint16_t limit = unsatisfied_at(d, spec->level[l].error);
        if (kept > 0 && limit >= d->limits[kept - 1])
            continue;
        d->limits[kept] = limit;
        memmove(d->tables[kept], d->tables[l], sizeof d->tables[l]);
        kept++;
    }
    d->remap.levels = kept;
}

void ks_code_decoder_make(ks_code_decoder *decoder, const ks_base_spec *spec, const ks_base_graph *graph,
                          uint32_t merges, uint32_t z, uint32_t columns) {
    decoder->by_row =
        (ks_ldpc_lists){spec->columns, ks_code_rows(spec, merges), z, decoder->first, decoder->edges};
    fill_lists(decoder, graph, merges, z, columns);
    for (uint32_t r = 0; r < decoder->by_row.rows; r++)
        decoder->row_class[r] = r < merges || (spec->light && r >= 2u * spec->pairs - merges);
    fill_tables(decoder, spec);
    fill_limits(decoder, spec);
    decoder->remap.limits = decoder->limits;
    decoder->remap.tables = (const uint8_t(*)[2][KS_LDPC_TABLE])decoder->tables;
    decoder->remap.halve_below[0] = 1966; /* u = 0.03 and 0.004: clipped chains of degree-2 bits come loose */
    decoder->remap.halve_below[1] = 262;
}
