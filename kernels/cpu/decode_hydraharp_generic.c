/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_hydraharp_generic
#include "kernels/cpu/decode_hydraharp.inc"
