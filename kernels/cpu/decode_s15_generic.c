/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_s15_generic
#include "kernels/cpu/decode_s15.inc"
