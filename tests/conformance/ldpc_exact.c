/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/conformance.h"
#include "tests/conformance/ldpc_graph.h"

int ks_conformance_ldpc_exact(ks_k_ldpc_exact_fn *variant, ks_k_ldpc_exact_fn *oracle, uint64_t seed) {
    ks_test_graph g;
    ks_test_words w;
    ks_test_graph_make(&g, &seed);
    uint32_t n = g.by_row.columns * g.by_row.z;
    uint32_t real_bits = ks_test_random(&seed) % 2 ? n : n - (uint32_t)(ks_test_random(&seed) % g.by_row.z);
    ks_test_words_make(&w, &g, real_bits, &seed);
    ks_ldpc_task task = {.by_row = &g.by_row,
                         .received = w.received,
                         .syndrome = w.syndrome,
                         .real_bits = real_bits,
                         .weight = 1 + (uint32_t)(ks_test_random(&seed) % 511),
                         .max_passes = 1 + (uint32_t)(ks_test_random(&seed) % 40),
                         .patience = (uint32_t)(ks_test_random(&seed) % 6)};
    const ks_ldpc_lists *rows = &g.by_row;
    uint32_t edges = rows->first[rows->rows];
    int bad = ks_test_decoders_differ(variant, oracle, &g, &w, &task,
                                      ks_ldpc_exact_bytes(rows->columns, edges, rows->z),
                                      2 * ((size_t)rows->columns + edges) * rows->z);
    ks_test_words_free(&w);
    ks_test_graph_free(&g);
    return bad;
}
