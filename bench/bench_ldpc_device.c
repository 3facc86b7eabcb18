/* SPDX-License-Identifier: Apache-2.0 */
/* bench ldpc on a device: batches of frames as jobs of the backend interface, those that fail again with more
 * syndrome. Times are of whole jobs: copies to and from the device are in them. */
#include <keystill/devices.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/bench_ldpc.h"
#include "host/cli/cli.h"
#include "host/cli/device_files.h"
#include "pipeline/status.h"

struct ks_bench_ldpc_device {
    const ks_bench_ldpc_options *o;
    ks_device *device;
    size_t words; /* of a frame */
    uint64_t *memory;
    uint64_t *alice, *bob, *mother, *syndrome, *extra; /* of a batch; extra: of a frame */
    ks_frame_task *tasks;
    uint32_t *number; /* frame of the batch that each task is */
};

static ks_status make_memory(ks_bench_ldpc_device *d) {
    const size_t batch = d->o->batch;
    d->words = ((size_t)1 << d->o->log2n) / 64;
    d->memory = calloc((4 * batch + 1) * d->words, sizeof *d->memory);
    d->tasks = calloc(batch, sizeof *d->tasks);
    d->number = calloc(batch, sizeof *d->number);
    if (!d->memory || !d->tasks || !d->number)
        return ks_fail(KS_ERR_MEMORY, "no memory for batches of %zu frames", batch);
    d->alice = d->memory;
    d->bob = d->alice + batch * d->words;
    d->mother = d->bob + batch * d->words;
    d->syndrome = d->mother + batch * d->words;
    d->extra = d->syndrome + batch * d->words;
    return KS_OK;
}

int ks_bench_ldpc_device_open(ks_bench_ldpc_device **out, const ks_bench_ldpc_options *o) {
    ks_bench_ldpc_device *d = *out = calloc(1, sizeof *d);
    if (!d)
        return ks_cli_fail_status(KS_ERR_MEMORY, "bench ldpc");
    d->o = o;
    const int code = ks_device_open_named(&d->device, o->backend, (uint32_t)o->threads);
    if (code != KS_EXIT_OK)
        return code;
    const ks_status status = make_memory(d);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "bench ldpc");
}

void ks_bench_ldpc_device_close(ks_bench_ldpc_device *d) {
    if (!d)
        return;
    ks_device_close(d->device);
    free(d->memory);
    free(d->tasks);
    free(d->number);
    free(d);
}

/* One job over the first `count` tasks; adds its wall time. */
static ks_status run_job(ks_bench_ldpc_device *d, ks_op op, size_t count, double *seconds) {
    ks_job job = {.op = op, .as.frames = {.tasks = d->tasks, .count = count}};
    const double start = ks_bench_now();
    KS_TRY(ks_device_submit(d->device, &job));
    ks_device_wait(d->device, &job);
    *seconds += ks_bench_now() - start;
    return job.status;
}

static void make_task(ks_bench_ldpc_device *d, size_t task, size_t frame, uint64_t *bits, uint64_t *syndrome,
                      uint16_t rate) {
    d->number[task] = (uint32_t)frame;
    d->tasks[task] = (ks_frame_task){.frame = bits + frame * d->words,
                                     .syndrome = syndrome + frame * d->words,
                                     .real_bits = d->o->real_bits,
                                     .rate = rate,
                                     .log2n = (uint8_t)d->o->log2n};
}

/* The syndromes of a batch, by the device; each is compared with the processor's. */
static ks_status encode(ks_bench_ldpc_device *d, ks_bench_ldpc_totals *t, size_t count, uint16_t rate) {
    const unsigned log2n = (unsigned)d->o->log2n;
    for (size_t i = 0; i < count; i++)
        make_task(d, i, i, d->alice, d->mother, rate);
    KS_TRY(run_job(d, KS_OP_SYNDROME, count, &t->encode_seconds));
    for (size_t i = 0; i < count; i++) {
        const uint64_t *mother = d->mother + i * d->words;
        KS_TRY(ks_ldpc_syndrome(d->extra, d->alice + i * d->words, rate, log2n));
        if (memcmp(d->extra, mother, ks_ldpc_mother_bits(rate, log2n) / 8) != 0)
            return ks_fail(KS_ERR_UNAVAILABLE, "the device computed a wrong syndrome");
        KS_TRY(ks_ldpc_merge(d->syndrome + i * d->words, mother, rate, log2n));
    }
    return KS_OK;
}

