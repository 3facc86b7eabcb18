/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU as a device: one queue of jobs and a thread for each lane. A lane takes a whole job (a batch), so
 * that with two lanes the copies of one batch run beside the kernels of another. Blocks of amplification that
 * wait in the queue and join the first are taken with it: what waits while lanes are busy is done together.
 * After a failure of the driver the device is lost: jobs end with KS_ERR_UNAVAILABLE and their outputs
 * untouched, for another device to do. */
#include "host/devices/gpu/device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/status.h"

typedef struct lane_thread {
    struct gpu_device *device;
    pthread_t thread;
    ks_lane lane;
} lane_thread;

typedef struct gpu_device {
    ks_device device;
    ks_gpu *gpu;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    ks_job *first, **tail;
    int closing, lost;
    uint32_t started;
    ks_lane row_lane; /* of ks_gpu_device_row_lane, made at its first call */
    lane_thread lanes[];
} gpu_device;

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static ks_status dispatch(ks_lane *lane, ks_job *const *jobs, size_t count) {
    ks_job *job = jobs[0];
    switch (job->op) {
    case KS_OP_SYNDROME:
        return ks_lane_syndrome(lane, job->as.frames.tasks, job->as.frames.count);
    case KS_OP_DECODE:
        return (job->as.frames.tasks[0].code ? ks_lane_decode_code : ks_lane_decode)(
            lane, job->as.frames.tasks, job->as.frames.count);
    case KS_OP_HASH:
        return ks_lane_hash(lane, job->as.hash.tag, job->as.hash.key, job->as.hash.bits, job->as.hash.n);
    case KS_OP_TOEPLITZ:
        return ks_lane_toeplitz(lane, jobs, count);
    }
    return ks_fail(KS_ERR_UNSUPPORTED, "operation %d is not offered by this device", (int)job->op);
}

static int is_loss(ks_status status) {
    return status == KS_ERR_UNAVAILABLE || status == KS_ERR_IO;
}

static ks_status run_jobs(gpu_device *g, ks_lane *lane, ks_job *const *jobs, size_t count) {
    if (__atomic_load_n(&g->lost, __ATOMIC_ACQUIRE))
        return ks_fail(KS_ERR_UNAVAILABLE, "%s is lost", g->device.name);
    ks_status status = dispatch(lane, jobs, count);
    ks_status settled = ks_lane_settle(lane);
    status = status == KS_OK ? settled : status;
    if (is_loss(status)) {
        __atomic_store_n(&g->lost, 1, __ATOMIC_RELEASE);
        status = KS_ERR_UNAVAILABLE;
    }
    return status;
}

/* With the mutex held; the job must not be touched afterwards. */
static void finish(gpu_device *g, ks_job *job, ks_status status, uint64_t ns) {
    void (*wake)(void *) = job->wake;
    void *context = job->wake_context;
    job->status = status;
    job->busy_ns = ns;
    __atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&g->done);
    if (wake)
        wake(context);
}

/* With the mutex held: the first job of the queue and those that join it; 0 when there is none. */
static size_t take(gpu_device *g, ks_job *jobs[KS_LANE_BLOCKS]) {
    size_t count = 0, bits = 0;
    for (ks_job **at = &g->first; *at && count < KS_LANE_BLOCKS;) {
        ks_job *job = *at;
        if (count && (job->op != KS_OP_TOEPLITZ || !ks_lane_toeplitz_joins(jobs[0], bits, job))) {
            at = &job->link;
            continue;
        }
        jobs[count++] = job;
        *at = job->link;
        if (!*at)
            g->tail = at;
        if (job->op != KS_OP_TOEPLITZ)
            break;
        bits += job->as.toeplitz.n;
    }
    return count;
}

