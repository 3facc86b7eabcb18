/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { MOST = 300, GUARD = 64 };

static ks_seeded_states random_source(uint64_t *seed) {
    ks_seeded_states source = {.key = {(uint32_t)ks_test_random(seed), (uint32_t)ks_test_random(seed)},
                               .nonce = {(uint32_t)ks_test_random(seed), (uint32_t)ks_test_random(seed)}};
    uint64_t categories = 1 + ks_test_random(seed) % 6;
    for (uint32_t t = 0; t < 5; t++)
        source.threshold[t] =
            t + 1 < categories ? (uint32_t)((UINT64_C(1) << 31) * (t + 1) / categories) : UINT32_C(1) << 31;
    return source;
}

int ks_conformance_seeded_states(ks_k_seeded_states_fn *variant, ks_k_seeded_states_fn *oracle,
                                 uint64_t seed) {
    uint64_t slots[MOST];
    uint8_t got[MOST + 2 * GUARD], expected[MOST + 2 * GUARD];
    for (size_t n = 0; n < MOST; n += n < 20 ? 1 : 93) {
        ks_seeded_states source = random_source(&seed);
        for (size_t i = 0; i < n; i++)
            slots[i] = ks_test_random(&seed) >> (ks_test_random(&seed) % 64);
        memset(got, 0xA5, sizeof got);
        memset(expected, 0xA5, sizeof expected);
        variant(got + GUARD, slots, n, &source);
        oracle(expected + GUARD, slots, n, &source);
        if (memcmp(got, expected, sizeof got) != 0) {
            fprintf(stderr, "seeded_states: n = %zu differs\n", n);
            return 1;
        }
    }
    return 0;
}
