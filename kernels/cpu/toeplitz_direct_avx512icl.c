/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define VECTOR            __m512i
#define WORDS             8
#define LOAD(p)           _mm512_loadu_si512((const void *)(p))
#define STORE(p, v)       _mm512_storeu_si512((void *)(p), v)
#define BROADCAST(x)      _mm512_set1_epi64((long long)(x))
#define XOR(a, b)         _mm512_xor_si512(a, b)
#define MULTIPLY(a, b, i) _mm512_clmulepi64_epi128(a, b, i)
#include "kernels/cpu/toeplitz_direct.inc"

ks_k_toeplitz_direct_fn ks_toeplitz_direct_avx512icl;

void ks_toeplitz_direct_avx512icl(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                                  const uint64_t *band) {
    multiply_band(out, out_words, key, key_words, band);
}
