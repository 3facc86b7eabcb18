/* SPDX-License-Identifier: Apache-2.0 */
#define CHACHA20 ks_chacha20_avx512
#define LANES    16
#include "kernels/cpu/chacha20.inc"
