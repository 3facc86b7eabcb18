/* SPDX-License-Identifier: Apache-2.0 */
/* Remap tables for any matrix, from its degrees alone. */
#ifndef KS_LDPC_SPARSE_TABLES_H
#define KS_LDPC_SPARSE_TABLES_H

#include "kernels/rows_sparse.h"
#include "ldpc/matrix.h"

enum { KS_SPARSE_WEIGHT = 9, KS_SPARSE_LEVELS = 40, KS_SPARSE_PATIENCE = 24, KS_SPARSE_PASSES = 200 };

typedef struct ks_sparse_tables {
    ks_sparse_remap remap;
    uint16_t limits[KS_SPARSE_LEVELS];
    uint8_t *row_class; /* rows of equal degree are of one class */
    uint8_t *tables;
} ks_sparse_tables;

/* Messages to a check are taken for what the channel says plus a Gaussian for the other checks, the same mean
 * for all, each column of degree d with d - 1 of them. That mean is the one unknown, and the share of
 * unsatisfied checks tells it. A magnitude m that is the least of a check then means the log-likelihood ratio
 * 2 atanh(tanh(m / 2) T(m)^(d - 2)), T(m) being how much more often right than wrong the larger ones are. */
KS_MUST_CHECK ks_status ks_sparse_tables_create(ks_sparse_tables **out, const ks_matrix *matrix, double qber);
void ks_sparse_tables_destroy(ks_sparse_tables *tables);

#endif
