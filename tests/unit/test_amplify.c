/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <keystill/amplify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/conformance/conformance.h"
#include "tests/unit/sha256.h"

static uint64_t *stream(uint64_t state, size_t bits) {
    size_t words = ks_toeplitz_words(bits);
    uint64_t *out = malloc((words + 1) * 8);
    for (size_t i = 0; i < words; i++)
        out[i] = ks_test_random(&state);
    return out;
}

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

/* Output bit i from the definition. */
static unsigned defined_bit(const uint64_t *key, const uint64_t *seed, size_t n, size_t m,
                            ks_toeplitz_form form, size_t i) {
    size_t c = form == KS_TOEPLITZ_MODIFIED ? n - m : n, s = c + m - 1;
    unsigned y = form == KS_TOEPLITZ_MODIFIED ? bit(key, n - m + i) : 0;
    for (size_t j = 0; j < c; j++)
        y ^= bit(key, j) & bit(seed, (i + s - j) % s);
    return y;
}

static void compare_with_definition(const uint64_t *out, const uint64_t *key, const uint64_t *seed, size_t n,
                                    size_t m, ks_toeplitz_form form) {
    for (size_t i = 0; i < 64 * ks_toeplitz_words(m); i++)
        cr_assert_eq(bit(out, i), i < m ? defined_bit(key, seed, n, m, form, i) : 0,
                     "n %zu m %zu form %d bit %zu", n, m, (int)form, i);
}

/* Known answers: SHA-256 of the output for SplitMix64 streams from states 1 (key) and 2 (seed), computed with
 * gf2x and, up to n = 4097, by a naive program. */
static const struct known {
    size_t n, m;
    ks_toeplitz_form form;
    const char *hash;
} known[] = {
    {1000, 300, KS_TOEPLITZ_STANDARD, "16c672e8d31598935a48fd54428171a79b0ab665ec0d24f786eb1094def5dc65"},
    {1000, 300, KS_TOEPLITZ_MODIFIED, "59e588e46c9997c74d1b3c256828ea449e55d6f9397301c2f551416edc392265"},
    {640, 639, KS_TOEPLITZ_STANDARD, "df5ea45e1b3ee092732d438971084b14e0fa980b0845d204719ea43a726a7c9a"},
    {640, 639, KS_TOEPLITZ_MODIFIED, "d5cf16c0b4fde555988f64f9b7df91666a1b0185cbf8ed5a2c94e83c64478a64"},
    {4097, 1024, KS_TOEPLITZ_STANDARD, "71f9e99685955123e6578e45b04195a9f92a6fea1109fedaea6990d3b1c369e9"},
    {4097, 1024, KS_TOEPLITZ_MODIFIED, "82dd595d7436603a5568b496e237760debef84550606083081efbdb51902fe39"},
    {1000000, 500000, KS_TOEPLITZ_STANDARD,
     "3c4f09c7482ac12c10709454a171e43bcdb66f97f79c7b098b7904bf9232d228"},
    {1000000, 500000, KS_TOEPLITZ_MODIFIED,
     "b9ae2199c2c44d192997b22d984e78b31fc6bc2358358a9a1558cc7159171bef"},
    {1048576, 524288, KS_TOEPLITZ_STANDARD,
     "6d7509a1eddf355fd40d2c795765757336ce8add666f44ec597937ca05893ff7"},
    {1048576, 524288, KS_TOEPLITZ_MODIFIED,
     "693d0f72e50b29c354e190d3b786c0ff0d375d71939f2b604cd766eca6fa6d2e"},
    {1048577, 402688, KS_TOEPLITZ_MODIFIED,
     "d7ce54f4f500ddd0b59c0ef3580bce43eb9b115fb7b5df664733fa40e3e41833"},
    {8388608, 4194304, KS_TOEPLITZ_STANDARD,
     "406ff696f9212822d36afc036a3bb7347d370c0c94272cc3c486a8a14f4f407f"},
    {8388608, 4194304, KS_TOEPLITZ_MODIFIED,
     "01c7273419490729af6fce6de59af94d447a46b68febd6649e9270a5a26b5cfd"},
};

