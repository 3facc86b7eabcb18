/* SPDX-License-Identifier: Apache-2.0 */
/* Toeplitz products on a device: schoolbook for short blocks, otherwise the additive FFT of
 * docs/amplification.md with 32 points a word. The transform's shape is that of the CPU's, its points stand
 * plane by plane.
 *
 * A batch of products goes through each launch together, one after the other in packed words and in each
 * plane. They have one shape of transform; their n and m differ, which only the borders need to know:
 * coefficients beyond a product's own are zero in the key, not asked for in the output, and have no partner
 * in the seed. */
#include "host/devices/gpu/toeplitz.h"

#include <keystill/amplify.h>
#include <string.h>

#include "pipeline/status.h"

enum {
    SLOT_KEY = 0,
    SLOT_SEED = 1,
    SLOT_WORDS = 2,
    SLOT_POINTS = 3,
    SLOT_WEIGHTS = 4,
    SLOT_OUT = 5,
    SLOT_BLOCKS = 7
};

/* What the kernels are told of a block: the words of TOEPLITZ_BLOCK_* of kernels/gpu/toeplitz_bits.cl. */
typedef struct block {
    uint64_t c, m, key, seed, out; /* bits, bits; places in words of 32 bits */
} block;

typedef struct batch {
    ks_gpu_memory *blocks;
    uint32_t count;
} batch;

/* Bits of a batch: enough to occupy a large device, far from its memory and from the limits of launches. */
enum { BATCH_BITS = 1 << 26 };

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
    const ks_toeplitz_shape *shape; /* c and m: the largest */
    const batch *batch;
    unsigned log_tile, log_basis, log_pass;
    uint32_t words; /* of a plane of one product */
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

static ks_status transform_init(transform *t, ks_lane *lane, const ks_toeplitz_shape *shape, const batch *b,
                                unsigned log_tile_most) {
    *t = (transform){.lane = lane, .shape = shape, .batch = b, .log_tile = 6, .log_basis = 8};
    const size_t local = lane->limits.local_bytes - TILE_BESIDE;
    while (t->log_tile < log_tile_most && t->log_tile < shape->log_row &&
           LEAF_WORD << (t->log_tile + 1 - 5) <= local)
        t->log_tile++;
    while (t->log_basis < log_tile_most + LOG_BASIS_BEYOND && sizeof(uint16_t) << (t->log_basis + 1) <= local)
        t->log_basis++;
    t->log_pass = PASS_WORD << LOG_PASS_WORDS <= local ? LOG_PASS_WORDS : LOG_PASS_WORDS - 1;
    t->words = (uint32_t)(shape->rows << (shape->log_row - 5));
    const size_t bytes = b->count * point_bytes(shape);
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, bytes / 2, &t->packed));
    KS_TRY(ks_lane_device(lane, SLOT_POINTS, bytes, &t->points));
    return ks_lane_device(lane, SLOT_WEIGHTS, bytes, &t->weights);
}

/* Words of 32 bits from a product's packed words to the next's. */
static uint32_t stride_of(const transform *t) {
    return 16 * t->words;
}

static ks_status load(ks_lane *lane, ks_gpu_memory *to, const ks_gpu_memory *from, const batch *b, int seed,
                      uint64_t skipped, size_t words, uint32_t stride) {
    const ks_gpu_arg args[] = {
        KS_GPU_MEMORY(to),           KS_GPU_MEMORY(from), KS_GPU_MEMORY(b->blocks),  KS_GPU_U64(skipped),
        KS_GPU_U32((uint32_t)words), KS_GPU_U32(stride),  KS_GPU_U32((uint32_t)seed)};
    return ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_load,
                                       .groups = divide_up(words, ITEMS),
                                       .groups_y = b->count,
                                       .items = ITEMS},
                      args, sizeof args / sizeof *args);
}

static ks_status root(const transform *t, ks_gpu_kernel kernel, ks_gpu_memory *to, ks_gpu_memory *from,
                      size_t last) {
    const ks_toeplitz_shape *shape = t->shape;
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to),
                               KS_GPU_MEMORY(from),
                               KS_GPU_U32(t->batch->count * t->words),
                               KS_GPU_U32(shape->log_row),
                               KS_GPU_U32((uint32_t)shape->rows),
                               KS_GPU_U32((uint32_t)last)};
    return ks_gpu_run(t->lane->queue,
                      &(ks_gpu_launch){.kernel = kernel,
                                       .groups = divide_up((size_t)1 << (shape->log_row - 5), ROOT_WORDS),
                                       .groups_y = t->batch->count,
                                       .items = ROOT_ITEMS},
                      args, sizeof args / sizeof *args);
}

