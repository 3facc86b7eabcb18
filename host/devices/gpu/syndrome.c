/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/devices/gpu/graph.h"
#include "ldpc/code.h"
#include "pipeline/status.h"

enum { ITEMS = 128, SLOT_FRAMES = 2, SLOT_SYNDROMES = 3, GROUPS_Y_MAX = 65535 };

ks_status ks_lane_graph(ks_lane *lane, const ks_ldpc_lists *by_row, ks_gpu_memory **first,
                        ks_gpu_memory **edges) {
    const size_t rows = by_row->rows, count = by_row->first[rows];
    void *host;
    KS_TRY(ks_lane_send(lane, KS_SLOT_FIRST, by_row->first, (rows + 1) * sizeof(uint32_t), first));
    KS_TRY(ks_lane_host(lane, KS_SLOT_EDGES, (count + 1) * sizeof(uint32_t), &host));
    KS_TRY(ks_lane_device(lane, KS_SLOT_EDGES, (count + 1) * sizeof(uint32_t), edges));
    uint32_t *packed = host;
    for (size_t e = 0; e < count; e++)
        packed[e] = (uint32_t)by_row->edges[e].node << 16 | by_row->edges[e].shift;
    packed[count] = 0;
    return ks_gpu_write(lane->queue, *edges, 0, packed, (count + 1) * sizeof(uint32_t));
}

size_t ks_lane_alike(const ks_frame_task *tasks, size_t count) {
    size_t n = 1;
    while (n < count && tasks[n].rate == tasks[0].rate && tasks[n].log2n == tasks[0].log2n &&
           tasks[n].real_bits == tasks[0].real_bits)
        n++;
    return n;
}

static uint32_t log2_of(uint32_t power_of_two) {
    return (uint32_t)__builtin_ctz(power_of_two);
}

/* `frames` in host memory good for transfer. */
static ks_status run(ks_lane *lane, void *syndromes, const void *frames, size_t count,
                     const ks_ldpc_lists *by_row) {
    const size_t frame = (size_t)by_row->columns * by_row->z / 8,
                 syndrome = (size_t)by_row->rows * by_row->z / 8;
    const uint32_t words = (uint32_t)(syndrome / 4);
    ks_gpu_memory *first, *edges, *in, *out;
    KS_TRY(ks_lane_graph(lane, by_row, &first, &edges));
    KS_TRY(ks_lane_device(lane, SLOT_FRAMES, count * frame, &in));
    KS_TRY(ks_lane_device(lane, SLOT_SYNDROMES, count * syndrome, &out));
    KS_TRY(ks_gpu_write(lane->queue, in, 0, frames, count * frame));
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(out),
                               KS_GPU_MEMORY(in),
                               KS_GPU_MEMORY(first),
                               KS_GPU_MEMORY(edges),
                               KS_GPU_U32(log2_of(by_row->z / 32)),
                               KS_GPU_U32(words),
                               KS_GPU_U32((uint32_t)(frame / 4))};
    KS_TRY(ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_syndrome,
                                       .groups = (words + ITEMS - 1) / ITEMS,
                                       .groups_y = (uint32_t)count,
                                       .items = ITEMS},
                      args, sizeof args / sizeof *args));
    KS_TRY(ks_gpu_read(lane->queue, syndromes, out, 0, count * syndrome));
    return ks_gpu_finish(lane->queue);
}

ks_status ks_lane_syndrome_batch(ks_lane *lane, uint64_t *syndromes, const uint64_t *frames, size_t count,
                                 const ks_ldpc_lists *by_row) {
    const size_t frame = (size_t)by_row->columns * by_row->z / 8,
                 syndrome = (size_t)by_row->rows * by_row->z / 8;
    void *in, *out;
    if (count == 0 || syndrome == 0)
        return KS_OK;
    KS_TRY(ks_lane_host(lane, SLOT_FRAMES, count * frame, &in));
    KS_TRY(ks_lane_host(lane, SLOT_SYNDROMES, count * syndrome, &out));
    memcpy(in, frames, count * frame);
    KS_TRY(run(lane, out, in, count, by_row));
    memcpy(syndromes, out, count * syndrome);
    return KS_OK;
}

/* Tasks of one code. */
static ks_status alike(ks_lane *lane, ks_frame_task *tasks, size_t count, const ks_ldpc_lists *by_row) {
    const size_t frame = (size_t)1 << (tasks->log2n - 3), syndrome = (size_t)by_row->rows * by_row->z / 8;
    void *in, *out;
    KS_TRY(ks_lane_host(lane, SLOT_FRAMES, count * frame, &in));
    KS_TRY(ks_lane_host(lane, SLOT_SYNDROMES, count * syndrome, &out));
    for (size_t i = 0; i < count; i++)
        memcpy((char *)in + i * frame, tasks[i].frame, frame);
    KS_TRY(run(lane, out, in, count, by_row));
    for (size_t i = 0; i < count; i++)
        memcpy(tasks[i].syndrome, (char *)out + i * syndrome, syndrome);
    return KS_OK;
}

ks_status ks_lane_syndrome(ks_lane *lane, ks_frame_task *tasks, size_t count) {
    ks_code_decoder *code = malloc(sizeof *code);
    ks_status status = code ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a graph");
    for (size_t done = 0, n; done < count && status == KS_OK; done += n) {
        const ks_frame_task *task = &tasks[done];
        n = ks_lane_alike(task, count - done);
        n = n < GROUPS_Y_MAX ? n : GROUPS_Y_MAX;
        const ks_code_rate *rate = ks_code_rate_of(task->rate);
        if (!ks_ldpc_supports(task->rate, task->log2n)) {
            status = ks_fail(KS_ERR_ARGUMENT, "rate %u does not serve frames of 2^%u bits", task->rate,
                             task->log2n);
            break;
        }
        const ks_base_spec *spec = &ks_family[rate->base];
        const ks_base_graph *graph = ks_code_graph(rate->base);
        if (!graph) {
            status = KS_ERR_MEMORY;
            break;
        }
        ks_code_decoder_make(code, spec, graph, 0, (1u << task->log2n) / spec->columns, spec->columns);
        status = alike(lane, &tasks[done], n, &code->by_row);
    }
    free(code);
    return status;
}
