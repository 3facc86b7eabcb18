/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of a device: each operation on a batch of the size that the pipeline gives, repeated for a third of a
 * second. */
#include <keystill/device_select.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ldpc/ldpc.h"
#include "ldpc/splitmix.h"
#include "pipeline/status.h"

enum { LOG2N = 16, WORDS = (1 << LOG2N) / 64, FRAMES = 64, LONG = 1 << 20 };
static const double seconds_each = 0.33, qber = 0.03;

typedef struct batch {
    uint64_t frame[FRAMES][WORDS], mother[FRAMES][WORDS], syndrome[FRAMES][WORDS], work[FRAMES][WORDS];
    uint64_t seed[LONG / 64], out[LONG / 128];
    ks_frame_task tasks[FRAMES];
    uint8_t key[16], tag[16];
    uint16_t rate;
} batch;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(batch *b) {
    uint64_t state = 11;
    for (size_t f = 0; f < FRAMES; f++)
        for (size_t w = 0; w < WORDS; w++)
            b->frame[f][w] = ks_splitmix(&state);
    for (size_t w = 0; w < LONG / 64; w++)
        b->seed[w] = ks_splitmix(&state);
    memset(b->key, 0x5b, sizeof b->key);
}

/* Flips a share `qber` of the bits. */
static void add_errors(uint64_t *words, uint64_t state) {
    for (size_t i = 0; i < (size_t)WORDS * 64; i++)
        if ((double)(ks_splitmix(&state) >> 12) < qber * 0x1p52)
            words[i / 64] ^= UINT64_C(1) << i % 64;
}

static ks_job job_of(batch *b, ks_op op) {
    ks_job job = {.op = op};
    if (op == KS_OP_HASH)
        job.as.hash.tag = b->tag, job.as.hash.key = b->key, job.as.hash.bits = b->frame[0],
        job.as.hash.n = LONG;
    else if (op == KS_OP_TOEPLITZ)
        job.as.toeplitz.out = b->out, job.as.toeplitz.key = b->frame[0], job.as.toeplitz.seed = b->seed,
        job.as.toeplitz.n = LONG, job.as.toeplitz.m = LONG / 2;
    else
        job.as.frames.tasks = b->tasks, job.as.frames.count = FRAMES;
    for (size_t f = 0; f < FRAMES; f++) {
        int decode = op == KS_OP_DECODE;
        if (decode) {
            memcpy(b->work[f], b->frame[f], sizeof b->work[f]);
            add_errors(b->work[f], f);
        }
        b->tasks[f] = (ks_frame_task){.frame = decode ? b->work[f] : b->frame[f],
                                      .syndrome = decode ? b->syndrome[f] : b->mother[f],
                                      .real_bits = (size_t)1 << LOG2N,
                                      .qber = qber,
                                      .rate = b->rate,
                                      .log2n = LOG2N};
    }
    return job;
}

/* One batch; adds the time it took. */
static ks_status once(ks_device *device, batch *b, ks_op op, double *spent) {
    ks_job job = job_of(b, op);
    double start = now();
    KS_TRY(ks_device_submit(device, &job));
    ks_device_wait(device, &job);
    *spent += now() - start;
    return job.status == KS_OK ? KS_OK : ks_fail(job.status, "the device could not do the job");
}

static ks_status measure(double *speed, ks_device *device, batch *b, ks_op op) {
    const double bits = op == KS_OP_HASH || op == KS_OP_TOEPLITZ ? LONG : (double)FRAMES * WORDS * 64;
    double spent = 0, warm = 0;
    size_t runs = 0;
    KS_TRY(once(device, b, op, &warm));
    for (; spent < seconds_each; runs++)
        KS_TRY(once(device, b, op, &spent));
    *speed = bits * (double)runs / spent;
    return KS_OK;
}

ks_status ks_devices_measure(double speed[KS_GROUP_OPS], ks_device *device) {
    batch *b = calloc(1, sizeof *b);
    if (!b)
        return ks_fail(KS_ERR_MEMORY, "no memory to measure a device");
    memset(speed, 0, KS_GROUP_OPS * sizeof *speed);
    fill(b);
    ks_status status = ks_ldpc_pick(&b->rate, LOG2N, qber, (size_t)1 << LOG2N, KS_LDPC_BALANCED);
    for (size_t f = 0; f < FRAMES && status == KS_OK; f++) {
        status = ks_ldpc_syndrome(b->mother[f], b->frame[f], b->rate, LOG2N);
        if (status == KS_OK)
            status = ks_ldpc_merge(b->syndrome[f], b->mother[f], b->rate, LOG2N);
    }
    for (int op = KS_OP_SYNDROME; op < KS_GROUP_OPS && status == KS_OK; op++)
        if (device->vtable->supports(device, (ks_op)op))
            status = measure(&speed[op], device, b, (ks_op)op);
    free(b);
    return status;
}