static void check_known(const struct known *k, unsigned threads) {
    uint64_t *key = stream(1, k->n), *seed = stream(2, ks_toeplitz_seed_bits(k->n, k->m, k->form));
    uint64_t *out = calloc(ks_toeplitz_words(k->m), 8);
    uint8_t *bytes = malloc((k->m + 7) / 8);
    ks_toeplitz_plan *plan;
    char hex[65];
    cr_assert_eq(ks_toeplitz_plan_create(&plan, k->n, k->m, k->form, threads), KS_OK, "%s",
                 ks_error_detail());
    cr_assert_eq(ks_toeplitz_apply(plan, out, key, k->n, k->m, seed), KS_OK, "%s", ks_error_detail());
    ks_bits_export(bytes, out, k->m, KS_BITS_LSB);
    sha256_hex(hex, bytes, (k->m + 7) / 8);
    cr_assert_str_eq(hex, k->hash, "n %zu m %zu form %d", k->n, k->m, (int)k->form);
    ks_toeplitz_plan_destroy(plan);
    free(key);
    free(seed);
    free(out);
    free(bytes);
}

Test(amplify, known_answers) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].n < 2000000)
            check_known(&known[i], 1);
}

/* Every size in steps, every relation of m to n, one plan for all: m and n change from call to call. */
Test(amplify, definition_at_small_sizes) {
    for (int form = KS_TOEPLITZ_MODIFIED; form <= KS_TOEPLITZ_STANDARD; form++) {
        ks_toeplitz_plan *plan;
        cr_assert_eq(ks_toeplitz_plan_create(&plan, 4200, 4200, (ks_toeplitz_form)form, 1), KS_OK);
        for (size_t n = 1; n <= 4200; n += 1 + n / 16) {
            const size_t sizes[] = {1, n / 10 + 1, n / 2 + 1, n - n / 7, n};
            for (int i = 0; i < 5; i++) {
                size_t m = sizes[i] < n ? sizes[i] : n;
                uint64_t *key = stream(n, n), *seed = stream(n + m, n + m), out[4200 / 64 + 1];
                memset(out, 0xa5, sizeof out);
                cr_assert_eq(ks_toeplitz_apply(plan, out, key, n, m, seed), KS_OK, "%s", ks_error_detail());
                compare_with_definition(out, key, seed, n, m, (ks_toeplitz_form)form);
                free(key);
                free(seed);
            }
        }
        ks_toeplitz_plan_destroy(plan);
    }
}

/* Sizes around every border of the transform, structured inputs, every instruction set, one and three
 * threads: a sample of output bits against the definition. */
static void sample_against_definition(size_t n, size_t m, ks_toeplitz_form form, int kind, unsigned threads,
                                      uint64_t state) {
    size_t bits = ks_toeplitz_seed_bits(n, m, form);
    uint64_t *key = stream(state, n), *seed = stream(state + 1, bits),
             *out = malloc(ks_toeplitz_words(m) * 8);
    for (size_t i = 0; i < ks_toeplitz_words(n); i++)
        key[i] = kind == 1 ? ~UINT64_C(0) : kind == 2 ? UINT64_C(0x5555555555555555) : kind == 3 ? 0 : key[i];
    if (kind == 3)
        key[n / 3 / 64] = 1;
    for (size_t i = 0; kind == 1 || kind == 2 ? i < ks_toeplitz_words(bits) : 0; i++)
        seed[i] = kind == 1 ? ~UINT64_C(0) : UINT64_C(0xaaaaaaaaaaaaaaaa);
    ks_toeplitz_plan *plan;
    cr_assert_eq(ks_toeplitz_plan_create(&plan, n, m, form, threads), KS_OK);
    cr_assert_eq(ks_toeplitz_apply(plan, out, key, n, m, seed), KS_OK);
    for (int i = 0; i < 24; i++) {
        size_t at = i == 0 ? 0 : i == 1 ? m - 1 : ks_test_random(&state) % m;
        cr_assert_eq(bit(out, at), defined_bit(key, seed, n, m, form, at),
                     "n %zu m %zu form %d kind %d bit %zu", n, m, (int)form, kind, at);
    }
    ks_toeplitz_plan_destroy(plan);
    free(key);
    free(seed);
    free(out);
}

