/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of int16 for ldpc_exact, once for each instruction set; magnitudes are unsigned. `bits` holds one
 * bit a lane. The terms of the sum over a check are a pair of vectors of uint32, their order known to PHI and
 * INVERSE alone. */
#ifndef KS_KERNELS_CPU_LDPC_HALVES_H
#define KS_KERNELS_CPU_LDPC_HALVES_H

#include <stdint.h>
#include <string.h>

#include "kernels/ldpc_exact_tables.h"
#include "kernels/rows_ldpc.h"

#if defined(__AVX512BW__)
#include <immintrin.h>
#include "kernels/cpu/ldpc_exact_halves.h"
enum { LANES = 32 };
typedef __m512i halves;
typedef uint32_t bits;
typedef struct wide {
    __m512i part[2];
} wide;
#define LOAD(p)      _mm512_loadu_si512((const void *)(p))
#define STORE(p, v)  _mm512_storeu_si512((void *)(p), (v))
#define ALL(x)       _mm512_set1_epi16((short)(x))
#define XOR(a, b)    _mm512_xor_si512(a, b)
#define AND(a, b)    _mm512_and_si512(a, b)
#define ANDNOT(a, b) _mm512_andnot_si512(a, b)
#define OR(a, b)     _mm512_or_si512(a, b)
#define ADDS(a, b)   _mm512_adds_epi16(a, b)
#define SUBS(a, b)   _mm512_subs_epi16(a, b)
#define SUBU(a, b)   _mm512_subs_epu16(a, b)
#define ABS(a)       _mm512_abs_epi16(a) /* |-32768| = 32768 unsigned */
#define MINU(a, b)   _mm512_min_epu16(a, b)
#define MAXU(a, b)   _mm512_max_epu16(a, b)
#define SIGNS(a)     _cvtmask32_u32(_mm512_movepi16_mask(a))
#define SPREAD(b)    _mm512_movm_epi16(_cvtu32_mask32(b)) /* all ones where the bit is 1 */
/* a, negated where s < 0 */
#define NEGATE(a, s) _mm512_mask_sub_epi16(a, _mm512_movepi16_mask(s), _mm512_setzero_si512(), a)
/* where x == y: b, elsewhere a */
#define PICK_EQ(x, y, a, b) _mm512_mask_blend_epi16(_mm512_cmpeq_epi16_mask(x, y), a, b)

/* The table of an index below 128. */
static inline __m512i entry_of(const uint16_t *table, __m512i index, __mmask32 bit6) {
    return _mm512_mask_blend_epi16(bit6, _mm512_permutex2var_epi16(LOAD(table), index, LOAD(table + 32)),
                                   _mm512_permutex2var_epi16(LOAD(table + 64), index, LOAD(table + 96)));
}
/* Up to 128 by table, then the octave behind it, shifted. */
static inline wide PHI(halves index) {
    const __m512i octave = _mm512_srli_epi16(index, 5), zero = _mm512_setzero_si512();
    const __mmask32 bit6 = _mm512_test_epi16_mask(index, ALL(64)),
                    far = _mm512_cmpge_epu16_mask(octave, ALL(4));
    const __m512i low =
        _mm512_mask_permutexvar_epi16(entry_of(phi_low, index, bit6), far, index, LOAD(phi_low + 128));
    const __m512i high =
        _mm512_mask_permutexvar_epi16(entry_of(phi_high, index, bit6), far, index, LOAD(phi_high + 128));
    const __m512i shift = SUBU(octave, ALL(4));
    return (wide){{_mm512_srlv_epi32(_mm512_unpacklo_epi16(low, high), _mm512_unpacklo_epi16(shift, zero)),
                   _mm512_srlv_epi32(_mm512_unpackhi_epi16(low, high), _mm512_unpackhi_epi16(shift, zero))}};
}
/* Exponent and 5 bits of mantissa, which are 32 times a logarithm but for the bend: of a sum t and of 2^e. */
static inline __m512i key_of(__m512i t) {
    return _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepu32_ps(t)), 18);
}
enum { KEY_OF_1 = 32 * 127, KEY_OF_NEAR = KEY_OF_1 + 32 * 18 };
static inline halves INVERSE(wide t) {
    const __m512i key =
        MINU(_mm512_packus_epi32(key_of(t.part[0]), key_of(t.part[1])), ALL(KEY_OF_1 + 24 * 32 - 1));
    const __m512i index = _mm512_srli_epi16(_mm512_sub_epi16(key, ALL(KEY_OF_NEAR)), 1);
    const __m512i bend = _mm512_permutexvar_epi16(key, LOAD(inverse_bend));
    const __m512i far =
        MINU(_mm512_sub_epi16(ALL(KEY_OF_1 + 32 * 23), _mm512_add_epi16(key, bend)), ALL(KS_LDPC_EXACT_TOP));
    return _mm512_mask_mov_epi16(far, _mm512_cmpge_epu16_mask(key, ALL(KEY_OF_NEAR)),
                                 entry_of(inverse_near, index, _mm512_test_epi16_mask(index, ALL(64))));
}
#define ADD_WIDE(a, b) _mm512_add_epi32(a, b)
#define SUB_WIDE(a, b) _mm512_sub_epi32(a, b)
#define ZERO_WIDE()    _mm512_setzero_si512()

