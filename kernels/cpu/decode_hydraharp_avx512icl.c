/* SPDX-License-Identifier: Apache-2.0 */
/* Overflow records of a block become a running sum, so that no branch depends on where they stand. */
#include "kernels/cpu/decode_tags_avx512.h"

/* What does not change from block to block. */
typedef struct constants {
    lane_table lanes;
    __m512i time_mask, count_mask, fine_mask, period;
    __m128i fine_shift;
} constants;

typedef struct clock_state {
    __m512i base; /* in every element */
    __m512i last; /* times of the last records, the very last in element 7 */
} clock_state;

static inline constants make_constants(const ks_tag_rules *rules) {
    constants c = {.lanes = make_lane_table(rules)};
    c.time_mask = _mm512_set1_epi32((int)rules->time_mask);
    c.count_mask = _mm512_set1_epi32((int)rules->count_mask);
    c.fine_mask = _mm512_set1_epi32((int)rules->fine_mask);
    c.fine_shift = _mm_cvtsi32_si128((int)rules->fine_shift);
    c.period = _mm512_set1_epi64((long long)rules->period);
    return c;
}

static inline halves widen(__m512i x) {
    return (halves){_mm512_cvtepu32_epi64(_mm512_castsi512_si256(x)),
                    _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(x, 1))};
}

static inline __m512i running_sum(__m512i x) {
    const __m512i zero = _mm512_setzero_si512();
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 14));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 12));
    return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 8));
}

/* Absolute times; the base moves on with the overflows. */
static inline halves absolute_times(const constants *c, __m512i words, __mmask16 overflow, __m512i *base) {
    halves time = widen(_mm512_maskz_and_epi32((__mmask16)~overflow, words, c->time_mask));
    if (overflow) {
        __m512i one = _mm512_set1_epi32(1), counted = _mm512_and_epi32(words, c->count_mask);
        halves periods = widen(running_sum(_mm512_maskz_max_epu32(overflow, counted, one)));
        periods.low = _mm512_mul_epu32(periods.low, c->period);
        periods.high = _mm512_mul_epu32(periods.high, c->period);
        time.low = _mm512_add_epi64(time.low, periods.low);
        time.high = _mm512_add_epi64(time.high, periods.high);
        __m512i all = _mm512_permutexvar_epi64(_mm512_set1_epi64(7), periods.high);
        time.low = _mm512_add_epi64(time.low, *base);
        time.high = _mm512_add_epi64(time.high, *base);
        *base = _mm512_add_epi64(*base, all);
        return time;
    }
    return (halves){_mm512_add_epi64(time.low, *base), _mm512_add_epi64(time.high, *base)};
}

/* Writes the events of a block, without its overflows; returns how many. `events` has room for 16. */
static inline size_t store_events(ks_event *events, halves time, halves payload, __mmask16 overflow) {
    if (!overflow) {
        store8(events, time.low, payload.low);
        store8(events + 8, time.high, payload.high);
        return KS_TAG_BLOCK;
    }
    __mmask8 low = (__mmask8)~overflow, high = (__mmask8)(~overflow >> 8);
    size_t n = (size_t)__builtin_popcount(low);
    store8(events, _mm512_maskz_compress_epi64(low, time.low), _mm512_maskz_compress_epi64(low, payload.low));
    store8(events + n, _mm512_maskz_compress_epi64(high, time.high),
           _mm512_maskz_compress_epi64(high, payload.high));
    return n + (size_t)__builtin_popcount(high);
}

/* Returns the number of events, -1 when the block is irregular. */
static inline int decode_block(ks_event *events, const constants *c, clock_state *state,
                               const uint8_t *records, uint64_t *markers) {
    __m512i words = _mm512_loadu_si512(records), code = _mm512_srli_epi32(words, 25);
    __mmask16 overflow = _mm512_cmpeq_epi32_mask(code, _mm512_set1_epi32(127));
    __m512i lane =
        _mm512_maskz_permutex2var_epi8(UINT64_C(0x1111111111111111), c->lanes.low, code, c->lanes.high);
    __m512i lanes = _mm512_sllv_epi32(_mm512_set1_epi32(1), lane);
    __mmask16 unknown = _mm512_testn_epi32_mask(lanes, lanes) & (__mmask16)~overflow;
    __m512i base = state->base;
    halves time = absolute_times(c, words, overflow, &base);
    if (unknown || !in_order(time, state->last) || !below_limit(time))
        return -1;
    __m512i fine = _mm512_and_epi32(_mm512_srl_epi32(words, c->fine_shift), c->fine_mask);
    halves payload = widen(lanes), delay = widen(_mm512_slli_epi32(fine, 16));
    payload.low = _mm512_or_epi64(payload.low, _mm512_slli_epi64(delay.low, 32));
    payload.high = _mm512_or_epi64(payload.high, _mm512_slli_epi64(delay.high, 32));
    __mmask16 special = _mm512_cmpgt_epi32_mask(code, _mm512_set1_epi32(64)) & (__mmask16)~overflow;
    *markers += (uint64_t)__builtin_popcount(special);
    state->base = base;
    state->last = time.high;
    return (int)store_events(events, time, payload, overflow);
}

size_t ks_decode_hydraharp_avx512icl(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                                     const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    const constants c = make_constants(rules);
    clock_state now = {_mm512_set1_epi64(state->base), _mm512_set1_epi64(state->last)};
    size_t taken = 0, made = 0;
    uint64_t markers = 0;
    for (; n - taken >= KS_TAG_BLOCK; taken += KS_TAG_BLOCK) {
        int some = decode_block(events + made, &c, &now, records + 4 * taken, &markers);
        if (some < 0)
            break;
        made += (size_t)some;
    }
    state->base = _mm_cvtsi128_si64(_mm512_castsi512_si128(now.base));
    if (taken > 0)
        state->last = last_of(now.last);
    counts->records += taken;
    counts->events += made;
    counts->markers += markers;
    return taken;
}
