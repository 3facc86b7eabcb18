/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding by any matrix: the launch of kernels/gpu/sparse.cl. */
#include <stdlib.h>
#include <string.h>

#include "host/devices/gpu/graph.h"
#include "pipeline/status.h"

enum {
    SLOT_RECEIVED = 2,
    SLOT_SYNDROMES = 3,
    SLOT_DECODED = 4,
    SLOT_OUT = 5,
    SLOT_CODE = 6,
    SLOT_CHECKS = 7,
    SLOT_QUEUE = 8,
    SLOT_SOFT = 9,
    OUT_WORDS = 4,
    WORDS = KS_SPARSE_FRAMES / 4, /* of a column in a group */
    LANES_LEAST = 32,             /* what one transfer from global memory brings */
    ITEMS_MAX = 512,
    UNIT_ITEMS = 2048,    /* at work at once on a unit */
    COLUMNS_MAX = 1 << 27 /* words of soft values are numbered with 32 bits */
};

/* Words of `code` in kernels/gpu/sparse.cl, in its order. */
typedef struct head {
    uint32_t levels, patience, halve_below[KS_LDPC_HALVINGS], classes, max_passes, stages, known, columns,
        rows, check_words;
    uint32_t at_limits, at_stages, at_rows, at_known, at_weights, at_tables;
} head;

typedef struct plan {
    head h;
    uint32_t *stage;                    /* of each row */
    size_t frame, syndrome, code_words; /* frame, syndrome: bytes */
    ks_sparse_spread spread;
    uint32_t items;
} plan;

static size_t words_of(size_t bytes) {
    return (bytes + 3) / 4;
}

/* A row comes after every earlier row that shares a column with it. */
static ks_status find_stages(plan *p, const ks_sparse_rows *m) {
    p->stage = calloc((size_t)m->rows + 1, sizeof *p->stage);
    uint32_t *next =
        calloc((size_t)m->columns + 1, sizeof *next); /* first stage that is free of the column */
    ks_status status = p->stage && next ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a schedule");
    for (uint32_t r = 0; status == KS_OK && r < m->rows; r++) {
        uint32_t stage = 0;
        for (uint32_t e = m->first[r]; e < m->first[r + 1]; e++)
            stage = next[m->column[e]] > stage ? next[m->column[e]] : stage;
        for (uint32_t e = m->first[r]; e < m->first[r + 1]; e++)
            next[m->column[e]] = stage + 1;
        p->stage[r] = stage;
        p->h.stages = stage + 1 > p->h.stages ? stage + 1 : p->h.stages;
    }
    free(next);
    return status;
}

static uint32_t edges_of(const ks_sparse_rows *m, uint32_t row) {
    return m->first[row + 1] - m->first[row];
}

/* Words of checks of a row. */
static size_t row_words(const ks_sparse_rows *m, uint32_t row) {
    return (3 + (size_t)(edges_of(m, row) + 7) / 8) * WORDS;
}

static size_t at_most(size_t value, size_t limit) {
    return value < limit ? value : limit;
}

