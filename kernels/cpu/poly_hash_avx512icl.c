/* SPDX-License-Identifier: Apache-2.0 */
/* poly_hash with VPCLMULQDQ: sixteen blocks at a time, four to a vector; the arithmetic is that of
 * poly_hash_avx2.c. */
#include <immintrin.h>

#include "kernels/rows_hash.h"

ks_k_poly_hash_fn ks_poly_hash_avx512icl;

enum { VECTORS = 4, GROUP = 4 * VECTORS };
_Static_assert((int)GROUP == (int)KS_HASH_POWERS, "a group uses every power");

static inline __m512i mirror(__m512i a) {
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(order));
}

/* n blocks, 1 to 4, in the upper lanes; the lanes below are zero and read nothing. */
static inline __m512i load_last(const uint8_t *blocks, size_t n) {
    __mmask8 lanes = (__mmask8)(0xFF << (8 - 2 * n));
    return mirror(_mm512_maskz_expandloadu_epi64(lanes, blocks));
}

static inline __m512i divide_by_x(__m512i a) {
    const __m512i inverse =
        _mm512_set4_epi64((long long)0xC200000000000000ULL, 1, (long long)0xC200000000000000ULL, 1);
    __m512i carries = _mm512_srli_epi64(a, 63);
    __m512i out = _mm512_shuffle_epi32(_mm512_sub_epi64(_mm512_setzero_si512(), carries), 0xEE);
    __m512i shifted = _mm512_or_si512(_mm512_slli_epi64(a, 1), _mm512_bslli_epi128(carries, 8));
    return _mm512_xor_si512(shifted, _mm512_and_si512(out, inverse));
}

typedef struct product {
    __m512i high, middle, low;
} product;

static inline void accumulate(product *sum, __m512i a, __m512i b) {
    enum { XOR3 = 0x96 };
    sum->high = _mm512_xor_si512(sum->high, _mm512_clmulepi64_epi128(a, b, 0x11));
    sum->low = _mm512_xor_si512(sum->low, _mm512_clmulepi64_epi128(a, b, 0x00));
    sum->middle = _mm512_ternarylogic_epi64(sum->middle, _mm512_clmulepi64_epi128(a, b, 0x01),
                                            _mm512_clmulepi64_epi128(a, b, 0x10), XOR3);
}

static inline __m128i add_lanes(__m512i a) {
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static inline __m128i reduce(const product *p) {
    const __m128i modulus = _mm_set_epi64x(0, (long long)0xC200000000000000ULL);
    __m128i middle = add_lanes(p->middle);
    __m128i low = _mm_xor_si128(add_lanes(p->low), _mm_slli_si128(middle, 8));
    __m128i high = _mm_xor_si128(add_lanes(p->high), _mm_srli_si128(middle, 8));
    __m128i fold = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), _mm_clmulepi64_si128(low, modulus, 0x00));
    __m128i last = _mm_xor_si128(_mm_shuffle_epi32(fold, 0x4E), _mm_clmulepi64_si128(fold, modulus, 0x00));
    return _mm_xor_si128(high, last);
}

/* Vector v holds H^(4v+4), H^(4v+3), H^(4v+2), H^(4v+1), each over x, lowest lane first; absent powers are
 * zero. */
static inline void prepare(__m512i key[VECTORS], const uint8_t *powers, size_t known) {
    for (size_t v = 0; v < VECTORS; v++) {
        size_t left = known > 4 * v ? known - 4 * v : 0;
        __mmask8 lanes = (__mmask8)(left >= 4 ? 0xFF : (1 << 2 * left) - 1);
        __m512i rising = _mm512_maskz_loadu_epi64(lanes, powers + 64 * v);
        key[v] = divide_by_x(mirror(_mm512_shuffle_i64x2(rising, rising, 0x1B)));
    }
}

static inline __m128i absorb_tail(__m128i y, const __m512i key[VECTORS], const uint8_t *blocks, size_t n) {
    product sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    size_t first = (n - 1) % 4 + 1;
    /* The state joins the first block, which stands in lane 4 - first. */
    __mmask8 lane = (__mmask8)(3 << (8 - 2 * first));
    __m512i start = _mm512_maskz_broadcast_i64x2(lane, y);
    accumulate(&sum, _mm512_xor_si512(load_last(blocks, first), start), key[(n - 1) / 4]);
    for (size_t done = first; done < n; done += 4)
        accumulate(&sum, mirror(_mm512_loadu_si512(blocks + 16 * done)), key[(n - done) / 4 - 1]);
    return reduce(&sum);
}

void ks_poly_hash_avx512icl(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                            size_t count) {
    if (count == 0)
        return;
    __m512i key[VECTORS];
    prepare(key, powers, count < GROUP ? count : GROUP);
    __m128i y =
        _mm512_castsi512_si128(mirror(_mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)state))));
    for (; count >= GROUP; count -= GROUP, blocks += 16 * GROUP) {
        product sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
        __m512i start = _mm512_zextsi128_si512(y);
        accumulate(&sum, _mm512_xor_si512(mirror(_mm512_loadu_si512(blocks)), start), key[3]);
        accumulate(&sum, mirror(_mm512_loadu_si512(blocks + 64)), key[2]);
        accumulate(&sum, mirror(_mm512_loadu_si512(blocks + 128)), key[1]);
        accumulate(&sum, mirror(_mm512_loadu_si512(blocks + 192)), key[0]);
        y = reduce(&sum);
    }
    if (count)
        y = absorb_tail(y, key, blocks, count);
    _mm_storeu_si128((__m128i *)state, _mm512_castsi512_si128(mirror(_mm512_castsi128_si512(y))));
}
