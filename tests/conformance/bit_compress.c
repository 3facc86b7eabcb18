/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

int ks_conformance_bit_compress(ks_k_bit_compress_fn *variant, ks_k_bit_compress_fn *oracle, uint64_t seed) {
    uint64_t src[BITS_WORDS], mask[BITS_WORDS];
    bits_guarded got, expected;
    for (unsigned turn = 0; turn < BITS_TURNS; turn++) {
        size_t n = bits_length(turn, &seed);
        bits_draw(src, 2, &seed);
        bits_draw(mask, (unsigned)ks_test_random(&seed), &seed);
        size_t a = variant(bits_open(&got), src, mask, n);
        size_t b = oracle(bits_open(&expected), src, mask, n);
        /* In place: what is read ahead must not be overwritten. */
        size_t c = variant(src, src, mask, n);
        if (a != b || c != b || memcmp(&got, &expected, sizeof got) != 0 ||
            memcmp(src, expected.words + BITS_GUARD, (b + 63) / 64 * sizeof *src) != 0) {
            fprintf(stderr, "bit_compress: n = %zu: %zu, %zu in place, expected %zu\n", n, a, c, b);
            return 1;
        }
    }
    return 0;
}