/* The first `count` tasks at their rate. Those that fail stand first afterwards; *failed of them. */
static ks_status decode(ks_bench_ldpc_device *d, ks_bench_ldpc_totals *t, size_t count, size_t *failed) {
    KS_TRY(run_job(d, KS_OP_DECODE, count, &t->decode_seconds));
    t->rounds += count;
    *failed = 0;
    for (size_t i = 0; i < count; i++) {
        const ks_frame_task *task = &d->tasks[i];
        const uint32_t frame = d->number[i];
        t->iterations += task->iterations;
        t->edges += task->iterations * ks_bench_ldpc_edges(task->rate, task->log2n);
        if (!task->converged) {
            d->number[(*failed)++] = frame;
            continue;
        }
        t->leak += ks_ldpc_syndrome_bits(task->rate, task->log2n);
        t->undetected += memcmp(task->frame, d->alice + frame * d->words, d->words * 8) != 0;
    }
    return KS_OK;
}

static void set_up_decoding(ks_bench_ldpc_device *d, size_t count, ks_ldpc_decoders decoders, uint16_t rate,
                            double q) {
    for (size_t i = 0; i < count; i++) {
        make_task(d, i, d->number[i], d->bob, d->syndrome, rate);
        d->tasks[i].qber = q;
        d->tasks[i].exact = decoders == KS_LDPC_FAST_THEN_EXACT;
        d->tasks[i].iterations = (uint32_t)d->o->iterations;
    }
}

/* A batch from the first syndrome to success or the end of the base's syndrome. */
static ks_status run_batch(ks_bench_ldpc_device *d, ks_bench_ldpc_totals *t, size_t count,
                           ks_ldpc_decoders decoders, uint16_t rate, double q) {
    const unsigned log2n = (unsigned)d->o->log2n;
    size_t left = count;
    uint16_t next;
    KS_TRY(encode(d, t, count, rate));
    t->frames += count;
    t->bits += count * d->o->real_bits;
    t->first_leak += count * ks_ldpc_syndrome_bits(rate, log2n);
    set_up_decoding(d, left, decoders, rate, q);
    KS_TRY(decode(d, t, left, &left));
    t->first_failed += left;
    for (uint64_t k = 0; left && k < d->o->retries && ks_ldpc_next(&next, rate) == KS_OK; k++, rate = next) {
        for (size_t i = 0; i < left; i++) {
            const size_t at = d->number[i] * d->words;
            KS_TRY(ks_ldpc_extra(d->extra, d->mother + at, rate, next, log2n));
            KS_TRY(ks_ldpc_extend(d->syndrome + at, d->extra, rate, next, log2n));
        }
        set_up_decoding(d, left, decoders, next, q);
        KS_TRY(decode(d, t, left, &left));
    }
    t->failed += left;
    t->leak += left * d->o->real_bits;
    return KS_OK;
}

int ks_bench_ldpc_device_run(ks_bench_ldpc_device *d, ks_ldpc_decoders decoders, uint16_t rate, double q) {
    const ks_bench_ldpc_options *o = d->o;
    ks_bench_ldpc_totals t = {0};
    ks_status status = KS_OK;
    const double start = ks_bench_now();
    while (status == KS_OK && t.frames < o->frames && !ks_cli_interrupted() &&
           (t.frames == 0 || ks_bench_now() - start < o->seconds)) {
        const uint64_t left = o->frames - t.frames;
        const size_t count = left < o->batch ? left : o->batch;
        for (size_t i = 0; i < count; i++)
            ks_bench_ldpc_draw(d->alice + i * d->words, d->bob + i * d->words, o, t.frames + i, q);
        status = run_batch(d, &t, count, decoders, rate, q);
    }
    if (status != KS_OK)
        return ks_cli_fail_status(status, "bench ldpc");
    t.mbps = t.decode_seconds > 0 ? (double)t.bits / t.decode_seconds * 1e-6 : 0;
    const ks_bench_ldpc_place place = {d->device->vtable->backend, d->device->name, (int)o->threads,
                                       o->batch};
    return ks_bench_ldpc_report(&t, o, decoders, rate, q, &place);
}
