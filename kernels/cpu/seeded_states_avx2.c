/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define SEEDED_STATES ks_seeded_states_avx2
#define LANES         4
#define MUL32(a, b)   ((lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#include "kernels/cpu/seeded_states.inc"
