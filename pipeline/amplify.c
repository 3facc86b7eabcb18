/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of Toeplitz hashing: sizes, workspace, choice between schoolbook products (short blocks) and the
 * transform. */
#include <keystill/amplify.h>
#include <keystill/secret.h>

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/toeplitz_bits.h"
#include "pipeline/amplify_workers.h"
#include "pipeline/status.h"

/* A transform of N points costs as much as this many products of words a point, seed included; measured with
 * `keystill bench amplify`, docs/amplification.md. Changes nothing but the time. */
static const unsigned products_per_point[KS_ISA_COUNT] = {
    [KS_ISA_generic] = 3, [KS_ISA_avx2] = 17, [KS_ISA_avx512] = 16, [KS_ISA_avx512icl] = 17};

/* Of the workspace of a transform. */
enum { BYTES_A_POINT = sizeof(uint32_t) + sizeof(uint16_t) };

struct ks_toeplitz_plan {
    size_t n_max, m_max;
    ks_toeplitz_form form;
    const ks_kernels *kernels;
    ks_pool_of_workers *workers; /* NULL for one thread */
    size_t n, m;                 /* of the prepared seed; n = 0: none */
    int direct;                  /* it is prepared for schoolbook products */
    ks_toeplitz_shape shape;     /* of its transform; m and c of both */
    void *prepared;              /* its transform, or its band: see band_build */
    void *work;                  /* of the transforms, or the key with its tail masked */
    uint64_t *product;           /* T key */
    size_t work_bytes;
};

static size_t columns(size_t n, size_t m, ks_toeplitz_form form) {
    return form == KS_TOEPLITZ_MODIFIED ? n - m : n;
}

size_t ks_toeplitz_seed_bits(size_t n, size_t m, ks_toeplitz_form form) {
    if (m < 1 || m > n || n > KS_TOEPLITZ_INPUT_MAX)
        return 0;
    return columns(n, m, form) + m - 1;
}

void ks_toeplitz_plan_destroy(ks_toeplitz_plan *plan) {
    if (!plan)
        return;
    ks_workers_destroy(plan->workers);
    ks_secret_free(plan->prepared);
    ks_secret_free(plan->work);
    ks_secret_free(plan->product);
    free(plan);
}

static int is_direct(const ks_toeplitz_plan *plan, const ks_toeplitz_shape *shape) {
    size_t products = ks_toeplitz_words(shape->c) * ks_toeplitz_words(shape->m);
    return products / products_per_point[plan->kernels->isa] <= shape->rows << shape->log_row;
}