#elif defined(__AVX2__)
#include <immintrin.h>
enum { LANES = 16 };
typedef __m256i halves;
typedef uint16_t bits;
typedef struct wide {
    __m256i part[2];
} wide;
#define LOAD(p)             _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v)         _mm256_storeu_si256((__m256i *)(void *)(p), (v))
#define ALL(x)              _mm256_set1_epi16((short)(x))
#define XOR(a, b)           _mm256_xor_si256(a, b)
#define AND(a, b)           _mm256_and_si256(a, b)
#define ANDNOT(a, b)        _mm256_andnot_si256(a, b)
#define OR(a, b)            _mm256_or_si256(a, b)
#define ADDS(a, b)          _mm256_adds_epi16(a, b)
#define SUBS(a, b)          _mm256_subs_epi16(a, b)
#define SUBU(a, b)          _mm256_subs_epu16(a, b)
#define ABS(a)              _mm256_abs_epi16(a)
#define MINU(a, b)          _mm256_min_epu16(a, b)
#define MAXU(a, b)          _mm256_max_epu16(a, b)
#define PICK_EQ(x, y, a, b) _mm256_blendv_epi8(a, b, _mm256_cmpeq_epi16(x, y))

static inline bits SIGNS(halves a) {
    __m128i both = _mm_packs_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return (bits)_mm_movemask_epi8(both);
}
static inline halves SPREAD(bits b) {
    const __m256i bit =
        _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((short)b), bit), bit);
}
static inline halves NEGATE(halves a, halves s) {
    __m256i m = _mm256_srai_epi16(s, 15);
    return _mm256_sub_epi16(_mm256_xor_si256(a, m), m);
}

static inline wide PHI(halves index) {
    __m256i low = _mm256_unpacklo_epi16(index, _mm256_setzero_si256());
    __m256i high = _mm256_unpackhi_epi16(index, _mm256_setzero_si256());
    return (wide){
        {_mm256_i32gather_epi32(ks_ldpc_phi, low, 4), _mm256_i32gather_epi32(ks_ldpc_phi, high, 4)}};
}
static inline __m256i inverse_part(__m256i t) {
    t = _mm256_min_epu32(t, _mm256_set1_epi32((1 << 24) - 1));
    __m256i key = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(t)), 18);
    key = _mm256_max_epi32(_mm256_sub_epi32(key, _mm256_set1_epi32(32 * 127 - 1)), _mm256_setzero_si256());
    return _mm256_i32gather_epi32(ks_ldpc_phi_inverse, key, 4);
}
static inline halves INVERSE(wide t) {
    return _mm256_packus_epi32(inverse_part(t.part[0]), inverse_part(t.part[1]));
}
#define ADD_WIDE(a, b)      _mm256_add_epi32(a, b)
#define SUB_WIDE(a, b)      _mm256_sub_epi32(a, b)
#define ZERO_WIDE()         _mm256_setzero_si256()

