/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the library: rates of the family and graphs ready for the kernels. */
#ifndef KS_LDPC_CODE_H
#define KS_LDPC_CODE_H

#include "ldpc/base.h"
#include "ldpc/ldpc.h"

enum {
    KS_CODE_RATES_MAX = 2048,
    KS_CODE_EDGES_MAX = 8192,
    KS_CODE_DEFAULT_PASSES = 200,
    KS_CODE_PATIENCE = 24
};

/* A rate of the table, sorted by leak. */
typedef struct ks_code_rate {
    uint16_t base, merges;
} ks_code_rate;

/* NULL for a rate out of range. */
const ks_code_rate *ks_code_rate_of(uint16_t rate);
/* The rate of a base and a number of merges, which must exist. */
uint16_t ks_code_rate_find(uint16_t base, uint16_t merges);

/* Rows of a base after merging, and the threshold there, from the marks of the table. */
uint32_t ks_code_rows(const ks_base_spec *spec, uint32_t merges);
double ks_code_threshold(const ks_base_spec *spec, uint32_t merges);
/* The same from the marks of ks_measured, of the exact decoder or of the fast one. */
double ks_code_limit(uint16_t base, uint32_t merges, int exact);

/* Magnitude of a received bit for the decoder at error rate `qber`; 0: at the rate's threshold. */
uint32_t ks_code_weight(uint16_t rate, double qber);
/* The same in the units of the exact decoder. */
uint32_t ks_code_exact_weight(uint16_t rate, double qber);

/* The grown graph of a base; grown at first use. NULL when memory was short (the detail is set). */
const ks_base_graph *ks_code_graph(uint16_t base);

/* Edges by row of a rate at lift z, merged rows first, without the columns from `columns` on; and what the
 * decoder needs beside them. */
typedef struct ks_code_decoder {
    ks_ldpc_lists by_row;
    ks_ldpc_remap remap;
    uint32_t first[KS_BASE_ROWS_MAX + 1];
    uint8_t row_class[KS_BASE_ROWS_MAX];
    uint16_t limits[KS_BASE_LEVELS_MAX];
    uint8_t tables[KS_BASE_LEVELS_MAX][2][KS_LDPC_TABLE];
    ks_ldpc_edge edges[KS_CODE_EDGES_MAX];
} ks_code_decoder;
/* What the exact decoder left of a frame. */
struct ks_ldpc_memory {
    uint64_t *allowance;
    uint64_t bytes, real_bits;
    ks_ldpc_kept kept; /* its values stand behind this head */
    uint16_t rate;     /* whose rows the messages are of */
    uint8_t log2n;
};

/* by_row: the lists of `rate`. NULL when the allowance or the memory is short: the frame will be begun anew,
 * no error. */
ks_ldpc_memory *ks_code_memory_make(uint64_t *allowance, const ks_ldpc_lists *by_row, uint16_t rate,
                                    size_t real_bits);
/* KS_ERR_ARGUMENT unless ks_code_memory_split may make it one of `rate`, a rate served, for such a frame. */
KS_MUST_CHECK ks_status ks_code_memory_check(const ks_ldpc_memory *memory, uint16_t rate, unsigned log2n,
                                             size_t real_bits);
/* Makes a memory one of rate `to`, the same or a later one of its base; by_row: the lists of the rate that it
 * is of. What a merged row that splits has sent is subtracted from the soft values (clamped to
 * -32768..32767), edge by edge, and its two rows begin with messages of zero; all other rows keep theirs. No
 * message moves: the merged row had the edges that its two rows have, and stood where they stand. */
void ks_code_memory_split(ks_ldpc_memory *memory, const ks_ldpc_lists *by_row, uint16_t to);

void ks_code_decoder_make(ks_code_decoder *decoder, const ks_base_spec *spec, const ks_base_graph *graph,
                          uint32_t merges, uint32_t z, uint32_t columns);

#endif
