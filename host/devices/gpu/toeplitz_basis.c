/* SPDX-License-Identifier: Apache-2.0 */
/* The change of basis of 2^l packed words, of a batch of products at a time: a list of steps
 * (kernels/cpu/toeplitz_basis.inc gives the recursion), cut into launches. Steps whose blocks fit into local
 * memory, and those over the upper index bits, which leave columns apart, are done many at a time in tiles;
 * the others one by one in global memory.
 */
#include "host/devices/gpu/toeplitz.h"

#include <string.h>

#include "pipeline/status.h"

/* A unit of a step is 8 words where b allows it, otherwise 2; columns are at least 8 words wide. */
enum { ITEMS = 256, TILE_ITEMS = 1024, LOG_UNIT = 3, LOG_PAIR = 1, LOG_WIDTH_MIN = LOG_UNIT };

typedef struct launch {
    uint32_t first, count;                    /* steps */
    uint32_t log_rows, log_stride, log_width; /* of the tile; log_rows = 0: a step in global memory */
} launch;

typedef struct plan {
    unsigned log_tile;
    uint32_t steps, launches;
    uint32_t step[KS_BASIS_STEPS_MAX]; /* log a | log b << 8 */
    launch launch[KS_BASIS_STEPS_MAX];
} plan;

static void add(plan *p, unsigned log_a, unsigned log_b, launch how) {
    launch *last = p->launches ? &p->launch[p->launches - 1] : NULL;
    if (how.log_rows && last && last->log_rows == how.log_rows && last->log_stride == how.log_stride) {
        last->count++;
    } else {
        how.first = p->steps;
        how.count = 1;
        p->launch[p->launches++] = how;
    }
    p->step[p->steps++] = log_a | log_b << 8;
}

/* The largest power of two below l. */
static unsigned split_of(unsigned l) {
    unsigned k = 1;
    while (2 * k < l)
        k *= 2;
    return k;
}

/* Steps over l index bits from bit log_stride on, forwards. `within`: how they all fit into a tile, if they
 * do. */
static void emit(plan *p, unsigned l, unsigned log_stride, const launch *within) {
    if (l <= 1)
        return;
    const unsigned k = split_of(l), least = log_stride < LOG_WIDTH_MIN ? log_stride : LOG_WIDTH_MIN;
    launch tile = {.log_rows = 0};
    if (!within && log_stride > 0 && l + least <= p->log_tile) {
        const unsigned room = p->log_tile - l;
        tile = (launch){
            .log_rows = l, .log_stride = log_stride, .log_width = room < log_stride ? room : log_stride};
        within = &tile;
    }
    for (unsigned t = l - k; t-- > 0;) {
        const unsigned log_a = k + t + log_stride, log_b = t + log_stride;
        const int near = !within && log_a < p->log_tile;
        add(p, log_a, log_b, within ? *within : (launch){.log_rows = near ? p->log_tile : 0});
    }
    emit(p, l - k, log_stride + k, within);
    emit(p, k, log_stride, within);
}

/* The output's steps are the transposed ones, in reverse order. */
static void reverse(plan *p) {
    for (uint32_t i = 0; i < p->steps / 2; i++) {
        const uint32_t step = p->step[i];
        p->step[i] = p->step[p->steps - 1 - i];
        p->step[p->steps - 1 - i] = step;
    }
    for (uint32_t i = 0; i < p->launches; i++)
        p->launch[i].first = p->steps - p->launch[i].first - p->launch[i].count;
    for (uint32_t i = 0; i < p->launches / 2; i++) {
        const launch l = p->launch[i];
        p->launch[i] = p->launch[p->launches - 1 - i];
        p->launch[p->launches - 1 - i] = l;
    }
}

static uint32_t divide_up(size_t a, size_t b) {
    return (uint32_t)((a + b - 1) / b);
}

/* The products of a batch. */
typedef struct products {
    ks_gpu_memory *words;
    uint32_t n, stride, count; /* 16-bit words, units of 8 words, products */
} products;

static ks_status run_step(ks_lane *lane, ks_toeplitz_use use, const products *b, uint32_t step) {
    const uint32_t log_a = step & 255, log_b = step >> 8, blocks = divide_up(b->n, (size_t)2 << log_a);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(b->words),  KS_GPU_U32(b->n),  KS_GPU_U32(b->stride),
                               KS_GPU_U32(blocks),       KS_GPU_U32(log_a), KS_GPU_U32(log_b),
                               KS_GPU_U32((uint32_t)use)};
    return ks_gpu_run(
        lane->queue,
        &(ks_gpu_launch){
            .kernel = ks_gpu_toeplitz_basis_step,
            .groups = divide_up((size_t)1 << (log_a - (log_b >= LOG_UNIT ? LOG_UNIT : LOG_PAIR)), ITEMS),
            .groups_y = blocks * b->count,
            .items = ITEMS},
        args, sizeof args / sizeof *args);
}

static ks_status run_tile(ks_lane *lane, ks_toeplitz_use use, const products *b, ks_gpu_memory *steps,
                          uint32_t first, const launch *l) {
    const ks_gpu_arg args[] = {
        KS_GPU_MEMORY(b->words),  KS_GPU_MEMORY(steps),         KS_GPU_U32(b->n),
        KS_GPU_U32(b->stride),    KS_GPU_U32(first + l->first), KS_GPU_U32(l->count),
        KS_GPU_U32(l->log_rows),  KS_GPU_U32(l->log_stride),    KS_GPU_U32(l->log_width),
        KS_GPU_U32((uint32_t)use)};
    const uint32_t blocks = divide_up(b->n, (size_t)1 << (l->log_rows + l->log_stride));
    const size_t most = lane->limits.items;
    return ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_basis_tile,
                                       .groups = blocks << (l->log_stride - l->log_width),
                                       .groups_y = b->count,
                                       .items = most < TILE_ITEMS ? (uint32_t)most : TILE_ITEMS,
                                       .local_bytes = sizeof(uint16_t) << (l->log_rows + l->log_width)},
                      args, sizeof args / sizeof *args);
}

ks_status ks_lane_basis(ks_lane *lane, ks_toeplitz_use use, ks_gpu_memory *words, size_t n, size_t stride,
                        size_t count, unsigned log_tile) {
    const products b = {words, (uint32_t)n, (uint32_t)(stride >> LOG_UNIT), (uint32_t)count};
    const size_t bytes = KS_BASIS_STEPS_MAX * sizeof(uint32_t), first = (size_t)use * KS_BASIS_STEPS_MAX;
    plan p = {.log_tile = log_tile};
    unsigned l = 0;
    while ((size_t)1 << l < n)
        l++;
    emit(&p, l, 0, NULL);
    if (use == KS_USE_OUTPUT)
        reverse(&p);
    void *host;
    ks_gpu_memory *steps;
    KS_TRY(ks_lane_host(lane, KS_SLOT_STEPS, KS_BASIS_PLANS * bytes, &host));
    KS_TRY(ks_lane_device(lane, KS_SLOT_STEPS, KS_BASIS_PLANS * bytes, &steps));
    uint32_t *own = (uint32_t *)host + first;
    memcpy(own, p.step, p.steps * sizeof *own);
    KS_TRY(ks_gpu_write(lane->queue, steps, first * sizeof *own, own, p.steps * sizeof *own));
    for (uint32_t i = 0; i < p.launches; i++)
        KS_TRY(p.launch[i].log_rows ? run_tile(lane, use, &b, steps, (uint32_t)first, &p.launch[i])
                                    : run_step(lane, use, &b, p.step[p.launch[i].first]));
    return KS_OK;
}