static ks_status make_plan(plan *p, const ks_lane *lane, const ks_sparse_task *task, size_t count) {
    const ks_sparse_rows *m = task->matrix;
    head *h = &p->h;
    h->levels = task->remap->levels;
    h->patience = task->patience;
    memcpy(h->halve_below, (uint32_t[]){task->remap->halve_below[0], task->remap->halve_below[1]},
           sizeof h->halve_below);
    h->classes = task->remap->classes;
    h->max_passes = task->max_passes;
    h->columns = m->columns;
    h->rows = m->rows;
    for (uint32_t c = 0; c < m->columns; c++)
        h->known += task->weight[c] == KS_SPARSE_KNOWN;
    size_t checks = 0, room = lane->limits.allocation / 2;
    for (uint32_t r = 0; r < m->rows; r++) {
        if (edges_of(m, r) > KS_LDPC_ROW_EDGES_MAX)
            return ks_fail(KS_ERR_LIMIT, "row %u has %u ones: the decoder takes up to %d", r, edges_of(m, r),
                           KS_LDPC_ROW_EDGES_MAX);
        checks += row_words(m, r);
    }
    if (m->columns > COLUMNS_MAX || checks > UINT32_MAX || count > UINT32_MAX)
        return ks_fail(KS_ERR_LIMIT, "a matrix of %u columns is too large for this device", m->columns);
    h->check_words = (uint32_t)checks;
    KS_TRY(find_stages(p, m));
    h->at_limits = sizeof *h / 4;
    h->at_stages = h->at_limits + h->levels;
    h->at_rows = h->at_stages + h->stages + 1;
    h->at_known = h->at_rows + 4 * h->rows;
    h->at_weights = h->at_known + h->known;
    h->at_tables = h->at_weights + (uint32_t)words_of(h->columns);
    p->code_words = h->at_tables + words_of((size_t)h->levels * h->classes * KS_LDPC_TABLE);
    p->frame = ((size_t)m->columns + 63) / 64 * 8;
    p->syndrome = ((size_t)m->rows + 63) / 64 * 8;
    p->items = WORDS;
    while (p->items < ITEMS_MAX && 2 * p->items <= lane->limits.items &&
           p->items / WORDS < m->rows / h->stages)
        p->items *= 2;
    const size_t side_by_side = lane->limits.flags & KS_DEVICE_HOST ? 1 : UNIT_ITEMS / p->items;
    size_t groups =
        at_most(lane->limits.units * side_by_side, room / ((size_t)m->columns * KS_SPARSE_FRAMES));
    groups = at_most(groups, checks ? room / (checks * 4) : groups);
    if (groups == 0)
        return ks_fail(KS_ERR_LIMIT, "a matrix of %u columns is too large for this device", m->columns);
    /* Few frames: narrow groups on many units rather than full ones on few. */
    const size_t lanes = (count + groups - 1) / groups,
                 whole = (lanes + LANES_LEAST - 1) / LANES_LEAST * LANES_LEAST;
    p->spread.lanes = (uint32_t)at_most(whole, KS_SPARSE_FRAMES);
    p->spread.groups = at_most(groups, (count + p->spread.lanes - 1) / p->spread.lanes);
    return KS_OK;
}

/* Rows in the order of their stages. `stages` gets the first row of each and the number of rows. */
static void list_rows(uint32_t *stages, uint32_t *rows, const plan *p, const ks_sparse_task *task) {
    const ks_sparse_rows *m = task->matrix;
    memset(stages, 0, ((size_t)p->h.stages + 1) * 4);
    for (uint32_t r = 0; r < m->rows; r++)
        stages[p->stage[r] + 1]++;
    for (uint32_t s = 0; s < p->h.stages; s++)
        stages[s + 1] += stages[s];
    for (uint32_t r = 0; r < m->rows; r++) {
        uint32_t *row = rows + 4 * (size_t)stages[p->stage[r]]++;
        row[0] = m->first[r];
        row[1] = edges_of(m, r) | (uint32_t)task->row_class[r] << 8;
        row[3] = r;
    }
    for (uint32_t s = p->h.stages; s; s--) /* each has come to the beginning of the next */
        stages[s] = stages[s - 1];
    stages[0] = 0;
    uint32_t at = 0;
    for (uint32_t k = 0; k < m->rows; k++) {
        rows[4 * (size_t)k + 2] = at;
        at += (uint32_t)row_words(m, rows[4 * (size_t)k + 3]);
    }
}

static ks_status send_code(ks_lane *lane, const plan *p, const ks_sparse_task *task, ks_gpu_memory **out) {
    const head *h = &p->h;
    void *host;
    KS_TRY(ks_lane_host(lane, SLOT_CODE, p->code_words * 4, &host));
    KS_TRY(ks_lane_device(lane, SLOT_CODE, p->code_words * 4, out));
    uint32_t *code = host, *known = code + h->at_known;
    memset(code, 0, p->code_words * 4);
    memcpy(code, h, sizeof *h);
    for (uint32_t l = 1; l < h->levels; l++)
        code[h->at_limits + l] = task->remap->limits[l];
    list_rows(code + h->at_stages, code + h->at_rows, p, task);
    for (uint32_t c = 0; c < h->columns; c++)
        if (task->weight[c] == KS_SPARSE_KNOWN)
            *known++ = c;
    memcpy(code + h->at_weights, task->weight, h->columns);
    memcpy(code + h->at_tables, task->remap->tables, (size_t)h->levels * h->classes * KS_LDPC_TABLE);
    return ks_gpu_write(lane->queue, *out, 0, code, p->code_words * 4);
}

