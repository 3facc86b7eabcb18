/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of int8 for the decoder: the words that GNU vectors lack (saturation, minima, packed signs, table
 * look-up), once for each instruction set. `signs` holds one bit a lane, 1 for negative. */
#ifndef KS_KERNELS_CPU_LDPC_BYTES_H
#define KS_KERNELS_CPU_LDPC_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
enum { LANES = 64 };
typedef __m512i bytes;
typedef uint64_t signs;
#define LOAD(p)      _mm512_loadu_si512((const void *)(p))
#define STORE(p, v)  _mm512_storeu_si512((void *)(p), (v))
#define ZERO()       _mm512_setzero_si512()
#define ALL(x)       _mm512_set1_epi8((char)(x))
#define XOR(a, b)    _mm512_xor_si512(a, b)
#define AND(a, b)    _mm512_and_si512(a, b)
#define ANDNOT(a, b) _mm512_andnot_si512(a, b) /* ~a & b */
#define OR(a, b)     _mm512_or_si512(a, b)
#define ADDS(a, b)   _mm512_adds_epi8(a, b)
#define SUBS(a, b)   _mm512_subs_epi8(a, b)
#define ABS(a)       _mm512_abs_epi8(a) /* |-128| = 128 unsigned */
#define MINU(a, b)   _mm512_min_epu8(a, b)
#define MAXU(a, b)   _mm512_max_epu8(a, b)
#define SIGNS(a)     _cvtmask64_u64(_mm512_movepi8_mask(a))
#define NEGATE(a, s) _mm512_mask_sub_epi8(a, _cvtu64_mask64(s), _mm512_setzero_si512(), a)
/* where x == y: b, elsewhere a */
#define PICK_EQ(x, y, a, b) _mm512_mask_blend_epi8(_mm512_cmpeq_epi8_mask(x, y), a, b)
/* where x < y unsigned: b, elsewhere a */
#define PICK_LT(x, y, a, b) _mm512_mask_blend_epi8(_mm512_cmplt_epu8_mask(x, y), a, b)
#define HALF_MAGNITUDE(a)   _mm512_and_si512(_mm512_srli_epi16(a, 1), _mm512_set1_epi8(127)) /* of unsigned */
#define COUNT(s)            ((uint32_t)__builtin_popcountll(s))

typedef struct table {
#if defined(__AVX512VBMI__)
    __m512i all;
#else
    __m512i part[4];
#endif
} table;

static inline table table_load(const uint8_t *t) {
#if defined(__AVX512VBMI__)
    return (table){_mm512_loadu_si512(t)};
#else
    table out;
    for (int i = 0; i < 4; i++)
        out.part[i] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)(t + 16 * i)));
    return out;
#endif
}
static inline bytes look_up(const table *t, bytes index) {
#if defined(__AVX512VBMI__)
    return _mm512_permutexvar_epi8(index, t->all);
#else
    __mmask64 bit4 = _mm512_test_epi8_mask(index, _mm512_set1_epi8(16));
    __mmask64 bit5 = _mm512_test_epi8_mask(index, _mm512_set1_epi8(32));
    bytes low = _mm512_and_si512(index, _mm512_set1_epi8(15));
    bytes a = _mm512_shuffle_epi8(t->part[0], low), b = _mm512_shuffle_epi8(t->part[1], low);
    bytes c = _mm512_shuffle_epi8(t->part[2], low), d = _mm512_shuffle_epi8(t->part[3], low);
    return _mm512_mask_blend_epi8(bit5, _mm512_mask_blend_epi8(bit4, a, b),
                                  _mm512_mask_blend_epi8(bit4, c, d));
#endif
}

#elif defined(__AVX2__)
#include <immintrin.h>
enum { LANES = 32 };
typedef __m256i bytes;
typedef uint32_t signs;
#define LOAD(p)             _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v)         _mm256_storeu_si256((__m256i *)(void *)(p), (v))
#define ZERO()              _mm256_setzero_si256()
#define ALL(x)              _mm256_set1_epi8((char)(x))
#define XOR(a, b)           _mm256_xor_si256(a, b)
#define AND(a, b)           _mm256_and_si256(a, b)
#define ANDNOT(a, b)        _mm256_andnot_si256(a, b)
#define OR(a, b)            _mm256_or_si256(a, b)
#define ADDS(a, b)          _mm256_adds_epi8(a, b)
#define SUBS(a, b)          _mm256_subs_epi8(a, b)
#define ABS(a)              _mm256_abs_epi8(a)
#define MINU(a, b)          _mm256_min_epu8(a, b)
#define MAXU(a, b)          _mm256_max_epu8(a, b)
#define SIGNS(a)            ((uint32_t)_mm256_movemask_epi8(a))
#define PICK_EQ(x, y, a, b) _mm256_blendv_epi8(a, b, _mm256_cmpeq_epi8(x, y))
#define PICK_LT(x, y, a, b) _mm256_blendv_epi8(b, a, _mm256_cmpeq_epi8(_mm256_max_epu8(x, y), x))
#define HALF_MAGNITUDE(a)   _mm256_and_si256(_mm256_srli_epi16(a, 1), _mm256_set1_epi8(127))
#define COUNT(s)            ((uint32_t)__builtin_popcount(s))

