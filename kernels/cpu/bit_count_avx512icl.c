/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_count_avx512icl
#include "kernels/cpu/bit_count.inc"
