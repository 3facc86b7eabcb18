/* SPDX-License-Identifier: Apache-2.0 */
/* Toeplitz products on a device: schoolbook for short blocks, otherwise the additive FFT of
 * docs/amplification.md with 32 points a word. The transform's shape is that of the CPU's, its points stand
 * plane by plane. */
#include "host/devices/gpu/toeplitz.h"

#include <keystill/amplify.h>
#include <string.h>

#include "pipeline/status.h"

enum { SLOT_KEY = 0, SLOT_SEED = 1, SLOT_WORDS = 2, SLOT_POINTS = 3, SLOT_WEIGHTS = 4, SLOT_OUT = 5 };

/* Products of 64-bit words up to which schoolbook is taken; a transform is a score of launches. */
enum { DIRECT_PRODUCTS = 1 << 18, LEAST_LOG_ROW = 8 };

/* Words of points in local memory: their planes and a gap. */
static const size_t LEAF_WORD = 33 * sizeof(uint32_t), PASS_WORD = 17 * sizeof(uint32_t);

/* Layers that a pass joins at most, and words of points in its local memory. */
enum { ROOT_ITEMS = 128, ROOT_WORDS = 16, PASS_LAYERS = 6, LOG_PASS_WORDS = 9, ITEMS = 256 };

/* Local memory that kernels declare themselves; tiles of the change of basis are up to 2^LOG_BASIS_BEYOND
 * times as long as leaves. */
enum { TILE_BESIDE = 1024, LOG_TILE_MAX = 14, LOG_BASIS_BEYOND = 2 };

typedef struct transform {
    ks_lane *lane;
    const ks_toeplitz_shape *shape;
    unsigned log_tile, log_basis, log_pass;
    uint32_t words; /* of a plane */
    ks_gpu_memory *packed, *points, *weights;
} transform;

static uint32_t divide_up(size_t a, size_t b) {
    return (uint32_t)((a + b - 1) / b);
}

static size_t point_bytes(const ks_toeplitz_shape *shape) {
    return shape->rows * sizeof(uint32_t) << shape->log_row;
}

/* 16-bit words of `bits` bits that a change of basis covers. */
static size_t covered(size_t coefficients) {
    return (coefficients + 255) / 256 * 256;
}

static ks_status transform_init(transform *t, ks_lane *lane, const ks_toeplitz_shape *shape,
                                unsigned log_tile_most) {
    *t = (transform){.lane = lane, .shape = shape, .log_tile = 6, .log_basis = 8};
    const size_t local = lane->limits.local_bytes - TILE_BESIDE;
    while (t->log_tile < log_tile_most && t->log_tile < shape->log_row &&
           LEAF_WORD << (t->log_tile + 1 - 5) <= local)
        t->log_tile++;
    while (t->log_basis < log_tile_most + LOG_BASIS_BEYOND && sizeof(uint16_t) << (t->log_basis + 1) <= local)
        t->log_basis++;
    t->log_pass = PASS_WORD << LOG_PASS_WORDS <= local ? LOG_PASS_WORDS : LOG_PASS_WORDS - 1;
    t->words = (uint32_t)(shape->rows << (shape->log_row - 5));
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, point_bytes(shape) / 2, &t->packed));
    KS_TRY(ks_lane_device(lane, SLOT_POINTS, point_bytes(shape), &t->points));
    return ks_lane_device(lane, SLOT_WEIGHTS, point_bytes(shape), &t->weights);
}

static ks_status load(ks_lane *lane, ks_gpu_memory *to, const ks_gpu_memory *from, size_t c, size_t m,
                      uint64_t skipped, size_t words) {
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(from), KS_GPU_U64(c),
                               KS_GPU_U64(m),     KS_GPU_U64(skipped), KS_GPU_U32((uint32_t)words)};
    return ks_gpu_run(
        lane->queue,
        &(ks_gpu_launch){
            .kernel = ks_gpu_toeplitz_load, .groups = divide_up(words, ITEMS), .groups_y = 1, .items = ITEMS},
        args, sizeof args / sizeof *args);
}

static ks_status root(const transform *t, ks_gpu_kernel kernel, ks_gpu_memory *to, ks_gpu_memory *from,
                      size_t last) {
    const ks_toeplitz_shape *shape = t->shape;
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to),
                               KS_GPU_MEMORY(from),
                               KS_GPU_U32(t->words),
                               KS_GPU_U32(shape->log_row),
                               KS_GPU_U32((uint32_t)shape->rows),
                               KS_GPU_U32((uint32_t)last)};
    return ks_gpu_run(t->lane->queue,
                      &(ks_gpu_launch){.kernel = kernel,
                                       .groups = divide_up((size_t)1 << (shape->log_row - 5), ROOT_WORDS),
                                       .groups_y = 1,
                                       .items = ROOT_ITEMS},
                      args, sizeof args / sizeof *args);
}

