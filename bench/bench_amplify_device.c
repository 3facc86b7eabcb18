/* SPDX-License-Identifier: Apache-2.0 */
/* bench amplify on a device: jobs of the backend interface, each a block with a key and a seed of its own,
 * many of them in flight. Times are of whole jobs: copies to and from the device are in them. */
#include <keystill/entropy.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_amplify.h"
#include "host/cli/cli.h"
#include "pipeline/status.h"

/* Bits in flight by default, and most blocks then: two batches of a GPU (host/devices/gpu), one for each of
 * its lanes. A measurement fills and empties the device once, so each block goes through it several times. */
enum { FLIGHT_BITS = 1 << 27, FLIGHT_BLOCKS = 128, ROUNDS = 4 };

typedef struct flight {
    ks_device *device;
    size_t n, m, blocks;
    uint64_t *memory; /* of all blocks: key, seed, output */
    ks_job *jobs;
    ks_status status; /* the first failure */
} flight;

static size_t words_of_block(const flight *f) {
    return 2 * ks_toeplitz_words(f->n) + ks_toeplitz_words(f->m);
}

static ks_bench_amplify_block block_of(const flight *f, size_t i) {
    uint64_t *key = f->memory + i * words_of_block(f);
    return (ks_bench_amplify_block){.form = KS_TOEPLITZ_MODIFIED,
                                    .n = f->n,
                                    .m = f->m,
                                    .key = key,
                                    .seed = key + ks_toeplitz_words(f->n),
                                    .out = key + 2 * ks_toeplitz_words(f->n)};
}

static ks_status make_flight(flight *f, uint64_t seed) {
    const size_t words = words_of_block(f);
    f->memory = calloc(f->blocks, 8 * words);
    f->jobs = calloc(f->blocks, sizeof *f->jobs);
    if (!f->memory || !f->jobs)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu blocks of %zu bits", f->blocks, f->n);
    ks_random random = ks_random_seeded(&seed);
    for (size_t i = 0; i < f->blocks; i++) {
        const ks_bench_amplify_block b = block_of(f, i);
        KS_TRY(random.fill(random.context, (uint8_t *)b.key, 2 * ks_toeplitz_words(f->n) * 8));
        f->jobs[i] =
            (ks_job){.op = KS_OP_TOEPLITZ,
                     .as.toeplitz = {.out = b.out, .key = b.key, .seed = b.seed, .n = b.n, .m = b.m}};
    }
    return KS_OK;
}

static void keep(flight *f, ks_status status) {
    f->status = f->status == KS_OK ? status : f->status;
}

/* All blocks ROUNDS times: a block is submitted again as soon as it and those before it are done. */
static void fly(void *context) {
    flight *f = context;
    size_t submitted = 0, done = 0;
    while (done < submitted || (submitted < ROUNDS * f->blocks && f->status == KS_OK)) {
        if (f->status == KS_OK && submitted < ROUNDS * f->blocks && submitted < done + f->blocks) {
            keep(f, ks_device_submit(f->device, &f->jobs[submitted % f->blocks]));
            submitted += f->status == KS_OK;
        } else {
            ks_job *job = &f->jobs[done++ % f->blocks];
            ks_device_wait(f->device, job);
            keep(f, job->status);
        }
    }
}

/* The outputs are those of the processor, and the first of them that of the definition. */
static ks_status compare(const flight *f) {
    const size_t words = ks_toeplitz_words(f->m);
    const ks_bench_amplify_block first = block_of(f, 0);
    ks_toeplitz_plan *plan = NULL;
    uint64_t *want = malloc(8 * words);
    ks_status status = want ? ks_toeplitz_plan_create(&plan, f->n, f->m, KS_TOEPLITZ_MODIFIED, 1)
                            : ks_fail(KS_ERR_MEMORY, "no memory for %zu bits", f->m);
    for (size_t i = 0; i < f->blocks && status == KS_OK; i++) {
        const ks_bench_amplify_block b = block_of(f, i);
        status = ks_toeplitz_apply(plan, want, b.key, b.n, b.m, b.seed);
        if (status == KS_OK && memcmp(want, b.out, 8 * words) != 0)
            status = ks_fail(KS_ERR_UNAVAILABLE, "block %zu of %zu bits: the device's hash is wrong", i, b.n);
    }
    if (status == KS_OK && !ks_bench_amplify_agrees(&first))
        status = ks_fail(KS_ERR_UNAVAILABLE, "a hash of %zu bits is not that of the definition", f->n);
    ks_toeplitz_plan_destroy(plan);
    free(want);
    return status;
}

static int measure(flight *f, const ks_bench_amplify_options *o) {
    const ks_bench_times times = ks_bench_time(fly, f, 5, o->seconds);
    const ks_bench_amplify_block first = block_of(f, 0);
    const ks_status status = f->status == KS_OK ? compare(f) : f->status;
    if (status != KS_OK)
        return ks_cli_fail_status(status, f->device->name);
    ks_bench_row row;
    ks_bench_amplify_row(&row, &first, f->device->vtable->backend, f->device->name, (unsigned)o->threads,
                         f->blocks, 0);
    ks_bench_row_text(&row, "transfers", "included");
    ks_bench_row_rate(&row, "throughput_mbps", times, (double)f->n * (double)f->blocks * ROUNDS, 1e-6);
    return ks_bench_row_end(&row, times.best, 1);
}

int ks_bench_amplify_device_run(ks_device *device, const ks_bench_amplify_options *o, size_t n) {
    const size_t fit = FLIGHT_BITS / n < 2 ? 2 : FLIGHT_BITS / n,
                 usual = fit < FLIGHT_BLOCKS ? fit : FLIGHT_BLOCKS;
    flight f = {.device = device,
                .n = n,
                .m = (size_t)((double)n * o->ratio),
                .blocks = o->blocks ? (size_t)o->blocks : usual};
    if (f.m < 1)
        f.m = 1;
    const ks_status status = make_flight(&f, o->seed);
    const int code = status == KS_OK ? measure(&f, o) : ks_cli_fail_status(status, "bench amplify");
    free(f.memory);
    free(f.jobs);
    return code;
}