/* Layers from .. from + layers - 1 below the root. */
static ks_status pass(const transform *t, ks_toeplitz_use use, ks_gpu_memory *points, unsigned from,
                      unsigned layers) {
    const unsigned log_stride = t->shape->log_row - 5 - from - layers, room = t->log_pass - layers,
                   log_width = room < log_stride ? room : log_stride;
    const uint32_t nodes = (uint32_t)(t->shape->rows << from);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(points),    KS_GPU_U32(t->batch->count * t->words),
                               KS_GPU_U32(nodes),        KS_GPU_U32(log_stride),
                               KS_GPU_U32(layers),       KS_GPU_U32(log_width),
                               KS_GPU_U32((uint32_t)use)};
    return ks_gpu_run(t->lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_pass,
                                       .groups = UINT32_C(1) << (log_stride - log_width),
                                       .groups_y = 2 * nodes * t->batch->count,
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
    const uint32_t each = (uint32_t)(t->shape->rows << (t->shape->log_row - t->log_tile));
    const ks_gpu_arg args[] = {
        KS_GPU_MEMORY(points), KS_GPU_MEMORY(weights),  KS_GPU_U32(t->batch->count * t->words),
        KS_GPU_U32(each),      KS_GPU_U32(t->log_tile), KS_GPU_U32((uint32_t)seed)};
    return ks_gpu_run(t->lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_tile,
                                       .groups = each * t->batch->count,
                                       .groups_y = 1,
                                       .items = ITEMS,
                                       .local_bytes = LEAF_WORD << (t->log_tile - 5)},
                      args, sizeof args / sizeof *args);
}

/* weights = transforms of the seeds. Of a batch the longest c and the longest m may ask for more than there
 * is. */
static ks_status prepare(const transform *t, const ks_gpu_memory *seed) {
    const size_t c = t->shape->c, m = t->shape->m, asked = covered((c + 15) / 16 + (m + 15) / 16);
    const size_t all = t->shape->rows << t->shape->log_row, used = asked < all ? asked : all;
    KS_TRY(load(t->lane, t->packed, seed, t->batch, 1, 0, stride_of(t), stride_of(t)));
    KS_TRY(ks_lane_basis(t->lane, KS_USE_SEED, t->packed, used, 2 * (size_t)stride_of(t), t->batch->count,
                         t->log_basis));
    KS_TRY(root(t, ks_gpu_toeplitz_root_seed, t->weights, t->packed, used));
    KS_TRY(passes(t, KS_USE_SEED, t->weights));
    return tiles(t, t->weights, t->points, 1);
}

/* packed = products with the keys, m bits and garbage. */
static ks_status apply(const transform *t, const ks_gpu_memory *key) {
    const ks_toeplitz_shape *shape = t->shape;
    KS_TRY(
        load(t->lane, t->packed, key, t->batch, 0, 0, shape->key_rows << (shape->log_row - 1), stride_of(t)));
    KS_TRY(ks_lane_basis(t->lane, KS_USE_KEY, t->packed, covered((shape->c + 15) / 16),
                         2 * (size_t)stride_of(t), t->batch->count, t->log_basis));
    KS_TRY(root(t, ks_gpu_toeplitz_root_forward, t->points, t->packed, shape->key_rows));
    KS_TRY(passes(t, KS_USE_KEY, t->points));
    KS_TRY(tiles(t, t->points, t->weights, 0));
    KS_TRY(passes(t, KS_USE_OUTPUT, t->points));
    KS_TRY(root(t, ks_gpu_toeplitz_root_backward, t->packed, t->points, shape->out_rows));
    return ks_lane_basis(t->lane, KS_USE_OUTPUT, t->packed, covered((shape->m + 15) / 16),
                         2 * (size_t)stride_of(t), t->batch->count, t->log_basis);
}

/* The outputs of a batch, in words of 32 bits of the slot's host memory at each block's place: products, plus
 * the last m of the bits of x when there is an x. Waits for them. */
static ks_status fetch(ks_lane *lane, uint32_t **out, const ks_gpu_memory *product, const ks_gpu_memory *x,
                       const batch *b, size_t longest, size_t all, uint32_t stride) {
    void *host;
    ks_gpu_memory *masked;
    KS_TRY(ks_lane_host(lane, SLOT_OUT, 4 * all, &host));
    KS_TRY(ks_lane_device(lane, SLOT_OUT, 4 * all, &masked));
    const ks_gpu_arg args[] = {
        KS_GPU_MEMORY(masked),    KS_GPU_MEMORY(product), KS_GPU_MEMORY(x ? x : product),
        KS_GPU_MEMORY(b->blocks), KS_GPU_U32(stride),     KS_GPU_U32(x ? 1 : 0)};
    KS_TRY(ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_toeplitz_finish,
                                       .groups = divide_up(longest, ITEMS),
                                       .groups_y = b->count,
                                       .items = ITEMS},
                      args, sizeof args / sizeof *args));
    KS_TRY(ks_gpu_read(lane->queue, host, masked, 0, 4 * all));
    KS_TRY(ks_gpu_finish(lane->queue));
    *out = host;
    return KS_OK;
}

