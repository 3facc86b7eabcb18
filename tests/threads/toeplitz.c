/* SPDX-License-Identifier: Apache-2.0 */
/* Toeplitz products by plans of several threads: the same bits as by one thread at every instruction set, and
 * no data race that the thread sanitizer sees. */
#include <keystill/amplify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 16 ^ *state << 29;
}

/* The output of a plan, two blocks with one seed; NULL when it fails. */
static uint64_t *hash(size_t n, size_t m, ks_toeplitz_form form, unsigned threads, const uint64_t *key,
                      const uint64_t *seed) {
    const size_t words = ks_toeplitz_words(m);
    uint64_t *out = calloc(2 * words, 8);
    ks_toeplitz_plan *plan;
    int good = out && ks_toeplitz_plan_create(&plan, n, m, form, threads) == KS_OK;
    if (good) {
        good = ks_toeplitz_apply(plan, out, key, n, m, seed) == KS_OK &&
               ks_toeplitz_apply_prepared(plan, out + words, seed) == KS_OK;
        ks_toeplitz_plan_destroy(plan);
    }
    if (good)
        return out;
    free(out);
    return NULL;
}

static int check(size_t n, size_t m, ks_toeplitz_form form, const unsigned *threads, int count) {
    uint64_t state = n + m, *key = malloc((n / 64 + 1) * 8), *seed = malloc((n / 32 + 2) * 8);
    for (size_t i = 0; key && i < n / 64 + 1; i++)
        key[i] = next_random(&state);
    for (size_t i = 0; seed && i < n / 32 + 2; i++)
        seed[i] = next_random(&state);
    uint64_t *expected = key && seed ? hash(n, m, form, 1, key, seed) : NULL;
    int bad = !expected;
    for (int i = 0; i < count && !bad; i++) {
        uint64_t *out = hash(n, m, form, threads[i], key, seed);
        bad = !out || memcmp(out, expected, 16 * ks_toeplitz_words(m)) != 0;
        if (bad)
            (void)fprintf(stderr, "n %zu m %zu form %d: %u threads differ from one\n", n, m, (int)form,
                          threads[i]);
        free(out);
    }
    free(key);
    free(seed);
    free(expected);
    return bad;
}

int main(void) {
    static const char *const levels[] = {"generic", "avx2", "avx512", "avx512icl"};
    static const unsigned threads[] = {2, 3, 5, 9};
    int bad = 0;
    for (int level = 0; level < 4; level++) {
        if (ks_kernels_force(levels[level]) != 0)
            continue;
        uint64_t state = 9;
        for (int i = 0; i < 6; i++) {
            const size_t n = 30000 + next_random(&state) % 500000, m = 1 + next_random(&state) % n;
            bad |= check(n, m, (ks_toeplitz_form)(i % 2), threads, 4);
        }
        /* seeds of one coefficient block of 2^16 words, of a block and a bit, of several */
        bad |= check(1048576, 524288, KS_TOEPLITZ_MODIFIED, threads + 1, 2);
        bad |= check(1048592 + 64, 524288, KS_TOEPLITZ_MODIFIED, threads, 1);
        bad |= check(3300001, 1650007, KS_TOEPLITZ_MODIFIED, threads, 1);
    }
    return bad;
}