static const char *const levels[] = {"generic", "avx2", "avx512", "avx512icl"};

Test(amplify, long_blocks_at_every_level) {
    for (int level = 0; level < 4; level++) {
        if (ks_kernels_force(levels[level]) != 0)
            continue;
        uint64_t state = 77;
        for (int i = 0; i < 12; i++) {
            size_t n = 20000 + ks_test_random(&state) % 400000, m = 1 + ks_test_random(&state) % n;
            sample_against_definition(n, m, (ks_toeplitz_form)(i % 2), i % 4, i % 3 ? 1 : 3, state);
        }
        sample_against_definition(2200001, 1100000, KS_TOEPLITZ_MODIFIED, 0, 1,
                                  5); /* constants of GF(2^32) */
    }
    cr_assert_eq(ks_kernels_force(NULL), 0);
}

Test(amplify, known_answers_at_every_level) {
    for (int level = 0; level < 4; level++)
        if (ks_kernels_force(levels[level]) == 0)
            for (size_t i = 6; i < sizeof known / sizeof *known; i++)
                if (level == 3 || known[i].n < 2000000)
                    check_known(&known[i], 1 + (unsigned)i % 2);
    cr_assert_eq(ks_kernels_force(NULL), 0);
}

#ifndef __SANITIZE_ADDRESS__ /* whose allocator maps what it likes */
/* Bytes of this process's private memory, its stack left out. */
static size_t mapped(void) {
    char line[128];
    unsigned long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    cr_assert(file);
    while (fgets(line, sizeof line, file) && sscanf(line, "VmData: %lu", &kilobytes) != 1)
        continue;
    fclose(file);
    return (size_t)kilobytes * 1024;
}

/* Beside the seed's transform (two bits a bit of seed, an eighth more where rows do not divide it, gaps) a
 * plan holds at most four times the input, and a hash maps nothing more. */
Test(amplify, working_memory) {
    static const size_t sizes[] = {1 << 18, (1 << 18) + 16, 1 << 20, (1 << 20) + 16, (1 << 20) + 131101,
                                   1 << 23, (1 << 23) + 16};
    for (int level = 0; level < 4; level++) {
        if (ks_kernels_force(levels[level]) != 0)
            continue;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const size_t n = sizes[i], m = n / 2, pages = 6 * (size_t)sysconf(_SC_PAGESIZE);
            const ks_toeplitz_shape shape =
                ks_toeplitz_shape_of(m, n - m, ks_toeplitz_least_log_row(ks_kernels_get()->isa));
            uint64_t *key = stream(1, n), *seed = stream(2, n);
            ks_toeplitz_plan *plan;
            const size_t before = mapped();
            cr_assert_eq(ks_toeplitz_plan_create(&plan, n, m, KS_TOEPLITZ_MODIFIED, 1), KS_OK);
            const size_t plan_bytes = mapped() - before;
            const size_t transform = n / 8 * 9 / 4 + KS_TOEPLITZ_ROWS_MAX * 256;
            cr_assert_geq(transform, ks_toeplitz_prepared_bytes(&shape));
            cr_assert_leq(plan_bytes, transform + 4 * (n / 8) + pages, "%s, n %zu: %zu bytes", levels[level],
                          n, plan_bytes);
            cr_assert_geq(plan_bytes,
                          ks_toeplitz_prepared_bytes(&shape) + ks_toeplitz_work_bytes(&shape) + m / 8);
            if (n < 2000000) {
                cr_assert_eq(ks_toeplitz_apply(plan, key, key, n, m, seed), KS_OK);
                cr_assert_leq(mapped() - before, plan_bytes, "%s, n %zu", levels[level], n);
            }
            ks_toeplitz_plan_destroy(plan);
            free(key);
            free(seed);
        }
    }
    cr_assert_eq(ks_kernels_force(NULL), 0);
}
#endif

