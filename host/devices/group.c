/* SPDX-License-Identifier: Apache-2.0 */
/* Lock order: a device's own lock, then the group's. A device calls back with its lock held; jobs are
 * submitted without the group's. */
#include <keystill/device_group.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/status.h"

enum { FALLBACK = KS_GROUP_MEMBERS_MAX };

typedef struct member {
    ks_device *device;
    double speed[KS_GROUP_OPS];
    double waiting; /* seconds of work submitted and not done, as estimated */
    int lost;
} member;

typedef struct group {
    ks_device device;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    size_t count, active;
    uint64_t handed; /* parts given to the fallback so far: a waiter polls again when it changes */
    ks_device *fallback;
    ks_device_lost_fn *lost;
    void *context;
    member members[KS_GROUP_MEMBERS_MAX];
} group;

struct split;
typedef struct part {
    ks_job job;
    struct split *split;
    size_t member; /* index, or FALLBACK */
    double bits, seconds;
} part;

/* A job in parts. */
typedef struct split {
    group *g;
    ks_job *whole;
    size_t count, pending;
    ks_status status;
    uint64_t busy_ns;
    part parts[KS_GROUP_MEMBERS_MAX];
} split;

static int is_frames(ks_op op) {
    return op == KS_OP_SYNDROME || op == KS_OP_DECODE;
}

static double bits_of(const ks_job *job) {
    if (job->op == KS_OP_HASH)
        return (double)job->as.hash.n;
    if (job->op == KS_OP_TOEPLITZ)
        return (double)job->as.toeplitz.n;
    double bits = 0;
    for (size_t i = 0; i < job->as.frames.count; i++) {
        const ks_frame_task *task = &job->as.frames.tasks[i];
        bits += (double)(task->code ? task->code->columns : (size_t)1 << task->log2n);
    }
    return bits;
}

static int can(const member *m, ks_op op) {
    return !m->lost && m->device->vtable->supports(m->device, op);
}

/* What is not measured yet is taken to be as fast as the fastest that is. */
static double speed_of(const group *g, size_t i, ks_op op) {
    if (g->members[i].speed[op] > 0)
        return g->members[i].speed[op];
    double best = 0;
    for (size_t k = 0; k < g->count; k++)
        best = g->members[k].speed[op] > best ? g->members[k].speed[op] : best;
    return best > 0 ? best : 1e6;
}

/* ---- completion */

/* With the group's lock held. */
static void part_done(split *s, ks_status status, uint64_t ns) {
    group *g = s->g;
    s->busy_ns += ns;
    if (status != KS_OK && s->status == KS_OK)
        s->status = status;
    if (--s->pending)
        return;
    ks_job *whole = s->whole;
    void (*wake)(void *) = whole->wake;
    void *context = whole->wake_context;
    whole->status = s->status;
    whole->busy_ns = s->busy_ns;
    free(s);
    g->active--;
    __atomic_store_n(&whole->done, 1, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&g->done);
    if (wake)
        wake(context);
}

/* A running mean that follows changes of load. */
static void learn(member *m, const part *p) {
    if (p->job.busy_ns == 0)
        return;
    double seconds = (double)p->job.busy_ns * 1e-9;
    if (strcmp(m->device->vtable->backend, "cpu") == 0 && m->device->threads > 1)
        seconds /= m->device->threads; /* its workers' times are summed */
    double *speed = &m->speed[p->job.op], now = p->bits / seconds;
    *speed = *speed > 0 ? 0.75 * *speed + 0.25 * now : now;
}

static void wake_part(void *context);

/* Hands the part to the fallback; returns the status when that is not possible. */
static ks_status fall_back(part *p, ks_status why) {
    group *g = p->split->g;
    if (!g->fallback || p->member == FALLBACK || g->members[p->member].device == g->fallback)
        return why;
    p->member = FALLBACK;
    KS_TRY(g->fallback->vtable->submit(g->fallback, &p->job));
    (void)pthread_mutex_lock(&g->mutex);
    g->handed++;
    (void)pthread_cond_broadcast(&g->done);
    (void)pthread_mutex_unlock(&g->mutex);
    return KS_OK;
}

