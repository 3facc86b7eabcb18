/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: everything that touches the session, the device, the ring or the callbacks runs in one place,
 * `pump`, in one thread; other threads only fill and empty bounded queues under a mutex that is never held
 * for long. */
#include <keystill/engine.h>
#include <keystill/secret.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/status.h"

enum {
    DEFAULT_QUEUE = 64 << 20,    /* bytes */
    FIFO_DETECTIONS = 1 << 18,
    HELD_BYTES = 1 << 16,        /* first room for keys that wait */
    IDLE_MS = 20,
    STATES_RETRY_MS = 2,
};

typedef struct packet {
    struct packet *next;
    uint8_t *data;
    size_t bytes;
} packet;

typedef struct queue {
    packet *first, **tail;
    size_t bytes, limit;
} queue;

typedef struct request {
    struct request *next;
    uint64_t id;
    size_t count;
    uint64_t *slots;
} request;

/* Keys of one block that wait for its confirmation, or for room in the ring: entries of identifier and key.
 */
typedef struct held_block {
    struct held_block *next;
    uint32_t epoch, block;
    int confirmed;
    size_t key_bytes, bytes, at, capacity; /* of data: end, next entry, size */
    uint8_t *data;                         /* secret */
} held_block;

typedef enum link_change { LINK_SAME, LINK_UP, LINK_DOWN } link_change;

struct ks_engine {
    ks_engine_config config;
    pthread_t thread;
    int running;

    /* Under the mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* for the engine's thread and for those in ks_engine_wait */
    int stopping, step_wanted, finish_wanted;
    link_change link_wanted;
    queue inbox, outbox;
    ks_detection *fifo; /* ring of FIFO_DETECTIONS; only the pump moves fifo_at */
    size_t fifo_at, fifo_count;
    uint64_t fifo_frontier;
    int closed, established;
    ks_status end;
    char reason[256];
    ks_session_totals totals;

    /* Of the pump alone. */
    ks_session *session;
    request *requests, **requests_tail;
    ks_job **jobs;
    size_t job_count, job_capacity;
    held_block *held;
    int holding, store_wanted, over;
};

