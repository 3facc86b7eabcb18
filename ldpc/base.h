/* SPDX-License-Identifier: Apache-2.0 */
/* Base graphs: what the table of the family says of each, and the graph that grows from it. */
#ifndef KS_LDPC_BASE_H
#define KS_LDPC_BASE_H

#include <stdint.h>
#include <keystill/status.h>

#include "kernels/rows_ldpc.h"

enum {
    KS_BASE_COLUMNS_MAX = 1024,
    KS_BASE_ROWS_MAX = 328,
    KS_BASE_DEGREES_MAX = 16,
    KS_BASE_LEVELS_MAX = 32,
    KS_BASE_WEIGHT = 9, /* magnitude of a received bit at the threshold */
    KS_BASE_MARKS = 5   /* thresholds at 0, 1/4, 1/2, 3/4 and all of the merges */
};

typedef struct ks_degree_count {
    uint16_t degree, count;
} ks_degree_count;

/* Remap tables for messages with error rate `error` (units of 2^-32), as text: magnitude m becomes
 * table[class][m] - KS_BASE_ZERO. Class 0: single rows, class 1: merged pairs. In a light base class 0 are
 * the rows of split pairs, class 1 all others. */
enum { KS_BASE_ZERO = '(' };
typedef struct ks_base_level {
    uint32_t error;
    char table[2][KS_LDPC_TABLE + 1];
} ks_base_level;

typedef struct ks_base_spec {
    const char *name;
    uint16_t columns, rows, pairs; /* rows 2i and 2i + 1 may be merged for i < pairs */
    uint64_t seed;
    uint64_t digest; /* ks_base_digest of the graph that the seed grows, unmended */
    double step;     /* log-likelihood ratio of one unit of message */
    double threshold[KS_BASE_MARKS];
    ks_degree_count degrees[KS_BASE_DEGREES_MAX]; /* ends with count 0 */
    uint16_t levels;
    ks_base_level level[KS_BASE_LEVELS_MAX];
    /* 1: a row of a pair has half the edges of other rows, so that merged rows stay in KS_LDPC_ROW_EDGES_MAX.
     */
    uint16_t light;
} ks_base_spec;

/* Another shift for edge `edge` of a column than the one that the seed gave. */
typedef struct ks_base_mend {
    uint16_t column, edge, shift;
} ks_base_mend;

/* What the search for codewords of low weight says: words of columns of degree 2 and 3 and at most one of
 * higher degree. */
typedef struct ks_base_words {
    uint16_t clear;  /* there is none of this weight or less */
    uint16_t lowest; /* one of this weight is known; 0: none */
} ks_base_words;

/* What was done against them, at the smallest lift and with all pairs merged: that code has the words of
 * every rate of the base. */
typedef struct ks_base_mended {
    uint64_t grown, digest; /* ks_base_digest before and after */
    uint64_t steps;         /* of the search and the mending that were allowed */
    uint16_t count;
    const ks_base_mend *mends;
    ks_base_words words;
} ks_base_mended;

/* Edges by column. Shifts are for the largest lift, 2^20 bits; a smaller one takes them modulo its z. */
typedef struct ks_base_graph {
    uint32_t edges;
    uint32_t first[KS_BASE_COLUMNS_MAX + 1];
    ks_ldpc_edge *edge; /* node: row */
} ks_base_graph;

/* What a construction could not avoid, counted at the smallest lift. */
typedef struct ks_base_flaws {
    uint32_t short_cycles;        /* 4-cycles of the unmerged graph */
    uint32_t merged_short_cycles; /* 4-cycles that appear when all pairs are merged */
    uint32_t double_loops;        /* degree-2 columns that close a cycle of such columns in the base graph */
    uint32_t merged_double_loops;
} ks_base_flaws;

extern const ks_base_spec ks_family[];
extern const unsigned ks_family_count;

/* Base by base in the order of the family. */
extern const ks_base_mended ks_mended[];
extern const unsigned ks_mended_count;

/* What simulation says, base by base in the order of the family: the error rate at which half the frames of
 * 2^18 bits with exactly that share of errors fail, at each mark and of each decoder; 0 where none decodes.
 */
typedef struct ks_base_measured {
    uint64_t digest; /* of the graph that was measured, mended */
    double fast[KS_BASE_MARKS], exact[KS_BASE_MARKS];
} ks_base_measured;

extern const ks_base_measured ks_measured[];
extern const unsigned ks_measured_count;

uint32_t ks_base_edges(const ks_base_spec *spec);

/* Smallest frame a base serves: z is at least KS_LDPC_Z_MIN. */
unsigned ks_base_log2n_min(const ks_base_spec *spec);

/* Grows the graph from the seed: columns in random order, each edge to a row of least load; degree-2 columns
 * join different trees; no column meets both rows of a pair; shifts avoid 4-cycles, merged ones if possible.
 * Then the mends, if any: NULL leaves the graph as it grew. A pure function of spec and mends. Free with
 * ks_base_graph_free. */
KS_MUST_CHECK ks_status ks_base_grow(ks_base_graph *graph, ks_base_flaws *flaws, const ks_base_spec *spec,
                                     const ks_base_mended *mended);
void ks_base_graph_free(ks_base_graph *graph);
uint64_t ks_base_digest(const ks_base_graph *graph, const ks_base_spec *spec);

#endif
