/* SPDX-License-Identifier: Apache-2.0 */
#define CHACHA20 ks_chacha20_avx2
#define LANES    8
#include "kernels/cpu/chacha20.inc"
