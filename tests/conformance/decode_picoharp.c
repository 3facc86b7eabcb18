/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

static void make(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd, uint64_t *random) {
    uint64_t draw = ks_test_random(random);
    int64_t period = (int64_t)rules->period, base = *last / period * period, within = *last - base;
    uint32_t word = (uint32_t)draw, fine = (uint32_t)(draw >> 8) & rules->fine_mask;
    if (!odd && (draw >> 32) % 8 == 0) {
        word = UINT32_C(15) << 28 | (rules->fine_mask ? word & 0xffff : word & 0xffffff0);
        *last = base + period;
    } else if (!odd) {
        within += (int64_t)(draw >> 36) % 3 * (rules->fine_mask ? 100 : 70000);
        int marker = (draw >> 45) % 9 == 0;
        uint32_t bit = 1u << (draw >> 50 & 3);
        if (marker && !rules->fine_mask)
            within = (within & ~INT64_C(15)) + 16 + bit;
        else if (marker)
            fine = (fine & ~15u) | bit;
        within = within < rules->time_mask - 32 ? within : *last - base;
        uint32_t channel = marker ? 15 : 1 + (uint32_t)(draw >> 52) % 4;
        word = channel << 28 | fine << rules->fine_shift | (uint32_t)within;
        *last = base + within;
    }
    ks_store(record, word, 4);
}

int ks_conformance_decode_picoharp(ks_k_decode_picoharp_fn *variant, ks_k_decode_picoharp_fn *oracle,
                                   uint64_t seed) {
    uint64_t random = seed;
    int t3 = seed % 2 == 1;
    ks_tag_rules rules = {.time_mask = t3 ? 0xffff : 0xfffffff,
                          .fine_mask = t3 ? 0xfff : 0,
                          .fine_shift = t3 ? 16 : 0,
                          .marker_shift = t3 ? 16 : 0,
                          .period = t3 ? 65536 : 210698240};
    for (int i = 0; i < 32; i++)
        rules.mask[i] =
            i < 5 || i == 17 || i == 18 || i == 20 || i == 24 ? 1u << (ks_test_random(&random) & 31) : 0;
    ks_tag_state start = {0, INT64_MIN};
    if (seed % 3 == 0)
        start.base = start.last = (KS_TAG_TIME_LIMIT / (int64_t)rules.period - 9) * (int64_t)rules.period;
    return ks_conformance_decode("picoharp", variant, oracle, make, 4, &rules, start, seed);
}
