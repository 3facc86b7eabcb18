/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_picoharp_generic
#include "kernels/cpu/decode_picoharp.inc"