#else
enum { LANES = 8 };
typedef int16_t halves __attribute__((vector_size(16)));
typedef uint16_t uhalves __attribute__((vector_size(16)));
typedef uint32_t word_vector __attribute__((vector_size(16)));
typedef uint8_t bits;
typedef struct wide {
    word_vector part[2];
} wide;
static inline halves LOAD(const void *p) {
    halves v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void STORE(void *p, halves v) {
    memcpy(p, &v, sizeof v);
}
#define ALL(x)         ((halves){0} + (int16_t)(x))
#define XOR(a, b)      ((a) ^ (b))
#define AND(a, b)      ((a) & (b))
#define ANDNOT(a, b)   (~(a) & (b))
#define OR(a, b)       ((a) | (b))
static inline halves choose(halves mask, halves no, halves yes) {
    return (mask & yes) | (~mask & no);
}
static inline halves wrap_sub(halves a, halves b) {
    return (halves)((uhalves)a - (uhalves)b);
}
static inline halves saturated(halves a, halves sum, halves overflow) {
    return choose(overflow < 0, sum, choose(a < 0, ALL(32767), ALL(-32768)));
}
static inline halves ADDS(halves a, halves b) {
    halves sum = (halves)((uhalves)a + (uhalves)b);
    return saturated(a, sum, (a ^ sum) & (b ^ sum));
}
static inline halves SUBS(halves a, halves b) {
    halves difference = wrap_sub(a, b);
    return saturated(a, difference, (a ^ b) & (a ^ difference));
}
static inline halves NEGATE(halves a, halves s) {
    halves m = s < 0;
    return wrap_sub(a ^ m, m);
}
static inline halves ABS(halves a) {
    return NEGATE(a, a);
}
static inline halves below(halves x, halves y) {
    return (halves)((uhalves)x < (uhalves)y);
}
static inline halves MINU(halves a, halves b) {
    return choose(below(a, b), b, a);
}
static inline halves MAXU(halves a, halves b) {
    return choose(below(a, b), a, b);
}
static inline halves SUBU(halves a, halves b) {
    return wrap_sub(MAXU(a, b), b);
}
static inline halves PICK_EQ(halves x, halves y, halves a, halves b) {
    return choose(x == y, a, b);
}
static inline bits SIGNS(halves a) {
    unsigned all = 0;
    for (int i = 0; i < LANES; i++)
        all |= (unsigned)(a[i] < 0) << i;
    return (bits)all;
}
static inline halves SPREAD(bits b) {
    const halves bit = {1, 2, 4, 8, 16, 32, 64, 128};
    return (ALL(b) & bit) == bit;
}
static inline wide PHI(halves index) {
    wide out;
    for (int i = 0; i < LANES; i++)
        out.part[i / 4][i % 4] = (uint32_t)ks_ldpc_phi[index[i]];
    return out;
}
static inline halves INVERSE(wide t) {
    halves out;
    for (int i = 0; i < LANES; i++) {
        uint32_t x = t.part[i / 4][i % 4], top = (1 << 24) - 1;
        x = x < top ? x : top;
        int power = 31 - __builtin_clz(x | 1);
        uint32_t mantissa = (uint32_t)((uint64_t)x << 28 >> power >> 23) & 31;
        out[i] = (int16_t)ks_ldpc_phi_inverse[x ? 32 * (uint32_t)power + mantissa + 1 : 0];
    }
    return out;
}
#define ADD_WIDE(a, b) ((a) + (b))
#define SUB_WIDE(a, b) ((a) - (b))
#define ZERO_WIDE()    ((word_vector){0})
#endif

#endif
