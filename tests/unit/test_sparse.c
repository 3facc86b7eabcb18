/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of any matrix against sum-product in double precision on the same words. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "ldpc/sparse.h"
#include "ldpc/splitmix.h"

/* Layered sum-product; 1 when the syndrome is met within `passes`. */
static int sum_product(uint64_t *decoded, const uint64_t *received, const uint64_t *syndrome,
                       const ks_matrix *m, double q, int passes) {
    double *llr = malloc(m->columns * sizeof *llr), *c = calloc(m->ones, sizeof *c), t[256];
    uint64_t *check = malloc(ks_matrix_syndrome_words(m) * 8);
    int done = 0;
    for (uint32_t i = 0; i < m->columns; i++)
        llr[i] = (received[i / 64] >> i % 64 & 1 ? -1 : 1) * log((1 - q) / q);
    for (int pass = 0; pass < passes && !done; pass++) {
        for (uint32_t r = 0; r < m->rows; r++) {
            const uint32_t first = m->first[r], n = m->first[r + 1] - first;
            double before[257] = {syndrome[r / 64] >> r % 64 & 1 ? -1.0 : 1.0}, after = 1;
            for (uint32_t k = 0; k < n; k++) {
                t[k] = tanh((llr[m->column[first + k]] - c[first + k]) / 2);
                before[k + 1] = before[k] * t[k];
            }
            for (uint32_t k = n; k-- > 0;) {
                const double product = before[k] * after, bound = 1 - 1e-12;
                after *= t[k];
                llr[m->column[first + k]] -= c[first + k];
                c[first + k] = 2 * atanh(product > bound ? bound : product < -bound ? -bound : product);
                llr[m->column[first + k]] += c[first + k];
            }
        }
        memset(decoded, 0, ks_matrix_frame_words(m) * 8);
        for (uint32_t i = 0; i < m->columns; i++)
            decoded[i / 64] |= (uint64_t)(llr[i] < 0) << i % 64;
        ks_matrix_syndrome(check, decoded, m);
        done = memcmp(check, syndrome, ks_matrix_syndrome_words(m) * 8) == 0;
    }
    free(llr);
    free(c);
    free(check);
    return done;
}

/* Columns of degree 3 and rows of degree 6, no cycle of 4: one column after the other, to rows of least load
 * that share no column yet. */
static ks_matrix *regular(uint32_t columns, uint64_t seed) {
    const uint32_t rows = columns / 2;
    ks_matrix_entry *entries = malloc(3 * columns * sizeof *entries);
    uint32_t *load = calloc(rows, sizeof *load), n = 0;
    uint8_t *near = calloc((size_t)rows * rows, 1);
    for (uint32_t c = 0; c < columns; c++) {
        uint32_t mine[3];
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t best = UINT32_MAX;
            for (int strict = 1; strict >= 0 && best == UINT32_MAX; strict--)
                for (uint32_t i = 0, start = (uint32_t)(ks_splitmix(&seed) % rows); i < rows; i++) {
                    const uint32_t r = (start + i) % rows;
                    int bad = 0;
                    for (uint32_t j = 0; j < k; j++)
                        bad |= r == mine[j] || (strict && near[(size_t)r * rows + mine[j]]);
                    if (!bad && (best == UINT32_MAX || load[r] < load[best]))
                        best = r;
                }
            for (uint32_t j = 0; j < k; j++)
                near[(size_t)best * rows + mine[j]] = near[(size_t)mine[j] * rows + best] = 1;
            mine[k] = best;
            load[best]++;
            entries[n++] = (ks_matrix_entry){best, c};
        }
    }
    ks_matrix *m;
    cr_assert_eq(ks_matrix_create(&m, rows, columns, entries, n), KS_OK);
    free(entries);
    free(load);
    free(near);
    return m;
}

typedef struct score {
    uint32_t frames, ours, exact, wrong; /* decoded by each; converged to another word */
} score;

/* Frames with exactly `errors` errors: without the spread of the channel the waterfall is steep. */
static score compare(const ks_matrix *m, double q, uint32_t groups, uint64_t seed, int with_exact) {
    const size_t words = ks_matrix_frame_words(m), checks = ks_matrix_syndrome_words(m);
    uint64_t *alice = calloc(64 * words, 8), *bob = calloc(64 * words, 8), *decoded = calloc(64 * words, 8);
    uint64_t *syndrome = calloc(64 * checks, 8), *exact = calloc(words, 8);
    ks_ldpc_outcome outcomes[64];
    ks_sparse_decoder *decoder;
    score s = {0};
    cr_assert_eq(ks_sparse_decoder_create(&decoder, m, q), KS_OK);
    for (uint32_t g = 0; g < groups; g++) {
        for (uint32_t f = 0; f < 64; f++) {
            for (uint32_t i = 0; i < m->columns; i++)
                alice[f * words + i / 64] = (alice[f * words + i / 64] & ~(UINT64_C(1) << i % 64)) |
                                            (ks_splitmix(&seed) & 1) << i % 64;
            memcpy(bob + f * words, alice + f * words, words * 8);
            for (uint32_t k = 0; k < (uint32_t)(q * m->columns); k++) {
                const uint32_t at = (uint32_t)(ks_splitmix(&seed) % m->columns);
                const uint64_t bit = UINT64_C(1) << at % 64;
                if ((bob[f * words + at / 64] ^ alice[f * words + at / 64]) & bit)
                    k--;
                else
                    bob[f * words + at / 64] ^= bit;
            }
            ks_matrix_syndrome(syndrome + f * checks, alice + f * words, m);
        }
        ks_sparse_decode(decoder, outcomes, decoded, bob, syndrome, 64, 0);
        for (uint32_t f = 0; f < 64; f++) {
            const int right = memcmp(decoded + f * words, alice + f * words, words * 8) == 0;
            s.frames++;
            s.ours += outcomes[f].converged && right;
            s.wrong += outcomes[f].converged && !right;
            if (with_exact)
                s.exact += (uint32_t)sum_product(exact, bob + f * words, syndrome + f * checks, m, q, 100);
        }
    }
    ks_sparse_decoder_destroy(decoder);
    free(alice);
    free(bob);
    free(decoded);
    free(syndrome);
    free(exact);
    return s;
}

