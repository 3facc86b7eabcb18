/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_dead_time_avx512
#include "kernels/cpu/dead_time.inc"