/* The longest blocks, with KS_LONG set: half a minute and 2 GB. */
Test(amplify, longest_blocks, .timeout = 900) {
    if (!getenv("KS_LONG"))
        cr_skip_test("KS_LONG is not set");
    sample_against_definition(KS_TOEPLITZ_INPUT_MAX, 400000000, KS_TOEPLITZ_MODIFIED, 0, 2, 9);
    sample_against_definition((size_t)1 << 28, 100000001, KS_TOEPLITZ_STANDARD, 0, 2, 10);
    for (int level = 0; level < 4; level++)
        if (ks_kernels_force(levels[level]) == 0) {
            for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                check_known(&known[i], 1);
            sample_against_definition(80000001, 30000000, KS_TOEPLITZ_MODIFIED, 0, 1, 11);
        }
    cr_assert_eq(ks_kernels_force(NULL), 0);
}

/* T (a + b) = T a + T b with one prepared seed, and T 0 = 0. */
Test(amplify, linear_in_the_key) {
    const size_t n = 123457, m = 55555, words = ks_toeplitz_words(n);
    uint64_t *a = stream(1, n), *b = stream(2, n), *sum = malloc(words * 8), *seed = stream(3, n);
    uint64_t *ya = calloc(words, 8), *yb = calloc(words, 8);
    for (size_t i = 0; i < words; i++)
        sum[i] = a[i] ^ b[i];
    ks_toeplitz_plan *plan;
    cr_assert_eq(ks_toeplitz_plan_create(&plan, n, m, KS_TOEPLITZ_MODIFIED, 1), KS_OK);
    cr_assert_eq(ks_toeplitz_prepare(plan, seed, n, m), KS_OK);
    cr_assert_eq(ks_toeplitz_apply_prepared(plan, ya, a), KS_OK);
    cr_assert_eq(ks_toeplitz_apply_prepared(plan, yb, b), KS_OK);
    cr_assert_eq(ks_toeplitz_apply_prepared(plan, sum, sum), KS_OK); /* in place */
    for (size_t i = 0; i < ks_toeplitz_words(m); i++)
        cr_assert_eq(sum[i], ya[i] ^ yb[i]);
    memset(a, 0, words * 8);
    cr_assert_eq(ks_toeplitz_apply_prepared(plan, ya, a), KS_OK);
    for (size_t i = 0; i < ks_toeplitz_words(m); i++)
        cr_assert_eq(ya[i], 0);
    ks_toeplitz_plan_destroy(plan);
    free(a);
    free(b);
    free(sum);
    free(seed);
    free(ya);
    free(yb);
}

