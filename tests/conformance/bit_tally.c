/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

int ks_conformance_bit_tally(ks_k_bit_tally_fn *variant, ks_k_bit_tally_fn *oracle, uint64_t seed) {
    uint64_t mask[BITS_WORDS], low[BITS_WORDS], high[BITS_WORDS];
    for (unsigned turn = 0; turn < BITS_TURNS; turn++) {
        size_t n = bits_length(turn, &seed);
        bits_draw(mask, (unsigned)ks_test_random(&seed), &seed);
        bits_draw(low, (unsigned)ks_test_random(&seed), &seed);
        bits_draw(high, (unsigned)ks_test_random(&seed), &seed);
        uint64_t got[6] = {7, 7, 7, 7, 7, 7}, expected[6] = {7, 7, 7, 7, 7, 7};
        variant(got + 1, mask, low, high, n);
        oracle(expected + 1, mask, low, high, n);
        if (memcmp(got, expected, sizeof got) != 0) {
            fprintf(stderr, "bit_tally: n = %zu differs\n", n);
            return 1;
        }
    }
    return 0;
}
