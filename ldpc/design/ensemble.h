/* SPDX-License-Identifier: Apache-2.0 */
/* Degree distributions: density evolution of the ensemble and the search for good ones. */
#ifndef KS_LDPC_DESIGN_ENSEMBLE_H
#define KS_LDPC_DESIGN_ENSEMBLE_H

#include <stdint.h>

#include "ldpc/design/density.h"

enum { KS_ENSEMBLE_DEGREES = 64 };

/* lambda[d]: share of edges at columns of degree d. Per column there are `rows` rows, of which 2 * merges are
 * merged in pairs to rows of twice the degree; `whole` of the merges are never split. step: LLR of one unit
 * of message. */
typedef struct ks_ensemble {
    double lambda[KS_ENSEMBLE_DEGREES];
    double rows, merges, whole, step;
} ks_ensemble;

double ks_ensemble_column_degree(const ks_ensemble *ensemble);
/* Of a single row. */
double ks_ensemble_row_degree(const ks_ensemble *ensemble);
double ks_ensemble_leak(const ks_ensemble *ensemble);
/* Passes of flooding until the error rate is below 1e-5; `limit` when that takes longer or never happens. */
int ks_ensemble_run(const ks_ensemble *ensemble, double q, int limit);
/* The passes of a run that ends, down to an error rate of 1e-7: error rate of the messages that enter, and
 * what single rows and merged pairs make of them. Returns how many. */
typedef struct ks_ensemble_pass {
    double error;
    ks_check_density check[2];
} ks_ensemble_pass;
int ks_ensemble_trace(ks_ensemble_pass *passes, int capacity, const ks_ensemble *ensemble, double q);
/* Largest q that ends within `limit` passes: looked for from capacity down. */
double ks_ensemble_threshold(const ks_ensemble *ensemble, int limit);
/* The range of merges, as shares of the rows when none is merged but the whole ones, over which a base is
 * meant to serve. */
#define KS_ENSEMBLE_FEW  0.045
#define KS_ENSEMBLE_MANY 0.10

/* Hill climbing on lambda, `trials` steps, so that leak / h(threshold) falls at the worse end of that range;
 * degree-2 columns at most `cycles` times the rows left by most merges, mean column degree at most `density`.
 * Returns the worse leak / h. */
double ks_ensemble_optimise(ks_ensemble *ensemble, int limit, double cycles, double density, int trials,
                            uint64_t seed);

double ks_entropy(double q);

#endif
