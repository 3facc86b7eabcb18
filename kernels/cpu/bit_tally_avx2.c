/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_bit_tally_avx2
#include "kernels/cpu/bit_tally.inc"
