/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

static void make(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd, uint64_t *random) {
    uint64_t draw = ks_test_random(random), word = draw;
    if (!odd) {
        *last += (int64_t)(draw >> 40) % 4 * 1000;
        word = (uint64_t)*last << 10 | (draw & 0x3e0) | (1 + draw % 15);
    }
    ks_store(record, rules->swap ? word << 32 | word >> 32 : word, 8);
}

int ks_conformance_decode_s15(ks_k_decode_s15_fn *variant, ks_k_decode_s15_fn *oracle, uint64_t seed) {
    uint64_t random = seed;
    ks_tag_rules rules = {.swap = seed % 2 ? 32 : 0};
    for (int i = 1; i < 16; i++)
        rules.mask[i] = (uint32_t)ks_test_random(&random) | 1;
    ks_tag_state start = {0, INT64_MIN};
    if (seed % 3 == 0)
        start = (ks_tag_state){0, (INT64_C(1) << 54) - 300000};
    return ks_conformance_decode("s15", variant, oracle, make, 8, &rules, start, seed);
}
