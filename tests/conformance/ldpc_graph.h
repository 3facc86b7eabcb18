/* SPDX-License-Identifier: Apache-2.0 */
/* Random quasi-cyclic graphs and words for the conformance cases of reconciliation. */
#ifndef KS_TESTS_LDPC_GRAPH_H
#define KS_TESTS_LDPC_GRAPH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

typedef struct ks_test_graph {
    ks_ldpc_lists by_column, by_row;
} ks_test_graph;

/* Columns of degree 0 to 6 in a random order of rows; one graph in three has a single row or an unused one.
 */
static inline void ks_test_graph_make(ks_test_graph *g, uint64_t *seed) {
    uint32_t columns = 1 + (uint32_t)(ks_test_random(seed) % 40),
             rows = 1 + (uint32_t)(ks_test_random(seed) % 12);
    uint32_t z = 64u << ks_test_random(seed) % 4, n = 0;
    uint32_t *first = calloc(columns + 1, sizeof *first), *row_first = calloc(rows + 1, sizeof *row_first);
    ks_ldpc_edge *edges = calloc((size_t)columns * rows, sizeof *edges), *row_edges;
    uint32_t unused = (uint32_t)(ks_test_random(seed) % (3 * rows));
    for (uint32_t c = 0; c < columns; c++) {
        uint32_t degree = (uint32_t)(ks_test_random(seed) % 7);
        for (uint32_t r = 0; r < rows; r++)
            if (r != unused && ks_test_random(seed) % rows < degree)
                edges[n++] = (ks_ldpc_edge){(uint16_t)r, (uint16_t)(ks_test_random(seed) % z)};
        first[c + 1] = n;
    }
    row_edges = calloc(n + 1, sizeof *row_edges);
    uint32_t m = 0;
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++)
            for (uint32_t e = first[c]; e < first[c + 1]; e++)
                if (edges[e].node == r)
                    row_edges[m++] = (ks_ldpc_edge){(uint16_t)c, edges[e].shift};
        row_first[r + 1] = m;
    }
    g->by_column = (ks_ldpc_lists){columns, rows, z, first, edges};
    g->by_row = (ks_ldpc_lists){columns, rows, z, row_first, row_edges};
}

static inline void ks_test_graph_free(ks_test_graph *g) {
    free((void *)g->by_column.first);
    free((void *)g->by_column.edges);
    free((void *)g->by_row.first);
    free((void *)g->by_row.edges);
}

typedef struct ks_test_words {
    uint64_t *received, *syndrome, *decoded[2];
    uint8_t *row_class;
    size_t n, m;
} ks_test_words;

/* A frame with few or many errors, and its syndrome, sometimes a wrong one; bits beyond real_bits are
 * garbage. */
static inline void ks_test_words_make(ks_test_words *w, const ks_test_graph *g, uint32_t real_bits,
                                      uint64_t *seed) {
    w->n = (size_t)g->by_row.columns * g->by_row.z / 64;
    w->m = (size_t)g->by_row.rows * g->by_row.z / 64;
    w->received = calloc(w->n, 8);
    w->syndrome = calloc(w->m, 8);
    w->row_class = calloc(g->by_row.rows, 1);
    unsigned errors = (unsigned)(ks_test_random(seed) % 8);
    for (size_t i = 0; i < w->n; i++)
        w->received[i] = i * 64 + 63 < real_bits ? ks_test_random(seed) : 0;
    ks_kernels_at(KS_ISA_ref)->ldpc_syndrome(w->syndrome, w->received, &g->by_column);
    for (size_t i = 0; i < w->n; i++)
        for (unsigned k = 0; k < errors; k++)
            w->received[i] ^= UINT64_C(1) << ks_test_random(seed) % 64;
    for (size_t i = real_bits / 64 + 1; i < w->n; i++)
        w->received[i] = ks_test_random(seed);
    if (ks_test_random(seed) % 3 == 0)
        w->syndrome[ks_test_random(seed) % w->m] ^= 5;
    for (uint32_t r = 0; r < g->by_row.rows; r++)
        w->row_class[r] = ks_test_random(seed) % 2;
    for (int k = 0; k < 2; k++) {
        w->decoded[k] = malloc((w->n + 2) * 8);
        memset(w->decoded[k], 0xA5, (w->n + 2) * 8);
    }
}

static inline void ks_test_words_free(ks_test_words *w) {
    free(w->received);
    free(w->syndrome);
    free(w->row_class);
    free(w->decoded[0]);
    free(w->decoded[1]);
}

/* ldpc_decode and ldpc_exact have one signature. `bytes` and `oracle_bytes`: what their states need. kept:
 * NULL, or a memory of the variant's and one of the oracle's to keep the state in, and to go on from where
 * the task has a `from`. */
static inline int ks_test_decoders_differ(ks_k_ldpc_decode_fn *variant, ks_k_ldpc_decode_fn *oracle,
                                          const ks_test_graph *g, ks_test_words *w, const ks_ldpc_task *task,
                                          size_t bytes, size_t oracle_bytes, ks_ldpc_kept *kept) {
    const ks_ldpc_lists *rows = &g->by_row;
    bytes = bytes / 64 * 64 + 64;
    uint8_t *state = aligned_alloc(64, bytes + 64), *oracle_state = aligned_alloc(64, oracle_bytes);
    memset(state, 0x5A, bytes + 64);
    ks_ldpc_outcome a, b;
    ks_ldpc_task tasks[2] = {*task, *task};
    for (int k = 0; kept && k < 2; k++) {
        tasks[k].keep = &kept[k];
        tasks[k].from = task->from ? &kept[k] : NULL;
    }
    variant(&a, w->decoded[0] + 1, &tasks[0], state);
    oracle(&b, w->decoded[1] + 1, &tasks[1], oracle_state);
    int bad = memcmp(&a, &b, sizeof a) != 0 || memcmp(w->decoded[0], w->decoded[1], (w->n + 2) * 8) != 0;
    for (int i = 0; i < 64; i++)
        bad |= state[bytes + (size_t)i] != 0x5A;
    if (bad)
        fprintf(stderr,
                "decoder: z %u rows %u columns %u real %u: passes %u %u unsatisfied %u %u converged %u %u\n",
                rows->z, rows->rows, rows->columns, task->real_bits, a.passes, b.passes, a.unsatisfied,
                b.unsatisfied, a.converged, b.converged);
    free(state);
    free(oracle_state);
    return bad;
}

#endif
