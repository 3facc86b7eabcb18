/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/conformance.h"
#include "tests/conformance/ldpc_graph.h"

/* Two memories of the same contents: small values, or any at all. */
static void make_kept(ks_ldpc_kept kept[2], size_t values, uint32_t checks, uint64_t *seed) {
    const uint64_t wild = ks_test_random(seed) % 2;
    for (int k = 0; k < 2; k++)
        kept[k].values = malloc(values * sizeof(int16_t));
    for (size_t i = 0; i < values; i++)
        kept[0].values[i] = (int16_t)(wild ? ks_test_random(seed) % 65536 : ks_test_random(seed) % 801 - 400);
    memcpy(kept[1].values, kept[0].values, values * sizeof(int16_t));
    kept[0].unsatisfied = kept[1].unsatisfied = (uint32_t)(ks_test_random(seed) % (checks / 8));
}

static int kept_differ(const ks_ldpc_kept kept[2], size_t values) {
    return kept[0].unsatisfied != kept[1].unsatisfied ||
           memcmp(kept[0].values, kept[1].values, values * sizeof(int16_t)) != 0;
}

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
    const size_t values = ((size_t)rows->columns + edges) * rows->z;
    ks_ldpc_kept kept[2];
    make_kept(kept, values, rows->rows * rows->z, &seed);
    int bad = 0;
    for (uint64_t round = 0, begun = ks_test_random(&seed) % 2; round < 2 && !bad; round++) {
        task.from = begun || round ? kept : NULL;
        bad = ks_test_decoders_differ(variant, oracle, &g, &w, &task,
                                      ks_ldpc_exact_bytes(rows->columns, edges, rows->z), 2 * values, kept) ||
              kept_differ(kept, values);
    }
    free(kept[0].values);
    free(kept[1].values);
    ks_test_words_free(&w);
    ks_test_graph_free(&g);
    return bad;
}
