/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of an imported code on the CPU device, many side by side. */
#ifndef KS_PIPELINE_BACKEND_CODE_H
#define KS_PIPELINE_BACKEND_CODE_H

#include <keystill/backend.h>

#include "kernels/rows_sparse.h"

enum { KS_CODE_GROUP = KS_SPARSE_FRAMES }; /* tasks that are done at once */

/* Whether the tasks of a job go together, as ks_frame_task says. */
KS_MUST_CHECK ks_status ks_code_tasks_check(const ks_frame_task *tasks, size_t count);

/* What a worker keeps for the code it met last: a decoder and room for a group. Secret, wiped when it is
 * destroyed; NULL may be. */
typedef struct ks_code_worker ks_code_worker;
void ks_code_worker_destroy(ks_code_worker *worker);

/* One to KS_CODE_GROUP tasks of one job; *worker is made or made anew where it does not fit. */
KS_MUST_CHECK ks_status ks_code_worker_run(ks_code_worker **worker, ks_op op, ks_frame_task *tasks,
                                           size_t count);

#endif
