/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU as a device: one queue of jobs, workers that take single tasks (a frame, a group of frames of an
 * imported code, a hash, a block) from its head. */
#include <keystill/amplify.h>
#include <keystill/backend.h>
#include <keystill/secret.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "ldpc/ldpc.h"
#include "pipeline/authenticate.h"
#include "pipeline/backend_code.h"
#include "pipeline/status.h"

enum { SIZES = (KS_LDPC_LOG2N_MAX - KS_LDPC_LOG2N_MIN) / 2 + 1 };

/* Memory of one worker, kept between tasks. */
typedef struct worker {
    struct cpu *cpu;
    pthread_t thread;
    ks_ldpc_workspace *decoder[SIZES];
    ks_code_worker *code;
    ks_toeplitz_plan *plan;
    size_t plan_n, plan_m;
} worker;

typedef struct cpu {
    ks_device device;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    ks_job *first, **tail; /* jobs with tasks that nobody has taken */
    size_t active;         /* jobs submitted and not done */
    int closing;
    worker *workers; /* one when threads = 0: that of poll */
    uint32_t started;
} cpu;

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- tasks */

static ks_status decode(worker *w, ks_frame_task *task) {
    if (task->log2n < KS_LDPC_LOG2N_MIN || task->log2n > KS_LDPC_LOG2N_MAX || task->log2n % 2)
        return ks_fail(KS_ERR_ARGUMENT, "frames of 2^%u bits are not served", task->log2n);
    ks_ldpc_workspace **workspace = &w->decoder[(task->log2n - KS_LDPC_LOG2N_MIN) / 2];
    if (!*workspace)
        KS_TRY(ks_ldpc_workspace_create(workspace, task->log2n));
    const ks_ldpc_request request = {.received = task->frame,
                                     .syndrome = task->syndrome,
                                     .rate = task->rate,
                                     .real_bits = task->real_bits,
                                     .qber = task->qber,
                                     .max_iterations = task->iterations,
                                     .decoders = task->exact ? KS_LDPC_FAST_THEN_EXACT : KS_LDPC_FAST_ONLY,
                                     .memory = task->allowance ? &task->memory : NULL,
                                     .allowance = task->allowance};
    ks_ldpc_result result;
    KS_TRY(ks_ldpc_decode(*workspace, &result, task->frame, &request));
    task->converged = (uint8_t)result.converged;
    task->iterations = result.iterations + result.exact_iterations;
    return KS_OK;
}

static ks_status toeplitz(worker *w, const ks_job *job) {
    const size_t n = job->as.toeplitz.n, m = job->as.toeplitz.m;
    if (!w->plan || n > w->plan_n || m > w->plan_m) {
        ks_toeplitz_plan_destroy(w->plan);
        w->plan = NULL;
        w->plan_n = n + n / 8 < KS_TOEPLITZ_INPUT_MAX ? n + n / 8 : n;
        w->plan_m = w->plan_n;
        KS_TRY(ks_toeplitz_plan_create(&w->plan, w->plan_n, w->plan_m, KS_TOEPLITZ_MODIFIED, 1));
    }
    return ks_toeplitz_apply(w->plan, job->as.toeplitz.out, job->as.toeplitz.key, n, m,
                             job->as.toeplitz.seed);
}

static int is_coded(const ks_job *job) {
    return (job->op == KS_OP_SYNDROME || job->op == KS_OP_DECODE) && job->as.frames.tasks[0].code;
}

static ks_status run_group(worker *w, const ks_job *job, size_t index) {
    const size_t at = index * KS_CODE_GROUP, left = job->as.frames.count - at;
    return ks_code_worker_run(&w->code, job->op, job->as.frames.tasks + at,
                              left < KS_CODE_GROUP ? left : KS_CODE_GROUP);
}

static ks_status run_task(worker *w, ks_job *job, size_t index) {
    if (is_coded(job))
        return run_group(w, job, index);
    switch (job->op) {
    case KS_OP_SYNDROME: {
        ks_frame_task *task = &job->as.frames.tasks[index];
        return ks_ldpc_syndrome(task->syndrome, task->frame, task->rate, task->log2n);
    }
    case KS_OP_DECODE:
        return decode(w, &job->as.frames.tasks[index]);
    case KS_OP_HASH:
        ks_verification_tag(job->as.hash.tag, job->as.hash.key, job->as.hash.bits, job->as.hash.n);
        return KS_OK;
    case KS_OP_TOEPLITZ:
        return toeplitz(w, job);
    }
    return ks_fail(KS_ERR_UNSUPPORTED, "unknown operation %d", (int)job->op);
}

/* ---- queue */

static size_t task_count(const ks_job *job) {
    if (job->op != KS_OP_SYNDROME && job->op != KS_OP_DECODE)
        return 1;
    const size_t frames = job->as.frames.count;
    return frames && is_coded(job) ? (frames + KS_CODE_GROUP - 1) / KS_CODE_GROUP : frames;
}

/* With the mutex held: the next task, or NULL. */
static ks_job *take(cpu *c, size_t *index) {
    ks_job *job = c->first;
    if (!job)
        return NULL;
    *index = job->next++;
    if (job->next == task_count(job)) {
        c->first = job->link;
        if (!c->first)
            c->tail = &c->first;
    }
    return job;
}

/* With the mutex held; the job must not be touched afterwards. */
static void finish_task(cpu *c, ks_job *job, ks_status status, uint64_t ns) {
    job->busy_ns += ns;
    if (status != KS_OK && job->status == KS_OK)
        job->status = status;
    if (--job->pending)
        return;
    void (*wake)(void *) = job->wake;
    void *context = job->wake_context;
    c->active--;
    __atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&c->done);
    if (wake)
        wake(context);
}

