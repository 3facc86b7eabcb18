/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/devices/gpu/graph.h"
#include "kernels/ldpc_exact_tables.h"
#include "ldpc/code.h"
#include "pipeline/status.h"

enum {
    SLOT_RECEIVED = 2,
    SLOT_SYNDROMES = 3,
    SLOT_DECODED = 4,
    SLOT_OUT = 5,
    SLOT_CODE = 6,
    SLOT_STATE = 7,
    SLOT_QUEUE = 8,
    SLOT_SOFT = 9,
    SLOT_FRAMES = 10,
    BATCH_MAX = 4096, /* frames a launch */
    LEVELS = 32,      /* DECODE_LEVELS of kernels/gpu/decode.cl */
    HEAD = 4 + LEVELS,
    OUT_WORDS = 4,
    ITEMS_MAX = 512,
    LOCAL_LEAST = 8, /* frames side by side for which local memory is worth it: fewer hide no latency */
    LOCAL_SPARE = 64 /* local variables of the kernel itself */
};
_Static_assert((int)KS_BASE_LEVELS_MAX <= (int)LEVELS, "every remap fits");

typedef struct sizes {
    size_t frame, syndrome;        /* bytes */
    size_t state_words;            /* 32-bit words of state a check of every row */
    size_t groups;                 /* at work at once */
    size_t code_bytes, soft_bytes; /* soft_bytes: 0 where the soft values are in local memory */
    uint32_t items;
} sizes;

/* Of the fast decoder, four checks a word. */
static size_t row_words(const ks_ldpc_lists *by_row, uint32_t row) {
    return 3 + (by_row->first[row + 1] - by_row->first[row] + 7) / 8;
}

static sizes sizes_of(const ks_lane *lane, const ks_lane_decoding *d) {
    const ks_ldpc_lists *rows = d->by_row;
    const size_t n = (size_t)rows->columns * rows->z;
    sizes s = {.frame = n / 8, .syndrome = (size_t)rows->rows * rows->z / 8};
    for (uint32_t r = 0; r < rows->rows && !d->exact; r++)
        s.state_words += row_words(rows, r);
    s.state_words = (s.state_words + 3) / 4;
    if (d->exact)
        s.state_words = (rows->first[rows->rows] + (size_t)1) / 2;
    s.code_bytes =
        (HEAD + 4 * (size_t)rows->rows) * 4 + (d->exact ? sizeof ks_ldpc_phi + sizeof ks_ldpc_phi_inverse
                                                        : (size_t)d->remap->levels * 2 * KS_LDPC_TABLE);
    const uint32_t side = d->exact ? rows->z : rows->z / 4; /* items that a row has work for */
    s.items = side < ITEMS_MAX ? side : ITEMS_MAX;
    while (s.items > lane->limits.items)
        s.items /= 2;
    const int fits = !d->exact && !d->soft_apart && LOCAL_LEAST * n + LOCAL_SPARE <= lane->limits.local_bytes;
    s.soft_bytes = d->exact ? 2 * n : fits ? 0 : n;
    size_t side_by_side = 2048 / s.items;
    if (!s.soft_bytes && lane->limits.local_bytes / n < side_by_side)
        side_by_side = lane->limits.local_bytes / n;
    if (lane->limits.flags & KS_DEVICE_HOST)
        side_by_side = 1;
    s.groups = lane->limits.units * side_by_side;
    if (s.groups > d->count)
        s.groups = d->count;
    return s;
}

