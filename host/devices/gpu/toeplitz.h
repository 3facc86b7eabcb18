/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of basis of Toeplitz products as launches. Lanes use it; nothing else does. */
#ifndef KS_HOST_DEVICES_GPU_TOEPLITZ_H
#define KS_HOST_DEVICES_GPU_TOEPLITZ_H

#include "host/devices/gpu/lane.h"

/* What the transforms are used for; the `mode` of their kernels. */
typedef enum ks_toeplitz_use { KS_USE_KEY, KS_USE_OUTPUT, KS_USE_SEED } ks_toeplitz_use;

enum { KS_SLOT_STEPS = 6, KS_BASIS_STEPS_MAX = 128, KS_BASIS_PLANS = 3 };

/* Changes the basis of the first n 16-bit words of `count` products that are `stride` words apart, both
 * multiples of 256. 2^log_tile words at most are changed in local memory. */
KS_MUST_CHECK ks_status ks_lane_basis(ks_lane *lane, ks_toeplitz_use use, ks_gpu_memory *words, size_t n,
                                      size_t stride, size_t count, unsigned log_tile);

#endif
