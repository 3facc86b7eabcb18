/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of threads that runs the tasks of one call at a time. */
#ifndef KS_PIPELINE_AMPLIFY_WORKERS_H
#define KS_PIPELINE_AMPLIFY_WORKERS_H

#include <keystill/status.h>

#include "kernels/rows_toeplitz.h"

typedef struct ks_pool_of_workers ks_pool_of_workers;

/* `threads` in all, the caller of a run included; threads >= 2. */
ks_status ks_workers_create(ks_pool_of_workers **out, unsigned threads);
void ks_workers_destroy(ks_pool_of_workers *pool);
/* The view of the pool that kernels take. */
const ks_workers *ks_workers_of(const ks_pool_of_workers *pool);

#endif
