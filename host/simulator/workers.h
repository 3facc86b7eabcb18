/* SPDX-License-Identifier: Apache-2.0 */
/* Makes segments ahead of their use on threads of its own, or in the caller's when there are none. */
#ifndef KS_HOST_SIMULATOR_WORKERS_H
#define KS_HOST_SIMULATOR_WORKERS_H

#include "host/simulator/segment.h"

typedef struct ks_sim_workers ks_sim_workers;

/* `segments` is the number there will be, 0 without end. `plan` is borrowed. */
KS_MUST_CHECK ks_status ks_sim_workers_create(ks_sim_workers **out, const ks_sim_plan *plan, unsigned threads,
                                              uint64_t segments);
void ks_sim_workers_destroy(ks_sim_workers *workers);
/* Segment `number`: 0, 1, 2, ... in turn. Valid until it is returned. */
KS_MUST_CHECK ks_status ks_sim_workers_take(ks_sim_workers *workers, uint64_t number,
                                            const ks_sim_segment **segment);
void ks_sim_workers_return(ks_sim_workers *workers);

#endif