static void *run(void *context) {
    lane_thread *t = context;
    gpu_device *g = t->device;
    ks_job *jobs[KS_LANE_BLOCKS];
    (void)pthread_mutex_lock(&g->mutex);
    while (!g->closing || g->first) {
        const size_t count = take(g, jobs);
        if (!count) {
            (void)pthread_cond_wait(&g->work, &g->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&g->mutex);
        uint64_t start = now_ns();
        ks_status status = run_jobs(g, &t->lane, jobs, count);
        uint64_t ns = now_ns() - start;
        (void)pthread_mutex_lock(&g->mutex);
        for (size_t i = 0; i < count; i++)
            finish(g, jobs[i], status, ns / count);
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return NULL;
}

static int supports(const ks_device *device, ks_op op) {
    (void)device;
    return ks_lane_supports(op);
}

static ks_status submit(ks_device *device, ks_job *job) {
    gpu_device *g = (gpu_device *)device;
    const int frames = job->op == KS_OP_SYNDROME || job->op == KS_OP_DECODE;
    if (frames && job->as.frames.count == 0)
        return ks_fail(KS_ERR_ARGUMENT, "a job without frames");
    if (!ks_lane_supports(job->op))
        return ks_fail(KS_ERR_UNSUPPORTED, "operation %d is not offered by this device", (int)job->op);
    if (job->op == KS_OP_SYNDROME && job->as.frames.tasks[0].code)
        return ks_fail(KS_ERR_UNSUPPORTED, "%s computes no syndromes of imported codes", g->device.name);
    job->status = KS_OK;
    job->busy_ns = 0;
    job->link = NULL;
    __atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
    (void)pthread_mutex_lock(&g->mutex);
    *g->tail = job;
    g->tail = &job->link;
    (void)pthread_cond_signal(&g->work);
    (void)pthread_mutex_unlock(&g->mutex);
    return KS_OK;
}

static int poll_nothing(ks_device *device) {
    (void)device;
    return 0;
}

static void wait_for(ks_device *device, ks_job *job) {
    gpu_device *g = (gpu_device *)device;
    (void)pthread_mutex_lock(&g->mutex);
    while (!ks_job_done(job))
        (void)pthread_cond_wait(&g->done, &g->mutex);
    (void)pthread_mutex_unlock(&g->mutex);
}

static void close_device(ks_device *device) {
    gpu_device *g = (gpu_device *)device;
    (void)pthread_mutex_lock(&g->mutex);
    g->closing = 1;
    (void)pthread_cond_broadcast(&g->work);
    (void)pthread_mutex_unlock(&g->mutex);
    for (uint32_t i = 0; i < g->started; i++)
        (void)pthread_join(g->lanes[i].thread, NULL);
    for (uint32_t i = 0; i < device->threads; i++)
        ks_lane_wipe(&g->lanes[i].lane);
    ks_lane_wipe(&g->row_lane);
    ks_gpu_close(g->gpu);
    (void)pthread_cond_destroy(&g->work);
    (void)pthread_cond_destroy(&g->done);
    (void)pthread_mutex_destroy(&g->mutex);
    free(g);
}

static const ks_device_vtable gpu_vtable = {.abi_version = KS_BACKEND_ABI,
                                            .struct_size = sizeof(ks_device_vtable),
                                            .backend = ks_gpu_backend,
                                            .supports = supports,
                                            .submit = submit,
                                            .poll = poll_nothing,
                                            .wait = wait_for,
                                            .close = close_device};

static ks_status start(gpu_device *g) {
    for (uint32_t i = 0; i < g->device.threads; i++) {
        g->lanes[i].device = g;
        KS_TRY(ks_lane_init(&g->lanes[i].lane, g->gpu));
    }
    for (; g->started < g->device.threads; g->started++)
        if (pthread_create(&g->lanes[g->started].thread, NULL, run, &g->lanes[g->started]) != 0)
            return ks_fail(KS_ERR_MEMORY, "cannot start a thread for lane %u", g->started);
    return KS_OK;
}

ks_status ks_gpu_device_open(ks_device **out, size_t index, uint32_t lanes, const char *cache) {
    *out = NULL;
    lanes = lanes ? lanes : LANES_DEFAULT;
    if (lanes > LANES_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "%u lanes: at most %d", lanes, LANES_MAX);
    ks_device_info info;
    KS_TRY(ks_gpu_describe(&info, index));
    gpu_device *g = calloc(1, sizeof *g + lanes * sizeof(lane_thread));
    if (!g)
        return ks_fail(KS_ERR_MEMORY, "no memory for a device");
    g->device.vtable = &gpu_vtable;
    g->device.threads = lanes;
    g->tail = &g->first;
    (void)snprintf(g->device.name, sizeof g->device.name, "%s:%zu %.50s", ks_gpu_backend, index, info.name);
    (void)pthread_mutex_init(&g->mutex, NULL);
    (void)pthread_cond_init(&g->work, NULL);
    (void)pthread_cond_init(&g->done, NULL);
    ks_status status = ks_gpu_open(&g->gpu, index, cache);
    if (status == KS_OK)
        status = start(g);
    if (status != KS_OK) {
        close_device(&g->device);
        return status;
    }
    *out = &g->device;
    return KS_OK;
}

ks_status ks_gpu_device_row_lane(ks_lane **out, ks_device *device) {
    gpu_device *g = (gpu_device *)device;
    if (!g->row_lane.queue)
        KS_TRY(ks_lane_init(&g->row_lane, g->gpu));
    *out = &g->row_lane;
    return KS_OK;
}
