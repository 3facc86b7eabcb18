/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { GUARD = 4 };

int ks_conformance_toeplitz_direct(ks_k_toeplitz_direct_fn *variant, ks_k_toeplitz_direct_fn *oracle,
                                   uint64_t seed) {
    size_t key_words = seed % 4 == 0 ? 1 : 1 + ks_test_random(&seed) % 40;
    size_t out_words = seed % 4 == 1 ? 1 : 1 + ks_test_random(&seed) % 70;
    size_t band_words = key_words + out_words + KS_TOEPLITZ_BAND_PAD, total = out_words + 2 * GUARD;
    uint64_t *key = malloc(key_words * 8), *band = malloc(band_words * 8), *out = malloc(total * 8),
             *expected = malloc(total * 8);
    int bad = !key || !band || !out || !expected;
    if (!bad) {
        for (size_t i = 0; i < key_words; i++)
            key[i] = ks_test_random(&seed);
        for (size_t i = 0; i < band_words; i++)
            band[i] = ks_test_random(&seed);
        memset(out, 0xa5, total * 8);
        memset(expected, 0xa5, total * 8);
        variant(out + GUARD, out_words, key, key_words, band);
        oracle(expected + GUARD, out_words, key, key_words, band);
        bad = memcmp(out, expected, total * 8) != 0;
        if (bad)
            (void)fprintf(stderr, "toeplitz_direct: %zu x %zu words differ\n", key_words, out_words);
    }
    free(key);
    free(band);
    free(out);
    free(expected);
    return bad;
}
