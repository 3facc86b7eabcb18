/* SPDX-License-Identifier: Apache-2.0 */
/* Decode jobs of imported codes. */
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/devices/gpu/lane.h"
#include "ldpc/sparse_tables.h"
#include "pipeline/backend_code.h"
#include "pipeline/code.h"
#include "pipeline/status.h"

typedef struct work {
    ks_sparse_rows rows;
    ks_sparse_tables *tables;
    uint8_t *weight;
    ks_ldpc_outcome *outcomes;
    size_t frame_words, syndrome_words;
    uint64_t *received, *decoded, *syndromes; /* secret, in one piece of memory */
} work;

static ks_status make(work *w, const ks_frame_task *task, size_t count) {
    const ks_matrix m = ks_code_matrix(task->code);
    w->rows = (ks_sparse_rows){m.columns, m.rows, m.first, m.column};
    w->frame_words = ks_matrix_frame_words(&m);
    w->syndrome_words = ks_matrix_syndrome_words(&m);
    w->weight = malloc(m.columns);
    w->outcomes = calloc(count, sizeof *w->outcomes);
    if (!w->weight || !w->outcomes)
        return ks_fail(KS_ERR_MEMORY, "no memory for a batch");
    memset(w->weight, KS_SPARSE_WEIGHT, task->real_bits);
    memset(w->weight + task->real_bits, KS_SPARSE_KNOWN, m.columns - task->real_bits);
    KS_TRY(ks_sparse_tables_create(&w->tables, &m, task->qber));
    const size_t words = count * (2 * w->frame_words + w->syndrome_words);
    KS_TRY(ks_secret_alloc((void **)&w->received, words * sizeof(uint64_t), KS_SECRET_BLOCK));
    w->decoded = w->received + count * w->frame_words;
    w->syndromes = w->decoded + count * w->frame_words;
    return KS_OK;
}

static void wipe(work *w) {
    ks_secret_free(w->received);
    ks_sparse_tables_destroy(w->tables);
    free(w->weight);
    free(w->outcomes);
}

static ks_status run(ks_lane *lane, work *w, ks_frame_task *tasks, size_t count) {
    const size_t words = (tasks->real_bits + 63) / 64, tail = tasks->real_bits % 64;
    for (size_t i = 0; i < count; i++) {
        uint64_t *frame = w->received + i * w->frame_words;
        memset(frame, 0, w->frame_words * 8);
        memcpy(frame, tasks[i].frame, words * 8);
        if (tail)
            frame[words - 1] &= (UINT64_C(1) << tail) - 1;
        memcpy(w->syndromes + i * w->syndrome_words, tasks[i].syndrome, w->syndrome_words * 8);
    }
    const ks_sparse_task task = {.matrix = &w->rows,
                                 .row_class = w->tables->row_class,
                                 .remap = &w->tables->remap,
                                 .weight = w->weight,
                                 .received = w->received,
                                 .syndrome = w->syndromes,
                                 .max_passes = tasks->iterations ? tasks->iterations : KS_SPARSE_PASSES,
                                 .patience = KS_SPARSE_PATIENCE};
    KS_TRY(ks_lane_decode_sparse(lane, w->outcomes, w->decoded, &task, count, NULL));
    for (size_t i = 0; i < count; i++) {
        tasks[i].converged = (uint8_t)w->outcomes[i].converged;
        tasks[i].iterations = w->outcomes[i].passes;
        if (w->outcomes[i].converged)
            memcpy(tasks[i].frame, w->decoded + i * w->frame_words, words * 8);
    }
    return KS_OK;
}

ks_status ks_lane_decode_code(ks_lane *lane, ks_frame_task *tasks, size_t count) {
    work w = {0};
    KS_TRY(ks_code_tasks_check(tasks, count));
    ks_status status = make(&w, tasks, count);
    if (status == KS_OK)
        status = run(lane, &w, tasks, count);
    wipe(&w);
    return status;
}
