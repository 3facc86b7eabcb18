/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "pipeline/bits.h"
#include "tests/conformance/conformance.h"

Test(bits, copy_moves_exactly_the_range) {
    enum { WORDS = 12, BITS = 64 * WORDS };
    uint64_t src[WORDS], dst[WORDS], before[WORDS], seed = 4;
    for (int turn = 0; turn < 3000; turn++) {
        for (int i = 0; i < WORDS; i++) {
            src[i] = ks_test_random(&seed);
            before[i] = dst[i] = ks_test_random(&seed);
        }
        size_t n = ks_test_random(&seed) % (turn % 2 ? 70 : BITS + 1);
        size_t from = ks_test_random(&seed) % (BITS - n + 1), to = ks_test_random(&seed) % (BITS - n + 1);
        ks_bits_copy(dst, to, src, from, n);
        for (size_t i = 0; i < BITS; i++) {
            unsigned expected =
                i >= to && i < to + n ? ks_bits_get(src, i - to + from) : ks_bits_get(before, i);
            cr_assert_eq(ks_bits_get(dst, i), expected, "bit %zu, n %zu from %zu to %zu", i, n, from, to);
        }
    }
}

Test(bits, copy_of_nothing_touches_nothing) {
    ks_bits_copy(NULL, 0, NULL, 0, 0);
    cr_assert_eq(ks_bits_words(0), 0);
    cr_assert_eq(ks_bits_words(64), 1);
    cr_assert_eq(ks_bits_words(65), 2);
}

Test(bits, expand_undoes_compress) {
    enum { N = 1000 };
    uint64_t src[16], mask[16], packed[16], back[16], seed = 5;
    for (int i = 0; i < 16; i++) {
        src[i] = ks_test_random(&seed);
        mask[i] = ks_test_random(&seed);
    }
    size_t k = ks_bits_compress(packed, src, mask, N);
    cr_assert_eq(k, ks_bits_count(mask, N));
    cr_assert_eq(ks_bits_expand(back, packed, mask, N), k);
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(ks_bits_get(back, i), ks_bits_get(src, i) & ks_bits_get(mask, i));
    uint64_t tally[4];
    ks_bits_tally(tally, mask, src, src, N);
    cr_assert_eq(tally[3], ks_bits_and_count(mask, src, N));
    cr_assert_eq(tally[0] + tally[3], k);
    cr_assert_eq(ks_bits_xor_count(src, src, N), 0);
}
