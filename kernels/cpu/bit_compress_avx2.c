/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_compress_avx2
#include "kernels/cpu/bit_compress.inc"
