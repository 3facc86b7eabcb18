/* SPDX-License-Identifier: Apache-2.0 */
/* toeplitz_prepare and toeplitz_apply: bit-sliced additive FFT with three-input logic. docs/amplification.md.
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BIT_SLICED   1
#define VECTOR_BYTES 64
#define INLINE       static inline __attribute__((always_inline))
#define UNROLL       _Pragma("GCC unroll 16")
#define OUTER        static __attribute__((noinline))
#define UNROLL_OUTER
#define AND_ADD(t, a, b) ((plane)_mm512_ternarylogic_epi64((__m512i)(t), (__m512i)(a), (__m512i)(b), 0x78))
#define ADD3(a, b, c)    ((plane)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), 0x96))
#define BLEND(m, a, b)   ((plane)_mm512_ternarylogic_epi64((__m512i)(m), (__m512i)(a), (__m512i)(b), 0xca))
/* 16-bit words of the pair a, b. */
#define PERMUTE_WORDS(a, index, b)                                                                           \
    ((plane)_mm512_permutex2var_epi16((__m512i)(a), (__m512i)(index), (__m512i)(b)))
#include "kernels/cpu/toeplitz_planes.inc"
#include "kernels/cpu/toeplitz_transform.inc"

ks_k_toeplitz_apply_fn ks_toeplitz_apply_avx512;
ks_k_toeplitz_prepare_fn ks_toeplitz_prepare_avx512;

void ks_toeplitz_prepare_avx512(const ks_toeplitz_shape *shape, void *prepared, void *work,
                                const uint64_t *seed, const ks_workers *workers) {
    prepare(shape, prepared, work, seed, workers);
}

void ks_toeplitz_apply_avx512(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                              const void *prepared, void *work, const ks_workers *workers) {
    apply(shape, out, key, prepared, work, workers);
}
