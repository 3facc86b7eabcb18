/* SPDX-License-Identifier: Apache-2.0 */
/* Files of codes: bytes derived by hand from docs/codes-formats.md, round trips, damage. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/formats/codes.h"
#include "ldpc/code.h"
#include "ldpc/splitmix.h"

/* The Hamming code of 3 checks and 7 bits: rows 1457, 2467, 3567 counted from 1. */
static const ks_matrix_entry hamming_entries[] = {{0, 0}, {0, 3}, {0, 4}, {0, 6}, {1, 1}, {1, 3},
                                                  {1, 5}, {1, 6}, {2, 2}, {2, 4}, {2, 5}, {2, 6}};

static ks_matrix *hamming(void) {
    ks_matrix *m;
    cr_assert_eq(ks_matrix_create(&m, 3, 7, hamming_entries, 12), KS_OK);
    return m;
}

#define I32(x)                                                                                               \
    (uint8_t)((x)&255), (uint8_t)((x) >> 8 & 255), (uint8_t)((x) >> 16 & 255), (uint8_t)((x) >> 24 & 255)
#define HAMMING_BLOCK                                                                                        \
    I32(3), I32(7), I32(-1), I32(1), I32(4), I32(5), I32(7), I32(-2), I32(2), I32(4), I32(6), I32(7),        \
        I32(-3), I32(3), I32(5), I32(6), I32(7), I32(0)
static const uint8_t pchk_hamming[] = {0x80, 0x50, 0, 0, HAMMING_BLOCK};

static const char alist_hamming[] = "7 3\n3 4\n1 1 1 2 2 2 3\n4 4 4\n1 0 0\n2 0 0\n3 0 0\n1 2 0\n1 3 0\n"
                                    "2 3 0\n1 2 3\n1 4 5 7\n2 4 6 7\n3 5 6 7\n";
static const char alist_rows_hamming[] =
    "3 7\n4 3\n4 4 4\n1 1 1 2 2 2 3\n1 4 5 7\n2 4 6 7\n3 5 6 7\n1\n2\n3\n"
    "1 2\n1 3\n2 3\n1 2 3\n";
/* Of the documentation of MATLAB's ldpcQuasiCyclicMatrix, which also lists its ones. */
static const char qc_example[] = "4 2 3\n0 -1 1 2\n2 1 -1 0\n";
static const uint8_t qc_ones[][2] = {{1, 1},  {5, 1},  {2, 2},  {6, 2},  {3, 3},  {4, 3},
                                     {6, 4},  {4, 5},  {5, 6},  {3, 7},  {1, 8},  {2, 9},
                                     {2, 10}, {4, 10}, {3, 11}, {5, 11}, {1, 12}, {6, 12}};

/* Reads, compares with the expected matrix, writes, compares the bytes; then every shorter file is refused.
 */
static void both_ways(ks_code_format format, int flags, const void *data, size_t bytes, size_t least_loss,
                      const ks_matrix *expected, uint32_t z) {
    ks_matrix *m;
    ks_bytes out = {0};
    cr_assert_eq(ks_code_read(&m, format, data, bytes), KS_OK, "%s", ks_error_detail());
    cr_assert(ks_matrix_equal(m, expected), "%s", ks_code_format_name(format));
    ks_matrix_destroy(m);
    cr_assert_eq(ks_code_write(&out, format, expected, z, flags), KS_OK);
    cr_assert_eq(out.bytes, bytes);
    cr_assert_arr_eq(out.data, data, bytes);
    ks_bytes_release(&out);
    for (size_t cut = 0; cut + least_loss <= bytes; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, data, cut);
        cr_assert_eq(ks_code_read(&m, format, exact, cut), KS_ERR_FORMAT, "%s of %zu bytes",
                     ks_code_format_name(format), cut);
        cr_assert_null(m);
        free(exact);
    }
}