/* What the kernel knows of the code, in the layout of kernels/gpu/decode_fast.inc. */
static ks_status send_code(ks_lane *lane, const ks_lane_decoding *d, const sizes *s, ks_gpu_memory **out) {
    const ks_ldpc_lists *rows = d->by_row;
    void *host;
    KS_TRY(ks_lane_host(lane, SLOT_CODE, s->code_bytes, &host));
    KS_TRY(ks_lane_device(lane, SLOT_CODE, s->code_bytes, out));
    uint32_t *code = host, *info = code + HEAD, state = 0;
    memset(code, 0, HEAD * 4);
    code[1] = d->patience;
    if (!d->exact) {
        code[0] = d->remap->levels;
        for (int i = 0; i < KS_LDPC_HALVINGS; i++)
            code[2 + i] = d->remap->halve_below[i];
        for (uint32_t i = 1; i < d->remap->levels; i++)
            code[4 + i] = d->remap->limits[i];
    }
    for (uint32_t r = 0; r < rows->rows; r++, info += 4) {
        info[0] = rows->first[r];
        info[1] = rows->first[r + 1] - rows->first[r];
        info[2] = d->exact ? 0 : state;
        info[3] = d->exact ? 0 : d->row_class[r];
        state += (uint32_t)row_words(rows, r);
    }
    if (d->exact) {
        memcpy(info, ks_ldpc_phi, sizeof ks_ldpc_phi);
        memcpy((char *)info + sizeof ks_ldpc_phi, ks_ldpc_phi_inverse, sizeof ks_ldpc_phi_inverse);
    } else {
        memcpy(info, d->remap->tables, (size_t)d->remap->levels * 2 * KS_LDPC_TABLE);
    }
    return ks_gpu_write(lane->queue, *out, 0, host, s->code_bytes);
}

/* Weight and limit of each frame. */
static ks_status send_frames(ks_lane *lane, const ks_lane_decoding *d, ks_gpu_memory **out) {
    const size_t bytes = 2 * d->count * sizeof(uint32_t);
    void *host;
    KS_TRY(ks_lane_host(lane, SLOT_FRAMES, bytes, &host));
    KS_TRY(ks_lane_device(lane, SLOT_FRAMES, bytes, out));
    uint32_t *info = host;
    for (size_t i = 0; i < d->count; i++) {
        info[2 * i] = d->weights[i];
        info[2 * i + 1] = d->max_passes[i];
    }
    return ks_gpu_write(lane->queue, *out, 0, host, bytes);
}

static ks_status launch(ks_lane *lane, int exact, const sizes *s, const ks_gpu_arg *args, size_t count) {
    const ks_gpu_kernel fast = s->soft_bytes ? ks_gpu_decode_global : ks_gpu_decode_local;
    return ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = exact ? ks_gpu_decode_exact : fast,
                                       .groups = (uint32_t)s->groups,
                                       .groups_y = 1,
                                       .items = s->items,
                                       .local_bytes = s->soft_bytes ? 0 : 8 * s->frame},
                      args, count);
}

/* Frames and syndromes stand in the host memory of their slots; leaves words and outcomes in that of
 * SLOT_DECODED and SLOT_OUT. */
