/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_expand_generic
#include "kernels/cpu/bit_expand.inc"
