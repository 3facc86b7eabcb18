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
    SLOT_KEPT = 11,
    BATCH_MAX = 4096, /* frames a launch */
    LEVELS = 32,      /* DECODE_LEVELS of kernels/gpu/decode.cl */
    HEAD = 4 + LEVELS,
    OUT_WORDS = 4,
    INFO_WORDS = 4,
    KEPT_BYTES = 256 << 20, /* most memory for what is kept of the frames of a launch */
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
    size_t kept;                   /* bytes of the place of a ks_ldpc_kept */
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
    s.kept = (n + 2 * s.state_words * rows->z) * sizeof(int16_t);
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

static ks_ldpc_outcome outcome_of(const ks_lane *lane, size_t frame) {
    const uint32_t *words = (const uint32_t *)lane->slot[SLOT_OUT].host + OUT_WORDS * frame;
    return (ks_ldpc_outcome){.passes = words[0], .unsatisfied = words[1], .converged = words[2]};
}

static int has_place(const ks_lane_decoding *d, size_t i) {
    return (d->from && d->from[i]) || (d->keep && d->keep[i]);
}

static size_t values_of(const ks_ldpc_lists *rows) {
    return ((size_t)rows->columns + rows->first[rows->rows]) * rows->z;
}

/* Places for what is kept, and what frames go on from. */
static ks_status send_kept(ks_lane *lane, const ks_lane_decoding *d, const sizes *s, ks_gpu_memory **out) {
    size_t places = 0, place = 0;
    void *host;
    for (size_t i = 0; i < d->count; i++)
        places += (size_t)has_place(d, i);
    KS_TRY(ks_lane_device(lane, SLOT_KEPT, places ? places * s->kept : sizeof(uint32_t), out));
    if (!places)
        return KS_OK;
    KS_TRY(ks_lane_host(lane, SLOT_KEPT, places * s->kept, &host));
    for (size_t i = 0; i < d->count; i++) {
        char *at = (char *)host + place * s->kept;
        place += (size_t)has_place(d, i);
        if (!d->from || !d->from[i])
            continue;
        memcpy(at, d->from[i]->values, values_of(d->by_row) * sizeof(int16_t));
        KS_TRY(ks_gpu_write(lane->queue, *out, (size_t)(at - (char *)host), at, s->kept));
    }
    return KS_OK;
}

/* After the launch: what frames without success are to keep. */
static ks_status read_kept(ks_lane *lane, const ks_lane_decoding *d, const sizes *s) {
    const size_t bytes = values_of(d->by_row) * sizeof(int16_t);
    size_t place = 0;
    for (size_t i = 0; i < d->count; i++) {
        const ks_ldpc_outcome outcome = outcome_of(lane, i);
        const size_t at = place * s->kept;
        place += (size_t)has_place(d, i);
        if (outcome.converged || !d->keep || !d->keep[i])
            continue;
        char *host = (char *)lane->slot[SLOT_KEPT].host + at;
        KS_TRY(ks_gpu_read(lane->queue, host, lane->slot[SLOT_KEPT].device, at, bytes));
        KS_TRY(ks_gpu_finish(lane->queue));
        memcpy(d->keep[i]->values, host, bytes);
        d->keep[i]->unsatisfied = outcome.unsatisfied;
    }
    return KS_OK;
}

