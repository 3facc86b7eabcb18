/* SPDX-License-Identifier: Apache-2.0 */
/* A small code, shortened, its columns no whole words: syndromes by plain matrix arithmetic, decodings by the
 * oracle in kernels/ref. One frame has more errors than the code corrects. */
#include "pipeline/device_selftest.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ldpc/sparse_tables.h"
#include "ldpc/splitmix.h"
#include "pipeline/code.h"
#include "pipeline/status.h"

enum {
    ROWS = 501,
    COLUMNS = 2000,
    WEIGHT = 3, /* of a column */
    REAL_BITS = 1900,
    FRAMES = 3,
    FRAME_WORDS = (COLUMNS + 63) / 64,
    SYNDROME_WORDS = (ROWS + 63) / 64,
    PASSES = 20
};
static const double error_rate[FRAMES] = {0.01, 0.02, 0.2};
#define QBER 0.02

typedef struct frames {
    uint64_t sent[FRAMES][FRAME_WORDS], received[FRAMES][FRAME_WORDS], want[FRAMES][FRAME_WORDS],
        got[FRAMES][FRAME_WORDS];
    uint64_t syndrome[FRAMES][SYNDROME_WORDS], got_syndrome[FRAMES][SYNDROME_WORDS];
    uint8_t weight[COLUMNS];
    ks_ldpc_outcome outcomes[FRAMES];
    ks_frame_task tasks[FRAMES];
    ks_code_one ones[WEIGHT * COLUMNS];
} frames;

/* Each column meets WEIGHT rows at random, rows in turn, so that all are of about one degree. */
static ks_status make_code(ks_code **out, frames *f) {
    uint64_t state = 5;
    for (uint32_t i = 0; i < WEIGHT * COLUMNS; i++)
        f->ones[i] = (ks_code_one){i % ROWS, i / WEIGHT};
    for (uint32_t i = WEIGHT * COLUMNS - 1; i > 0; i--) {
        const uint32_t other = (uint32_t)(ks_splitmix(&state) % (i + 1)), row = f->ones[i].row;
        f->ones[i].row = f->ones[other].row;
        f->ones[other].row = row;
    }
    return ks_code_create(out, ROWS, COLUMNS, f->ones, WEIGHT * COLUMNS);
}

static void make_frames(frames *f, const ks_matrix *m) {
    uint64_t state = 6;
    for (int k = 0; k < FRAMES; k++) {
        for (size_t i = 0; i < REAL_BITS; i++) {
            const uint64_t draw = ks_splitmix(&state), bit = draw & 1;
            const uint64_t error = (double)(draw >> 12) < error_rate[k] * 0x1p52;
            f->sent[k][i / 64] |= bit << i % 64;
            f->received[k][i / 64] |= (bit ^ error) << i % 64;
        }
        ks_matrix_syndrome(f->syndrome[k], f->sent[k], m);
    }
}

static ks_status decode_by_oracle(frames *f, const ks_matrix *m) {
    const ks_sparse_rows rows = {m->columns, m->rows, m->first, m->column};
    ks_sparse_tables *tables;
    KS_TRY(ks_sparse_tables_create(&tables, m, QBER));
    memset(f->weight, KS_SPARSE_WEIGHT, REAL_BITS);
    memset(f->weight + REAL_BITS, KS_SPARSE_KNOWN, COLUMNS - REAL_BITS);
    const ks_sparse_task task = {.matrix = &rows,
                                 .row_class = tables->row_class,
                                 .remap = &tables->remap,
                                 .weight = f->weight,
                                 .received = f->received[0],
                                 .syndrome = f->syndrome[0],
                                 .frames = FRAMES,
                                 .max_passes = PASSES,
                                 .patience = KS_SPARSE_PATIENCE};
    void *state = malloc(ks_sparse_state_bytes(m->columns, m->rows, m->ones));
    ks_status status = state ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    if (state)
        ks_kernels_at(KS_ISA_ref)->ldpc_decode_sparse(f->outcomes, f->want[0], &task, state);
    for (int k = 0; k < FRAMES; k++)
        if (!f->outcomes[k].converged)
            memcpy(f->want[k], f->received[k], sizeof f->want[k]);
    free(state);
    ks_sparse_tables_destroy(tables);
    return status;
}

static ks_status run(ks_device *device, frames *f, const ks_code *code, ks_op op, uint64_t (*in)[FRAME_WORDS],
                     uint64_t (*syndrome)[SYNDROME_WORDS]) {
    memcpy(f->got, in, sizeof f->got);
    for (int k = 0; k < FRAMES; k++)
        f->tasks[k] = (ks_frame_task){.frame = f->got[k],
                                      .syndrome = syndrome[k],
                                      .real_bits = REAL_BITS,
                                      .qber = QBER,
                                      .code = code,
                                      .iterations = PASSES};
    ks_job job = {.op = op, .as.frames = {f->tasks, FRAMES}};
    return ks_selftest_do(device, &job);
}

static ks_status check(ks_device *device, frames *f, const ks_code *code) {
    const ks_matrix m = ks_code_matrix(code);
    make_frames(f, &m);
    if (device->vtable->supports(device, KS_OP_SYNDROME)) {
        ks_status status = run(device, f, code, KS_OP_SYNDROME, f->sent, f->got_syndrome);
        if (status != KS_ERR_UNSUPPORTED) {
            KS_TRY(status);
            if (memcmp(f->got_syndrome, f->syndrome, sizeof f->syndrome) != 0)
                return ks_selftest_wrong("syndrome of an imported code");
        }
    }
    if (!device->vtable->supports(device, KS_OP_DECODE))
        return KS_OK;
    KS_TRY(decode_by_oracle(f, &m));
    ks_status status = run(device, f, code, KS_OP_DECODE, f->received, f->syndrome);
    if (status != KS_OK)
        return status == KS_ERR_UNSUPPORTED ? KS_OK : status;
    for (int k = 0; k < FRAMES; k++)
        if (f->tasks[k].converged != f->outcomes[k].converged ||
            f->tasks[k].iterations != f->outcomes[k].passes ||
            memcmp(f->got[k], f->want[k], sizeof f->got[k]) != 0)
            return ks_selftest_wrong("decoded frame of an imported code");
    return KS_OK;
}

ks_status ks_selftest_imported_code(ks_device *device) {
    ks_code *code = NULL;
    frames *f = calloc(1, sizeof *f);
    ks_status status = f ? make_code(&code, f) : ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    if (status == KS_OK)
        status = check(device, f, code);
    ks_code_destroy(code);
    free(f);
    return status;
}
