/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/decode_tags_avx512.h"

enum { RECORD = 8, TIME_SHIFT = 10, DUMMY = 16, PATTERN = 15 };

typedef struct constants {
    __m512i masks; /* lanes of the 16 patterns */
    __m512i base, swap;
} constants;

static inline __m512i load_words(const constants *c, const uint8_t *records) {
    return _mm512_rolv_epi64(_mm512_loadu_si512(records), c->swap);
}

static inline __m512i times_of(const constants *c, __m512i words) {
    return _mm512_add_epi64(_mm512_srli_epi64(words, TIME_SHIFT), c->base);
}

/* Lanes in the low half of each element. */
static inline __m512i lanes_of(const constants *c, __m512i words) {
    __m512i pattern = _mm512_and_epi64(words, _mm512_set1_epi64(PATTERN));
    return _mm512_maskz_permutexvar_epi32(0x5555, pattern, c->masks);
}

static inline __mmask8 irregular(__m512i words, __m512i lanes) {
    return _mm512_testn_epi64_mask(lanes, lanes) | _mm512_test_epi64_mask(words, _mm512_set1_epi64(DUMMY));
}

static inline uint32_t count_several(__m512i lanes) {
    __m512i rest = _mm512_and_epi64(lanes, _mm512_sub_epi64(lanes, _mm512_set1_epi64(1)));
    return (uint32_t)__builtin_popcount(_mm512_test_epi64_mask(rest, rest));
}

/* Returns whether the block is regular. */
static inline int decode_block(ks_event *events, const constants *c, __m512i *last, const uint8_t *records,
                               uint64_t *coincidences) {
    __m512i low = load_words(c, records), high = load_words(c, records + 64);
    halves time = {times_of(c, low), times_of(c, high)};
    __m512i lanes_low = lanes_of(c, low), lanes_high = lanes_of(c, high);
    if (irregular(low, lanes_low) | irregular(high, lanes_high) || !in_order(time, *last) ||
        !below_limit(time))
        return 0;
    store8(events, time.low, lanes_low);
    store8(events + 8, time.high, lanes_high);
    *coincidences += count_several(lanes_low) + count_several(lanes_high);
    *last = time.high;
    return 1;
}

size_t ks_decode_s15_avx512icl(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                               const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    const constants c = {_mm512_loadu_si512(rules->mask), _mm512_set1_epi64(state->base),
                         _mm512_set1_epi64(rules->swap)};
    __m512i last = _mm512_set1_epi64(state->last);
    uint64_t coincidences = 0;
    size_t taken = 0;
    while (n - taken >= KS_TAG_BLOCK &&
           decode_block(events + taken, &c, &last, records + RECORD * taken, &coincidences))
        taken += KS_TAG_BLOCK;
    state->last = last_of(last);
    counts->records += taken;
    counts->events += taken;
    counts->coincidences += coincidences;
    return taken;
}