static inline bytes spread(signs s) {
    const __m256i where = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i each = _mm256_shuffle_epi8(_mm256_set1_epi32((int)s), where);
    return _mm256_cmpeq_epi8(_mm256_and_si256(each, bit), bit);
}
static inline bytes NEGATE(bytes a, signs s) {
    bytes m = spread(s);
    return _mm256_sub_epi8(_mm256_xor_si256(a, m), m);
}

typedef struct table {
    __m256i part[4];
} table;

static inline table table_load(const uint8_t *t) {
    table out;
    for (int i = 0; i < 4; i++)
        out.part[i] =
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(t + 16 * i)));
    return out;
}
static inline bytes look_up(const table *t, bytes index) {
    /* blendv looks at bit 7 of each byte: bits 4 and 5 are shifted there. */
    bytes bit4 = _mm256_slli_epi16(index, 3), bit5 = _mm256_slli_epi16(index, 2);
    bytes low = _mm256_and_si256(index, _mm256_set1_epi8(15));
    bytes a = _mm256_shuffle_epi8(t->part[0], low), b = _mm256_shuffle_epi8(t->part[1], low);
    bytes c = _mm256_shuffle_epi8(t->part[2], low), d = _mm256_shuffle_epi8(t->part[3], low);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, bit4), _mm256_blendv_epi8(c, d, bit4), bit5);
}

#else
enum { LANES = 16 };
typedef int8_t bytes __attribute__((vector_size(16)));
typedef uint8_t ubytes __attribute__((vector_size(16)));
typedef uint16_t signs;
static inline bytes LOAD(const void *p) {
    bytes v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void STORE(void *p, bytes v) {
    memcpy(p, &v, sizeof v);
}
#define ZERO()       ((bytes){0})
#define ALL(x)       ((bytes){0} + (int8_t)(x))
#define XOR(a, b)    ((a) ^ (b))
#define AND(a, b)    ((a) & (b))
#define ANDNOT(a, b) (~(a) & (b))
#define OR(a, b)     ((a) | (b))
#define COUNT(s)     ((uint32_t)__builtin_popcount(s))
static inline bytes choose(bytes mask, bytes no, bytes yes) {
    return (mask & yes) | (~mask & no);
}
static inline bytes wrap_add(bytes a, bytes b) {
    return (bytes)((ubytes)a + (ubytes)b);
}
static inline bytes wrap_sub(bytes a, bytes b) {
    return (bytes)((ubytes)a - (ubytes)b);
}
static inline bytes saturated(bytes a, bytes sum, bytes overflow) {
    return choose(overflow < 0, sum, choose(a < 0, ALL(127), ALL(-128)));
}
static inline bytes ADDS(bytes a, bytes b) {
    bytes sum = wrap_add(a, b);
    return saturated(a, sum, (a ^ sum) & (b ^ sum));
}
static inline bytes SUBS(bytes a, bytes b) {
    bytes difference = wrap_sub(a, b);
    return saturated(a, difference, (a ^ b) & (a ^ difference));
}
static inline bytes ABS(bytes a) {
    bytes m = a < 0;
    return wrap_sub(a ^ m, m);
}
static inline bytes below(bytes x, bytes y) {
    return (bytes)((ubytes)x < (ubytes)y);
}
static inline bytes MINU(bytes a, bytes b) {
    return choose(below(a, b), b, a);
}
static inline bytes MAXU(bytes a, bytes b) {
    return choose(below(a, b), a, b);
}
static inline bytes PICK_EQ(bytes x, bytes y, bytes a, bytes b) {
    return choose(x == y, a, b);
}
static inline bytes PICK_LT(bytes x, bytes y, bytes a, bytes b) {
    return choose(below(x, y), a, b);
}
static inline bytes HALF_MAGNITUDE(bytes a) {
    return (bytes)((ubytes)a >> 1);
}
static inline signs SIGNS(bytes a) {
    /* The top bits of eight bytes gather in the top byte of a product. */
    uint64_t half[2];
    memcpy(half, &a, sizeof half);
    for (int i = 0; i < 2; i++)
        half[i] = (half[i] >> 7 & 0x0101010101010101u) * 0x0102040810204080u >> 56;
    return (signs)(half[0] | half[1] << 8);
}
static inline bytes NEGATE(bytes a, signs s) {
    const bytes bit = {1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128};
    bytes m, each;
    memset(&each, s & 255, 8);
    memset((char *)&each + 8, s >> 8, 8);
    m = (each & bit) == bit;
    return wrap_sub(a ^ m, m);
}

typedef struct table {
    const uint8_t *entries;
} table;

static inline table table_load(const uint8_t *t) {
    return (table){t};
}
static inline bytes look_up(const table *t, bytes index) {
    for (int i = 0; i < LANES; i++)
        index[i] = (int8_t)t->entries[index[i]];
    return index;
}
#endif

#endif
