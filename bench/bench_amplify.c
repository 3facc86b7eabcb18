/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench amplify: Toeplitz hashing, with a fresh seed for every block and with the seed's transform
 * kept. Here: by the library's calls on the processor. */
#include <keystill/entropy.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_amplify.h"
#include "host/cli/cli.h"
#include "host/cli/device_files.h"

enum { BLOCKS_MAX = 65536 };

typedef struct amplify_bench {
    ks_toeplitz_plan *plan;
    ks_bench_amplify_block block;
    uint64_t blocks;
    ks_status status;
} amplify_bench;

static void hash_fresh(void *context) {
    amplify_bench *b = context;
    const ks_bench_amplify_block *k = &b->block;
    for (uint64_t i = 0; i < b->blocks && b->status == KS_OK; i++)
        b->status = ks_toeplitz_apply(b->plan, k->out, k->key, k->n, k->m, k->seed);
}

static void hash_cached(void *context) {
    amplify_bench *b = context;
    for (uint64_t i = 0; i < b->blocks && b->status == KS_OK; i++)
        b->status = ks_toeplitz_apply_prepared(b->plan, b->block.out, b->block.key);
}

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

/* Output bit i from the definition of the matrix. */
static unsigned defined_bit(const ks_bench_amplify_block *b, size_t i) {
    const size_t c = b->form == KS_TOEPLITZ_MODIFIED ? b->n - b->m : b->n, s = c + b->m - 1;
    unsigned y = b->form == KS_TOEPLITZ_MODIFIED ? bit(b->key, b->n - b->m + i) : 0;
    for (size_t j = 0; j < c; j++)
        y ^= bit(b->key, j) & bit(b->seed, i >= j ? i - j : i + s - j);
    return y;
}

int ks_bench_amplify_agrees(const ks_bench_amplify_block *b) {
    uint64_t state = b->n;
    const size_t samples = b->n > 10000000 ? 6 : 24;
    for (size_t i = 0; i < samples; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t at = i == 0 ? 0 : i == 1 ? b->m - 1 : (size_t)(state >> 20) % b->m;
        if (bit(b->out, at) != defined_bit(b, at))
            return 0;
    }
    return 1;
}

void ks_bench_amplify_row(ks_bench_row *row, const ks_bench_amplify_block *b, const char *backend,
                          const char *device, unsigned threads, uint64_t blocks, int cached) {
    ks_bench_row_begin(row, "amplify", backend, device, (int)threads);
    ks_bench_row_u64(row, "input_bits", b->n);
    ks_bench_row_u64(row, "output_bits", b->m);
    ks_bench_row_text(row, "form", b->form == KS_TOEPLITZ_MODIFIED ? "modified" : "standard");
    ks_bench_row_u64(row, "blocks", blocks);
    ks_bench_row_text(row, "seed", cached ? "cached" : "fresh");
}

static int measure(amplify_bench *b, int cached, unsigned threads, double seconds) {
    const ks_bench_amplify_block *k = &b->block;
    memset(k->out, 0, ks_toeplitz_words(k->m) * 8);
    ks_bench_times times = ks_bench_time(cached ? hash_cached : hash_fresh, b, 5, seconds);
    ks_bench_row row;
    ks_bench_amplify_row(&row, k, "cpu", NULL, threads, b->blocks, cached);
    ks_bench_row_text(&row, "transfers", "excluded");
    ks_bench_row_rate(&row, "throughput_mbps", times, (double)k->n * (double)b->blocks, 1e-6);
    return ks_bench_row_end(&row, times.best, b->status == KS_OK && ks_bench_amplify_agrees(k));
}

static int fill(ks_bench_amplify_block *b, size_t seed_bits, uint64_t seed) {
    ks_random random = ks_random_seeded(&seed);
    ks_status status = random.fill(random.context, (uint8_t *)b->key, ks_toeplitz_words(b->n) * 8);
    if (status == KS_OK)
        status = random.fill(random.context, (uint8_t *)b->seed, ks_toeplitz_words(seed_bits) * 8);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "random bits");
}

