/* SPDX-License-Identifier: Apache-2.0 */
/* Degree distributions: density evolution of the ensemble and the search for good ones. */
#ifndef KS_LDPC_DESIGN_ENSEMBLE_H
#define KS_LDPC_DESIGN_ENSEMBLE_H

#include <stdint.h>

enum { KS_ENSEMBLE_DEGREES = 64 };

/* lambda[d]: share of edges at columns of degree d. `leak` rows per column, of which after merging a share `merged` stands
 * for two rows each (twice the degree). step: LLR of one unit of message. */
typedef struct ks_ensemble {
    double lambda[KS_ENSEMBLE_DEGREES];
    double leak, merged, step;
} ks_ensemble;

double ks_ensemble_column_degree(const ks_ensemble *ensemble);
double ks_ensemble_row_degree(const ks_ensemble *ensemble);
/* Passes of flooding until the error rate is below 1e-5; `limit` when that takes longer or never happens. */
int ks_ensemble_run(const ks_ensemble *ensemble, double q, int limit);
/* Largest q that ends within `limit` passes. */
double ks_ensemble_threshold(const ks_ensemble *ensemble, int limit, double low, double high);
/* Hill climbing on lambda at fixed leak, `trials` steps; degree-2 columns at most `cycles` times the rows, column degree
 * at most `density`. */
double ks_ensemble_optimise(ks_ensemble *ensemble, int limit, double cycles, double density, int trials, uint64_t seed);

#endif
