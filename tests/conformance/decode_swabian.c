/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

static void make(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd, uint64_t *random) {
    uint64_t draw = ks_test_random(random);
    int32_t channel = (int32_t)(draw >> 20 & 7) - 3;
    (void)rules;
    *last += (int64_t)(draw >> 40) % 4 * 1000;
    ks_store(record, odd && draw & 1 ? draw >> 30 & 7 : draw << 8 & 0xffffff00, 4);
    ks_store(record + 4, odd && draw & 2 ? ks_test_random(random) : (uint32_t)channel, 4);
    ks_store(record + 8, odd && draw & 4 ? ks_test_random(random) : (uint64_t)*last, 8);
}

int ks_conformance_decode_swabian(ks_k_decode_swabian_fn *variant, ks_k_decode_swabian_fn *oracle,
                                  uint64_t seed) {
    uint64_t random = seed;
    ks_tag_rules rules = {0};
    for (int i = 60; i < 70; i++)
        rules.mask[i] = 1u << (ks_test_random(&random) & 31);
    ks_tag_state start = {0, seed % 3 == 0 ? -50000 : INT64_MIN};
    return ks_conformance_decode("swabian", variant, oracle, make, 16, &rules, start, seed);
}
