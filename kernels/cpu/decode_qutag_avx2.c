/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_qutag_avx2
#include "kernels/cpu/decode_qutag.inc"
