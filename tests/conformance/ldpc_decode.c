/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"
#include "tests/conformance/ldpc_graph.h"

enum { LEVELS = 4 };

typedef struct tables {
    uint16_t limits[LEVELS];
    uint8_t entries[LEVELS][2][KS_LDPC_TABLE];
    ks_ldpc_remap remap;
} tables;

static void make_tables(tables *t, uint64_t *seed) {
    uint16_t limit = 40000;
    for (int l = 0; l < LEVELS; l++) {
        t->limits[l] = limit;
        limit = (uint16_t)(limit - 1 - ks_test_random(seed) % 9999);
        for (int k = 0; k < 2; k++) {
            uint8_t value = 0;
            for (int m = 0; m < KS_LDPC_TABLE; m++) {
                t->entries[l][k][m] = value;
                value = (uint8_t)(value + (value < 63 && ks_test_random(seed) % 8 > (uint64_t)(2 * k)));
            }
        }
    }
    t->remap =
        (ks_ldpc_remap){LEVELS,
                        t->limits,
                        (const uint8_t(*)[2][KS_LDPC_TABLE])t->entries,
                        {(uint16_t)(ks_test_random(seed) % 30000), (uint16_t)(ks_test_random(seed) % 9000)}};
}

typedef struct words {
    uint64_t *received, *syndrome, *decoded[2];
    uint8_t *row_class;
    size_t n, m;
} words;

/* A frame with few or many errors, and its syndrome, sometimes a wrong one; bits beyond real_bits are
 * garbage. */
static void make_words(words *w, const ks_test_graph *g, uint32_t real_bits, uint64_t *seed) {
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

static int run_both(ks_k_ldpc_decode_fn *variant, ks_k_ldpc_decode_fn *oracle, const ks_test_graph *g,
                    words *w, const ks_ldpc_task *task) {
    const ks_ldpc_lists *rows = &g->by_row;
    uint32_t edges = rows->first[rows->rows];
    size_t bytes = ks_ldpc_state_bytes(rows->columns, rows->rows, edges, rows->z) / 64 * 64 + 64;
    size_t oracle_bytes = ((size_t)rows->columns + edges) * rows->z;
    uint8_t *state = aligned_alloc(64, bytes + 64), *oracle_state = aligned_alloc(64, oracle_bytes);
    memset(state, 0x5A, bytes + 64);
    ks_ldpc_outcome a, b;
    variant(&a, w->decoded[0] + 1, task, state);
    oracle(&b, w->decoded[1] + 1, task, oracle_state);
    int bad = memcmp(&a, &b, sizeof a) != 0 || memcmp(w->decoded[0], w->decoded[1], (w->n + 2) * 8) != 0;
    for (int i = 0; i < 64; i++)
        bad |= state[bytes + (size_t)i] != 0x5A;
    if (bad)
        fprintf(
            stderr,
            "ldpc_decode: z %u rows %u columns %u real %u: passes %u %u unsatisfied %u %u converged %u %u\n",
            rows->z, rows->rows, rows->columns, task->real_bits, a.passes, b.passes, a.unsatisfied,
            b.unsatisfied, a.converged, b.converged);
    free(state);
    free(oracle_state);
    return bad;
}

int ks_conformance_ldpc_decode(ks_k_ldpc_decode_fn *variant, ks_k_ldpc_decode_fn *oracle, uint64_t seed) {
    ks_test_graph g;
    tables t;
    words w;
    ks_test_graph_make(&g, &seed);
    make_tables(&t, &seed);
    uint32_t n = g.by_row.columns * g.by_row.z;
    uint32_t real_bits = ks_test_random(&seed) % 2 ? n : n - (uint32_t)(ks_test_random(&seed) % g.by_row.z);
    make_words(&w, &g, real_bits, &seed);
    ks_ldpc_task task = {.by_row = &g.by_row,
                         .row_class = w.row_class,
                         .remap = &t.remap,
                         .received = w.received,
                         .syndrome = w.syndrome,
                         .real_bits = real_bits,
                         .weight = 1 + (uint32_t)(ks_test_random(&seed) % 20),
                         .max_passes = 1 + (uint32_t)(ks_test_random(&seed) % 12),
                         .patience = (uint32_t)(ks_test_random(&seed) % 6)};
    int bad = run_both(variant, oracle, &g, &w, &task);
    free(w.received);
    free(w.syndrome);
    free(w.row_class);
    free(w.decoded[0]);
    free(w.decoded[1]);
    ks_test_graph_free(&g);
    return bad;
}
