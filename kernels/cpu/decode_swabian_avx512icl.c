/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/decode_tags_avx512.h"

enum { RECORD = 16, CHANNEL_ZERO = 64, CHANNELS = 128 };

/* Lanes of 8 tags from their first words; *irregular when a type is not 0 or a channel has no lane. */
static inline __m512i lanes_of(const lane_table *table, __m512i heads, __mmask8 *irregular) {
    __m512i channel = _mm512_add_epi32(_mm512_srli_epi64(heads, 32), _mm512_set1_epi64(CHANNEL_ZERO));
    __m512i lane =
        _mm512_maskz_permutex2var_epi8(UINT64_C(0x0101010101010101), table->low, channel, table->high);
    __m512i lanes = _mm512_sllv_epi64(_mm512_set1_epi64(1), lane);
    *irregular = _mm512_testn_epi64_mask(lanes, lanes) |
                 _mm512_test_epi64_mask(heads, _mm512_set1_epi64(0xff)) |
                 _mm512_cmpge_epu64_mask(channel, _mm512_set1_epi64(CHANNELS));
    return lanes;
}

/* Returns whether the block is regular. */
static inline int decode_block(ks_event *events, const lane_table *table, __m512i *last,
                               const uint8_t *records) {
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    __m512i a = _mm512_loadu_si512(records), b = _mm512_loadu_si512(records + 64);
    __m512i c = _mm512_loadu_si512(records + 128), d = _mm512_loadu_si512(records + 192);
    halves time = {_mm512_permutex2var_epi64(a, odd, b), _mm512_permutex2var_epi64(c, odd, d)};
    __mmask8 irregular_low, irregular_high;
    __m512i low = lanes_of(table, _mm512_permutex2var_epi64(a, even, b), &irregular_low);
    __m512i high = lanes_of(table, _mm512_permutex2var_epi64(c, even, d), &irregular_high);
    if (irregular_low | irregular_high || !in_order(time, *last))
        return 0;
    store8(events, time.low, low);
    store8(events + 8, time.high, high);
    *last = time.high;
    return 1;
}

size_t ks_decode_swabian_avx512icl(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                                   const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    const lane_table table = make_lane_table(rules);
    __m512i last = _mm512_set1_epi64(state->last);
    size_t taken = 0;
    while (n - taken >= KS_TAG_BLOCK && decode_block(events + taken, &table, &last, records + RECORD * taken))
        taken += KS_TAG_BLOCK;
    state->last = last_of(last);
    counts->records += taken;
    counts->events += taken;
    return taken;
}
