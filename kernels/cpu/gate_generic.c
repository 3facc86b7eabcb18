/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_gate_generic
#include "kernels/cpu/gate.inc"