Test(amplify, arguments_are_checked) {
    ks_toeplitz_plan *plan;
    uint64_t words[16] = {0};
    cr_assert_eq(ks_toeplitz_plan_create(&plan, 10, 11, KS_TOEPLITZ_STANDARD, 1), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_plan_create(&plan, 10, 0, KS_TOEPLITZ_STANDARD, 1), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_plan_create(&plan, KS_TOEPLITZ_INPUT_MAX + 1, 1, KS_TOEPLITZ_STANDARD, 1),
                 KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_plan_create(&plan, 10, 1, (ks_toeplitz_form)7, 1), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_plan_create(&plan, 10, 1, KS_TOEPLITZ_STANDARD, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_plan_create(&plan, 100, 50, KS_TOEPLITZ_MODIFIED, 1), KS_OK);
    cr_assert_eq(ks_toeplitz_apply_prepared(plan, words, words), KS_ERR_STATE);
    cr_assert_eq(ks_toeplitz_apply(plan, words, words, 101, 50, words), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_apply(plan, words, words, 100, 51, words), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_apply(plan, words, words, 20, 0, words), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_toeplitz_seed_bits(100, 50, KS_TOEPLITZ_MODIFIED), 99);
    cr_assert_eq(ks_toeplitz_seed_bits(100, 50, KS_TOEPLITZ_STANDARD), 149);
    cr_assert_eq(ks_toeplitz_seed_bits(1, 1, KS_TOEPLITZ_MODIFIED), 0);
    ks_toeplitz_plan_destroy(plan);
    ks_toeplitz_plan_destroy(NULL);
}

/* t[d] = T[i][j], d = i - j, stands in the seed where the order says. */
Test(amplify, seed_orders) {
    const size_t n = 333, m = 100;
    for (int form = KS_TOEPLITZ_MODIFIED; form <= KS_TOEPLITZ_STANDARD; form++) {
        const size_t c = form == KS_TOEPLITZ_MODIFIED ? n - m : n, s = c + m - 1;
        uint64_t *src = stream(5, s), dst[8];
        for (int order = KS_SEED_DEFAULT; order <= KS_SEED_ROW; order++) {
            cr_assert_eq(
                ks_toeplitz_seed_reorder(dst, src, n, m, (ks_toeplitz_form)form, (ks_seed_order)order),
                KS_OK);
            for (long d = -(long)(c - 1); d < (long)m; d++) {
                size_t at = order == KS_SEED_COLUMN ? (size_t)((long)m - 1 - d)
                            : order == KS_SEED_ROW  ? (size_t)(d + (long)c - 1)
                                                    : (size_t)(d + (long)s) % s;
                cr_assert_eq(bit(dst, (size_t)(d + (long)s) % s), bit(src, at), "order %d d %ld", order, d);
            }
            for (size_t i = s; i < 64 * ks_toeplitz_words(s); i++)
                cr_assert_eq(bit(dst, i), 0);
        }
        free(src);
    }
    uint64_t one = 1;
    cr_assert_eq(ks_toeplitz_seed_reorder(&one, &one, 1, 1, KS_TOEPLITZ_MODIFIED, KS_SEED_COLUMN), KS_OK);
    cr_assert_eq(ks_toeplitz_seed_reorder(&one, &one, 5, 6, KS_TOEPLITZ_MODIFIED, KS_SEED_COLUMN),
                 KS_ERR_ARGUMENT);
}

Test(amplify, bit_orders) {
    for (size_t bits = 1; bits < 200; bits++) {
        uint8_t bytes[32], back[32];
        uint64_t words[4], state = bits;
        for (int i = 0; i < 32; i++)
            bytes[i] = (uint8_t)ks_test_random(&state);
        for (int order = KS_BITS_LSB; order <= KS_BITS_NICOBOSS; order++) {
            ks_bits_import(words, bytes, bits, (ks_bit_order)order);
            for (size_t i = 0; i < 64 * ks_toeplitz_words(bits); i++) {
                uint32_t word = 0;
                memcpy(&word, bytes + i / 32 * 4, 4);
                unsigned expected = order == KS_BITS_LSB   ? bytes[i / 8] >> i % 8 & 1u
                                    : order == KS_BITS_MSB ? bytes[i / 8] >> (7 - i % 8) & 1u
                                                           : word >> (31 - i % 32) & 1u;
                cr_assert_eq(bit(words, i), i < bits ? expected : 0, "order %d bit %zu", order, i);
            }
            words[bits / 64] |= bits % 64 ? ~UINT64_C(0) << bits % 64 : 0; /* garbage tail */
            ks_bits_export(back, words, bits, (ks_bit_order)order);
            for (size_t i = 0; i < (bits + 7) / 8 * 8; i++)
                cr_assert_eq(back[i / 8] >> (order == KS_BITS_LSB ? i % 8 : 7 - i % 8) & 1u,
                             i < bits ? bit(words, i) : 0);
        }
    }
    cr_assert_eq(ks_bits_import_bytes(33, KS_BITS_NICOBOSS), 8);
    cr_assert_eq(ks_bits_import_bytes(33, KS_BITS_MSB), 5);
}
