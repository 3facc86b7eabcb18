/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

static void make(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd, uint64_t *random) {
    uint64_t draw = ks_test_random(random);
    (void)rules;
    *last += (int64_t)(draw >> 40) % 4 * 1000;
    ks_store(record, odd && draw & 1 ? ks_test_random(random) : (uint64_t)*last, 8);
    ks_store(record + 8, odd && draw & 2 ? draw >> 16 : draw >> 16 & 7, 2);
}

int ks_conformance_decode_qutag(ks_k_decode_qutag_fn *variant, ks_k_decode_qutag_fn *oracle, uint64_t seed) {
    uint64_t random = seed;
    ks_tag_rules rules = {0};
    for (int i = 0; i < 8; i++)
        rules.mask[i] = rules.mask[i + 64] = 1u << (ks_test_random(&random) & 31);
    ks_tag_state start = {0, INT64_MIN};
    if (seed % 3 == 0)
        start.last = KS_TAG_TIME_LIMIT - 300000;
    return ks_conformance_decode("qutag", variant, oracle, make, 10, &rules, start, seed);
}
