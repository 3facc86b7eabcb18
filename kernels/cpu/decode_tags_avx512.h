/* SPDX-License-Identifier: Apache-2.0 */
/* What the AVX-512 bodies of the decode rows share. Intrinsics: looking codes up in a table of 128 bytes
 * (VPERMI2B), interleaving times with payloads and dropping overflows (VPCOMPRESSQ) have no word in the
 * vector language. A block of 16 records stays in registers from the load to the stores. */
#ifndef KS_KERNELS_CPU_DECODE_TAGS_AVX512_H
#define KS_KERNELS_CPU_DECODE_TAGS_AVX512_H

#include <immintrin.h>

#include "kernels/rows_tags.h"

/* Two vectors: 8 times or payloads each, the low ones first. */
typedef struct halves {
    __m512i low, high;
} halves;

/* The lane of each of the 128 codes as a byte, 255 where it has none. */
typedef struct lane_table {
    __m512i low, high;
} lane_table;

static inline __m512i lanes_of_64(const uint32_t *masks) {
    uint8_t lanes[64];
    for (int i = 0; i < 64; i += 16) {
        __m512i zeros = _mm512_lzcnt_epi32(_mm512_loadu_si512(masks + i));
        __m512i lane = _mm512_sub_epi32(_mm512_set1_epi32(31), zeros);
        _mm_storeu_si128((__m128i *)(lanes + i), _mm512_cvtepi32_epi8(lane));
    }
    return _mm512_loadu_si512(lanes);
}

static inline lane_table make_lane_table(const ks_tag_rules *rules) {
    return (lane_table){lanes_of_64(rules->mask), lanes_of_64(rules->mask + 64)};
}

/* Times of the block in order, none before the last element of `last`, and below the limit. */
static inline int in_order(halves time, __m512i last) {
    __mmask8 back = _mm512_cmplt_epi64_mask(time.low, _mm512_alignr_epi64(time.low, last, 7));
    back |= _mm512_cmplt_epi64_mask(time.high, _mm512_alignr_epi64(time.high, time.low, 7));
    return back == 0;
}

static inline int below_limit(halves time) {
    return _mm512_cmpge_epi64_mask(time.high, _mm512_set1_epi64(KS_TAG_TIME_LIMIT)) == 0;
}

/* payload: lanes in the low half of each element, flags (0) and fine time above. */
static inline void store8(ks_event *events, __m512i time, __m512i payload) {
    const __m512i first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_si512(events, _mm512_permutex2var_epi64(time, first, payload));
    _mm512_storeu_si512(events + 4, _mm512_permutex2var_epi64(time, second, payload));
}

static inline int64_t last_of(__m512i x) {
    return _mm_extract_epi64(_mm512_extracti64x2_epi64(x, 3), 1);
}

#endif
