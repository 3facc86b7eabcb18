/* SPDX-License-Identifier: Apache-2.0 */
/* Random quasi-cyclic graphs for the conformance cases of reconciliation. */
#ifndef KS_TESTS_LDPC_GRAPH_H
#define KS_TESTS_LDPC_GRAPH_H

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

#endif