Test(codes_formats, matrices_as_documented) {
    ks_matrix *h = hamming(), *qc;
    both_ways(KS_CODE_PCHK, 0, pchk_hamming, sizeof pchk_hamming, 1, h, 0);
    both_ways(KS_CODE_ALIST, KS_CODE_PAD, alist_hamming, strlen(alist_hamming), 2, h, 0);
    both_ways(KS_CODE_ALIST_ROWS, 0, alist_rows_hamming, strlen(alist_rows_hamming), 2, h, 0);
    ks_matrix_entry entries[18];
    for (int i = 0; i < 18; i++)
        entries[i] = (ks_matrix_entry){qc_ones[i][0] - 1, qc_ones[i][1] - 1};
    cr_assert_eq(ks_matrix_create(&qc, 6, 12, entries, 18), KS_OK);
    both_ways(KS_CODE_QC, 0, qc_example, strlen(qc_example), 2, qc, 3);
    ks_bytes out = {0};
    cr_assert_eq(ks_code_write(&out, KS_CODE_QC, h, 7, 0), KS_ERR_FORMAT);
    cr_assert_eq(ks_code_write(&out, KS_CODE_QC, qc, 6, 0), KS_ERR_FORMAT);
    ks_bytes_release(&out);
    ks_matrix_destroy(h);
    ks_matrix_destroy(qc);
}

Test(codes_formats, padding_or_none_reads_alike_and_formats_are_guessed) {
    static const char unpadded[] =
        "7 3 \r\n3 4\n1 1 1 2 2 2 3\n4 4 4\n1\n2\n3\n1 2\n1 3\n2 3\n1 2 3\n1 4 5 7\n"
        "2 4 6 7\n3 5 6 7\n0 0\n\n";
    ks_matrix *m, *h = hamming();
    cr_assert_eq(ks_code_read(&m, KS_CODE_ALIST, (const uint8_t *)unpadded, strlen(unpadded)), KS_OK, "%s",
                 ks_error_detail());
    cr_assert(ks_matrix_equal(m, h));
    ks_matrix_destroy(m);
    ks_matrix_destroy(h);
    const struct {
        const void *data;
        size_t bytes;
        ks_code_format format;
    } files[] = {{pchk_hamming, sizeof pchk_hamming, KS_CODE_PCHK},
                 {alist_hamming, sizeof alist_hamming - 1, KS_CODE_ALIST},
                 {alist_rows_hamming, sizeof alist_rows_hamming - 1, KS_CODE_ALIST_ROWS},
                 {qc_example, sizeof qc_example - 1, KS_CODE_QC}};
    for (int i = 0; i < 4; i++) {
        ks_code_format format;
        cr_assert_eq(ks_code_format_guess(&format, files[i].data, files[i].bytes), KS_OK);
        cr_assert_eq(format, files[i].format);
        cr_assert_eq(ks_code_format_find(&format, ks_code_format_name(files[i].format)), 0);
        cr_assert_eq(format, files[i].format);
    }
    ks_code_format format;
    cr_assert_eq(ks_code_format_guess(&format, (const uint8_t *)"P5 3", 4), KS_ERR_FORMAT);
}

static void refused(ks_code_format format, const void *data, size_t bytes, ks_status status,
                    const char *detail) {
    ks_matrix *m;
    cr_assert_eq(ks_code_read(&m, format, data, bytes), status, "%s", detail);
    cr_assert_null(m);
    cr_assert_not_null(strstr(ks_error_detail(), detail), "'%s' in '%s'", detail, ks_error_detail());
}
#define TEXT_REFUSED(format, text, detail) refused(format, text, strlen(text), KS_ERR_FORMAT, detail)
#define PCHK_REFUSED(status, detail, ...)                                                                    \
    do {                                                                                                     \
        const uint8_t file[] = {0x80, 0x50, 0, 0, __VA_ARGS__};                                              \
        refused(KS_CODE_PCHK, file, sizeof file, status, detail);                                            \
    } while (0)

