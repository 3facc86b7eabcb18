/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { MOST = 37, GUARD = 64, SIZE = MOST * KS_CHACHA_BLOCK + 2 * GUARD + 16 };

int ks_conformance_chacha20(ks_k_chacha20_fn *variant, ks_k_chacha20_fn *oracle, uint64_t seed) {
    uint8_t got[SIZE], expected[SIZE];
    for (size_t blocks = 0; blocks <= MOST; blocks++) {
        uint32_t state[16];
        for (int i = 0; i < 16; i++)
            state[i] = (uint32_t)ks_test_random(&seed);
        if (blocks % 3 == 0)
            state[12] = UINT32_MAX - 5; /* the counter wraps inside */
        const size_t at = GUARD + ks_test_random(&seed) % 16;
        memset(got, 0xA5, sizeof got);
        memset(expected, 0xA5, sizeof expected);
        variant(got + at, state, blocks);
        oracle(expected + at, state, blocks);
        if (memcmp(got, expected, sizeof got) != 0) {
            fprintf(stderr, "chacha20: %zu blocks differ\n", blocks);
            return 1;
        }
    }
    return 0;
}
