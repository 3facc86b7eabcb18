/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bits.h"
#include "pipeline/sift.h"
#include "tests/conformance/conformance.h"

enum { MOST = 40000, WORDS = MOST / 64 + 1 };

/* Both ends of one block, bit by bit. */
typedef struct link {
    size_t n;
    unsigned key_basis;
    int samples; /* whether Bob announces some of the key basis */
    uint64_t alice_basis[WORDS], alice_bit[WORDS], bob_basis[WORDS], bob_bit[WORDS], low[WORDS], high[WORDS],
        sampled[WORDS];
} link;

static link *draw(size_t n, unsigned key_basis, uint64_t seed) {
    link *l = calloc(1, sizeof *l);
    l->n = n;
    l->key_basis = key_basis;
    for (size_t i = 0; i < WORDS; i++) {
        l->alice_basis[i] = ks_test_random(&seed);
        l->bob_basis[i] = ks_test_random(&seed) & ks_test_random(&seed);
        l->alice_bit[i] = ks_test_random(&seed);
        l->bob_bit[i] =
            l->alice_bit[i] ^ (ks_test_random(&seed) & ks_test_random(&seed) & ks_test_random(&seed));
        l->low[i] = ks_test_random(&seed);
        l->high[i] = ks_test_random(&seed) & ~l->low[i];
        l->sampled[i] = (l->bob_basis[i] ^ (key_basis ? 0 : ~UINT64_C(0))) & ks_test_random(&seed) &
                        ks_test_random(&seed);
        for (size_t k = 0; k < 64; k++)
            if (64 * i + k >= n)
                l->sampled[i] &= ~(UINT64_C(1) << k);
    }
    return l;
}

static ks_sift_input alice(const link *l) {
    return (ks_sift_input){.n = l->n,
                           .basis = l->alice_basis,
                           .bit = l->alice_bit,
                           .peer_basis = l->bob_basis,
                           .intensity_low = l->low,
                           .intensity_high = l->high,
                           .key_basis = l->key_basis,
                           .sampled = l->samples ? l->sampled : NULL};
}
static ks_sift_input bob(const link *l) {
    return (ks_sift_input){.n = l->n,
                           .basis = l->bob_basis,
                           .bit = l->bob_bit,
                           .peer_basis = l->alice_basis,
                           .intensity_low = l->low,
                           .intensity_high = l->high,
                           .key_basis = l->key_basis,
                           .sampled = l->samples ? l->sampled : NULL};
}

typedef struct truth {
    ks_sift_counts counts;
    uint64_t sample_errors, test_errors[KS_SIFT_INTENSITIES], key_errors[KS_SIFT_INTENSITIES];
    uint8_t alice_key[MOST], bob_key[MOST];
    size_t key_bits;
} truth;

static truth *work_out(const link *l) {
    truth *t = calloc(1, sizeof *t);
    for (size_t i = 0; i < l->n; i++) {
        unsigned a = ks_bits_get(l->alice_basis, i), b = ks_bits_get(l->bob_basis, i);
        unsigned k = ks_bits_get(l->low, i) + 2 * ks_bits_get(l->high, i);
        unsigned x = ks_bits_get(l->alice_bit, i), y = ks_bits_get(l->bob_bit, i);
        if (a != b)
            continue;
        if (a == l->key_basis && l->samples && ks_bits_get(l->sampled, i)) {
            t->counts.sampled++;
            t->sample_errors += x != y;
        } else if (a == l->key_basis) {
            t->counts.key[k]++;
            t->key_errors[k] += x != y;
            t->alice_key[t->key_bits] = (uint8_t)x;
            t->bob_key[t->key_bits++] = (uint8_t)y;
        } else {
            t->counts.test[k]++;
            t->test_errors[k] += x != y;
        }
    }
    return t;
}

static void check_key(const uint64_t *key, size_t bits, const uint8_t *expected, size_t expected_bits) {
    cr_assert_eq(bits, expected_bits);
    for (size_t i = 0; i < bits; i++)
        cr_assert_eq(ks_bits_get(key, i), expected[i], "bit %zu", i);
}

static void check_sample(const link *l, const truth *t) {
    const ks_sift_input a = alice(l);
    static uint64_t bits[WORDS];
    uint64_t errors;
    const size_t m = ks_bits_compress(bits, l->bob_bit, l->sampled, l->n);
    cr_assert_eq(ks_sift_sample_errors(&errors, &a, bits, m), KS_OK);
    cr_assert_eq(errors, t->sample_errors);
    cr_assert_eq(ks_sift_sample_errors(&errors, &a, bits, m + 1), KS_ERR_PROTOCOL);
}