static ks_status run(ks_lane *lane, const ks_lane_decoding *d, const sizes *s, const void *frames,
                     const void *syndromes) {
    const ks_ldpc_lists *rows = d->by_row;
    ks_gpu_memory *received, *synd, *decoded, *out, *code, *edges, *first, *state, *queue, *info, *soft;
    void *words, *outcomes;
    KS_TRY(ks_lane_graph(lane, rows, &first, &edges));
    KS_TRY(send_code(lane, d, s, &code));
    KS_TRY(send_frames(lane, d, &info));
    KS_TRY(ks_lane_device(lane, SLOT_RECEIVED, d->count * s->frame, &received));
    KS_TRY(ks_lane_device(lane, SLOT_SYNDROMES, d->count * s->syndrome, &synd));
    KS_TRY(ks_lane_device(lane, SLOT_DECODED, d->count * s->frame, &decoded));
    KS_TRY(ks_lane_device(lane, SLOT_OUT, d->count * OUT_WORDS * 4, &out));
    KS_TRY(ks_lane_device(lane, SLOT_STATE, s->groups * s->state_words * rows->z * 4, &state));
    KS_TRY(ks_lane_device(lane, SLOT_QUEUE, 4, &queue));
    KS_TRY(ks_lane_host(lane, SLOT_DECODED, d->count * s->frame, &words));
    KS_TRY(ks_lane_host(lane, SLOT_OUT, d->count * OUT_WORDS * 4, &outcomes));
    KS_TRY(ks_gpu_write(lane->queue, received, 0, frames, d->count * s->frame));
    KS_TRY(ks_gpu_write(lane->queue, synd, 0, syndromes, d->count * s->syndrome));
    KS_TRY(ks_gpu_zero(lane->queue, queue, 0, 4));
    ks_gpu_arg args[16] = {KS_GPU_MEMORY(out),
                           KS_GPU_MEMORY(decoded),
                           KS_GPU_MEMORY(received),
                           KS_GPU_MEMORY(synd),
                           KS_GPU_MEMORY(info),
                           KS_GPU_MEMORY(code),
                           KS_GPU_MEMORY(edges),
                           KS_GPU_MEMORY(state),
                           KS_GPU_MEMORY(queue),
                           KS_GPU_U32((uint32_t)d->count),
                           KS_GPU_U32(rows->rows),
                           KS_GPU_U32(rows->columns),
                           KS_GPU_U32(rows->z),
                           KS_GPU_U32(d->real_bits),
                           KS_GPU_U32((uint32_t)s->state_words)};
    if (s->soft_bytes) {
        KS_TRY(ks_lane_device(lane, SLOT_SOFT, s->groups * s->soft_bytes, &soft));
        args[15] = KS_GPU_MEMORY(soft);
    }
    KS_TRY(launch(lane, d->exact, s, args, s->soft_bytes ? 16 : 15));
    KS_TRY(ks_gpu_read(lane->queue, words, decoded, 0, d->count * s->frame));
    KS_TRY(ks_gpu_read(lane->queue, outcomes, out, 0, d->count * OUT_WORDS * 4));
    return ks_gpu_finish(lane->queue);
}

static ks_ldpc_outcome outcome_of(const ks_lane *lane, size_t frame) {
    const uint32_t *words = (const uint32_t *)lane->slot[SLOT_OUT].host + OUT_WORDS * frame;
    return (ks_ldpc_outcome){.passes = words[0], .unsatisfied = words[1], .converged = words[2]};
}

ks_status ks_lane_decode_batch(ks_lane *lane, const ks_lane_decoding *d) {
    if (d->count == 0)
        return KS_OK;
    const sizes s = sizes_of(lane, d);
    void *frames, *syndromes;
    KS_TRY(ks_lane_host(lane, SLOT_RECEIVED, d->count * s.frame, &frames));
    KS_TRY(ks_lane_host(lane, SLOT_SYNDROMES, d->count * s.syndrome, &syndromes));
    memcpy(frames, d->received, d->count * s.frame);
    memcpy(syndromes, d->syndromes, d->count * s.syndrome);
    KS_TRY(run(lane, d, &s, frames, syndromes));
    memcpy(d->decoded, lane->slot[SLOT_DECODED].host, d->count * s.frame);
    for (size_t i = 0; i < d->count; i++)
        d->outcomes[i] = outcome_of(lane, i);
    return KS_OK;
}

/* ---- tasks of the backend */

typedef struct batch {
    ks_code_decoder code;
    uint32_t weights[BATCH_MAX], max_passes[BATCH_MAX], failed[BATCH_MAX];
} batch;

/* What the launch gave for its frame `index`. */
static void take_outcome(const ks_lane *lane, ks_frame_task *task, size_t index, size_t frame_bytes) {
    const ks_ldpc_outcome outcome = outcome_of(lane, index);
    task->converged = (uint8_t)outcome.converged;
    task->iterations = outcome.passes;
    if (outcome.converged)
        memcpy(task->frame, (char *)lane->slot[SLOT_DECODED].host + index * frame_bytes, frame_bytes);
}

/* The frames b->failed, whose words stand first in `frames` and `syndromes`, once more. */
static ks_status decode_exactly(ks_lane *lane, const batch *b, const ks_lane_decoding *fast,
                                ks_frame_task *tasks, size_t count, const void *frames,
                                const void *syndromes) {
    ks_lane_decoding d = *fast;
    d.exact = 1;
    d.count = count;
    const sizes s = sizes_of(lane, &d);
    KS_TRY(run(lane, &d, &s, frames, syndromes));
    for (size_t k = 0; k < count; k++) {
        ks_frame_task *task = &tasks[b->failed[k]];
        const uint32_t before = task->iterations;
        take_outcome(lane, task, k, s.frame);
        task->iterations += before;
    }
    return KS_OK;
}

