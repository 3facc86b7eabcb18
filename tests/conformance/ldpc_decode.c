/* SPDX-License-Identifier: Apache-2.0 */
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

int ks_conformance_ldpc_decode(ks_k_ldpc_decode_fn *variant, ks_k_ldpc_decode_fn *oracle, uint64_t seed) {
    ks_test_graph g;
    tables t;
    ks_test_words w;
    ks_test_graph_make(&g, &seed);
    make_tables(&t, &seed);
    uint32_t n = g.by_row.columns * g.by_row.z;
    uint32_t real_bits = ks_test_random(&seed) % 2 ? n : n - (uint32_t)(ks_test_random(&seed) % g.by_row.z);
    ks_test_words_make(&w, &g, real_bits, &seed);
    ks_ldpc_task task = {.by_row = &g.by_row,
                         .row_class = w.row_class,
                         .remap = &t.remap,
                         .received = w.received,
                         .syndrome = w.syndrome,
                         .real_bits = real_bits,
                         .weight = 1 + (uint32_t)(ks_test_random(&seed) % 20),
                         .max_passes = 1 + (uint32_t)(ks_test_random(&seed) % 12),
                         .patience = (uint32_t)(ks_test_random(&seed) % 6)};
    const ks_ldpc_lists *rows = &g.by_row;
    uint32_t edges = rows->first[rows->rows];
    int bad = ks_test_decoders_differ(variant, oracle, &g, &w, &task,
                                      ks_ldpc_state_bytes(rows->columns, rows->rows, edges, rows->z),
                                      ((size_t)rows->columns + edges) * rows->z, NULL);
    ks_test_words_free(&w);
    ks_test_graph_free(&g);
    return bad;
}