Test(codes_formats, damage_is_refused_with_its_place) {
    refused(KS_CODE_PCHK, "\x80\x47\0\0", 4, KS_ERR_FORMAT, "byte 0: magic number 0x4780");
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 4: a matrix of 0 rows", I32(0), I32(7), I32(0));
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 4: a matrix of 0 rows", I32(-3), I32(7), I32(0));
    PCHK_REFUSED(KS_ERR_LIMIT, "byte 4: a matrix of 2147483647 rows", I32(0x7fffffff), I32(0x7fffffff),
                 I32(0));
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 12: column 0 before any row", I32(3), I32(7), I32(1), I32(0));
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 12: row 3 of 3", I32(3), I32(7), I32(-4), I32(0));
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 16: column 7 of 7", I32(3), I32(7), I32(-1), I32(8), I32(0));
    PCHK_REFUSED(KS_ERR_FORMAT, "byte 12: row 2147483647", I32(3), I32(7), I32(INT32_MIN), I32(0));
    TEXT_REFUSED(KS_CODE_ALIST, "7 3\n3 x",
                 "line 2, byte 6: expected the length of the longest list, found 'x'");
    TEXT_REFUSED(KS_CODE_ALIST, "7 -3\n", "line 1, byte 2: a number of rows or columns is -3");
    TEXT_REFUSED(KS_CODE_ALIST, "4000000 4000000\n1 1\n1", "cannot stand in");
    TEXT_REFUSED(KS_CODE_ALIST, "99999999999999999999 3\n", "line 1, byte 0");
    TEXT_REFUSED(KS_CODE_ALIST_ROWS, "1 2\n2 1\n2\n1 1\n1 1\n1\n1\n", "names a member twice");
    TEXT_REFUSED(KS_CODE_ALIST_ROWS, "2 2\n1 1\n1 1\n1 1\n1\n2\n2\n1\n", "different matrices");
    TEXT_REFUSED(KS_CODE_ALIST_ROWS, "1 1\n1 1\n1\n1\n1\n1\n7\n", "padding after the last list is 7");
    TEXT_REFUSED(KS_CODE_ALIST_ROWS, "1 2\n2 1\n1\n1 1\n1\n1\n1\n", "1 ones by one side, 2 by the other");
    TEXT_REFUSED(KS_CODE_QC, "4 2 3\n0 -1 1 3\n0 0 0 0\n", "an exponent is 3, expected -1 to 2");
    TEXT_REFUSED(KS_CODE_QC, "1 1 3\n0 0", "expected the end of the table");
    refused(KS_CODE_QC, "4000000 4000000 4000000\n0", 25, KS_ERR_LIMIT, "at most");
    TEXT_REFUSED(KS_CODE_QC, "2000 2000 1000\n0", "cannot stand in 16 bytes");
}

Test(codes_formats, entries_named_twice_count_once) {
    static const uint8_t file[] = {0x80,    0x50,   0,      0,       I32(2), I32(3), I32(-2), I32(3), I32(1),
                                   I32(-1), I32(2), I32(2), I32(-2), I32(3), I32(0), 1,       2,      3};
    const ks_matrix_entry entries[] = {{1, 0}, {1, 2}, {0, 1}};
    ks_matrix *m, *expected;
    cr_assert_eq(ks_pchk_read(&m, file, sizeof file), KS_OK);
    cr_assert_eq(ks_matrix_create(&expected, 2, 3, entries, 3), KS_OK);
    cr_assert(ks_matrix_equal(m, expected));
    ks_matrix_destroy(m);
    ks_matrix_destroy(expected);
}

/* The first three columns of the Hamming code are the unit matrix: A = L = 1, U = A spread over the columns.
 */
#define GEN_HEAD(letter)                                                                                     \
    0x80, 0x47, 0, 0, letter, I32(3), I32(7), I32(0), I32(1), I32(2), I32(3), I32(4), I32(5), I32(6)
static const uint8_t gen_dense[] = {GEN_HEAD('d'), I32(3), I32(4), I32(3), I32(5), I32(6), I32(7)};
static const uint8_t gen_mixed[] = {GEN_HEAD('m'), I32(3), I32(3), I32(1), I32(2), I32(4)};
#define UNIT I32(-1), I32(1), I32(-2), I32(2), I32(-3), I32(3), I32(0)
static const uint8_t gen_sparse[] = {GEN_HEAD('s'), I32(0), I32(1), I32(2), I32(3),
                                     I32(3),        UNIT,   I32(3), I32(7), UNIT};

static ks_status check_generator(const ks_matrix *m, const uint8_t *data, size_t bytes) {
    ks_generator *g;
    ks_status status = ks_generator_read(&g, data, bytes);
    if (status != KS_OK)
        return status;
    ks_bytes out = {0};
    ks_generator_write(&out, g);
    cr_assert_eq(out.bytes, bytes);
    cr_assert_arr_eq(out.data, data, bytes);
    ks_bytes_release(&out);
    status = ks_generator_check(g, m);
    ks_generator_destroy(g);
    return status;
}