/* Layers from .. from + layers - 1 below the root. */
static ks_status pass(const transform *t, ks_toeplitz_use use, ks_gpu_memory *points, unsigned from,
                      unsigned layers) {
    const unsigned log_stride = t->shape->log_row - 5 - from - layers, room = t->log_pass - layers,
                   log_width = room < log_stride ? room : log_stride;
    const uint32_t nodes = (uint32_t)(t->shape->rows << from);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(points), KS_GPU_U32(t->words),  KS_GPU_U32(log_stride),
                               KS_GPU_U32(layers),    KS_GPU_U32(log_width), KS_GPU_U32((uint32_t)use)};
    return ks_gpu_run(t->lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_pass,
                                       .groups = UINT32_C(1) << (log_stride - log_width),
                                       .groups_y = 2 * nodes,
                                       .items = ITEMS / 2,
                                       .local_bytes = PASS_WORD << (layers + log_width)},
                      args, sizeof args / sizeof *args);
}

/* The layers between root and tiles, in as few passes as possible. */
static ks_status passes(const transform *t, ks_toeplitz_use use, ks_gpu_memory *points) {
    const unsigned layers = t->shape->log_row - t->log_tile, count = (layers + PASS_LAYERS - 1) / PASS_LAYERS;
    for (unsigned i = 0; i < count; i++) {
        const unsigned p = use == KS_USE_OUTPUT ? count - 1 - i : i;
        const unsigned from = layers * p / count;
        KS_TRY(pass(t, use, points, from, layers * (p + 1) / count - from));
    }
    return KS_OK;
}

static ks_status tiles(const transform *t, ks_gpu_memory *points, const ks_gpu_memory *weights, int seed) {
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(points), KS_GPU_MEMORY(weights), KS_GPU_U32(t->words),
                               KS_GPU_U32(t->log_tile), KS_GPU_U32((uint32_t)seed)};
    return ks_gpu_run(
        t->lane->queue,
        &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_tile,
                         .groups = (uint32_t)(t->shape->rows << (t->shape->log_row - t->log_tile)),
                         .groups_y = 1,
                         .items = ITEMS,
                         .local_bytes = LEAF_WORD << (t->log_tile - 5)},
        args, sizeof args / sizeof *args);
}

/* weights = transform of the seed. */
static ks_status prepare(const transform *t, const ks_gpu_memory *seed) {
    const size_t c = t->shape->c, m = t->shape->m, used = covered((c + 15) / 16 + (m + 15) / 16);
    KS_TRY(load(t->lane, t->packed, seed, c, m, 0, t->shape->rows << (t->shape->log_row - 1)));
    KS_TRY(ks_lane_basis(t->lane, KS_USE_SEED, t->packed, used, t->log_basis));
    KS_TRY(root(t, ks_gpu_toeplitz_root_seed, t->weights, t->packed, used));
    KS_TRY(passes(t, KS_USE_SEED, t->weights));
    return tiles(t, t->weights, t->points, 1);
}

/* packed = product with the key, m bits and garbage. */
static ks_status apply(const transform *t, const ks_gpu_memory *key) {
    const ks_toeplitz_shape *shape = t->shape;
    KS_TRY(load(t->lane, t->packed, key, shape->c, 0, 0, shape->key_rows << (shape->log_row - 1)));
    KS_TRY(ks_lane_basis(t->lane, KS_USE_KEY, t->packed, covered((shape->c + 15) / 16), t->log_basis));
    KS_TRY(root(t, ks_gpu_toeplitz_root_forward, t->points, t->packed, shape->key_rows));
    KS_TRY(passes(t, KS_USE_KEY, t->points));
    KS_TRY(tiles(t, t->points, t->weights, 0));
    KS_TRY(passes(t, KS_USE_OUTPUT, t->points));
    KS_TRY(root(t, ks_gpu_toeplitz_root_backward, t->packed, t->points, shape->out_rows));
    return ks_lane_basis(t->lane, KS_USE_OUTPUT, t->packed, covered((shape->m + 15) / 16), t->log_basis);
}

/* out = product, plus the last m of the n bits of x when there is an x. */
static ks_status fetch(ks_lane *lane, uint64_t *out, const ks_gpu_memory *product, const ks_gpu_memory *x,
                       size_t n, size_t m) {
    const size_t bytes = ks_toeplitz_words(m) * 8;
    void *host;
    ks_gpu_memory *masked;
    KS_TRY(ks_lane_host(lane, SLOT_OUT, bytes, &host));
    KS_TRY(ks_lane_device(lane, SLOT_OUT, bytes, &masked));
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(masked), KS_GPU_MEMORY(product), KS_GPU_MEMORY(x ? x : product),
                               KS_GPU_U64(n),         KS_GPU_U64(m),          KS_GPU_U32(x ? 1 : 0)};
    KS_TRY(ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_finish,
                                       .groups = divide_up(bytes / 4, ITEMS),
                                       .groups_y = 1,
                                       .items = ITEMS},
                      args, sizeof args / sizeof *args));
    KS_TRY(ks_gpu_read(lane->queue, host, masked, 0, bytes));
    KS_TRY(ks_gpu_finish(lane->queue));
    memcpy(out, host, bytes);
    return KS_OK;
}

