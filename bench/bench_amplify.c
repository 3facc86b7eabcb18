/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench amplify: Toeplitz hashing, with a fresh seed for every block and with the seed's transform
 * kept. */
#include <keystill/amplify.h>
#include <keystill/entropy.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "host/cli/cli.h"

typedef struct amplify_bench {
    ks_toeplitz_plan *plan;
    ks_toeplitz_form form;
    size_t n, m, blocks;
    uint64_t *key, *seed, *out;
    ks_status status;
} amplify_bench;

static void hash_fresh(void *context) {
    amplify_bench *b = context;
    for (size_t i = 0; i < b->blocks && b->status == KS_OK; i++)
        b->status = ks_toeplitz_apply(b->plan, b->out, b->key, b->n, b->m, b->seed);
}

static void hash_cached(void *context) {
    amplify_bench *b = context;
    for (size_t i = 0; i < b->blocks && b->status == KS_OK; i++)
        b->status = ks_toeplitz_apply_prepared(b->plan, b->out, b->key);
}

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

/* Output bit i from the definition of the matrix. */
static unsigned defined_bit(const amplify_bench *b, size_t i) {
    const size_t c = b->form == KS_TOEPLITZ_MODIFIED ? b->n - b->m : b->n, s = c + b->m - 1;
    unsigned y = b->form == KS_TOEPLITZ_MODIFIED ? bit(b->key, b->n - b->m + i) : 0;
    for (size_t j = 0; j < c; j++)
        y ^= bit(b->key, j) & bit(b->seed, i >= j ? i - j : i + s - j);
    return y;
}

/* First, last and random bits of the output. */
static int agrees(const amplify_bench *b) {
    uint64_t state = b->n;
    const size_t samples = b->n > 10000000 ? 6 : 24;
    for (size_t i = 0; i < samples; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t at = i == 0 ? 0 : i == 1 ? b->m - 1 : (size_t)(state >> 20) % b->m;
        if (bit(b->out, at) != defined_bit(b, at))
            return 0;
    }
    return b->status == KS_OK;
}

static int measure(amplify_bench *b, int cached, unsigned threads, double seconds) {
    memset(b->out, 0, ks_toeplitz_words(b->m) * 8);
    ks_bench_times times = ks_bench_time(cached ? hash_cached : hash_fresh, b, 5, seconds);
    ks_bench_row row;
    ks_bench_row_begin(&row, "amplify", "cpu", NULL, (int)threads);
    ks_bench_row_u64(&row, "input_bits", b->n);
    ks_bench_row_u64(&row, "output_bits", b->m);
    ks_bench_row_text(&row, "form", b->form == KS_TOEPLITZ_MODIFIED ? "modified" : "standard");
    ks_bench_row_u64(&row, "blocks", b->blocks);
    ks_bench_row_text(&row, "seed", cached ? "cached" : "fresh");
    ks_bench_row_text(&row, "transfers", "excluded");
    ks_bench_row_rate(&row, "throughput_mbps", times, (double)b->n * (double)b->blocks, 1e-6);
    return ks_bench_row_end(&row, times.best, agrees(b));
}

static int fill(amplify_bench *b, size_t seed_bits, uint64_t seed) {
    ks_random random = ks_random_seeded(&seed);
    ks_status status = random.fill(random.context, (uint8_t *)b->key, ks_toeplitz_words(b->n) * 8);
    if (status == KS_OK)
        status = random.fill(random.context, (uint8_t *)b->seed, ks_toeplitz_words(seed_bits) * 8);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "random bits");
}

/* Fresh and cached rows of one size. */
static int run_size(size_t n, double ratio, ks_toeplitz_form form, unsigned threads, double seconds,
                    uint64_t seed) {
    amplify_bench b = {.form = form, .n = n, .m = (size_t)((double)n * ratio)};
    if (b.m < 1)
        b.m = 1;
    const size_t seed_bits = ks_toeplitz_seed_bits(n, b.m, form);
    b.blocks = n < 100000 ? 100000 / n + 1 : 1; /* short blocks: many a measurement */
    b.key = calloc(ks_toeplitz_words(n) + 1, 8);
    b.seed = calloc(ks_toeplitz_words(seed_bits) + 1, 8);
    b.out = calloc(ks_toeplitz_words(b.m) + 1, 8);
    int code = KS_EXIT_FAILED;
    ks_status status = ks_toeplitz_plan_create(&b.plan, n, b.m, form, threads);
    if (!b.key || !b.seed || !b.out)
        code = ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu bits", n);
    else if (status != KS_OK)
        code = ks_cli_fail_status(status, "plan");
    else
        code = fill(&b, seed_bits, seed);
    if (code == KS_EXIT_OK)
        code = measure(&b, 0, threads, seconds);
    if (code == KS_EXIT_OK)
        code = measure(&b, 1, threads, seconds);
    ks_toeplitz_plan_destroy(b.plan);
    free(b.key);
    free(b.seed);
    free(b.out);
    return code;
}

int ks_bench_amplify(int argc, char **argv) {
    uint64_t bits = 0, seed = 1, threads = 1;
    double seconds = 0.3, ratio = 0.5;
    const char *form = "modified";
    int rest;
    const ks_option options[] = {
        {"bits", 'n', KS_OPTION_U64, &bits, "N", "input bits (default 2^12, 2^14, ... 2^26)", NULL},
        {"ratio", 'r', KS_OPTION_NUMBER, &ratio, "R", "output bits a bit of input (default 0.5)", NULL},
        {"form", 'f', KS_OPTION_TEXT, &form, "FORM", "modified (default) or standard", NULL},
        {"threads", 't', KS_OPTION_U64, &threads, "N", "threads (default 1)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 0.3)", NULL},
        {"seed", 0, KS_OPTION_U64, &seed, "S", "seed of key and hash seed", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench amplify [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (bits > KS_TOEPLITZ_INPUT_MAX || !(ratio > 0 && ratio <= 1))
        return ks_cli_fail(KS_EXIT_USAGE, "--bits: at most %zu; --ratio: above 0, at most 1",
                           KS_TOEPLITZ_INPUT_MAX);
    if (threads < 1 || threads > KS_TOEPLITZ_THREADS_MAX)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads: 1 .. %u", KS_TOEPLITZ_THREADS_MAX);
    if (strcmp(form, "modified") != 0 && strcmp(form, "standard") != 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--form %s: modified or standard", form);
    const ks_toeplitz_form f = strcmp(form, "standard") == 0 ? KS_TOEPLITZ_STANDARD : KS_TOEPLITZ_MODIFIED;
    for (size_t n = bits ? (size_t)bits : 1 << 12; code < 0 || code == KS_EXIT_OK; n *= 4) {
        code = run_size(n, ratio, f, (unsigned)threads, seconds, seed);
        if (bits || n >= (size_t)1 << 26)
            break;
    }
    return code;
}
