/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel rows computed on a device, behind the types of the CPU's variants: for conformance and self-test. */
#include <stdlib.h>
#include <string.h>

#include "host/devices/gpu/device.h"
#include "pipeline/status.h"

static _Thread_local ks_lane *current;
static _Thread_local int failed;

static void note(ks_status status) {
    ks_status settled = ks_lane_settle(current);
    failed |= status != KS_OK || settled != KS_OK;
}

static void poly_hash(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                      size_t count) {
    note(ks_lane_poly_hash(current, state, powers, blocks, count));
}

static void bit_transpose(uint64_t *out, const uint64_t *in, size_t rows, size_t columns) {
    note(ks_lane_transpose(current, out, in, rows, columns));
}

/* The lists of a row's edges from those of a column's. */
static ks_status syndrome_by_row(uint64_t *syndrome, const uint64_t *frame, const ks_ldpc_lists *by_column) {
    const uint32_t edges = by_column->first[by_column->columns];
    uint32_t *first = calloc((size_t)by_column->rows + 2, sizeof *first);
    ks_ldpc_edge *sorted = calloc((size_t)edges + 1, sizeof *sorted);
    ks_status status = first && sorted ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a graph");
    if (status == KS_OK) {
        for (uint32_t e = 0; e < edges; e++)
            first[by_column->edges[e].node + 2]++;
        for (uint32_t r = 0; r < by_column->rows; r++)
            first[r + 2] += first[r + 1];
        for (uint32_t c = 0; c < by_column->columns; c++)
            for (uint32_t e = by_column->first[c]; e < by_column->first[c + 1]; e++)
                sorted[first[by_column->edges[e].node + 1]++] =
                    (ks_ldpc_edge){.node = (uint16_t)c, .shift = by_column->edges[e].shift};
        ks_ldpc_lists by_row = *by_column;
        by_row.first = first;
        by_row.edges = sorted;
        status = ks_lane_syndrome_batch(current, syndrome, frame, 1, &by_row);
    }
    free(first);
    free(sorted);
    return status;
}

static void ldpc_syndrome(uint64_t *syndrome, const uint64_t *frame, const ks_ldpc_lists *by_column) {
    note(syndrome_by_row(syndrome, frame, by_column));
}

static void decode(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task, int exact) {
    const ks_lane_decoding decoding = {.exact = exact,
                                       .soft_apart = task->real_bits % 2 != 0,
                                       .by_row = task->by_row,
                                       .row_class = task->row_class,
                                       .remap = task->remap,
                                       .received = task->received,
                                       .syndromes = task->syndrome,
                                       .decoded = decoded,
                                       .outcomes = outcome,
                                       .weights = &task->weight,
                                       .max_passes = &task->max_passes,
                                       .from = &task->from,
                                       .keep = &task->keep,
                                       .count = 1,
                                       .real_bits = task->real_bits,
                                       .patience = task->patience};
    note(ks_lane_decode_batch(current, &decoding));
}

static void ldpc_decode(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task, void *state) {
    (void)state;
    decode(outcome, decoded, task, 0);
}

static void ldpc_exact(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task, void *state) {
    (void)state;
    decode(outcome, decoded, task, 1);
}

/* Few enough side by side that lanes take several frames, one after the other. */
static void ldpc_decode_sparse(ks_ldpc_outcome *outcomes, uint64_t *decoded, const ks_sparse_task *task,
                               void *state) {
    (void)state;
    const ks_sparse_spread narrow = {.groups = 2, .lanes = 1 + task->matrix->columns % KS_SPARSE_FRAMES};
    note(ks_lane_decode_sparse(current, outcomes, decoded, task, task->frames, &narrow));
}

static void toeplitz_direct(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                            const uint64_t *band) {
    note(ks_lane_toeplitz_direct(current, out, out_words, key, key_words, band));
}

/* Leaves small enough that short blocks go through every kernel, of a size that changes with the shape. */
static unsigned leaf_of(const ks_toeplitz_shape *shape) {
    return 6 + (unsigned)(shape->c % 3);
}

static void toeplitz_prepare(const ks_toeplitz_shape *shape, void *prepared, void *work, const uint64_t *seed,
                             const ks_workers *workers) {
    (void)work;
    (void)workers;
    note(ks_lane_toeplitz_prepare(current, shape, prepared, seed, leaf_of(shape)));
}

static void toeplitz_apply(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                           const void *prepared, void *work, const ks_workers *workers) {
    (void)work;
    (void)workers;
    note(ks_lane_toeplitz_apply(current, shape, out, key, prepared, leaf_of(shape)));
}

static const struct {
    const char *name;
    void (*function)(void);
} rows[] = {{"ldpc_syndrome", (void (*)(void))ldpc_syndrome},
            {"ldpc_decode", (void (*)(void))ldpc_decode},
            {"ldpc_exact", (void (*)(void))ldpc_exact},
            {"ldpc_decode_sparse", (void (*)(void))ldpc_decode_sparse},
            {"poly_hash", (void (*)(void))poly_hash},
            {"bit_transpose", (void (*)(void))bit_transpose},
            {"toeplitz_direct", (void (*)(void))toeplitz_direct},
            {"toeplitz_prepare", (void (*)(void))toeplitz_prepare},
            {"toeplitz_apply", (void (*)(void))toeplitz_apply}};

void (*ks_gpu_row(ks_device *device, const char *name))(void) {
    if (ks_gpu_device_row_lane(&current, device) != KS_OK)
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].function;
    return NULL;
}

int ks_gpu_rows_failed(void) {
    int was = failed;
    failed = 0;
    return was;
}