/* packed = product by schoolbook, whole words. */
static ks_status direct(ks_lane *lane, ks_gpu_memory *product, const ks_gpu_memory *key,
                        const ks_gpu_memory *band, size_t c, size_t out_words) {
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(product), KS_GPU_MEMORY(key), KS_GPU_MEMORY(band),
                               KS_GPU_U64(c)};
    return ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_direct,
                                       .groups = (uint32_t)out_words,
                                       .groups_y = 1,
                                       .items = ITEMS / 2},
                      args, sizeof args / sizeof *args);
}

static ks_status hash_direct(ks_lane *lane, const ks_gpu_memory *key, const ks_gpu_memory *seed, size_t c,
                             size_t m, ks_gpu_memory **product) {
    const size_t key_words = (c + 31) / 32, out_words = 2 * ks_toeplitz_words(m), all = key_words + out_words;
    ks_gpu_memory *band;
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, out_words * 4, product));
    KS_TRY(ks_lane_device(lane, SLOT_POINTS, all * 4, &band));
    KS_TRY(load(lane, band, seed, c, m, (uint64_t)c - 1 - 32 * (uint64_t)key_words, all));
    return direct(lane, *product, key, band, c, out_words);
}

ks_status ks_lane_toeplitz(ks_lane *lane, uint64_t *out, const uint64_t *key, const uint64_t *seed, size_t n,
                           size_t m) {
    if (m < 1 || m > n || n > KS_TOEPLITZ_INPUT_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "no hash from %zu to %zu bits", n, m);
    const size_t c = n - m;
    ks_gpu_memory *x, *s, *product;
    KS_TRY(ks_lane_send(lane, SLOT_KEY, key, ks_toeplitz_words(n) * 8, &x));
    if (c == 0) /* the hash is the key */
        return fetch(lane, out, x, NULL, n, m);
    KS_TRY(ks_lane_send(lane, SLOT_SEED, seed, ks_toeplitz_words(n - 1) * 8, &s));
    if (ks_toeplitz_words(c) * ks_toeplitz_words(m) <= DIRECT_PRODUCTS) {
        KS_TRY(hash_direct(lane, x, s, c, m, &product));
    } else {
        const ks_toeplitz_shape shape = ks_toeplitz_shape_of(m, c, LEAST_LOG_ROW);
        transform t;
        KS_TRY(transform_init(&t, lane, &shape, LOG_TILE_MAX));
        KS_TRY(prepare(&t, s));
        KS_TRY(apply(&t, x));
        product = t.packed;
    }
    return fetch(lane, out, product, x, n, m);
}

ks_status ks_lane_toeplitz_direct(ks_lane *lane, uint64_t *out, size_t out_words, const uint64_t *key,
                                  size_t key_words, const uint64_t *band) {
    ks_gpu_memory *x, *b, *product;
    KS_TRY(ks_lane_send(lane, SLOT_KEY, key, key_words * 8, &x));
    KS_TRY(ks_lane_send(lane, SLOT_SEED, band, (key_words + out_words) * 8, &b));
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, out_words * 8, &product));
    KS_TRY(direct(lane, product, x, b, 64 * key_words, 2 * out_words));
    return fetch(lane, out, product, NULL, 0, 64 * out_words);
}

ks_status ks_lane_toeplitz_prepare(ks_lane *lane, const ks_toeplitz_shape *shape, void *prepared,
                                   const uint64_t *seed, unsigned log_tile) {
    transform t;
    ks_gpu_memory *s;
    void *host;
    KS_TRY(ks_lane_send(lane, SLOT_SEED, seed, ks_toeplitz_words(shape->c + shape->m - 1) * 8, &s));
    KS_TRY(transform_init(&t, lane, shape, log_tile));
    KS_TRY(prepare(&t, s));
    KS_TRY(ks_lane_host(lane, SLOT_WEIGHTS, point_bytes(shape), &host));
    KS_TRY(ks_gpu_read(lane->queue, host, t.weights, 0, point_bytes(shape)));
    KS_TRY(ks_gpu_finish(lane->queue));
    memcpy(prepared, host, point_bytes(shape));
    return KS_OK;
}

ks_status ks_lane_toeplitz_apply(ks_lane *lane, const ks_toeplitz_shape *shape, uint64_t *out,
                                 const uint64_t *key, const void *prepared, unsigned log_tile) {
    transform t;
    ks_gpu_memory *x;
    KS_TRY(transform_init(&t, lane, shape, log_tile));
    KS_TRY(ks_lane_send(lane, SLOT_KEY, key, ks_toeplitz_words(shape->c) * 8, &x));
    KS_TRY(ks_lane_send(lane, SLOT_WEIGHTS, prepared, point_bytes(shape), &t.weights));
    KS_TRY(apply(&t, x));
    return fetch(lane, out, t.packed, NULL, 0, shape->m);
}