/* fetch of a batch of one whose output has m bits. */
static ks_status fetch_one(ks_lane *lane, uint64_t *out, const ks_gpu_memory *product, const ks_gpu_memory *x,
                           const batch *b, size_t m) {
    const size_t words = ks_toeplitz_words(m);
    uint32_t *host;
    KS_TRY(fetch(lane, &host, product, x, b, 2 * words, 2 * words, 0));
    memcpy(out, host, 8 * words);
    return KS_OK;
}

/* Sends what the kernels are told of the blocks. */
static ks_status describe(batch *b, ks_lane *lane, const block *blocks, size_t count) {
    b->count = (uint32_t)count;
    return ks_lane_send(lane, SLOT_BLOCKS, blocks, count * sizeof *blocks, &b->blocks);
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

static ks_status hash_direct(ks_lane *lane, const ks_gpu_memory *key, const ks_gpu_memory *seed,
                             const batch *b, size_t c, size_t m, ks_gpu_memory **product) {
    const size_t key_words = (c + 31) / 32, out_words = 2 * ks_toeplitz_words(m), all = key_words + out_words;
    ks_gpu_memory *band;
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, out_words * 4, product));
    KS_TRY(ks_lane_device(lane, SLOT_POINTS, all * 4, &band));
    KS_TRY(load(lane, band, seed, b, 1, (uint64_t)c - 1 - 32 * (uint64_t)key_words, all, 0));
    return direct(lane, *product, key, band, c, out_words);
}

