/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_states_split_generic
#include "kernels/cpu/states_split.inc"
