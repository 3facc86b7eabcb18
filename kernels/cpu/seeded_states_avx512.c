/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define SEEDED_STATES ks_seeded_states_avx512
#define LANES         8
#define MUL32(a, b)   ((lanes)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#include "kernels/cpu/seeded_states.inc"
