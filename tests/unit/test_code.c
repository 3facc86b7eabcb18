/* SPDX-License-Identifier: Apache-2.0 */
/* Imported codes: their digest, what is refused, and their frames on the CPU device. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <keystill/backend.h>

#include "ldpc/ldpc.h"
#include "ldpc/splitmix.h"
#include "pipeline/code.h"

/* ---- digest */

static const ks_code_one ones[] = {{0, 0}, {0, 2}, {0, 5}, {1, 1}, {1, 3}, {2, 2}, {2, 3}, {2, 4}};
enum { ONES = sizeof ones / sizeof *ones };

Test(code, the_digest_is_of_the_matrix) {
    /* Computed by Python's hashlib from the definition in code.h. */
    static const uint8_t want[KS_CODE_DIGEST_BYTES] = {
        0x61, 0xe0, 0x35, 0xcd, 0xb4, 0xde, 0x39, 0x0d, 0x30, 0xe2, 0xe9, 0x18, 0xd8, 0x6a, 0xc2, 0x9a,
        0x4e, 0x45, 0x4f, 0x4f, 0x24, 0x91, 0xfc, 0x5b, 0xa7, 0x6a, 0x97, 0xcd, 0x66, 0x57, 0x7d, 0x4b};
    ks_code_one other[2 * ONES];
    ks_code *code;
    cr_assert_eq(ks_code_create(&code, 3, 6, ones, ONES), KS_OK);
    cr_expect_eq(code->rows, 3);
    cr_expect_eq(code->columns, 6);
    cr_expect_eq(code->ones, ONES);
    cr_expect_eq(memcmp(code->digest, want, sizeof want), 0);
    ks_code_destroy(code);
    for (size_t i = 0; i < 2 * ONES; i++) /* backwards, and all twice */
        other[i] = ones[ONES - 1 - i % ONES];
    cr_assert_eq(ks_code_create(&code, 3, 6, other, 2 * ONES), KS_OK);
    cr_expect_eq(memcmp(code->digest, want, sizeof want), 0);
    ks_code_destroy(code);
    other[3].column = 0;
    cr_assert_eq(ks_code_create(&code, 3, 6, other, 2 * ONES), KS_OK);
    cr_expect_neq(memcmp(code->digest, want, sizeof want), 0);
    ks_code_destroy(code);
}

static void expect_refused(ks_status status, uint32_t rows, uint32_t columns, const ks_code_one *some,
                           size_t n, const char *text) {
    ks_code *code;
    cr_expect_eq(ks_code_create(&code, rows, columns, some, n), status);
    cr_expect_null(code);
    cr_expect(strstr(ks_error_detail(), text), "%s", ks_error_detail());
}

Test(code, what_is_no_code_is_refused) {
    ks_code_one long_row[256];
    for (uint32_t i = 0; i < 256; i++)
        long_row[i] = (ks_code_one){0, i};
    expect_refused(KS_ERR_FORMAT, 3, 5, ones, ONES, "(0, 5) is outside");
    expect_refused(KS_ERR_FORMAT, 4, 6, ones, ONES, "row 3 has no ones");
    expect_refused(KS_ERR_FORMAT, 3, 7, ones, ONES, "column 6 has no ones");
    expect_refused(KS_ERR_FORMAT, 0, 0, ones, 0, "0 rows");
    expect_refused(KS_ERR_LIMIT, 1, 256, long_row, 256, "row 0 has 256 ones");
    expect_refused(KS_ERR_LIMIT, 1, 1u << 23, ones, ONES, "at most");
    expect_refused(KS_ERR_LIMIT, 3, 6, ones, ((size_t)1 << 26) + 1, "at most");
    ks_code_destroy(NULL);
}

static const char *const files[] = {
    "6 3\n2 3\n1 1 2 2 1 1\n3 2 3\n1 0\n2 0\n1 3\n2 3\n3 0\n1 0\n1 3 6\n2 4 0\n3 4 5\n",  /* columns first */
    "3 6\n3 2\n3 2 3\n1 1 2 2 1 1\n1 3 6\n2 4 0\n3 4 5\n1 0\n2 0\n1 3\n2 3\n3 0\n1 0\n"}; /* rows first */

