/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: its life, its thread, and the calls from outside. */
#include <keystill/secret.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/engine_internal.h"
#include "pipeline/status.h"

enum {
    DEFAULT_QUEUE = 64 << 20, /* bytes */
    IDLE_MS = 20,
    STATES_RETRY_MS = 2,
};

static uint64_t system_clock(void *context) {
    (void)context;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void ks_engine_lock(ks_engine *e) {
    (void)pthread_mutex_lock(&e->mutex);
}

void ks_engine_unlock(ks_engine *e) {
    (void)pthread_mutex_unlock(&e->mutex);
}

void ks_engine_unlock_changed(ks_engine *e) {
    e->step_wanted = 1;
    (void)pthread_cond_broadcast(&e->changed);
    ks_engine_unlock(e);
}

/* ---- queues */

ks_status ks_queue_put(ks_queue *q, const uint8_t *data, size_t bytes) {
    ks_packet *p = malloc(sizeof *p);
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (!p || !copy) {
        free(p);
        free(copy);
        return ks_fail(KS_ERR_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    memcpy(copy, data, bytes);
    *p = (ks_packet){.data = copy, .bytes = bytes};
    *q->tail = p;
    q->tail = &p->next;
    q->bytes += bytes;
    return KS_OK;
}

ks_packet *ks_queue_take(ks_queue *q) {
    ks_packet *p = q->first;
    if (p) {
        q->first = p->next;
        if (!q->first)
            q->tail = &q->first;
        q->bytes -= p->bytes;
    }
    return p;
}

void ks_queue_clear(ks_queue *q) {
    for (ks_packet *p; (p = ks_queue_take(q));) {
        ks_wipe(p->data, p->bytes);
        free(p->data);
        free(p);
    }
}

/* With the mutex held. */
static void wait_ms(ks_engine *e, uint32_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&e->changed, &e->mutex, &t);
}

static void *run(void *context) {
    ks_engine *e = context;
    ks_engine_lock(e);
    while (!e->stopping) {
        e->step_wanted = 0;
        ks_engine_unlock(e);
        (void)ks_engine_pump(e);
        ks_engine_lock(e);
        (void)pthread_cond_broadcast(&e->changed);
        if (!e->step_wanted && !e->stopping)
            wait_ms(e, e->requests ? STATES_RETRY_MS : IDLE_MS);
    }
    ks_engine_unlock(e);
    return NULL;
}

/* ---- life */

static ks_status check(const ks_engine_config *c) {
    if (!c->device)
        return ks_fail(KS_ERR_ARGUMENT, "an engine needs a device");
    if (c->session.role == KS_ALICE && !c->states)
        return ks_fail(KS_ERR_ARGUMENT, "Alice's engine needs a source of states");
    if (!c->ring && !c->on_key)
        return ks_fail(KS_ERR_ARGUMENT, "an engine needs a ring or a callback for keys");
    if (!c->threaded && c->device->threads)
        return ks_fail(KS_ERR_ARGUMENT, "an engine without a thread needs a device without threads");
    if (c->threaded && !c->device->threads)
        return ks_fail(KS_ERR_ARGUMENT, "a threaded engine needs a device with threads");
    return KS_OK;
}

ks_status ks_engine_create(ks_engine **out, const ks_engine_config *config) {
    *out = NULL;
    KS_TRY(check(config));
    ks_engine *e = calloc(1, sizeof *e);
    ks_detection *fifo = calloc(KS_FIFO_DETECTIONS, sizeof *fifo);
    if (!e || !fifo) {
        free(e);
        free(fifo);
        return ks_fail(KS_ERR_MEMORY, "no memory for an engine");
    }
    e->config = *config;
    if (!e->config.now)
        e->config.now = system_clock;
    e->fifo = fifo;
    e->inbox = (ks_queue){.tail = &e->inbox.first,
                          .limit = config->inbox_bytes ? config->inbox_bytes : DEFAULT_QUEUE};
    e->outbox = (ks_queue){.tail = &e->outbox.first,
                           .limit = config->outbox_bytes ? config->outbox_bytes : DEFAULT_QUEUE};
    e->unsent.tail = &e->unsent.first;
    e->requests_tail = &e->requests;
    ks_status status = ks_session_create(&e->session, &config->session);
    if (status != KS_OK) {
        free(fifo);
        free(e);
        return status;
    }
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&e->mutex, NULL);
    ks_session_tick(e->session, e->config.now(e->config.context));
    if (config->threaded && pthread_create(&e->thread, NULL, run, e) != 0) {
        ks_engine_destroy(e); /* running is not set yet */
        return ks_fail(KS_ERR_MEMORY, "cannot start the engine's thread");
    }
    e->running = config->threaded;
    *out = e;
    return KS_OK;
}

void ks_engine_destroy(ks_engine *e) {
    if (!e)
        return;
    if (e->running) {
        ks_engine_lock(e);
        e->stopping = 1;
        ks_engine_unlock_changed(e);
        (void)pthread_join(e->thread, NULL);
    }
    /* A worker may still be on its way out of `wake`: waiting on a finished job passes through the device's
     * lock. */
    ks_job none = {.done = 1};
    ks_device_wait(e->config.device, &none);
    while (e->job_count) {
        ks_job *job = e->jobs[--e->job_count];
        ks_device_wait(e->config.device, job);
        ks_session_job_done(e->session, job);
    }
    ks_session_destroy(e->session);
    ks_queue_clear(&e->inbox);
    ks_queue_clear(&e->outbox);
    ks_queue_clear(&e->unsent);
    for (ks_state_request *r = e->requests, *next; r; r = next) {
        next = r->next;
        free(r->slots);
        free(r);
    }
    ks_engine_drop_keys(e);
    ks_wipe(e->states, e->states_capacity);
    free(e->states);
    ks_wipe(e->fifo, KS_FIFO_DETECTIONS * sizeof *e->fifo);
    free(e->fifo);
    free(e->jobs);
    (void)pthread_cond_destroy(&e->changed);
    (void)pthread_mutex_destroy(&e->mutex);
    free(e);
}

/* ---- calls from outside */

static void change_link(ks_engine *e, link_change change) {
    ks_engine_lock(e);
    ks_queue_clear(&e->inbox);
    ks_queue_clear(&e->outbox);
    e->refusal = KS_OK;
    e->link_wanted = change;
    ks_engine_unlock_changed(e);
}

ks_status ks_engine_connected(ks_engine *e) {
    change_link(e, LINK_UP);
    return KS_OK;
}

void ks_engine_disconnected(ks_engine *e) {
    change_link(e, LINK_DOWN);
}

ks_status ks_engine_detections(ks_engine *e, const ks_detection *d, size_t n, uint64_t frontier,
                               size_t *taken) {
    *taken = 0;
    ks_engine_lock(e);
    if (e->closed) {
        ks_engine_unlock(e);
        return ks_fail(KS_ERR_CLOSED, "the session has ended");
    }
    const size_t room = KS_FIFO_DETECTIONS - e->fifo_count, count = n < room ? n : room;
    for (size_t done = 0; done < count;) {
        const size_t at = (e->fifo_at + e->fifo_count) % KS_FIFO_DETECTIONS;
        const size_t run = count - done < KS_FIFO_DETECTIONS - at ? count - done : KS_FIFO_DETECTIONS - at;
        memcpy(e->fifo + at, d + done, run * sizeof *d);
        e->fifo_count += run;
        done += run;
    }
    *taken = count;
    if (count == n)
        e->fifo_frontier = frontier;
    else if (count)
        e->fifo_frontier = ks_detection_slot(d[count - 1]) + 1;
    ks_engine_unlock_changed(e);
    return KS_OK;
}

ks_status ks_engine_receive(ks_engine *e, const uint8_t *message, size_t bytes) {
    ks_engine_lock(e);
    ks_status status = KS_OK;
    if (e->closed)
        status = ks_fail(KS_ERR_CLOSED, "the session has ended");
    else if (e->inbox.bytes && e->inbox.bytes + bytes > e->inbox.limit)
        status = KS_ERR_FULL;
    else
        status = ks_queue_put(&e->inbox, message, bytes);
    e->idle = 0;
    ks_engine_unlock_changed(e);
    return status;
}

ks_status ks_engine_send(ks_engine *e, uint8_t **message, size_t *bytes) {
    ks_engine_lock(e);
    ks_packet *p = ks_queue_take(&e->outbox);
    ks_status status = p ? KS_OK : e->closed ? KS_ERR_CLOSED : KS_ERR_EMPTY;
    ks_engine_unlock_changed(e);
    if (p) {
        *message = p->data;
        *bytes = p->bytes;
        free(p);
    }
    return status;
}

void ks_engine_free(uint8_t *message) {
    free(message);
}

void ks_engine_finish(ks_engine *e) {
    ks_engine_lock(e);
    e->finish_wanted = 1;
    ks_engine_unlock_changed(e);
}

void ks_engine_abandon(ks_engine *e) {
    ks_engine_lock(e);
    e->abandon_wanted = e->finish_wanted = 1;
    ks_engine_unlock_changed(e);
}

static unsigned events_now(const ks_engine *e) {
    unsigned now = 0;
    if (e->outbox.first)
        now |= KS_ENGINE_OUTPUT;
    if (e->fifo_count < KS_FIFO_DETECTIONS)
        now |= KS_ENGINE_INPUT;
    if (e->inbox.bytes < e->inbox.limit)
        now |= KS_ENGINE_INBOX;
    if (e->closed)
        now |= KS_ENGINE_CLOSED;
    return now;
}

unsigned ks_engine_wait(ks_engine *e, unsigned events, uint32_t timeout_ms) {
    ks_engine_lock(e);
    const uint64_t end = system_clock(NULL) + (uint64_t)timeout_ms * 1000000;
    unsigned now;
    for (;;) {
        now = events_now(e) & (events | KS_ENGINE_CLOSED);
        uint64_t t = system_clock(NULL);
        if (now || t >= end)
            break;
        wait_ms(e, (uint32_t)((end - t) / 1000000 + 1));
    }
    ks_engine_unlock(e);
    return now;
}

ks_status ks_engine_step(ks_engine *e) {
    if (e->config.threaded)
        return ks_fail(KS_ERR_STATE, "this engine has a thread of its own");
    KS_TRY(ks_engine_pump(e));
    if (!e->closed || e->end == KS_OK)
        return KS_OK;
    return ks_fail(e->end, "%s", e->reason);
}

ks_status ks_engine_status(ks_engine *e, int *is_closed) {
    ks_engine_lock(e);
    *is_closed = e->closed;
    ks_status status = e->closed ? e->end : KS_OK;
    ks_engine_unlock(e);
    return status;
}

static void copy_reason(char *out, size_t capacity, const char *reason) {
    if (capacity) {
        (void)strncpy(out, reason, capacity - 1);
        out[capacity - 1] = 0;
    }
}

ks_status ks_engine_refusal(ks_engine *e, char *reason, size_t capacity) {
    ks_engine_lock(e);
    const ks_status refusal = e->refusal;
    if (refusal != KS_OK)
        copy_reason(reason, capacity, e->refusal_reason);
    ks_engine_unlock(e);
    return refusal;
}

void ks_engine_reason(ks_engine *e, char *out, size_t capacity) {
    ks_engine_lock(e);
    copy_reason(out, capacity, e->reason);
    ks_engine_unlock(e);
}

void ks_engine_get_totals(ks_engine *e, ks_session_totals *totals) {
    ks_engine_lock(e);
    *totals = e->totals;
    ks_engine_unlock(e);
}

int ks_engine_established(ks_engine *e) {
    ks_engine_lock(e);
    int established = e->established;
    ks_engine_unlock(e);
    return established;
}

int ks_engine_idle(ks_engine *e) {
    ks_engine_lock(e);
    int idle = e->idle;
    ks_engine_unlock(e);
    return idle;
}

int ks_engine_awaits(ks_engine *e) {
    ks_engine_lock(e);
    int awaits = e->idle && e->awaits;
    ks_engine_unlock(e);
    return awaits;
}
