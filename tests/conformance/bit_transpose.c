/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

/* One size, garbage in the tails of the input, sentinels round the output. */
static int one(ks_k_bit_transpose_fn *variant, ks_k_bit_transpose_fn *oracle, size_t rows, size_t columns,
               uint64_t *random) {
    size_t in_words = rows * ((columns + 63) / 64), out_words = columns * ((rows + 63) / 64);
    uint64_t *in = malloc((in_words + 1) * 8), *a = malloc((out_words + 2) * 8),
             *b = malloc((out_words + 2) * 8);
    for (size_t i = 0; i < in_words; i++)
        in[i] = ks_test_random(random);
    for (size_t i = 0; i < out_words + 2; i++)
        a[i] = b[i] = ks_test_random(random);
    variant(a + 1, in, rows, columns);
    oracle(b + 1, in, rows, columns);
    int bad = memcmp(a, b, (out_words + 2) * 8) != 0;
    if (bad)
        fprintf(stderr, "bit_transpose: %zu rows of %zu bits differ\n", rows, columns);
    free(in);
    free(a);
    free(b);
    return bad;
}

int ks_conformance_bit_transpose(ks_k_bit_transpose_fn *variant, ks_k_bit_transpose_fn *oracle,
                                 uint64_t seed) {
    static const size_t sizes[] = {0, 1, 63, 64, 65, 128, 129, 300};
    const size_t first = ks_conformance_small ? 3 : 0, last = ks_conformance_small ? 5 : 8;
    for (size_t i = first; i < last; i++)
        for (size_t k = first; k < last; k++)
            if (one(variant, oracle, sizes[i], sizes[k], &seed))
                return 1;
    return one(variant, oracle, 1 + ks_test_random(&seed) % 200,
               1 + ks_test_random(&seed) % (ks_conformance_small ? 200 : 5000), &seed);
}