Test(codes_formats, generators_are_checked_against_their_matrix) {
    const struct {
        const uint8_t *data;
        size_t bytes, wrong; /* a byte whose lowest bits change the code */
    } files[] = {{gen_dense, sizeof gen_dense, sizeof gen_dense - 4},
                 {gen_mixed, sizeof gen_mixed, sizeof gen_mixed - 4},
                 {gen_sparse, sizeof gen_sparse, 0}};
    ks_matrix *h = hamming();
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(check_generator(h, files[i].data, files[i].bytes), KS_OK, "%s", ks_error_detail());
        for (size_t cut = 0; cut < files[i].bytes; cut++)
            cr_assert_eq(check_generator(h, files[i].data, cut), KS_ERR_FORMAT, "%c of %zu bytes",
                         files[i].data[4], cut);
        if (!files[i].wrong)
            continue;
        uint8_t *damaged = malloc(files[i].bytes);
        memcpy(damaged, files[i].data, files[i].bytes);
        damaged[files[i].wrong] ^= 1;
        cr_assert_eq(check_generator(h, damaged, files[i].bytes), KS_ERR_FORMAT);
        free(damaged);
    }
    static const uint8_t twice[] = {GEN_HEAD('d'), I32(3), I32(4), I32(3), I32(5), I32(6), I32(7)};
    uint8_t damaged[sizeof twice];
    memcpy(damaged, twice, sizeof twice);
    damaged[13] = 6;
    cr_assert_eq(check_generator(h, damaged, sizeof damaged), KS_ERR_FORMAT);
    cr_assert_not_null(strstr(ks_error_detail(), "byte 37"), "%s", ks_error_detail());
    ks_matrix_destroy(h);
}

/* A = rows (0 2), (0 1 3) reordered: rows [1 0], columns [1 0 2 3]; A in that order is (1 1; 0 1) so L = 1 in
 * row 1 first. U = (columns 1 and 0), (column 0). */
Test(codes_formats, triangles_are_solved_in_their_orders) {
    const ks_matrix_entry entries[] = {{0, 0}, {0, 2}, {1, 0}, {1, 1}, {1, 3}};
    static const uint8_t file[] = {0x80,   0x47,    0,      0,       's',     I32(2), I32(4),
                                   I32(1), I32(0),  I32(2), I32(3),  I32(1),  I32(0), I32(2),
                                   I32(2), I32(-1), I32(2), I32(-2), I32(1),  I32(0), I32(2),
                                   I32(4), I32(-1), I32(1), I32(2),  I32(-2), I32(1), I32(0)};
    ks_matrix *m;
    cr_assert_eq(ks_matrix_create(&m, 2, 4, entries, 5), KS_OK);
    cr_assert_eq(check_generator(m, file, sizeof file), KS_OK, "%s", ks_error_detail());
    uint8_t damaged[sizeof file];
    memcpy(damaged, file, sizeof file);
    damaged[sizeof file - 20] = 1; /* the upper triangle loses a one: its second entry names column 0 again */
    damaged[sizeof file - 16] = 1;
    ks_generator *g;
    cr_assert_eq(ks_generator_read(&g, damaged, sizeof damaged), KS_OK, "%s", ks_error_detail());
    cr_assert_eq(ks_generator_check(g, m), KS_ERR_FORMAT);
    ks_generator_destroy(g);
    ks_matrix_destroy(m);
}

Test(codes_formats, row_pairs_make_the_rates_of_our_family) {
    static const char list[] = "0,1\n2 , 5\r\n\n7,3";
    ks_row_pair *pairs;
    size_t count;
    cr_assert_eq(ks_pairs_read(&pairs, &count, (const uint8_t *)list, strlen(list)), KS_OK, "%s",
                 ks_error_detail());
    cr_assert_eq(count, 3);
    cr_assert(pairs[1].a == 2 && pairs[1].b == 5 && pairs[2].a == 7 && pairs[2].b == 3);
    ks_bytes out = {0};
    ks_pairs_write(&out, pairs, count);
    cr_assert_eq(out.bytes, 12);
    cr_assert_arr_eq(out.data, "0,1\n2,5\n7,3\n", 12);
    ks_bytes_release(&out);
    free(pairs);
    const char *const bad[] = {"", "1", "1,2,3", "1,\n2", "a,b", "1,-2", "1,2\n3", "1;2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_pairs_read(&pairs, &count, (const uint8_t *)bad[i], strlen(bad[i])), KS_ERR_FORMAT,
                     "%s", bad[i]);

    uint16_t b = 0;
    while (ks_base_log2n_min(&ks_family[b]) > 14 || ks_family[b].pairs < 3)
        b++;
    const uint32_t z = (1u << 14) / ks_family[b].columns, merges = 3;
    ks_matrix *mother, *rate, *merged;
    cr_assert_eq(ks_matrix_of_rate(&mother, ks_code_rate_find(b, 0), 14), KS_OK);
    cr_assert_eq(ks_matrix_of_rate(&rate, ks_code_rate_find(b, merges), 14), KS_OK);
    pairs = malloc(merges * z * sizeof *pairs);
    for (uint32_t i = 0; i < merges * z; i++)
        pairs[i] = (ks_row_pair){i / z * 2 * z + i % z, (i / z * 2 + 1) * z + i % z};
    cr_assert_eq(ks_matrix_merge(&merged, mother, pairs, merges * z), KS_OK);
    cr_assert(ks_matrix_equal(merged, rate));
    ks_matrix_destroy(merged);
    pairs[1].b = pairs[0].a;
    cr_assert_eq(ks_matrix_merge(&merged, mother, pairs, merges * z), KS_ERR_FORMAT);
    pairs[1].b = mother->rows;
    cr_assert_eq(ks_matrix_merge(&merged, mother, pairs, merges * z), KS_ERR_FORMAT);
    cr_assert_null(merged);
    free(pairs);
    ks_matrix_destroy(mother);
    ks_matrix_destroy(rate);
}

