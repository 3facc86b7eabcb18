/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench random: the generator of seeds and hash keys. */
#include <stdlib.h>
#include <string.h>
#include <keystill/entropy.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "kernels/kernels.h"

enum { CHECKED = 64 * 40, MOST_BYTES = 1 << 28 };

typedef struct random_bench {
    ks_random random;
    uint8_t *out;
    size_t bytes;
    ks_status status;
} random_bench;

static void draw(void *context) {
    random_bench *b = context;
    ks_status status = b->random.fill(b->random.context, b->out, b->bytes);
    if (status != KS_OK)
        b->status = status;
}

/* The stream in force against its oracle; and the bits drawn last are not all alike. */
static int agrees(const random_bench *b) {
    static uint8_t got[CHECKED], want[CHECKED];
    const uint32_t state[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    ks_kernels_get()->chacha20(got, state, CHECKED / KS_CHACHA_BLOCK);
    ks_kernels_at(KS_ISA_ref)->chacha20(want, state, CHECKED / KS_CHACHA_BLOCK);
    return b->status == KS_OK && memcmp(got, want, CHECKED) == 0 &&
           memcmp(b->out, b->out + 1, b->bytes - 1) != 0;
}

static int measure(random_bench *b, double seconds) {
    ks_bench_times times = ks_bench_time(draw, b, 5, seconds);
    ks_bench_row row;
    ks_bench_row_begin(&row, "random", "cpu", NULL, 1);
    ks_bench_row_u64(&row, "bytes", b->bytes);
    ks_bench_row_rate(&row, "mbytes_per_second", times, (double)b->bytes, 1e-6);
    return ks_bench_row_end(&row, times.best, agrees(b));
}

int ks_bench_random(int argc, char **argv) {
    static const size_t sizes[] = {16, 4096, 1 << 20, 1 << 24};
    uint64_t bytes = 0;
    double seconds = 0.3;
    int rest;
    const ks_option options[] = {
        {"bytes", 'n', KS_OPTION_U64, &bytes, "N", "bytes a request (default 16, 4096, 1 Mi, 16 Mi)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 0.3)", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench random [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (bytes > MOST_BYTES || bytes == 1)
        return ks_cli_fail(KS_EXIT_USAGE, "--bytes expects 2 to 256 Mi");
    const size_t room = bytes ? (size_t)bytes : sizes[3];
    random_bench b = {.random = ks_random_system(), .out = malloc(room)};
    if (!b.out)
        return ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu bytes", room);
    code = KS_EXIT_OK;
    for (size_t i = 0; i < (bytes ? 1 : sizeof sizes / sizeof *sizes) && code == KS_EXIT_OK; i++) {
        b.bytes = bytes ? (size_t)bytes : sizes[i];
        code = measure(&b, seconds);
    }
    free(b.out);
    return code;
}