/* With the mutex held; 1 when a task was done. */
static int work_once(worker *w) {
    cpu *c = w->cpu;
    size_t index;
    ks_job *job = take(c, &index);
    if (!job)
        return 0;
    (void)pthread_mutex_unlock(&c->mutex);
    uint64_t start = now_ns();
    ks_status status = run_task(w, job, index);
    ks_wipe_stack();
    uint64_t ns = now_ns() - start;
    (void)pthread_mutex_lock(&c->mutex);
    finish_task(c, job, status, ns);
    return 1;
}

static void *run(void *context) {
    worker *w = context;
    cpu *c = w->cpu;
    (void)pthread_mutex_lock(&c->mutex);
    while (!c->closing || c->first)
        if (!work_once(w))
            (void)pthread_cond_wait(&c->work, &c->mutex);
    (void)pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* ---- device */

static int supports(const ks_device *device, ks_op op) {
    (void)device;
    return op >= KS_OP_SYNDROME && op <= KS_OP_TOEPLITZ;
}

static ks_status submit(ks_device *device, ks_job *job) {
    cpu *c = (cpu *)device;
    job->status = KS_OK;
    job->busy_ns = 0;
    job->next = 0;
    job->pending = task_count(job);
    job->link = NULL;
    __atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
    if (!job->pending)
        return ks_fail(KS_ERR_ARGUMENT, "a job without frames");
    (void)pthread_mutex_lock(&c->mutex);
    *c->tail = job;
    c->tail = &job->link;
    c->active++;
    (void)pthread_cond_broadcast(&c->work);
    (void)pthread_mutex_unlock(&c->mutex);
    return KS_OK;
}

static int poll_once(ks_device *device) {
    cpu *c = (cpu *)device;
    if (device->threads)
        return 0;
    (void)pthread_mutex_lock(&c->mutex);
    int did = work_once(&c->workers[0]);
    (void)pthread_mutex_unlock(&c->mutex);
    return did;
}

static void wait_for(ks_device *device, ks_job *job) {
    cpu *c = (cpu *)device;
    (void)pthread_mutex_lock(&c->mutex);
    while (!ks_job_done(job))
        if (device->threads || !work_once(&c->workers[0]))
            (void)pthread_cond_wait(&c->done, &c->mutex);
    (void)pthread_mutex_unlock(&c->mutex);
}

static void close_device(ks_device *device) {
    cpu *c = (cpu *)device;
    while (poll_once(device))
        ;
    (void)pthread_mutex_lock(&c->mutex);
    c->closing = 1;
    (void)pthread_cond_broadcast(&c->work);
    (void)pthread_mutex_unlock(&c->mutex);
    for (uint32_t i = 0; i < c->started; i++)
        (void)pthread_join(c->workers[i].thread, NULL);
    for (uint32_t i = 0; i < (device->threads ? device->threads : 1); i++) {
        for (int k = 0; k < SIZES; k++)
            ks_ldpc_workspace_destroy(c->workers[i].decoder[k]);
        ks_code_worker_destroy(c->workers[i].code);
        ks_toeplitz_plan_destroy(c->workers[i].plan);
    }
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->done);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c->workers);
    free(c);
}

static const ks_device_vtable cpu_vtable = {.abi_version = KS_BACKEND_ABI,
                                            .struct_size = sizeof(ks_device_vtable),
                                            .backend = "cpu",
                                            .supports = supports,
                                            .submit = submit,
                                            .poll = poll_once,
                                            .wait = wait_for,
                                            .close = close_device};

ks_status ks_device_open_cpu(ks_device **out, uint32_t threads) {
    *out = NULL;
    if (threads > 1024)
        return ks_fail(KS_ERR_ARGUMENT, "%u threads: at most 1024", threads);
    cpu *c = calloc(1, sizeof *c);
    worker *workers = calloc(threads ? threads : 1, sizeof *workers);
    if (!c || !workers) {
        free(c);
        free(workers);
        return ks_fail(KS_ERR_MEMORY, "no memory for %u workers", threads);
    }
    c->workers = workers;
    c->tail = &c->first;
    c->device.vtable = &cpu_vtable;
    c->device.threads = threads;
    (void)snprintf(c->device.name, sizeof c->device.name, "cpu, %u threads, %s", threads,
                   ks_isa_name(ks_kernels_get()->isa));
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->work, NULL);
    (void)pthread_cond_init(&c->done, NULL);
    for (uint32_t i = 0; i < (threads ? threads : 1); i++)
        workers[i].cpu = c;
    for (; c->started < threads; c->started++)
        if (pthread_create(&workers[c->started].thread, NULL, run, &workers[c->started]) != 0) {
            close_device(&c->device);
            return ks_fail(KS_ERR_MEMORY, "cannot start worker thread %u", c->started);
        }
    *out = &c->device;
    return KS_OK;
}

/* ---- any device */

void ks_device_close(ks_device *device) {
    if (device)
        device->vtable->close(device);
}

ks_status ks_device_submit(ks_device *device, ks_job *job) {
    return device->vtable->submit(device, job);
}

int ks_device_poll(ks_device *device) {
    return device->vtable->poll(device);
}

void ks_device_wait(ks_device *device, ks_job *job) {
    device->vtable->wait(device, job);
}

int ks_job_done(const ks_job *job) {
    return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}