Test(code, files_of_one_matrix_make_one_code) {
    ks_code *code, *want;
    cr_assert_eq(ks_code_create(&want, 3, 6, ones, ONES), KS_OK);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(ks_code_parse(&code, (const uint8_t *)files[i], strlen(files[i])), KS_OK, "%s",
                     ks_error_detail());
        cr_expect_eq(memcmp(code->digest, want->digest, sizeof want->digest), 0);
        ks_code_destroy(code);
        cr_expect_eq(ks_code_parse(&code, (const uint8_t *)files[i], strlen(files[i]) / 2), KS_ERR_FORMAT);
        cr_expect_null(code);
    }
    cr_expect_eq(ks_code_parse(&code, (const uint8_t *)"\x7f", 1), KS_ERR_FORMAT);
    ks_code_destroy(want);
}

/* ---- the device */

enum { LOG2N = 14, BITS = 1 << LOG2N, FRAMES = 70, WORDS = BITS / 64 };

typedef struct frames {
    uint64_t sent[FRAMES][WORDS], received[FRAMES][WORDS], got[FRAMES][WORDS], syndrome[FRAMES][WORDS];
    ks_frame_task tasks[FRAMES];
    size_t words;
} frames;

/* A code of the family as if it were somebody else's. */
static ks_code *family_code(double qber) {
    uint16_t rate;
    ks_matrix *m;
    ks_code *code;
    cr_assert_eq(ks_ldpc_pick(&rate, LOG2N, qber, BITS, KS_LDPC_FAST), KS_OK);
    cr_assert_eq(ks_matrix_of_rate(&m, rate, LOG2N), KS_OK);
    cr_assert_eq(ks_code_of_matrix(&code, m), KS_OK);
    return code;
}

static frames *draw(size_t real_bits, double qber) {
    frames *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    uint64_t seed = real_bits;
    for (int k = 0; k < FRAMES; k++) {
        for (size_t i = 0; i < real_bits; i++) {
            const uint64_t draw = ks_splitmix(&seed);
            f->sent[k][i / 64] |= (draw & 1) << i % 64;
            f->received[k][i / 64] |= ((draw & 1) ^ ((double)(draw >> 12) < qber * 0x1p52)) << i % 64;
        }
    }
    f->words = (real_bits + 63) / 64;
    return f;
}

static void run(ks_device *device, ks_op op, frames *f, size_t count, ks_status want) {
    ks_job job = {.op = op, .as.frames = {f->tasks, count}};
    cr_assert_eq(ks_device_submit(device, &job), KS_OK);
    ks_device_wait(device, &job);
    cr_assert_eq(job.status, want);
}

static void make_tasks(frames *f, const ks_code *code, uint64_t (*in)[WORDS], size_t real_bits, double qber) {
    memcpy(f->got, in, sizeof f->got);
    for (int k = 0; k < FRAMES; k++)
        f->tasks[k] = (ks_frame_task){.frame = f->got[k],
                                      .syndrome = f->syndrome[k],
                                      .real_bits = real_bits,
                                      .qber = qber,
                                      .code = code};
}

/* Whole frames and shortened ones, with threads and without. What stands behind a frame's bits is another's.
 */