static int is_device_trouble(ks_status status) {
    return status == KS_ERR_UNAVAILABLE || status == KS_ERR_UNSUPPORTED || status == KS_ERR_MEMORY;
}

static void wake_part(void *context) {
    part *p = context;
    group *g = p->split->g;
    ks_status status = p->job.status;
    const uint64_t ns = p->job.busy_ns;
    (void)pthread_mutex_lock(&g->mutex);
    member *m = p->member == FALLBACK ? NULL : &g->members[p->member];
    if (m) {
        m->waiting -= p->seconds;
        if (status == KS_OK)
            learn(m, p);
        if (status == KS_ERR_UNAVAILABLE && !m->lost) {
            m->lost = 1;
            if (g->lost)
                g->lost(g->context, m->device);
        }
    }
    (void)pthread_mutex_unlock(&g->mutex);
    if (is_device_trouble(status)) {
        status = fall_back(p, status);
        if (status == KS_OK)
            return;
    }
    (void)pthread_mutex_lock(&g->mutex);
    part_done(p->split, status, ns);
    (void)pthread_mutex_unlock(&g->mutex);
}

/* ---- sharing out */

/* With the group's lock held: a part for each member that can, frames by speed. */
static void share_frames(group *g, split *s) {
    const ks_job *whole = s->whole;
    double total = 0;
    for (size_t i = 0; i < g->count; i++)
        total += can(&g->members[i], whole->op) ? speed_of(g, i, whole->op) : 0;
    size_t at = 0;
    double before = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (!can(&g->members[i], whole->op))
            continue;
        before += speed_of(g, i, whole->op);
        size_t end = (size_t)(before / total * (double)whole->as.frames.count + 0.5);
        if (end > whole->as.frames.count)
            end = whole->as.frames.count;
        if (end > at) {
            part *p = &s->parts[s->count++];
            p->member = i;
            p->job.as.frames.tasks = whole->as.frames.tasks + at;
            p->job.as.frames.count = end - at;
            at = end;
        }
    }
}

/* With the group's lock held: the one that will be done first. */
static void give_to_one(group *g, split *s) {
    const double bits = bits_of(s->whole);
    double best = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (!can(&g->members[i], s->whole->op))
            continue;
        double end = g->members[i].waiting + bits / speed_of(g, i, s->whole->op);
        if (!s->count || end < best) {
            best = end;
            s->count = 1;
            s->parts[0].member = i;
        }
    }
    s->parts[0].job.as = s->whole->as;
}

static ks_status submit(ks_device *device, ks_job *job) {
    group *g = (group *)device;
    if (is_frames(job->op) && job->as.frames.count == 0)
        return ks_fail(KS_ERR_ARGUMENT, "a job without frames");
    split *s = calloc(1, sizeof *s);
    if (!s)
        return ks_fail(KS_ERR_MEMORY, "no memory for a job");
    s->g = g;
    s->whole = job;
    __atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
    (void)pthread_mutex_lock(&g->mutex);
    if (is_frames(job->op))
        share_frames(g, s);
    else
        give_to_one(g, s);
    if (s->count == 0) { /* nobody else: the fallback says what it thinks of the job */
        s->count = 1;
        s->parts[0].member = FALLBACK;
        s->parts[0].job.as = job->as;
    }
    for (size_t i = 0; i < s->count; i++) {
        part *p = &s->parts[i];
        p->split = s;
        p->job.op = job->op;
        p->job.wake = wake_part;
        p->job.wake_context = p;
        p->bits = bits_of(&p->job);
        if (p->member != FALLBACK) {
            p->seconds = p->bits / speed_of(g, p->member, job->op);
            g->members[p->member].waiting += p->seconds;
        }
    }
    s->pending = s->count + 1; /* one for this function */
    g->active++;
    (void)pthread_mutex_unlock(&g->mutex);
    const size_t count = s->count;
    for (size_t i = 0; i < count; i++) {
        part *p = &s->parts[i];
        ks_device *to = p->member == FALLBACK ? g->fallback : g->members[p->member].device;
        ks_status status = to ? to->vtable->submit(to, &p->job)
                              : ks_fail(KS_ERR_UNAVAILABLE, "no device for operation %d", (int)job->op);
        if (status != KS_OK) {
            p->job.status = status;
            p->job.busy_ns = 0;
            wake_part(p);
        }
    }
    (void)pthread_mutex_lock(&g->mutex);
    part_done(s, KS_OK, 0);
    (void)pthread_mutex_unlock(&g->mutex);
    return KS_OK;
}

