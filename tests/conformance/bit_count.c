/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

int ks_conformance_bit_count(ks_k_bit_count_fn *variant, ks_k_bit_count_fn *oracle, uint64_t seed) {
    uint64_t a[BITS_WORDS], b[BITS_WORDS];
    for (unsigned turn = 0; turn < BITS_TURNS; turn++) {
        size_t n = bits_length(turn, &seed);
        bits_draw(a, (unsigned)ks_test_random(&seed), &seed);
        bits_draw(b, (unsigned)ks_test_random(&seed), &seed);
        if (variant(a, b, n) != oracle(a, b, n) || variant(a, a, n) != oracle(a, a, n)) {
            fprintf(stderr, "bit_count: n = %zu differs\n", n);
            return 1;
        }
    }
    return 0;
}