static uint64_t system_clock(void *context) {
    (void)context;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void lock(ks_engine *e) {
    (void)pthread_mutex_lock(&e->mutex);
}

static void unlock(ks_engine *e) {
    (void)pthread_mutex_unlock(&e->mutex);
}

/* Unlocks and lets everybody look again. */
static void unlock_changed(ks_engine *e) {
    e->step_wanted = 1;
    (void)pthread_cond_broadcast(&e->changed);
    unlock(e);
}

/* ---- queues */

static ks_status queue_put(queue *q, const uint8_t *data, size_t bytes) {
    packet *p = malloc(sizeof *p);
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (!p || !copy) {
        free(p);
        free(copy);
        return ks_fail(KS_ERR_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    memcpy(copy, data, bytes);
    *p = (packet){.data = copy, .bytes = bytes};
    *q->tail = p;
    q->tail = &p->next;
    q->bytes += bytes;
    return KS_OK;
}

static packet *queue_take(queue *q) {
    packet *p = q->first;
    if (p) {
        q->first = p->next;
        if (!q->first)
            q->tail = &q->first;
        q->bytes -= p->bytes;
    }
    return p;
}

static void queue_clear(queue *q) {
    for (packet *p; (p = queue_take(q));) {
        ks_wipe(p->data, p->bytes);
        free(p->data);
        free(p);
    }
}

/* ---- keys */

static void remove_held(held_block **at) {
    held_block *h = *at;
    *at = h->next;
    ks_secret_free(h->data);
    free(h);
}

static ks_status grow_held(held_block *h, size_t more) {
    if (h->bytes + more <= h->capacity)
        return KS_OK;
    const size_t capacity = h->capacity ? 2 * h->capacity : HELD_BYTES;
    uint8_t *data = NULL;
    KS_TRY(ks_secret_alloc((void **)&data, capacity, KS_SECRET_STRICT));
    if (h->data)
        memcpy(data, h->data, h->bytes);
    ks_secret_free(h->data);
    h->data = data;
    h->capacity = capacity;
    return KS_OK;
}

static ks_status hold_key(ks_engine *e, const ks_action *a) {
    held_block **at = &e->held;
    while (*at && !((*at)->epoch == a->epoch && (*at)->block == a->block))
        at = &(*at)->next;
    held_block *h = *at;
    if (!h) {
        h = *at = calloc(1, sizeof *h);
        if (!h)
            return ks_fail(KS_ERR_MEMORY, "no memory for keys");
        h->epoch = a->epoch;
        h->block = a->block;
        h->key_bytes = a->bytes;
    }
    KS_TRY(grow_held(h, sizeof a->id + a->bytes));
    memcpy(h->data + h->bytes, &a->id, sizeof a->id);
    memcpy(h->data + h->bytes + sizeof a->id, a->data, a->bytes);
    h->bytes += sizeof a->id + a->bytes;
    return KS_OK;
}

/* 1 when all keys of the block have found their place. */
static int place_block(ks_engine *e, held_block *h) {
    for (; h->at < h->bytes; h->at += sizeof(ks_key_id) + h->key_bytes) {
        ks_key_id id;
        memcpy(&id, h->data + h->at, sizeof id);
        const uint8_t *key = h->data + h->at + sizeof id;
        if (!e->config.ring)
            e->config.on_key(e->config.context, &id, key, h->key_bytes);
        else if (ks_ring_append(e->config.ring, &id, h->epoch, h->block, key) != KS_OK)
            break;
    }
    if (e->config.ring && h->confirmed)
        ks_ring_confirm(e->config.ring, h->epoch, h->block);
    return h->at == h->bytes;
}

/* The ring takes keys in order; what does not fit waits here, and no further block is begun. Without a ring,
 * confirmed keys go to the callback. */
static void place_keys(ks_engine *e) {
    for (held_block **at = &e->held; *at;) {
        const int ready = e->config.ring || (*at)->confirmed;
        if (ready && place_block(e, *at)) {
            remove_held(at);
            continue;
        }
        if (e->config.ring)
            break;
        at = &(*at)->next;
    }
    if (!e->config.ring)
        return;
    ks_ring_heartbeat(e->config.ring, e->config.now(e->config.context));
    const int full = e->held || ks_ring_free_slots(e->config.ring) == 0;
    if (full != e->holding) {
        e->holding = full;
        ks_session_hold(e->session, full);
    }
}

static ks_status take_key(ks_engine *e, const ks_action *a) {
    if (e->config.ring && !e->held &&
        ks_ring_append(e->config.ring, &a->id, a->epoch, a->block, a->data) == KS_OK)
        return KS_OK;
    return hold_key(e, a);
}

static void settle_block(ks_engine *e, const ks_action *a) {
    const int confirm = a->kind == KS_ACTION_CONFIRM;
    held_block **at = &e->held;
    while (*at && !((*at)->epoch == a->epoch && (*at)->block == a->block))
        at = &(*at)->next;
    if (*at && confirm)
        (*at)->confirmed = 1;
    else if (*at)
        remove_held(at);
    if (e->config.ring && confirm)
        ks_ring_confirm(e->config.ring, a->epoch, a->block);
    else if (e->config.ring)
        ks_ring_discard(e->config.ring, a->epoch, a->block);
}

/* ---- actions */

static void wake(void *context) {
    ks_engine *e = context;
    lock(e);
    unlock_changed(e);
}

static ks_status start_job(ks_engine *e, ks_job *job) {
    if (e->job_count == e->job_capacity) {
        size_t capacity = e->job_capacity ? 2 * e->job_capacity : 64;
        ks_job **jobs = realloc(e->jobs, capacity * sizeof *jobs);
        if (!jobs)
            return ks_fail(KS_ERR_MEMORY, "no memory for jobs");
        e->jobs = jobs;
        e->job_capacity = capacity;
    }
    if (e->config.threaded) {
        job->wake = wake;
        job->wake_context = e;
    }
    KS_TRY(ks_device_submit(e->config.device, job));
    e->jobs[e->job_count++] = job;
    return KS_OK;
}

static ks_status want_states(ks_engine *e, const ks_action *a) {
    request *r = calloc(1, sizeof *r);
    uint64_t *slots = malloc((a->count ? a->count : 1) * sizeof *slots);
    if (!r || !slots) {
        free(r);
        free(slots);
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu slots", a->count);
    }
    memcpy(slots, a->slots, a->count * sizeof *slots);
    *r = (request){.id = a->request, .count = a->count, .slots = slots};
    *e->requests_tail = r;
    e->requests_tail = &r->next;
    return KS_OK;
}

static ks_status store(ks_engine *e) {
    ks_pool_write w;
    while (ks_pool_next_write(e->config.session.pool, &w)) {
        if (e->config.store)
            KS_TRY(e->config.store(e->config.context, w.offset, w.data, w.bytes));
        ks_pool_write_done(e->config.session.pool);
    }
    ks_session_stored(e->session);
    return KS_OK;
}

static void closed(ks_engine *e, ks_status status, const char *reason) {
    lock(e);
    if (!e->closed) {
        e->over = e->closed = 1;
        e->end = status;
        if (status != KS_OK)
            (void)strncpy(e->reason, reason, sizeof e->reason - 1);
    }
    unlock_changed(e);
}

static ks_status send(ks_engine *e, const ks_action *a) {
    lock(e);
    ks_status status = queue_put(&e->outbox, a->data, a->bytes);
    unlock_changed(e);
    return status;
}

static ks_status act(ks_engine *e, const ks_action *a) {
    switch (a->kind) {
    case KS_ACTION_NONE:
        break;
    case KS_ACTION_SEND:
        return send(e, a);
    case KS_ACTION_JOB:
        return start_job(e, a->job);
    case KS_ACTION_STORE:
        e->store_wanted = 1;
        break;
    case KS_ACTION_STATES:
        return want_states(e, a);
    case KS_ACTION_FORGET:
        if (e->config.forget)
            e->config.forget(e->config.context, a->slot);
        break;
    case KS_ACTION_KEY:
        return take_key(e, a);
    case KS_ACTION_CONFIRM:
    case KS_ACTION_DISCARD:
        settle_block(e, a);
        break;
    case KS_ACTION_REPORT:
        if (e->config.on_report)
            e->config.on_report(e->config.context, a->report);
        break;
    case KS_ACTION_CLOSED:
        closed(e, a->status, ks_session_reason(e->session));
        break;
    }
    return KS_OK;
}

/* ---- the pump: each function returns 1 when it moved something */

static int pump_actions(ks_engine *e, ks_status *status) {
    int moved = 0;
    while (*status == KS_OK) {
        ks_action a;
        *status = ks_session_next(e->session, &a);
        if (*status != KS_OK || a.kind == KS_ACTION_NONE)
            break;
        *status = act(e, &a);
        moved = 1;
    }
    if (*status == KS_OK && e->store_wanted) {
        e->store_wanted = 0;
        *status = store(e);
        moved = 1;
    }
    return moved;
}

static int pump_jobs(ks_engine *e) {
    int moved = 0;
    for (size_t i = 0; i < e->job_count;)
        if (ks_job_done(e->jobs[i])) {
            ks_job *job = e->jobs[i];
            e->jobs[i] = e->jobs[--e->job_count];
            ks_session_job_done(e->session, job);
            moved = 1;
        } else {
            i++;
        }
    return moved;
}

static ks_status answer_states(ks_engine *e, request *r) {
    const size_t count = r->count;
    ks_state *states = malloc(count ? count : 1);
    if (!states)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu states", count);
    ks_status status = count ? e->config.states(e->config.context, states, r->slots, count) : KS_OK;
    if (status == KS_OK) {
        e->requests = r->next;
        if (!e->requests)
            e->requests_tail = &e->requests;
        status = ks_session_states(e->session, r->id, states, count);
        free(r->slots);
        free(r);
    }
    ks_wipe(states, count);
    free(states);
    return status;
}

static int pump_states(ks_engine *e, ks_status *status) {
    int moved = 0;
    while (*status == KS_OK && !e->over && e->requests) {
        ks_status answered = answer_states(e, e->requests);
        if (answered == KS_ERR_EMPTY)
            break;
        *status = answered;
        moved = 1;
    }
    return moved;
}

static int outbox_has_room(ks_engine *e) {
    lock(e);
    int room = e->outbox.bytes < e->outbox.limit;
    unlock(e);
    return room;
}

static int pump_inbox(ks_engine *e) {
    int moved = 0;
    while (!e->over && outbox_has_room(e)) {
        lock(e);
        packet *p = queue_take(&e->inbox);
        unlock(e);
        if (!p)
            break;
        const ks_status received = ks_session_receive(e->session, p->data, p->bytes);
        ks_wipe(p->data, p->bytes);
        free(p->data);
        free(p);
        moved = 1;
        if (received != KS_OK)
            break; /* the action CLOSED says why */
    }
    return moved;
}

/* Hands the session one contiguous run of the ring of detections; 1 when it took some. */
static int offer_detections(ks_engine *e) {
    lock(e);
    const size_t run =
        e->fifo_count < FIFO_DETECTIONS - e->fifo_at ? e->fifo_count : FIFO_DETECTIONS - e->fifo_at;
    /* The frontier holds once all detections before it are in. */
    const uint64_t frontier = run == e->fifo_count ? e->fifo_frontier : 0;
    unlock(e);
    size_t taken = 0;
    if (ks_session_detections(e->session, e->fifo + e->fifo_at, run, frontier, &taken) != KS_OK)
        return 1; /* the action CLOSED says why */
    lock(e);
    e->fifo_at = (e->fifo_at + taken) % FIFO_DETECTIONS;
    e->fifo_count -= taken;
    unlock(e);
    return taken != 0;
}

static int pump_detections(ks_engine *e) {
    int moved = 0;
    while (!e->over && ks_session_established(e->session) && outbox_has_room(e) && offer_detections(e))
        moved = 1;
    return moved;
}

static int pump_requests(ks_engine *e, ks_status *status) {
    lock(e);
    const link_change change = e->link_wanted;
    e->link_wanted = LINK_SAME;
    const int established = ks_session_established(e->session);
    const int finish = e->finish_wanted && established && e->fifo_count == 0;
    e->finish_wanted &= !finish;
    unlock(e);
    if (change != LINK_SAME && !e->over)
        ks_session_disconnected(e->session);
    if (change == LINK_UP && !e->over)
        *status = ks_session_connected(e->session);
    if (finish)
        ks_session_finish(e->session);
    return change != LINK_SAME || finish;
}

static ks_status pump(ks_engine *e) {
    ks_status status = KS_OK;
    for (int moved = 1; moved && status == KS_OK;) {
        ks_session_tick(e->session, e->config.now(e->config.context));
        moved = pump_requests(e, &status);
        moved |= pump_jobs(e);
        moved |= pump_actions(e, &status);
        moved |= pump_states(e, &status);
        moved |= pump_inbox(e);
        if (e->config.session.role == KS_BOB)
            moved |= pump_detections(e);
        place_keys(e);
        if (!e->config.threaded)
            moved |= ks_device_poll(e->config.device);
    }
    if (status != KS_OK)
        closed(e, status, ks_error_detail());
    lock(e);
    ks_session_get_totals(e->session, &e->totals);
    e->established = ks_session_established(e->session);
    unlock(e);
    return status;
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
    lock(e);
    while (!e->stopping) {
        e->step_wanted = 0;
        unlock(e);
        (void)pump(e);
        lock(e);
        (void)pthread_cond_broadcast(&e->changed);
        if (!e->step_wanted && !e->stopping)
            wait_ms(e, e->requests ? STATES_RETRY_MS : IDLE_MS);
    }
    unlock(e);
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
    ks_detection *fifo = calloc(FIFO_DETECTIONS, sizeof *fifo);
    if (!e || !fifo) {
        free(e);
        free(fifo);
        return ks_fail(KS_ERR_MEMORY, "no memory for an engine");
    }
    e->config = *config;
    if (!e->config.now)
        e->config.now = system_clock;
    e->fifo = fifo;
    e->inbox =
        (queue){.tail = &e->inbox.first, .limit = config->inbox_bytes ? config->inbox_bytes : DEFAULT_QUEUE};
    e->outbox = (queue){.tail = &e->outbox.first,
                        .limit = config->outbox_bytes ? config->outbox_bytes : DEFAULT_QUEUE};
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
        lock(e);
        e->stopping = 1;
        unlock_changed(e);
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
    queue_clear(&e->inbox);
    queue_clear(&e->outbox);
    for (request *r = e->requests, *next; r; r = next) {
        next = r->next;
        free(r->slots);
        free(r);
    }
    while (e->held)
        remove_held(&e->held);
    ks_wipe(e->fifo, FIFO_DETECTIONS * sizeof *e->fifo);
    free(e->fifo);
    free(e->jobs);
    (void)pthread_cond_destroy(&e->changed);
    (void)pthread_mutex_destroy(&e->mutex);
    free(e);
}

/* ---- calls from outside */

static void change_link(ks_engine *e, link_change change) {
    lock(e);
    queue_clear(&e->inbox);
    queue_clear(&e->outbox);
    e->link_wanted = change;
    unlock_changed(e);
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
    lock(e);
    if (e->closed) {
        unlock(e);
        return ks_fail(KS_ERR_CLOSED, "the session has ended");
    }
    const size_t room = FIFO_DETECTIONS - e->fifo_count, count = n < room ? n : room;
    for (size_t done = 0; done < count;) {
        const size_t at = (e->fifo_at + e->fifo_count) % FIFO_DETECTIONS;
        const size_t run = count - done < FIFO_DETECTIONS - at ? count - done : FIFO_DETECTIONS - at;
        memcpy(e->fifo + at, d + done, run * sizeof *d);
        e->fifo_count += run;
        done += run;
    }
    *taken = count;
    if (count == n)
        e->fifo_frontier = frontier;
    else if (count)
        e->fifo_frontier = ks_detection_slot(d[count - 1]) + 1;
    unlock_changed(e);
    return KS_OK;
}

ks_status ks_engine_receive(ks_engine *e, const uint8_t *message, size_t bytes) {
    lock(e);
    ks_status status = KS_OK;
    if (e->closed)
        status = ks_fail(KS_ERR_CLOSED, "the session has ended");
    else if (e->inbox.bytes && e->inbox.bytes + bytes > e->inbox.limit)
        status = KS_ERR_FULL;
    else
        status = queue_put(&e->inbox, message, bytes);
    unlock_changed(e);
    return status;
}

ks_status ks_engine_send(ks_engine *e, uint8_t **message, size_t *bytes) {
    lock(e);
    packet *p = queue_take(&e->outbox);
    ks_status status = p ? KS_OK : e->closed ? KS_ERR_CLOSED : KS_ERR_EMPTY;
    unlock_changed(e);
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
    lock(e);
    e->finish_wanted = 1;
    unlock_changed(e);
}

static unsigned events_now(const ks_engine *e) {
    unsigned now = 0;
    if (e->outbox.first)
        now |= KS_ENGINE_OUTPUT;
    if (e->fifo_count < FIFO_DETECTIONS)
        now |= KS_ENGINE_INPUT;
    if (e->inbox.bytes < e->inbox.limit)
        now |= KS_ENGINE_INBOX;
    if (e->closed)
        now |= KS_ENGINE_CLOSED;
    return now;
}

unsigned ks_engine_wait(ks_engine *e, unsigned events, uint32_t timeout_ms) {
    lock(e);
    const uint64_t end = system_clock(NULL) + (uint64_t)timeout_ms * 1000000;
    unsigned now;
    for (;;) {
        now = events_now(e) & (events | KS_ENGINE_CLOSED);
        uint64_t t = system_clock(NULL);
        if (now || t >= end)
            break;
        wait_ms(e, (uint32_t)((end - t) / 1000000 + 1));
    }
    unlock(e);
    return now;
}

ks_status ks_engine_step(ks_engine *e) {
    if (e->config.threaded)
        return ks_fail(KS_ERR_STATE, "this engine has a thread of its own");
    KS_TRY(pump(e));
    if (!e->closed || e->end == KS_OK)
        return KS_OK;
    return ks_fail(e->end, "%s", e->reason);
}

ks_status ks_engine_status(ks_engine *e, int *is_closed) {
    lock(e);
    *is_closed = e->closed;
    ks_status status = e->end;
    unlock(e);
    return status;
}

void ks_engine_reason(ks_engine *e, char *out, size_t capacity) {
    lock(e);
    if (capacity) {
        (void)strncpy(out, e->reason, capacity - 1);
        out[capacity - 1] = 0;
    }
    unlock(e);
}

void ks_engine_get_totals(ks_engine *e, ks_session_totals *totals) {
    lock(e);
    *totals = e->totals;
    unlock(e);
}

int ks_engine_established(ks_engine *e) {
    lock(e);
    int established = e->established;
    unlock(e);
    return established;
}
