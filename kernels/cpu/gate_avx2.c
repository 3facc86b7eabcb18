/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_gate_avx2
#include "kernels/cpu/gate.inc"