Test(code, frames_come_back_whole_and_shortened) {
    static const size_t real_bits[] = {BITS, BITS - 1000, BITS / 2 + 13};
    const double qber = 0.02;
    ks_code *code = family_code(qber);
    const ks_matrix m = ks_code_matrix(code);
    uint64_t want[WORDS];
    for (uint32_t i = 0; i < 3; i++) {
        ks_device *device;
        cr_assert_eq(ks_device_open_cpu(&device, i), KS_OK);
        frames *f = draw(real_bits[i], 0.9 * qber);
        make_tasks(f, code, f->sent, real_bits[i], qber);
        for (int k = 0; k < FRAMES; k++)
            memset(f->got[k] + f->words, 0xff, (WORDS - f->words) * 8);
        run(device, KS_OP_SYNDROME, f, FRAMES, KS_OK);
        for (int k = 0; k < FRAMES; k++) {
            ks_matrix_syndrome(want, f->sent[k], &m);
            cr_assert_eq(memcmp(f->syndrome[k], want, ks_matrix_syndrome_words(&m) * 8), 0, "frame %d", k);
        }
        make_tasks(f, code, f->received, real_bits[i], qber);
        for (int k = 0; k < FRAMES; k++)
            memset(f->got[k] + f->words, 0xff, (WORDS - f->words) * 8);
        run(device, KS_OP_DECODE, f, FRAMES, KS_OK);
        for (int k = 0; k < FRAMES; k++) {
            cr_expect_eq(f->tasks[k].converged, 1, "%zu bits, frame %d", real_bits[i], k);
            cr_expect_gt(f->tasks[k].iterations, 0);
            cr_expect_eq(memcmp(f->got[k], f->sent[k], f->words * 8), 0);
            for (size_t w = f->words; w < WORDS; w++)
                cr_assert_eq(f->got[k][w], UINT64_MAX, "a word behind the frame was changed");
        }
        free(f);
        ks_device_close(device);
    }
    ks_code_destroy(code);
}

Test(code, a_frame_that_fails_stays_as_it_was) {
    ks_code *code = family_code(0.02);
    ks_device *device;
    cr_assert_eq(ks_device_open_cpu(&device, 0), KS_OK);
    frames *f = draw(BITS, 0.06);
    make_tasks(f, code, f->received, BITS, 0.06);
    for (int k = 0; k < FRAMES; k++)
        f->tasks[k].iterations = 4;
    run(device, KS_OP_DECODE, f, 3, KS_OK);
    for (int k = 0; k < 3; k++) {
        cr_expect_eq(f->tasks[k].converged, 0);
        cr_expect_eq(f->tasks[k].iterations, 4);
        cr_expect_eq(memcmp(f->got[k], f->received[k], sizeof f->got[k]), 0);
    }
    free(f);
    ks_device_close(device);
    ks_code_destroy(code);
}

/* One code after the other on one worker; tasks that do not go together. */
Test(code, a_job_is_of_one_code_and_length) {
    ks_code *a = family_code(0.02), *b = family_code(0.05);
    ks_device *device;
    cr_assert_eq(ks_device_open_cpu(&device, 0), KS_OK);
    frames *f = draw(BITS, 0.01);
    for (int turn = 0; turn < 4; turn++) {
        make_tasks(f, turn % 2 ? a : b, f->sent, BITS, 0.02);
        run(device, KS_OP_SYNDROME, f, 2, KS_OK);
        make_tasks(f, turn % 2 ? a : b, f->received, BITS, turn < 2 ? 0.02 : 0.01);
        run(device, KS_OP_DECODE, f, 2, KS_OK);
        cr_expect_eq(f->tasks[0].converged + f->tasks[1].converged, 2);
        cr_expect_eq(memcmp(f->got[1], f->sent[1], sizeof f->got[1]), 0);
    }
    f->tasks[1].code = b == f->tasks[0].code ? a : b;
    run(device, KS_OP_DECODE, f, 2, KS_ERR_ARGUMENT);
    f->tasks[1].code = f->tasks[0].code;
    f->tasks[1].real_bits--;
    run(device, KS_OP_DECODE, f, 2, KS_ERR_ARGUMENT);
    f->tasks[0].real_bits = f->tasks[1].real_bits = BITS + 1;
    run(device, KS_OP_DECODE, f, 2, KS_ERR_ARGUMENT);
    f->tasks[0].real_bits = f->tasks[1].real_bits = BITS;
    f->tasks[0].qber = f->tasks[1].qber = 0.5;
    run(device, KS_OP_DECODE, f, 2, KS_ERR_ARGUMENT);
    free(f);
    ks_device_close(device);
    ks_code_destroy(a);
    ks_code_destroy(b);
}
