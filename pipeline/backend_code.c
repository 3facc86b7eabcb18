/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/backend_code.h"

#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "ldpc/sparse.h"
#include "pipeline/code.h"
#include "pipeline/status.h"

struct ks_code_worker {
    const ks_code *code;
    uint8_t digest[KS_CODE_DIGEST_BYTES]; /* of the code: another one may have taken its place in memory */
    ks_matrix matrix;
    size_t frame_words, syndrome_words, words; /* words: of the memory */
    uint64_t *frames, *decoded, *syndromes;    /* a group of each, in one piece of memory */
    uint64_t *turned;                          /* a word a column and row */
    ks_sparse_decoder *decoder;                /* made when it is first needed */
    double qber;
    size_t real_bits;
};

void ks_code_worker_destroy(ks_code_worker *worker) {
    if (!worker)
        return;
    ks_sparse_decoder_destroy(worker->decoder);
    ks_secret_free(worker->frames);
    free(worker);
}

static int fits(const ks_code_worker *w, const ks_code *code) {
    return w && w->code == code && memcmp(w->digest, code->digest, sizeof w->digest) == 0;
}

static ks_status make(ks_code_worker **out, const ks_code *code) {
    ks_code_worker *w = calloc(1, sizeof *w);
    if (!w)
        return ks_fail(KS_ERR_MEMORY, "no memory for a code");
    w->code = code;
    memcpy(w->digest, code->digest, sizeof w->digest);
    w->matrix = ks_code_matrix(code);
    w->frame_words = ks_matrix_frame_words(&w->matrix);
    w->syndrome_words = ks_matrix_syndrome_words(&w->matrix);
    w->words = KS_CODE_GROUP * (2 * w->frame_words + w->syndrome_words) + code->columns + (size_t)code->rows;
    ks_status status = ks_secret_alloc((void **)&w->frames, w->words * sizeof(uint64_t), KS_SECRET_BLOCK);
    if (status != KS_OK) {
        free(w);
        return status;
    }
    w->decoded = w->frames + KS_CODE_GROUP * w->frame_words;
    w->syndromes = w->decoded + KS_CODE_GROUP * w->frame_words;
    w->turned = w->syndromes + KS_CODE_GROUP * w->syndrome_words;
    *out = w;
    return KS_OK;
}

ks_status ks_code_tasks_check(const ks_frame_task *tasks, size_t count) {
    const ks_frame_task *t = tasks;
    if (t->real_bits == 0 || t->real_bits > t->code->columns)
        return ks_fail(KS_ERR_ARGUMENT, "frames of %zu bits for a code of %u columns", t->real_bits,
                       t->code->columns);
    for (size_t i = 1; i < count; i++)
        if (tasks[i].code != t->code || tasks[i].real_bits != t->real_bits ||
            tasks[i].iterations != t->iterations || !(tasks[i].qber >= t->qber && tasks[i].qber <= t->qber))
            return ks_fail(KS_ERR_ARGUMENT, "frames of one job differ in code, length, error rate or limit");
    return KS_OK;
}

/* Frames side by side, whole words and zeros behind the real bits. */
static void gather(const ks_code_worker *w, const ks_frame_task *tasks, size_t count) {
    const size_t words = (tasks->real_bits + 63) / 64, tail = tasks->real_bits % 64;
    for (size_t i = 0; i < count; i++) {
        uint64_t *frame = w->frames + i * w->frame_words;
        memcpy(frame, tasks[i].frame, words * 8);
        memset(frame + words, 0, (w->frame_words - words) * 8);
        if (tail)
            frame[words - 1] &= (UINT64_C(1) << tail) - 1;
    }
}

static void syndromes(const ks_code_worker *w, const ks_frame_task *tasks, size_t count) {
    ks_sparse_syndromes(w->syndromes, w->frames, (uint32_t)count, &w->matrix, w->turned);
    for (size_t i = 0; i < count; i++)
        memcpy(tasks[i].syndrome, w->syndromes + i * w->syndrome_words, w->syndrome_words * 8);
}

/* The decoder for the error rate and length of the tasks. */
static ks_status prepare(ks_code_worker *w, const ks_frame_task *task) {
    if (w->decoder && w->real_bits == task->real_bits && w->qber >= task->qber && w->qber <= task->qber)
        return KS_OK;
    if (!w->decoder)
        KS_TRY(ks_sparse_decoder_create(&w->decoder, &w->matrix, task->qber));
    w->real_bits = 0; /* fits no task until it is set */
    KS_TRY(ks_sparse_decoder_set(w->decoder, task->qber, task->real_bits));
    w->qber = task->qber;
    w->real_bits = task->real_bits;
    return KS_OK;
}

static ks_status decode(ks_code_worker *w, ks_frame_task *tasks, size_t count) {
    ks_ldpc_outcome outcomes[KS_CODE_GROUP];
    KS_TRY(prepare(w, tasks));
    for (size_t i = 0; i < count; i++)
        memcpy(w->syndromes + i * w->syndrome_words, tasks[i].syndrome, w->syndrome_words * 8);
    ks_sparse_decode(w->decoder, outcomes, w->decoded, w->frames, w->syndromes, (uint32_t)count,
                     tasks->iterations);
    for (size_t i = 0; i < count; i++) {
        tasks[i].converged = (uint8_t)outcomes[i].converged;
        tasks[i].iterations = outcomes[i].passes;
        if (outcomes[i].converged)
            memcpy(tasks[i].frame, w->decoded + i * w->frame_words, (tasks[i].real_bits + 63) / 64 * 8);
    }
    return KS_OK;
}

/* Nothing of the frames stays. */
static void forget(const ks_code_worker *w) {
    ks_wipe(w->frames, w->words * sizeof(uint64_t));
}

ks_status ks_code_worker_run(ks_code_worker **worker, ks_op op, ks_frame_task *tasks, size_t count) {
    KS_TRY(ks_code_tasks_check(tasks, count));
    if (!fits(*worker, tasks->code)) {
        ks_code_worker_destroy(*worker);
        *worker = NULL;
        KS_TRY(make(worker, tasks->code));
    }
    ks_status status = KS_OK;
    gather(*worker, tasks, count);
    if (op == KS_OP_DECODE)
        status = decode(*worker, tasks, count);
    else
        syndromes(*worker, tasks, count);
    forget(*worker);
    return status;
}
