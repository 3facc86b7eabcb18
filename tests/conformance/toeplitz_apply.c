/* SPDX-License-Identifier: Apache-2.0 */
/* toeplitz_prepare and toeplitz_apply are one operation in two steps; both cases check the pair of a level.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { GUARD = 8 };

typedef struct pair {
    ks_k_toeplitz_prepare_fn *prepare;
    ks_k_toeplitz_apply_fn *apply;
    unsigned least_log_row;
} pair;

static pair pair_at(ks_isa isa) {
    const ks_kernels *k = ks_kernels_at(isa);
    return (pair){k->toeplitz_prepare, k->toeplitz_apply, ks_toeplitz_least_log_row(isa)};
}

/* The pair whose one half is under test. */
static pair variant_pair(void) {
    return (pair){(ks_k_toeplitz_prepare_fn *)ks_conformance_partner("toeplitz_prepare"),
                  (ks_k_toeplitz_apply_fn *)ks_conformance_partner("toeplitz_apply"),
                  ks_toeplitz_least_log_row(ks_conformance_isa())};
}

/* Random size that fills the wanted number of points: a long and a short side, or two of the same length.
 * Rows are of the least size, or two, four or eight times that. */
static ks_toeplitz_shape draw_shape(unsigned least_log_row, uint64_t *seed) {
    size_t rows = 1 + ks_test_random(seed) % (ks_conformance_small ? 3 : KS_TOEPLITZ_ROWS_MAX),
           least = (size_t)16 << (least_log_row + (ks_conformance_small ? 0 : ks_test_random(seed) % 4));
    size_t longer = rows * least - ks_test_random(seed) % least, shorter = 1 + ks_test_random(seed) % 20;
    if (ks_test_random(seed) % 4 == 0)
        longer = shorter = 1 + ks_test_random(seed) % 2000;
    return ks_test_random(seed) % 2 ? ks_toeplitz_shape_of(longer, shorter, least_log_row)
                                    : ks_toeplitz_shape_of(shorter, longer, least_log_row);
}

static uint64_t *draw_words(size_t bits, int kind, uint64_t *seed) {
    size_t words = (bits + 63) / 64;
    uint64_t *out = malloc((words + 1) * 8);
    for (size_t i = 0; out && i < words; i++)
        out[i] = kind == 0 ? ~UINT64_C(0) : kind == 1 ? UINT64_C(0x5555555555555555) : ks_test_random(seed);
    return out;
}

static void hash(pair p, const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                 const uint64_t *seed, void *prepared, void *work) {
    memset(prepared, 0xa5, ks_toeplitz_prepared_bytes(shape));
    memset(work, 0x5a, ks_toeplitz_work_bytes(shape));
    p.prepare(shape, prepared, work, seed, NULL);
    p.apply(shape, out, key, prepared, work, NULL);
}

static int check(pair variant, pair oracle, uint64_t seed) {
    const int kind = (int)(seed % 6);
    const ks_toeplitz_shape shape = draw_shape(variant.least_log_row, &seed);
    const size_t words = (shape.m + 63) / 64 + 2 * GUARD;
    const size_t prepared_bytes = ks_toeplitz_prepared_bytes(&shape),
                 work_bytes = ks_toeplitz_work_bytes(&shape);
    uint64_t *key = draw_words(shape.c, kind, &seed), *s = draw_words(shape.c + shape.m - 1, kind / 2, &seed);
    uint64_t *out = malloc(words * 8), *expected = malloc(words * 8);
    uint8_t *prepared = aligned_alloc(64, prepared_bytes + 64), *work = aligned_alloc(64, work_bytes + 64);
    int bad = !key || !s || !out || !expected || !prepared || !work;
    if (!bad) {
        memset(out, 0xa5, words * 8);
        memset(expected, 0xa5, words * 8);
        memset(prepared + prepared_bytes, 0x77, 64);
        memset(work + work_bytes, 0x77, 64);
        hash(oracle, &shape, expected + GUARD, key, s, prepared, work);
        hash(variant, &shape, out + GUARD, key, s, prepared, work);
        bad = memcmp(out, expected, words * 8) != 0;
        for (int i = 0; i < 64; i++)
            bad |= prepared[prepared_bytes + (size_t)i] != 0x77 || work[work_bytes + (size_t)i] != 0x77;
        if (bad)
            (void)fprintf(stderr, "toeplitz: m %zu c %zu rows %zu of 2^%u\n", shape.m, shape.c, shape.rows,
                          shape.log_row);
    }
    free(key);
    free(s);
    free(out);
    free(expected);
    free(prepared);
    free(work);
    return bad;
}

int ks_conformance_toeplitz_apply(ks_k_toeplitz_apply_fn *variant, ks_k_toeplitz_apply_fn *oracle,
                                  uint64_t seed) {
    pair v = variant_pair(), o = pair_at(KS_ISA_ref);
    v.apply = variant;
    o.apply = oracle;
    return check(v, o, seed);
}

int ks_conformance_toeplitz_prepare(ks_k_toeplitz_prepare_fn *variant, ks_k_toeplitz_prepare_fn *oracle,
                                    uint64_t seed) {
    pair v = variant_pair(), o = pair_at(KS_ISA_ref);
    v.prepare = variant;
    o.prepare = oracle;
    return check(v, o, seed + 1000);
}
