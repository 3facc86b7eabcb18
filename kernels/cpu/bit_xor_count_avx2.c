/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_xor_count_avx2
#include "kernels/cpu/bit_xor_count.inc"