static ks_toeplitz_shape shape_of(const ks_toeplitz_plan *plan, size_t m, size_t c) {
    return ks_toeplitz_shape_of(m, c, ks_toeplitz_least_log_row(plan->kernels->isa));
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Bytes for every n <= n_max, m <= m_max. A transform of p coefficients has rows of at most max(2^least, p /
 * 8) points and fewer than p points and one row; key and output fill at most all of them. */
static ks_status workspace(ks_toeplitz_plan *plan) {
    const size_t bits = (plan->form == KS_TOEPLITZ_STANDARD ? plan->n_max + plan->m_max : plan->n_max) + 32;
    const size_t coefficients = bits / 16 + 1;
    const size_t row = larger((size_t)1 << ks_toeplitz_least_log_row(plan->kernels->isa), coefficients / 8);
    const size_t band =
        ks_toeplitz_words(plan->n_max) + ks_toeplitz_words(plan->m_max) + KS_TOEPLITZ_BAND_PAD;
    const size_t points = coefficients + row, gaps = KS_TOEPLITZ_ROWS_MAX * ks_toeplitz_row_gap(row);
    KS_TRY(ks_secret_alloc(&plan->prepared, larger(points * sizeof(uint32_t) + gaps, band * 8),
                           KS_SECRET_BLOCK));
    plan->work_bytes = points * BYTES_A_POINT + gaps;
    KS_TRY(ks_secret_alloc(&plan->work, plan->work_bytes, KS_SECRET_BLOCK));
    return ks_secret_alloc((void **)&plan->product, ks_toeplitz_words(plan->m_max) * 8, KS_SECRET_BLOCK);
}

ks_status ks_toeplitz_plan_create(ks_toeplitz_plan **out, size_t n_max, size_t m_max, ks_toeplitz_form form,
                                  unsigned threads) {
    *out = NULL;
    if (m_max < 1 || m_max > n_max || n_max > KS_TOEPLITZ_INPUT_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "no hash from %zu to %zu bits", n_max, m_max);
    if (form != KS_TOEPLITZ_MODIFIED && form != KS_TOEPLITZ_STANDARD)
        return ks_fail(KS_ERR_ARGUMENT, "Toeplitz form %d is not known", (int)form);
    if (threads < 1 || threads > KS_TOEPLITZ_THREADS_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "%u threads: 1 .. %u", threads, KS_TOEPLITZ_THREADS_MAX);
    ks_toeplitz_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ks_fail(KS_ERR_MEMORY, "no memory for a plan");
    plan->n_max = n_max;
    plan->m_max = m_max;
    plan->form = form;
    plan->kernels = ks_kernels_get();
    ks_status status = workspace(plan);
    if (status == KS_OK && threads > 1)
        status = ks_workers_create(&plan->workers, threads);
    if (status != KS_OK) {
        ks_toeplitz_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return KS_OK;
}

/* The band of toeplitz_direct, K = words(c): bit 64 K + d = t[d] = s[d mod S], -(c - 1) <= d < m, zero
 * outside. Its upper part is s[0..m-1], its lower part ends with s[S-1] just below. */
static void band_build(uint64_t *band, const uint64_t *seed, size_t c, size_t m) {
    size_t bits = c + m - 1, key_words = ks_toeplitz_words(c), out_words = ks_toeplitz_words(m);
    for (size_t w = 0; w < out_words; w++)
        band[key_words + w] = ks_bits_fetch(seed, m, 64 * w);
    size_t left = bits - m;
    for (size_t w = key_words; w-- > 0;) {
        if (left >= 64) {
            left -= 64;
            band[w] = ks_bits_fetch(seed, bits, m + left);
        } else {
            band[w] = left ? ks_bits_fetch(seed, m + left, m) << (64 - left) : 0;
            left = 0;
        }
    }
}

ks_status ks_toeplitz_prepare(ks_toeplitz_plan *plan, const uint64_t *seed, size_t n, size_t m) {
    plan->n = 0;
    if (m < 1 || m > n || n > plan->n_max || m > plan->m_max)
        return ks_fail(KS_ERR_ARGUMENT, "hash from %zu to %zu bits; the plan covers %zu to %zu", n, m,
                       plan->n_max, plan->m_max);
    plan->n = n;
    plan->m = m;
    const size_t c = columns(n, m, plan->form);
    if (c == 0)
        return KS_OK;
    plan->shape = shape_of(plan, m, c);
    plan->direct = is_direct(plan, &plan->shape);
    if (plan->direct)
        band_build(plan->prepared, seed, c, m);
    else
        plan->kernels->toeplitz_prepare(&plan->shape, plan->prepared, plan->work, seed,
                                        ks_workers_of(plan->workers));
    return KS_OK;
}

/* product = T key. */
static void multiply(ks_toeplitz_plan *plan, const uint64_t *key) {
    if (!plan->direct) {
        plan->kernels->toeplitz_apply(&plan->shape, plan->product, key, plan->prepared, plan->work,
                                      ks_workers_of(plan->workers));
        return;
    }
    const size_t c = plan->shape.c, key_words = ks_toeplitz_words(c);
    uint64_t *masked = plan->work;
    for (size_t w = 0; w < key_words; w++)
        masked[w] = ks_bits_fetch(key, c, 64 * w);
    plan->kernels->toeplitz_direct(plan->product, ks_toeplitz_words(plan->m), masked, key_words,
                                   plan->prepared);
}

/* out = product + x[n-m .. n-1]; out may be x. */
static void add_identity(uint64_t *out, const uint64_t *product, const uint64_t *x, size_t n, size_t m) {
    const uint64_t *in = x + (n - m) / 64;
    const size_t shift = (n - m) % 64, whole = m / 64;
    if (shift)
        for (size_t w = 0; w < whole; w++)
            out[w] = product[w] ^ (in[w] >> shift | in[w + 1] << (64 - shift));
    else
        for (size_t w = 0; w < whole; w++)
            out[w] = product[w] ^ in[w];
    if (m % 64)
        out[whole] = product[whole] ^ ks_bits_fetch(x, n, n - m + 64 * whole);
}

typedef struct wipe_job {
    char *memory;
    size_t bytes, range;
} wipe_job;

static void task_wipe(void *argument, size_t index) {
    const wipe_job *job = argument;
    const size_t at = index * job->range;
    ks_wipe(job->memory + at, lesser(job->range, job->bytes - at));
}

/* What is left of key and output in the workspace: by all threads, since lines in another core's cache take
 * longest to write. */
static void forget(ks_toeplitz_plan *plan, size_t words, size_t c) {
    const size_t used = plan->direct ? ks_toeplitz_words(c) * 8 : ks_toeplitz_work_bytes(&plan->shape);
    const ks_workers *workers = ks_workers_of(plan->workers);
    wipe_job job = {.memory = plan->work, .bytes = c ? lesser(used, plan->work_bytes) : 0, .range = 1 << 16};
    if (workers && job.bytes)
        workers->run(workers->context, task_wipe, &job, (job.bytes - 1) / job.range + 1);
    else
        ks_wipe(job.memory, job.bytes);
    ks_wipe(plan->product, words * 8);
}

ks_status ks_toeplitz_apply_prepared(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key) {
    if (plan->n == 0)
        return ks_fail(KS_ERR_STATE, "no seed is prepared");
    const size_t words = ks_toeplitz_words(plan->m), c = columns(plan->n, plan->m, plan->form);
    if (c)
        multiply(plan, key);
    else
        memset(plan->product, 0, words * 8);
    if (plan->form == KS_TOEPLITZ_MODIFIED)
        add_identity(out, plan->product, key, plan->n, plan->m);
    else
        memcpy(out, plan->product, words * 8);
    if (plan->m % 64)
        out[words - 1] &= ((uint64_t)1 << plan->m % 64) - 1;
    forget(plan, words, c);
    return KS_OK;
}

ks_status ks_toeplitz_apply(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key, size_t n, size_t m,
                            const uint64_t *seed) {
    KS_TRY(ks_toeplitz_prepare(plan, seed, n, m));
    return ks_toeplitz_apply_prepared(plan, out, key);
}