Test(codes_formats, words_as_text_and_packed) {
    static const char text[] = "0110 101\n\t1111111\r\n";
    static const uint8_t packed[] = {0x56, 0x7f};
    uint64_t *words;
    size_t count;
    cr_assert_eq(ks_words_read(&words, &count, 7, 0, (const uint8_t *)text, strlen(text)), KS_OK);
    cr_assert(count == 2 && words[0] == 0x56 && words[1] == 0x7f);
    ks_bytes out = {0};
    ks_words_write(&out, words, count, 7, 0);
    cr_assert_eq(out.bytes, 16);
    cr_assert_arr_eq(out.data, "0110101\n1111111\n", 16);
    ks_bytes_release(&out);
    ks_words_write(&out, words, count, 7, 1);
    cr_assert_eq(out.bytes, 2);
    cr_assert_arr_eq(out.data, packed, 2);
    ks_bytes_release(&out);
    ks_secret_free(words);
    cr_assert_eq(ks_words_read(&words, &count, 7, 1, packed, 2), KS_OK);
    cr_assert(count == 2 && words[0] == 0x56 && words[1] == 0x7f);
    ks_secret_free(words);
    cr_assert_eq(ks_words_read(&words, &count, 7, 1, (const uint8_t[]){0x80}, 1), KS_ERR_FORMAT);
    cr_assert_eq(ks_words_read(&words, &count, 9, 1, packed, 1), KS_ERR_FORMAT);
    cr_assert_eq(ks_words_read(&words, &count, 7, 0, (const uint8_t *)"011", 3), KS_ERR_FORMAT);
    cr_assert_eq(ks_words_read(&words, &count, 7, 0, (const uint8_t *)"", 0), KS_ERR_FORMAT);
    cr_assert_eq(ks_words_read(&words, &count, 3, 0, (const uint8_t *)"01\n2", 4), KS_ERR_FORMAT);
    cr_assert_not_null(strstr(ks_error_detail(), "line 2, byte 3"));
}

/* Larger random matrices, empty rows and columns included, through every format and back. */
Test(codes_formats, round_trips) {
    uint64_t seed = 5;
    for (int round = 0; round < 20; round++) {
        const uint32_t rows = 1 + (uint32_t)(ks_splitmix(&seed) % 70),
                       columns = 1 + (uint32_t)(ks_splitmix(&seed) % 90);
        ks_matrix_entry entries[300];
        const size_t count = ks_splitmix(&seed) % 300;
        for (size_t i = 0; i < count; i++)
            entries[i] = (ks_matrix_entry){(uint32_t)(ks_splitmix(&seed) % rows),
                                           (uint32_t)(ks_splitmix(&seed) % columns)};
        ks_matrix *m, *again;
        cr_assert_eq(ks_matrix_create(&m, rows, columns, entries, count), KS_OK);
        for (int format = KS_CODE_PCHK; format <= KS_CODE_ALIST_ROWS; format++)
            for (int pad = 0; pad < 2; pad++) {
                ks_bytes out = {0};
                cr_assert_eq(ks_code_write(&out, (ks_code_format)format, m, 0, pad), KS_OK);
                cr_assert_eq(ks_code_read(&again, (ks_code_format)format, out.data, out.bytes), KS_OK, "%s",
                             ks_error_detail());
                cr_assert(ks_matrix_equal(m, again));
                ks_matrix_destroy(again);
                ks_bytes_release(&out);
            }
        ks_matrix_destroy(m);
    }
}