/* ---- device */

static int supports(const ks_device *device, ks_op op) {
    const group *g = (const group *)device;
    for (size_t i = 0; i < g->count; i++)
        if (g->members[i].device->vtable->supports(g->members[i].device, op))
            return 1;
    return g->fallback && g->fallback->vtable->supports(g->fallback, op);
}

static int poll_all(ks_device *device) {
    group *g = (group *)device;
    int did = 0;
    for (size_t i = 0; i < g->count; i++)
        did |= ks_device_poll(g->members[i].device);
    if (g->fallback)
        did |= ks_device_poll(g->fallback);
    return did;
}

/* With the lock held: works where the devices have no threads of their own, else waits for a change. */
static void help_or_wait(group *g) {
    const uint64_t handed = g->handed;
    const size_t active = g->active;
    (void)pthread_mutex_unlock(&g->mutex);
    int did = poll_all(&g->device);
    (void)pthread_mutex_lock(&g->mutex);
    if (!did && handed == g->handed && active == g->active)
        (void)pthread_cond_wait(&g->done, &g->mutex);
}

static void wait_for(ks_device *device, ks_job *job) {
    group *g = (group *)device;
    (void)pthread_mutex_lock(&g->mutex);
    while (!ks_job_done(job))
        help_or_wait(g);
    (void)pthread_mutex_unlock(&g->mutex);
}

static void close_group(ks_device *device) {
    group *g = (group *)device;
    (void)pthread_mutex_lock(&g->mutex);
    while (g->active)
        help_or_wait(g);
    (void)pthread_mutex_unlock(&g->mutex);
    int is_member = 0;
    for (size_t i = 0; i < g->count; i++) {
        is_member |= g->members[i].device == g->fallback;
        ks_device_close(g->members[i].device);
    }
    if (!is_member)
        ks_device_close(g->fallback);
    (void)pthread_cond_destroy(&g->done);
    (void)pthread_mutex_destroy(&g->mutex);
    free(g);
}

static const ks_device_vtable group_vtable = {.abi_version = KS_BACKEND_ABI,
                                              .struct_size = sizeof(ks_device_vtable),
                                              .backend = "group",
                                              .supports = supports,
                                              .submit = submit,
                                              .poll = poll_all,
                                              .wait = wait_for,
                                              .close = close_group};

ks_status ks_device_group_open(ks_device **out, const ks_group_member *members, size_t count,
                               ks_device *fallback, ks_device_lost_fn *lost, void *context) {
    *out = NULL;
    if (count < 1 || count > KS_GROUP_MEMBERS_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "a group of %zu devices: 1 to %d", count, (int)KS_GROUP_MEMBERS_MAX);
    group *g = calloc(1, sizeof *g);
    if (!g)
        return ks_fail(KS_ERR_MEMORY, "no memory for a group of devices");
    g->device.vtable = &group_vtable;
    g->count = count;
    g->fallback = fallback;
    g->lost = lost;
    g->context = context;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        g->members[i].device = members[i].device;
        memcpy(g->members[i].speed, members[i].speed, sizeof g->members[i].speed);
        g->device.threads += members[i].device->threads;
        int n = snprintf(g->device.name + used, sizeof g->device.name - used, "%s%s", i ? " + " : "",
                         members[i].device->name);
        used =
            n > 0 && used + (size_t)n < sizeof g->device.name ? used + (size_t)n : sizeof g->device.name - 1;
    }
    (void)pthread_mutex_init(&g->mutex, NULL);
    (void)pthread_cond_init(&g->done, NULL);
    *out = &g->device;
    return KS_OK;
}

double ks_device_group_speed(ks_device *device, size_t index, ks_op op) {
    group *g = (group *)device;
    if (index >= g->count || op < KS_OP_SYNDROME || op > KS_OP_TOEPLITZ)
        return 0;
    (void)pthread_mutex_lock(&g->mutex);
    double speed = g->members[index].speed[op];
    (void)pthread_mutex_unlock(&g->mutex);
    return speed;
}