/* One block that takes no transform. */
static ks_status hash_short(ks_lane *lane, const ks_job *job) {
    const size_t n = job->as.toeplitz.n, m = job->as.toeplitz.m, c = n - m;
    ks_gpu_memory *x, *s, *product;
    batch b;
    KS_TRY(describe(&b, lane, &(block){.c = c, .m = m}, 1));
    KS_TRY(ks_lane_send(lane, SLOT_KEY, job->as.toeplitz.key, ks_toeplitz_words(n) * 8, &x));
    if (c == 0) /* the hash is the key */
        return fetch_one(lane, job->as.toeplitz.out, x, NULL, &b, m);
    KS_TRY(ks_lane_send(lane, SLOT_SEED, job->as.toeplitz.seed, ks_toeplitz_words(n - 1) * 8, &s));
    KS_TRY(hash_direct(lane, x, s, &b, c, m, &product));
    return fetch_one(lane, job->as.toeplitz.out, product, x, &b, m);
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Keys, or seeds, of all jobs in one piece: `words` words of 64 bits. */
static ks_status send_all(ks_lane *lane, unsigned slot, ks_job *const *jobs, size_t count, size_t words,
                          ks_gpu_memory **out) {
    void *host;
    KS_TRY(ks_lane_host(lane, slot, 8 * words, &host));
    KS_TRY(ks_lane_device(lane, slot, 8 * words, out));
    uint64_t *to = host;
    for (size_t i = 0; i < count; i++) {
        const int key = slot == SLOT_KEY;
        const size_t each = ks_toeplitz_words(key ? jobs[i]->as.toeplitz.n : jobs[i]->as.toeplitz.n - 1);
        memcpy(to, key ? jobs[i]->as.toeplitz.key : jobs[i]->as.toeplitz.seed, 8 * each);
        to += each;
    }
    return ks_gpu_write(lane->queue, *out, 0, host, 8 * words);
}

static int by_transform(const ks_job *job) {
    const size_t n = job->as.toeplitz.n, m = job->as.toeplitz.m;
    return m >= 1 && m < n && n <= KS_TOEPLITZ_INPUT_MAX &&
           ks_toeplitz_words(n - m) * ks_toeplitz_words(m) > DIRECT_PRODUCTS;
}

static ks_toeplitz_shape shape_of(const ks_job *job) {
    return ks_toeplitz_shape_of(job->as.toeplitz.m, job->as.toeplitz.n - job->as.toeplitz.m, LEAST_LOG_ROW);
}

int ks_lane_toeplitz_joins(const ks_job *first, size_t bits, const ks_job *next) {
    if (!by_transform(first) || !by_transform(next) || next->as.toeplitz.n > BATCH_BITS ||
        bits > BATCH_BITS - next->as.toeplitz.n)
        return 0;
    const ks_toeplitz_shape a = shape_of(first), b = shape_of(next);
    return a.log_row == b.log_row && a.rows == b.rows;
}

/* Places of the blocks' strings, and the shape that covers them all. */
static ks_toeplitz_shape lay_out(block *blocks, uint64_t *all_out, ks_job *const *jobs, size_t count) {
    ks_toeplitz_shape shape = shape_of(jobs[0]);
    uint64_t key = 0, seed = 0, out = 0;
    for (size_t i = 0; i < count; i++) {
        const ks_toeplitz_shape own = shape_of(jobs[i]);
        const size_t n = jobs[i]->as.toeplitz.n;
        blocks[i] = (block){.c = own.c, .m = own.m, .key = key, .seed = seed, .out = out};
        key += 2 * ks_toeplitz_words(n);
        seed += 2 * ks_toeplitz_words(n - 1);
        out += 2 * ks_toeplitz_words(own.m);
        shape.c = larger(shape.c, own.c);
        shape.m = larger(shape.m, own.m);
        shape.key_rows = larger(shape.key_rows, own.key_rows);
        shape.out_rows = larger(shape.out_rows, own.out_rows);
    }
    *all_out = out;
    return shape;
}

static ks_status hash_long(ks_lane *lane, ks_job *const *jobs, size_t count) {
    block blocks[KS_LANE_BLOCKS];
    uint64_t all_out;
    const ks_toeplitz_shape shape = lay_out(blocks, &all_out, jobs, count);
    const size_t last = jobs[count - 1]->as.toeplitz.n;
    ks_gpu_memory *x, *s;
    batch b;
    transform t;
    uint32_t *host;
    KS_TRY(describe(&b, lane, blocks, count));
    KS_TRY(send_all(lane, SLOT_KEY, jobs, count, (size_t)blocks[count - 1].key / 2 + ks_toeplitz_words(last),
                    &x));
    KS_TRY(send_all(lane, SLOT_SEED, jobs, count,
                    (size_t)blocks[count - 1].seed / 2 + ks_toeplitz_words(last - 1), &s));
    KS_TRY(transform_init(&t, lane, &shape, &b, LOG_TILE_MAX));
    KS_TRY(prepare(&t, s));
    KS_TRY(apply(&t, x));
    KS_TRY(
        fetch(lane, &host, t.packed, x, &b, 2 * ks_toeplitz_words(shape.m), (size_t)all_out, stride_of(&t)));
    for (size_t i = 0; i < count; i++)
        memcpy(jobs[i]->as.toeplitz.out, host + blocks[i].out, 8 * ks_toeplitz_words((size_t)blocks[i].m));
    return KS_OK;
}

ks_status ks_lane_toeplitz(ks_lane *lane, ks_job *const *jobs, size_t count) {
    const size_t n = jobs[0]->as.toeplitz.n, m = jobs[0]->as.toeplitz.m;
    if (m < 1 || m > n || n > KS_TOEPLITZ_INPUT_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "no hash from %zu to %zu bits", n, m);
    return by_transform(jobs[0]) ? hash_long(lane, jobs, count) : hash_short(lane, jobs[0]);
}

ks_status ks_lane_toeplitz_direct(ks_lane *lane, uint64_t *out, size_t out_words, const uint64_t *key,
                                  size_t key_words, const uint64_t *band) {
    ks_gpu_memory *x, *b, *product;
    batch one;
    KS_TRY(describe(&one, lane, &(block){.m = 64 * out_words}, 1));
    KS_TRY(ks_lane_send(lane, SLOT_KEY, key, key_words * 8, &x));
    KS_TRY(ks_lane_send(lane, SLOT_SEED, band, (key_words + out_words) * 8, &b));
    KS_TRY(ks_lane_device(lane, SLOT_WORDS, out_words * 8, &product));
    KS_TRY(direct(lane, product, x, b, 64 * key_words, 2 * out_words));
    return fetch_one(lane, out, product, NULL, &one, 64 * out_words);
}

ks_status ks_lane_toeplitz_prepare(ks_lane *lane, const ks_toeplitz_shape *shape, void *prepared,
                                   const uint64_t *seed, unsigned log_tile) {
    transform t;
    batch b;
    ks_gpu_memory *s;
    void *host;
    KS_TRY(describe(&b, lane, &(block){.c = shape->c, .m = shape->m}, 1));
    KS_TRY(ks_lane_send(lane, SLOT_SEED, seed, ks_toeplitz_words(shape->c + shape->m - 1) * 8, &s));
    KS_TRY(transform_init(&t, lane, shape, &b, log_tile));
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
    batch b;
    ks_gpu_memory *x;
    KS_TRY(describe(&b, lane, &(block){.c = shape->c, .m = shape->m}, 1));
    KS_TRY(transform_init(&t, lane, shape, &b, log_tile));
    KS_TRY(ks_lane_send(lane, SLOT_KEY, key, ks_toeplitz_words(shape->c) * 8, &x));
    KS_TRY(ks_lane_send(lane, SLOT_WEIGHTS, prepared, point_bytes(shape), &t.weights));
    KS_TRY(apply(&t, x));
    return fetch_one(lane, out, t.packed, NULL, &b, shape->m);
}