/* Fresh and cached rows of one size. */
static int run_size(const ks_bench_amplify_options *o, size_t n) {
    const ks_toeplitz_form form =
        strcmp(o->form, "standard") == 0 ? KS_TOEPLITZ_STANDARD : KS_TOEPLITZ_MODIFIED;
    const size_t some = (size_t)((double)n * o->ratio), m = some < 1 ? 1 : some;
    const size_t seed_bits = ks_toeplitz_seed_bits(n, m, form);
    const unsigned threads = (unsigned)o->threads;
    ks_bench_amplify_block k = {.form = form,
                                .n = n,
                                .m = m,
                                .key = calloc(ks_toeplitz_words(n) + 1, 8),
                                .seed = calloc(ks_toeplitz_words(seed_bits) + 1, 8),
                                .out = calloc(ks_toeplitz_words(m) + 1, 8)};
    /* short blocks: many a measurement */
    amplify_bench b = {.block = k, .blocks = o->blocks ? o->blocks : n < 100000 ? 100000 / n + 1 : 1};
    int code = KS_EXIT_FAILED;
    ks_status status = ks_toeplitz_plan_create(&b.plan, n, m, form, threads);
    if (!k.key || !k.seed || !k.out)
        code = ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu bits", n);
    else if (status != KS_OK)
        code = ks_cli_fail_status(status, "plan");
    else
        code = fill(&k, seed_bits, o->seed);
    if (code == KS_EXIT_OK)
        code = measure(&b, 0, threads, o->seconds);
    if (code == KS_EXIT_OK)
        code = measure(&b, 1, threads, o->seconds);
    ks_toeplitz_plan_destroy(b.plan);
    free(k.key);
    free(k.seed);
    free(k.out);
    return code;
}

/* On `device`, or by the library's calls where it is NULL. */
static int run_sizes(const ks_bench_amplify_options *o, ks_device *device) {
    int code = KS_EXIT_OK;
    for (size_t n = o->bits ? (size_t)o->bits : 1 << 12; code == KS_EXIT_OK; n *= 4) {
        code = device ? ks_bench_amplify_device_run(device, o, n) : run_size(o, n);
        if (o->bits || n >= (size_t)1 << 26)
            break;
    }
    return code;
}

static int run_on_device(const ks_bench_amplify_options *o) {
    ks_device *device;
    int code = ks_device_open_named(&device, o->backend, (uint32_t)o->threads);
    if (code == KS_EXIT_OK)
        code = run_sizes(o, device);
    ks_device_close(device);
    return code;
}

int ks_bench_amplify(int argc, char **argv) {
    ks_bench_amplify_options o = {
        .form = "modified", .backend = "cpu", .threads = 1, .seed = 1, .ratio = 0.5, .seconds = 0.3};
    int rest;
    const ks_option options[] = {
        {"bits", 'n', KS_OPTION_U64, &o.bits, "N", "input bits (default 2^12, 2^14, ... 2^26)", NULL},
        {"ratio", 'r', KS_OPTION_NUMBER, &o.ratio, "R", "output bits a bit of input (default 0.5)", NULL},
        {"form", 'f', KS_OPTION_TEXT, &o.form, "FORM", "modified (default) or standard", NULL},
        {"backend", 0, KS_OPTION_TEXT, &o.backend, "NAME",
         "cpu: calls of this program; or jobs on a device: cpu:0, opencl[:N], cuda[:N]", NULL},
        {"blocks", 0, KS_OPTION_U64, &o.blocks, "K", "blocks a measurement; jobs of a device in flight",
         NULL},
        {"threads", 't', KS_OPTION_U64, &o.threads, "N", "threads (default 1)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &o.seconds, "S", "time a row (default 0.3)", NULL},
        {"seed", 0, KS_OPTION_U64, &o.seed, "S", "seed of key and hash seed", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench amplify [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (o.bits > KS_TOEPLITZ_INPUT_MAX || !(o.ratio > 0 && o.ratio <= 1))
        return ks_cli_fail(KS_EXIT_USAGE, "--bits: at most %zu; --ratio: above 0, at most 1",
                           KS_TOEPLITZ_INPUT_MAX);
    if (o.threads < 1 || o.threads > KS_TOEPLITZ_THREADS_MAX)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads: 1 .. %u", KS_TOEPLITZ_THREADS_MAX);
    if (strcmp(o.form, "modified") != 0 && strcmp(o.form, "standard") != 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--form %s: modified or standard", o.form);
    const int device = strcmp(o.backend, "cpu") != 0;
    if (o.blocks > BLOCKS_MAX || (device && strcmp(o.form, "modified") != 0))
        return ks_cli_fail(KS_EXIT_USAGE, "--blocks: at most %d; jobs are of the modified form", BLOCKS_MAX);
    return device ? run_on_device(&o) : run_sizes(&o, NULL);
}
