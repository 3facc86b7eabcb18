/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_compress_generic
#include "kernels/cpu/bit_compress.inc"