static void check_block(size_t n, unsigned key_basis, int samples) {
    link *l = draw(n, key_basis, n + key_basis);
    l->samples = samples;
    truth *t = work_out(l);
    ks_sift_input a = alice(l), b = bob(l);
    static uint64_t alice_key[WORDS], bob_key[WORDS], test_bits[WORDS];
    size_t alice_bits, bob_bits;
    ks_sift_counts counts;
    ks_sift_key(alice_key, &alice_bits, &counts, &a);
    check_key(alice_key, alice_bits, t->alice_key, t->key_bits);
    cr_assert_eq(memcmp(&counts, &t->counts, sizeof counts), 0);
    ks_sift_key(bob_key, &bob_bits, &counts, &b);
    check_key(bob_key, bob_bits, t->bob_key, t->key_bits);
    cr_assert_eq(memcmp(&counts, &t->counts, sizeof counts), 0);

    size_t m = ks_sift_test_bits(test_bits, l->bob_basis, l->bob_bit, n, key_basis);
    uint64_t errors[KS_SIFT_INTENSITIES];
    cr_assert_eq(ks_sift_test_errors(errors, &a, test_bits, m), KS_OK);
    cr_assert_eq(memcmp(errors, t->test_errors, sizeof errors), 0);
    cr_assert_eq(ks_sift_test_errors(errors, &a, test_bits, m + 1), KS_ERR_PROTOCOL);
    cr_assert_eq(ks_sift_key_errors(errors, &b, bob_key, alice_key, bob_bits), KS_OK);
    cr_assert_eq(memcmp(errors, t->key_errors, sizeof errors), 0);
    cr_assert_eq(ks_sift_key_errors(errors, &b, bob_key, alice_key, bob_bits + 1), KS_ERR_ARGUMENT);
    if (samples)
        check_sample(l, t);
    if (bob_bits)
        cr_assert_eq(ks_sift_key_errors(errors, &b, bob_key, alice_key, bob_bits - 1), KS_ERR_ARGUMENT);
    free(t);
    free(l);
}

Test(sift, both_ends_agree_with_the_definition) {
    const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 8191, 8192, 8193, 16384, 40000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned basis = 0; basis < 2; basis++)
            for (int samples = 0; samples < 2; samples++)
                check_block(sizes[i], basis, samples);
}

Test(sift, without_intensities_all_counts_are_of_index_0) {
    link *l = draw(5000, 0, 9);
    ks_sift_input a = alice(l);
    a.intensity_low = a.intensity_high = NULL;
    static uint64_t key[WORDS];
    size_t bits;
    ks_sift_counts counts;
    ks_sift_key(key, &bits, &counts, &a);
    cr_assert_eq(counts.key[0], bits);
    for (int k = 1; k < KS_SIFT_INTENSITIES; k++)
        cr_assert(counts.key[k] == 0 && counts.test[k] == 0);
    free(l);
}

/* No bit of the key basis may be among the bits that are announced. */
Test(sift, announced_bits_are_of_the_test_basis_alone) {
    link *l = draw(10000, 1, 10);
    static uint64_t before[WORDS], after[WORDS];
    size_t m = ks_sift_test_bits(before, l->bob_basis, l->bob_bit, l->n, 1);
    for (size_t i = 0; i < WORDS; i++)
        l->bob_bit[i] ^= l->bob_basis[i]; /* flips every bit of the key basis */
    cr_assert_eq(ks_sift_test_bits(after, l->bob_basis, l->bob_bit, l->n, 1), m);
    cr_assert_eq(ks_bits_xor_count(before, after, m), 0);
    free(l);
}

Test(sift, a_sample_of_the_test_basis_is_refused) {
    link *l = draw(3000, 0, 4);
    l->samples = 1;
    const ks_sift_input a = alice(l);
    static const uint64_t bits[WORDS];
    uint64_t errors;
    size_t i = 0;
    while (!ks_bits_get(l->bob_basis, i))
        i++;
    l->sampled[i / 64] |= UINT64_C(1) << i % 64;
    cr_assert_eq(ks_sift_sample_errors(&errors, &a, bits, ks_bits_count(l->sampled, l->n)), KS_ERR_PROTOCOL);
    free(l);
}
