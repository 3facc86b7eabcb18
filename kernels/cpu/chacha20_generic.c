/* SPDX-License-Identifier: Apache-2.0 */
#define CHACHA20 ks_chacha20_generic
#define LANES    4
#include "kernels/cpu/chacha20.inc"