/* Tasks of one code and length. */
static ks_status decode_alike(ks_lane *lane, batch *b, ks_frame_task *tasks, size_t count) {
    const ks_code_rate *rate = ks_code_rate_of(tasks->rate);
    const size_t n = (size_t)1 << tasks->log2n;
    if (!ks_ldpc_supports(tasks->rate, tasks->log2n))
        return ks_fail(KS_ERR_ARGUMENT, "rate %u does not serve frames of 2^%u bits", tasks->rate,
                       tasks->log2n);
    if (tasks->real_bits == 0 || tasks->real_bits > n)
        return ks_fail(KS_ERR_ARGUMENT, "%zu bits of %zu", tasks->real_bits, n);
    const ks_base_spec *spec = &ks_family[rate->base];
    const ks_base_graph *graph = ks_code_graph(rate->base);
    if (!graph)
        return KS_ERR_MEMORY;
    const uint32_t z = (uint32_t)(n / spec->columns);
    ks_code_decoder_make(&b->code, spec, graph, rate->merges, z, (uint32_t)((tasks->real_bits + z - 1) / z));
    b->code.by_row.columns = spec->columns;
    ks_lane_decoding d = {.by_row = &b->code.by_row,
                          .row_class = b->code.row_class,
                          .remap = &b->code.remap,
                          .weights = b->weights,
                          .max_passes = b->max_passes,
                          .count = count,
                          .real_bits = (uint32_t)tasks->real_bits,
                          .patience = KS_CODE_PATIENCE};
    const sizes s = sizes_of(lane, &d);
    void *frames, *syndromes;
    KS_TRY(ks_lane_host(lane, SLOT_RECEIVED, count * s.frame, &frames));
    KS_TRY(ks_lane_host(lane, SLOT_SYNDROMES, count * s.syndrome, &syndromes));
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)frames + i * s.frame, tasks[i].frame, s.frame);
        memcpy((char *)syndromes + i * s.syndrome, tasks[i].syndrome, s.syndrome);
        b->weights[i] = ks_code_weight(tasks[i].rate, tasks[i].qber);
        b->max_passes[i] = tasks[i].iterations ? tasks[i].iterations : KS_CODE_DEFAULT_PASSES;
    }
    KS_TRY(run(lane, &d, &s, frames, syndromes));
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        take_outcome(lane, &tasks[i], i, s.frame);
        if (tasks[i].converged || !tasks[i].exact)
            continue;
        memmove((char *)frames + failed * s.frame, (char *)frames + i * s.frame, s.frame);
        memmove((char *)syndromes + failed * s.syndrome, (char *)syndromes + i * s.syndrome, s.syndrome);
        b->weights[failed] = ks_code_exact_weight(tasks[i].rate, tasks[i].qber);
        b->max_passes[failed] = b->max_passes[i];
        b->failed[failed++] = (uint32_t)i;
    }
    return failed ? decode_exactly(lane, b, &d, tasks, failed, frames, syndromes) : KS_OK;
}

ks_status ks_lane_decode(ks_lane *lane, ks_frame_task *tasks, size_t count) {
    batch *b = malloc(sizeof *b);
    uint32_t *limits = malloc(count * sizeof *limits);
    ks_status status = b && limits ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a batch");
    for (size_t i = 0; limits && i < count; i++)
        limits[i] = tasks[i].iterations;
    size_t done = 0;
    for (size_t n; done < count && status == KS_OK; done += status == KS_OK ? n : 0) {
        n = ks_lane_alike(&tasks[done], count - done);
        n = n < BATCH_MAX ? n : BATCH_MAX;
        status = decode_alike(lane, b, &tasks[done], n);
    }
    /* What failed is decoded again elsewhere: with the limits it came with. */
    for (size_t i = 0; limits && status != KS_OK && i < count; i++)
        tasks[i].iterations = limits[i];
    free(b);
    free(limits);
    return status;
}
