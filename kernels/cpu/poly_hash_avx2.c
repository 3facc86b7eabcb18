/* SPDX-License-Identifier: Apache-2.0 */
/* poly_hash with PCLMULQDQ: eight blocks are multiplied by H^8 ... H^1 and reduced once.
 * A mirrored product of a and b comes out divided by x; multiplying by b / x instead of b makes up for it
 * (Gueron and Kounavis, Intel white paper 323640, 2010, "bit reflection peculiarity of GCM"). */
#include <immintrin.h>

#include "kernels/rows_hash.h"

ks_k_poly_hash_fn ks_poly_hash_avx2;

enum { LANES = 8 };

static inline __m128i load(const uint8_t *bytes) {
    const __m128i mirror = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)bytes), mirror);
}

/* a / x: the word shifted left by one, x^-1 = x^127 + x^6 + x + 1 added when the coefficient of x^0 went out.
 */
static inline __m128i divide_by_x(__m128i a) {
    const __m128i inverse = _mm_set_epi64x((long long)0xC200000000000000ULL, 1);
    __m128i carries = _mm_srli_epi64(a, 63);
    __m128i out = _mm_shuffle_epi32(_mm_sub_epi64(_mm_setzero_si128(), carries), 0xEE);
    return _mm_xor_si128(_mm_or_si128(_mm_slli_epi64(a, 1), _mm_slli_si128(carries, 8)),
                         _mm_and_si128(out, inverse));
}

typedef struct product {
    __m128i high, middle, low;
} product;

static inline void accumulate(product *sum, __m128i a, __m128i b) {
    sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
    sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
    sum->middle = _mm_xor_si128(
        sum->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10)));
}

/* Folds x^128 ... x^255 into the upper half, 64 coefficients at a time, by x^128 = 1 + x + x^2 + x^7. */
static inline __m128i reduce(const product *p) {
    const __m128i modulus = _mm_set_epi64x(0, (long long)0xC200000000000000ULL);
    __m128i low = _mm_xor_si128(p->low, _mm_slli_si128(p->middle, 8));
    __m128i high = _mm_xor_si128(p->high, _mm_srli_si128(p->middle, 8));
    __m128i fold = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), _mm_clmulepi64_si128(low, modulus, 0x00));
    __m128i last = _mm_xor_si128(_mm_shuffle_epi32(fold, 0x4E), _mm_clmulepi64_si128(fold, modulus, 0x00));
    return _mm_xor_si128(high, last);
}

/* (y + blocks[0]) H^n + blocks[1] H^(n-1) + ...; key[i] is H^(i+1) / x. */
static inline __m128i absorb(__m128i y, const __m128i *key, const uint8_t *blocks, size_t n) {
    product sum = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    accumulate(&sum, _mm_xor_si128(y, load(blocks)), key[n - 1]);
    for (size_t i = 1; i < n; i++)
        accumulate(&sum, load(blocks + 16 * i), key[n - 1 - i]);
    return reduce(&sum);
}

void ks_poly_hash_avx2(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                       size_t count) {
    if (count == 0)
        return;
    __m128i key[LANES];
    size_t known = count < LANES ? count : LANES;
    for (size_t i = 0; i < known; i++)
        key[i] = divide_by_x(load(powers + 16 * i));
    __m128i y = load(state);
    for (; count >= LANES; count -= LANES, blocks += 16 * LANES)
        y = absorb(y, key, blocks, LANES);
    if (count)
        y = absorb(y, key, blocks, count);
    uint8_t mirrored[16];
    _mm_storeu_si128((__m128i *)mirrored, y);
    _mm_storeu_si128((__m128i *)state, load(mirrored));
}
