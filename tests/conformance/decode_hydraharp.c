/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

/* Tracks the clock by itself: *last is the time of the last record, of which the base is the multiple of the
 * period. */
static void make(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd, uint64_t *random) {
    uint64_t draw = ks_test_random(random);
    int64_t period = (int64_t)rules->period, base = *last / period * period, within = *last - base;
    uint32_t word = (uint32_t)draw;
    if (!odd && (draw >> 32) % 8 == 0) {
        uint32_t periods = (uint32_t)(draw >> 40) % 3;
        word = UINT32_C(127) << 25 | (word & ~rules->time_mask & 0x1ffffff) | periods;
        *last = base + period * (rules->count_mask && periods ? periods : 1);
    } else if (!odd) {
        within += (int64_t)(draw >> 36) % 3 * (rules->time_mask >> 12 ? 70000 : 5);
        within = within < rules->time_mask ? within : rules->time_mask;
        uint32_t code = (draw >> 45) % 9 == 0 ? 64 + (1u << (draw >> 50 & 3)) : (uint32_t)(draw >> 50) % 8;
        word = code << 25 | (word & 0x1ffffff & ~rules->time_mask) | (uint32_t)within;
        *last = base + within;
    }
    ks_store(record, word, 4);
}

int ks_conformance_decode_hydraharp(ks_k_decode_hydraharp_fn *variant, ks_k_decode_hydraharp_fn *oracle,
                                    uint64_t seed) {
    uint64_t random = seed;
    int t3 = seed % 2 == 1, counted = seed % 4 < 2;
    ks_tag_rules rules = {
        .time_mask = t3 ? 0x3ff : 0x1ffffff, .fine_mask = t3 ? 0x7fff : 0, .fine_shift = t3 ? 10 : 0};
    rules.count_mask = counted ? rules.time_mask : 0;
    rules.period = t3 ? 1024 : counted ? 33554432 : 33552000;
    for (int i = 0; i < 127; i++)
        rules.mask[i] = i < 8 || (i >= 64 && i < 73) ? 1u << (ks_test_random(&random) & 31) : 0;
    ks_tag_state start = {0, INT64_MIN};
    if (seed % 3 == 0)
        start = (ks_tag_state){(int64_t)rules.period * 5, (int64_t)rules.period * 5 + 17};
    if (seed % 5 == 0)
        start.base = start.last = (KS_TAG_TIME_LIMIT / (int64_t)rules.period - 9) * (int64_t)rules.period;
    return ks_conformance_decode("hydraharp", variant, oracle, make, 4, &rules, start, seed);
}
