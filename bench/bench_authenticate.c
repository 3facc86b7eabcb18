/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench authenticate: hashing of transcripts and of corrected keys. */
#include <stdlib.h>
#include <string.h>
#include <keystill/entropy.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "kernels/kernels.h"
#include "pipeline/authenticate.h"

enum { MOST_BYTES = 1 << 28 };

typedef struct hash_bench {
    uint64_t *data;
    size_t bytes; /* a multiple of 16 */
    uint8_t key[16], out[16];
} hash_bench;

static void hash_transcript(void *context) {
    hash_bench *b = context;
    ks_hash hash;
    ks_hash_init(&hash, b->key);
    ks_hash_update(&hash, b->data, b->bytes);
    ks_hash_final(&hash, b->out);
    ks_hash_wipe(&hash);
}

static void hash_key(void *context) {
    hash_bench *b = context;
    ks_verification_tag(b->out, b->key, b->data, b->bytes * 8);
}

/* The oracle of the kernel, block by block; the length block for transcripts. */
static int agrees(const hash_bench *b, int with_length) {
    ks_k_poly_hash_fn *oracle = (ks_k_poly_hash_fn *)ks_kernels_at(KS_ISA_ref)->poly_hash;
    uint8_t state[16] = {0}, lengths[16] = {0};
    oracle(state, b->key, (const uint8_t *)b->data, b->bytes / 16);
    for (int i = 0; i < 8; i++)
        lengths[15 - i] = (uint8_t)((uint64_t)b->bytes * 8 >> 8 * i);
    if (with_length)
        oracle(state, b->key, lengths, 1);
    return memcmp(state, b->out, 16) == 0;
}

static int measure(hash_bench *b, const char *operation, double seconds) {
    int transcript = strcmp(operation, "transcript") == 0;
    ks_bench_times times = ks_bench_time(transcript ? hash_transcript : hash_key, b, 5, seconds);
    ks_bench_row row;
    ks_bench_row_begin(&row, "authenticate", "cpu", NULL, 1);
    ks_bench_row_text(&row, "operation", operation);
    ks_bench_row_u64(&row, "bytes", b->bytes);
    ks_bench_row_rate(&row, "mbps", times, (double)b->bytes * 8, 1e-6);
    return ks_bench_row_end(&row, times.best, agrees(b, transcript));
}

static int run_sizes(hash_bench *b, uint64_t only, double seconds) {
    static const size_t sizes[] = {256, 4096, 65536, 1 << 20};
    for (size_t i = 0; i < (only ? 1 : sizeof sizes / sizeof *sizes); i++) {
        b->bytes = only ? (size_t)only : sizes[i];
        int code = measure(b, "transcript", seconds);
        if (code == KS_EXIT_OK)
            code = measure(b, "verification", seconds);
        if (code != KS_EXIT_OK)
            return code;
    }
    return KS_EXIT_OK;
}

int ks_bench_authenticate(int argc, char **argv) {
    uint64_t bytes = 0, seed = 1;
    double seconds = 0.3;
    int rest;
    const ks_option options[] = {
        {"bytes", 'n', KS_OPTION_U64, &bytes, "N",
         "bytes hashed at once, a multiple of 16 (default 256, 4096, 64 Ki, 1 Mi)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 0.3)", NULL},
        {"seed", 0, KS_OPTION_U64, &seed, "S", "seed of key and data", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench authenticate [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (bytes % 16 != 0 || bytes > MOST_BYTES)
        return ks_cli_fail(KS_EXIT_USAGE, "--bytes must be a multiple of 16, at most 256 Mi");
    size_t room = bytes ? (size_t)bytes : 1 << 20;
    hash_bench b = {.data = malloc(room)};
    if (!b.data)
        return ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu bytes", room);
    ks_random random = ks_random_seeded(&seed);
    ks_status status = random.fill(random.context, (uint8_t *)b.data, room);
    if (status == KS_OK)
        status = random.fill(random.context, b.key, sizeof b.key);
    code = status == KS_OK ? run_sizes(&b, bytes, seconds) : ks_cli_fail_status(status, "random bits");
    free(b.data);
    return code;
}