/* In the waterfall integer messages lose a little: what sum-product decodes of 128 frames, all but few of
 * ours, and a little further down all of both. */
Test(sparse, regular_code_against_sum_product) {
    ks_matrix *m = regular(2000, 1);
    uint32_t girth;
    cr_assert_eq(ks_matrix_girth(&girth, m), KS_OK);
    cr_assert_eq(girth, 6);
    const score easy = compare(m, 0.06, 1, 3, 1), steep = compare(m, 0.074, 1, 4, 1),
                beyond = compare(m, 0.1, 1, 5, 0);
    cr_assert(easy.exact == 64 && easy.ours == 64, "%u %u", easy.exact, easy.ours);
    cr_assert(steep.exact >= 50 && steep.ours + 16 >= steep.exact, "%u of %u", steep.ours, steep.exact);
    cr_assert_leq(beyond.ours, 4);
    cr_assert_eq(easy.wrong + steep.wrong + beyond.wrong, 0);
    ks_matrix_destroy(m);
}

/* A code of the family through the decoder of any matrix, with tables made from its degrees alone. */
Test(sparse, irregular_code_against_sum_product) {
    uint16_t b = 0;
    while (strcmp(ks_family[b].name, "s348") != 0)
        b++;
    ks_matrix *m;
    cr_assert_eq(ks_matrix_of_rate(&m, ks_code_rate_find(b, 10), 14), KS_OK);
    const score easy = compare(m, 0.045, 1, 3, 0), steep = compare(m, 0.052, 1, 4, 1),
                beyond = compare(m, 0.06, 1, 5, 0);
    cr_assert_eq(easy.ours, 64);
    cr_assert(steep.exact >= 60 && steep.ours + 16 >= steep.exact, "%u of %u", steep.ours, steep.exact);
    cr_assert_eq(beyond.ours, 0);
    cr_assert_eq(easy.wrong + steep.wrong + beyond.wrong, 0);
    ks_matrix_destroy(m);
}

/* What a frame becomes does not depend on its neighbours. */
Test(sparse, frames_know_nothing_of_each_other) {
    ks_matrix *m = regular(500, 2);
    const size_t words = ks_matrix_frame_words(m), checks = ks_matrix_syndrome_words(m);
    uint64_t bob[64][8], syndrome[64][4] = {{0}}, together[64][8], alone[8], seed = 8;
    ks_ldpc_outcome outcomes[64], one;
    ks_sparse_decoder *decoder;
    cr_assert(words == 8 && checks == 4);
    cr_assert_eq(ks_sparse_decoder_create(&decoder, m, 0.06), KS_OK);
    for (int f = 0; f < 64; f++) {
        for (int i = 0; i < 8; i++)
            bob[f][i] = ks_splitmix(&seed);
        ks_matrix_syndrome(syndrome[f], bob[f], m);
        for (int k = 0; k < f; k++)
            bob[f][ks_splitmix(&seed) % 7] ^= UINT64_C(1) << ks_splitmix(&seed) % 64;
    }
    ks_sparse_decode(decoder, outcomes, together[0], bob[0], syndrome[0], 64, 0);
    uint32_t converged = 0;
    for (int f = 0; f < 64; f++) {
        ks_sparse_decode(decoder, &one, alone, bob[f], syndrome[f], 1, 0);
        cr_assert_arr_eq(alone, together[f], sizeof alone);
        cr_assert_eq(memcmp(&one, &outcomes[f], sizeof one), 0);
        converged += one.converged;
    }
    cr_assert(converged > 10 && converged < 64, "%u", converged);
    ks_sparse_decoder_destroy(decoder);
    ks_matrix_destroy(m);
}

Test(sparse, what_cannot_be_decoded_is_refused) {
    ks_sparse_decoder *decoder;
    ks_matrix *m = regular(100, 3), *heavy;
    cr_assert_eq(ks_sparse_decoder_create(&decoder, m, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_sparse_decoder_create(&decoder, m, 0.5), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_sparse_decoder_create(&decoder, m, NAN), KS_ERR_ARGUMENT);
    cr_assert_null(decoder);
    ks_sparse_decoder_destroy(decoder);
    ks_matrix_destroy(m);
    ks_matrix_entry entries[256];
    for (uint32_t i = 0; i < 256; i++)
        entries[i] = (ks_matrix_entry){0, i};
    cr_assert_eq(ks_matrix_create(&heavy, 1, 256, entries, 256), KS_OK);
    cr_assert_eq(ks_sparse_decoder_create(&decoder, heavy, 0.1), KS_ERR_LIMIT);
    ks_matrix_destroy(heavy);
}
