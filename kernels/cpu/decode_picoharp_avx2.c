/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_picoharp_avx2
#include "kernels/cpu/decode_picoharp.inc"
