/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_gate_avx512
#include "kernels/cpu/gate.inc"