/* Weight and limit of each frame, its place and the u it goes on with. */
static ks_status send_frames(ks_lane *lane, const ks_lane_decoding *d, ks_gpu_memory **out) {
    const uint64_t checks = (uint64_t)d->by_row->rows * d->by_row->z;
    const size_t bytes = INFO_WORDS * d->count * sizeof(uint32_t);
    uint32_t place = 0;
    void *host;
    KS_TRY(ks_lane_host(lane, SLOT_FRAMES, bytes, &host));
    KS_TRY(ks_lane_device(lane, SLOT_FRAMES, bytes, out));
    uint32_t *info = host;
    for (size_t i = 0; i < d->count; i++, info += INFO_WORDS) {
        const ks_ldpc_kept *from = d->from ? d->from[i] : NULL;
        info[0] = d->weights[i];
        info[1] = d->max_passes[i];
        info[2] = has_place(d, i) ? place++ : UINT32_MAX;
        info[3] = from ? (uint32_t)(((uint64_t)from->unsatisfied << 16) / checks) : UINT32_MAX;
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
    ks_gpu_memory *received, *synd, *decoded, *out, *code, *edges, *first, *state, *queue, *info, *soft,
        *kept;
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
    ks_gpu_arg args[KS_GPU_ARGS_MAX] = {KS_GPU_MEMORY(out),
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
    if (d->exact) {
        KS_TRY(send_kept(lane, d, s, &kept));
        args[16] = KS_GPU_MEMORY(kept);
    }
    KS_TRY(launch(lane, d->exact, s, args, d->exact ? 17 : s->soft_bytes ? 16 : 15));
    KS_TRY(ks_gpu_read(lane->queue, words, decoded, 0, d->count * s->frame));
    KS_TRY(ks_gpu_read(lane->queue, outcomes, out, 0, d->count * OUT_WORDS * 4));
    KS_TRY(ks_gpu_finish(lane->queue));
    return d->exact ? read_kept(lane, d, s) : KS_OK;
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
    ks_code_decoder code, before; /* before: of the rate that memories are of */
    uint32_t limits[BATCH_MAX];   /* of each task */
    uint8_t goes_on[BATCH_MAX];   /* of each task: it came with a memory */
    uint32_t list[BATCH_MAX];     /* tasks for the next launches */
    /* Of the frames of a launch, as ks_lane_decoding says. */
    uint32_t weights[BATCH_MAX], max_passes[BATCH_MAX];
    const ks_ldpc_kept *from[BATCH_MAX];
    ks_ldpc_kept *keep[BATCH_MAX];
    ks_ldpc_memory *memory[BATCH_MAX]; /* that keep is in: of the task or made for this launch */
} batch;

/* Where the exact decoder begins and stops on a task, for frame i of a launch. */
static void find_memory(batch *b, const ks_lane_decoding *d, const ks_frame_task *task, size_t i) {
    b->memory[i] = task->memory;
    b->from[i] = d->exact && task->memory ? &task->memory->kept : NULL;
    if (d->exact && !task->memory && task->allowance)
        b->memory[i] = ks_code_memory_make(task->allowance, d->by_row, task->rate, task->real_bits);
    b->keep[i] = d->exact && b->memory[i] ? &b->memory[i]->kept : NULL;
}

/* What the launch gave for its frame i. */
static void take_outcome(const ks_lane *lane, batch *b, ks_frame_task *task, size_t i, size_t frame_bytes) {
    const ks_ldpc_outcome outcome = outcome_of(lane, i);
    task->converged = (uint8_t)outcome.converged;
    task->iterations += outcome.passes;
    if (outcome.converged) {
        memcpy(task->frame, (char *)lane->slot[SLOT_DECODED].host + i * frame_bytes, frame_bytes);
        ks_ldpc_forget(b->memory[i]);
        b->memory[i] = NULL;
    }
    task->memory = b->memory[i];
}

/* One launch for the tasks of a list. */
static ks_status decode_listed(ks_lane *lane, batch *b, const ks_lane_decoding *all, ks_frame_task *tasks,
                               const uint32_t *list, size_t count) {
    ks_lane_decoding d = *all;
    d.count = count;
    const sizes s = sizes_of(lane, &d);
    void *frames, *syndromes;
    KS_TRY(ks_lane_host(lane, SLOT_RECEIVED, count * s.frame, &frames));
    KS_TRY(ks_lane_host(lane, SLOT_SYNDROMES, count * s.syndrome, &syndromes));
    for (size_t i = 0; i < count; i++) {
        const ks_frame_task *task = &tasks[list[i]];
        memcpy((char *)frames + i * s.frame, task->frame, s.frame);
        memcpy((char *)syndromes + i * s.syndrome, task->syndrome, s.syndrome);
        b->weights[i] = (d.exact ? ks_code_exact_weight : ks_code_weight)(task->rate, task->qber);
        b->max_passes[i] = b->limits[list[i]];
        find_memory(b, &d, task, i);
    }
    const ks_status status = run(lane, &d, &s, frames, syndromes);
    for (size_t i = 0; i < count; i++)
        if (status == KS_OK)
            take_outcome(lane, b, &tasks[list[i]], i, s.frame);
        else if (b->memory[i] != tasks[list[i]].memory)
            ks_ldpc_forget(b->memory[i]);
    return status;
}

/* The exact decoder, in launches whose memories have room on the device. */
static ks_status decode_exactly(ks_lane *lane, batch *b, const ks_lane_decoding *fast, ks_frame_task *tasks,
                                size_t count) {
    ks_lane_decoding d = *fast;
    d.exact = 1;
    const size_t room = lane->limits.allocation < KEPT_BYTES ? lane->limits.allocation : KEPT_BYTES,
                 kept = sizes_of(lane, &d).kept, most = room > kept ? room / kept : 1;
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < most ? count - at : most;
        KS_TRY(decode_listed(lane, b, &d, tasks, b->list + at, n));
    }
    return KS_OK;
}

/* Memories of earlier rates become ones of the tasks' rate. */
static ks_status split_memories(batch *b, ks_frame_task *tasks, size_t count, const ks_base_graph *graph,
                                uint32_t z) {
    uint16_t made = tasks->rate;
    for (size_t i = 0; i < count; i++) {
        ks_ldpc_memory *memory = tasks[i].memory;
        if (!memory)
            continue;
        if (!tasks[i].exact)
            return ks_fail(KS_ERR_ARGUMENT, "only the exact decoder goes on from a memory");
        KS_TRY(ks_code_memory_check(memory, tasks[i].rate, tasks[i].log2n, tasks[i].real_bits));
        if (memory->rate == tasks->rate)
            continue;
        const ks_code_rate *rate = ks_code_rate_of(memory->rate);
        if (made != memory->rate)
            ks_code_decoder_make(&b->before, &ks_family[rate->base], graph, rate->merges, z,
                                 (uint32_t)((tasks->real_bits + z - 1) / z));
        made = memory->rate;
        ks_code_memory_split(memory, &b->before.by_row, tasks->rate);
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
    KS_TRY(split_memories(b, tasks, count, graph, z));
    const ks_lane_decoding d = {.by_row = &b->code.by_row,
                                .row_class = b->code.row_class,
                                .remap = &b->code.remap,
                                .weights = b->weights,
                                .max_passes = b->max_passes,
                                .from = b->from,
                                .keep = b->keep,
                                .real_bits = (uint32_t)tasks->real_bits,
                                .patience = KS_CODE_PATIENCE};
    size_t resumed = 0, fast = 0, fresh = 0;
    for (size_t i = 0; i < count; i++) {
        b->limits[i] = tasks[i].iterations ? tasks[i].iterations : KS_CODE_DEFAULT_PASSES;
        tasks[i].iterations = 0;
        tasks[i].converged = 0;
        b->goes_on[i] = tasks[i].memory != NULL;
        if (b->goes_on[i])
            b->list[resumed++] = (uint32_t)i;
    }
    KS_TRY(decode_exactly(lane, b, &d, tasks, resumed));
    for (size_t i = 0; i < count; i++)
        if (!tasks[i].converged)
            b->list[fast++] = (uint32_t)i;
    if (fast)
        KS_TRY(decode_listed(lane, b, &d, tasks, b->list, fast));
    for (size_t i = 0; i < count; i++)
        if (!tasks[i].converged && tasks[i].exact && !b->goes_on[i])
            b->list[fresh++] = (uint32_t)i;
    return decode_exactly(lane, b, &d, tasks, fresh);
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