/* The columns of every row as words of soft values. */
static ks_status send_edges(ks_lane *lane, const ks_sparse_rows *m, ks_gpu_memory **out) {
    const size_t ones = m->first[m->rows], bytes = (ones + 1) * sizeof(uint32_t);
    void *host;
    KS_TRY(ks_lane_host(lane, KS_SLOT_EDGES, bytes, &host));
    KS_TRY(ks_lane_device(lane, KS_SLOT_EDGES, bytes, out));
    uint32_t *edges = host;
    for (size_t e = 0; e < ones; e++)
        edges[e] = m->column[e] * WORDS;
    edges[ones] = 0;
    return ks_gpu_write(lane->queue, *out, 0, edges, bytes);
}

static ks_status run(ks_lane *lane, const plan *p, const ks_sparse_task *task, size_t count) {
    ks_gpu_memory *received, *syndromes, *decoded, *out, *code, *edges, *checks, *queue, *soft;
    const size_t check_bytes = p->spread.groups * p->h.check_words * 4;
    void *words, *outcomes;
    KS_TRY(send_code(lane, p, task, &code));
    KS_TRY(send_edges(lane, task->matrix, &edges));
    KS_TRY(ks_lane_send(lane, SLOT_RECEIVED, task->received, count * p->frame, &received));
    KS_TRY(ks_lane_send(lane, SLOT_SYNDROMES, task->syndrome, count * p->syndrome, &syndromes));
    KS_TRY(ks_lane_device(lane, SLOT_DECODED, count * p->frame, &decoded));
    KS_TRY(ks_lane_device(lane, SLOT_OUT, count * OUT_WORDS * 4, &out));
    KS_TRY(ks_lane_device(lane, SLOT_CHECKS, check_bytes, &checks));
    KS_TRY(ks_lane_device(lane, SLOT_SOFT, p->spread.groups * p->h.columns * KS_SPARSE_FRAMES, &soft));
    KS_TRY(ks_lane_device(lane, SLOT_QUEUE, 4, &queue));
    KS_TRY(ks_lane_host(lane, SLOT_DECODED, count * p->frame, &words));
    KS_TRY(ks_lane_host(lane, SLOT_OUT, count * OUT_WORDS * 4, &outcomes));
    KS_TRY(ks_gpu_zero(lane->queue, checks, 0, check_bytes));
    KS_TRY(ks_gpu_zero(lane->queue, queue, 0, 4));
    const ks_gpu_arg args[] = {
        KS_GPU_MEMORY(out),          KS_GPU_MEMORY(decoded),     KS_GPU_MEMORY(received),
        KS_GPU_MEMORY(syndromes),    KS_GPU_MEMORY(code),        KS_GPU_MEMORY(edges),
        KS_GPU_MEMORY(soft),         KS_GPU_MEMORY(checks),      KS_GPU_MEMORY(queue),
        KS_GPU_U32((uint32_t)count), KS_GPU_U32(p->spread.lanes)};
    KS_TRY(ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_decode_sparse,
                                       .groups = (uint32_t)p->spread.groups,
                                       .groups_y = 1,
                                       .items = p->items},
                      args, sizeof args / sizeof *args));
    KS_TRY(ks_gpu_read(lane->queue, words, decoded, 0, count * p->frame));
    KS_TRY(ks_gpu_read(lane->queue, outcomes, out, 0, count * OUT_WORDS * 4));
    return ks_gpu_finish(lane->queue);
}

ks_status ks_lane_decode_sparse(ks_lane *lane, ks_ldpc_outcome *outcomes, uint64_t *decoded,
                                const ks_sparse_task *task, size_t count, const ks_sparse_spread *spread) {
    if (count == 0)
        return KS_OK;
    plan p = {0};
    ks_status status = make_plan(&p, lane, task, count);
    p.spread = spread ? *spread : p.spread;
    if (status == KS_OK)
        status = run(lane, &p, task, count);
    free(p.stage);
    KS_TRY(status);
    memcpy(decoded, lane->slot[SLOT_DECODED].host, count * p.frame);
    const uint32_t *words = lane->slot[SLOT_OUT].host;
    for (size_t i = 0; i < count; i++, words += OUT_WORDS)
        outcomes[i] = (ks_ldpc_outcome){.passes = words[0], .unsatisfied = words[1], .converged = words[2]};
    return KS_OK;
}
