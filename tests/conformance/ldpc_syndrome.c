/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"
#include "tests/conformance/ldpc_graph.h"

int ks_conformance_ldpc_syndrome(ks_k_ldpc_syndrome_fn *variant, ks_k_ldpc_syndrome_fn *oracle,
                                 uint64_t seed) {
    ks_test_graph g;
    ks_test_graph_make(&g, &seed);
    ks_ldpc_edge *edges = (ks_ldpc_edge *)(uintptr_t)g.by_column.edges;
    for (uint32_t e = 0; e < g.by_column.first[g.by_column.columns]; e++)
        edges[e].shift = (uint16_t)(edges[e].shift + g.by_column.z * (ks_test_random(&seed) % 8));
    size_t frame_words = (size_t)g.by_column.columns * g.by_column.z / 64;
    size_t words = (size_t)g.by_column.rows * g.by_column.z / 64;
    uint64_t *frame = malloc(frame_words * 8), *a = malloc((words + 2) * 8), *b = malloc((words + 2) * 8);
    for (size_t i = 0; i < frame_words; i++)
        frame[i] = ks_test_random(&seed);
    for (size_t i = 0; i < words + 2; i++)
        a[i] = b[i] = ks_test_random(&seed);
    variant(a + 1, frame, &g.by_column);
    oracle(b + 1, frame, &g.by_column);
    int bad = memcmp(a, b, (words + 2) * 8) != 0;
    if (bad)
        fprintf(stderr, "ldpc_syndrome: z %u, %u rows, %u columns differ\n", g.by_column.z, g.by_column.rows,
                g.by_column.columns);
    free(frame);
    free(a);
    free(b);
    ks_test_graph_free(&g);
    return bad;
}
