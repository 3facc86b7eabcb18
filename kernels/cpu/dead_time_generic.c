/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_dead_time_generic
#include "kernels/cpu/dead_time.inc"
