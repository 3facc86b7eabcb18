/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define VECTOR            __m128i
#define WORDS             2
#define LOAD(p)           _mm_loadu_si128((const void *)(p))
#define STORE(p, v)       _mm_storeu_si128((void *)(p), v)
#define BROADCAST(x)      _mm_set1_epi64x((long long)(x))
#define XOR(a, b)         _mm_xor_si128(a, b)
#define MULTIPLY(a, b, i) _mm_clmulepi64_si128(a, b, i)
#include "kernels/cpu/toeplitz_direct.inc"

ks_k_toeplitz_direct_fn ks_toeplitz_direct_avx2;

void ks_toeplitz_direct_avx2(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                             const uint64_t *band) {
    multiply_band(out, out_words, key, key_words, band);
}
