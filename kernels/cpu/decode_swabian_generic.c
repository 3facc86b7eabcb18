/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_decode_swabian_generic
#include "kernels/cpu/decode_swabian.inc"
