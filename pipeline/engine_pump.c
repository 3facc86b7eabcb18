/* SPDX-License-Identifier: Apache-2.0 */
/* The pump: carries out what the session asks for and brings it what has arrived. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/engine_internal.h"
#include "pipeline/status.h"

/* ---- actions */

static void wake(void *context) {
    ks_engine *e = context;
    ks_engine_lock(e);
    ks_engine_unlock_changed(e);
}

static ks_status make_room_for_job(ks_engine *e) {
    if (e->job_count < e->job_capacity)
        return KS_OK;
    const size_t capacity = e->job_capacity ? 2 * e->job_capacity : 64;
    ks_job **jobs = realloc(e->jobs, capacity * sizeof *jobs);
    if (!jobs)
        return ks_fail(KS_ERR_MEMORY, "no memory for jobs");
    e->jobs = jobs;
    e->job_capacity = capacity;
    return KS_OK;
}

static ks_status start_job(ks_engine *e, ks_job *job) {
    if (e->config.threaded) {
        job->wake = wake;
        job->wake_context = e;
    }
    ks_status status = make_room_for_job(e);
    if (status == KS_OK)
        status = ks_device_submit(e->config.device, job);
    if (status != KS_OK) { /* the block must not wait for it */
        job->status = status;
        ks_session_job_done(e->session, job);
        return status;
    }
    e->jobs[e->job_count++] = job;
    return KS_OK;
}

/* Asks the callback for the states of a request and hands them to the session. KS_ERR_EMPTY: they are not
 * there yet. */
static ks_status answer_states(ks_engine *e, uint64_t id, const uint64_t *slots, size_t count) {
    if (count > e->states_capacity) {
        ks_state *states = malloc(count);
        if (!states)
            return ks_fail(KS_ERR_MEMORY, "no memory for %zu states", count);
        ks_wipe(e->states, e->states_capacity);
        free(e->states);
        e->states = states;
        e->states_capacity = count;
    }
    if (count)
        KS_TRY(e->config.states(e->config.context, e->states, slots, count));
    ks_status status = ks_session_states(e->session, id, e->states, count);
    ks_wipe(e->states, count * sizeof *e->states);
    return status;
}

/* Keeps a request whose states are not there yet. */
static ks_status keep_request(ks_engine *e, const ks_action *a) {
    ks_state_request *r = calloc(1, sizeof *r);
    uint64_t *slots = malloc((a->count ? a->count : 1) * sizeof *slots);
    if (!r || !slots) {
        free(r);
        free(slots);
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu slots", a->count);
    }
    memcpy(slots, a->slots, a->count * sizeof *slots);
    *r = (ks_state_request){.id = a->request, .count = a->count, .slots = slots};
    *e->requests_tail = r;
    e->requests_tail = &r->next;
    return KS_OK;
}

static ks_status want_states(ks_engine *e, const ks_action *a) {
    const ks_status status = e->requests ? KS_ERR_EMPTY : answer_states(e, a->request, a->slots, a->count);
    return status == KS_ERR_EMPTY ? keep_request(e, a) : status;
}

static ks_status store(ks_engine *e) {
    ks_pool_write w;
    while (ks_pool_next_write(e->config.session.pool, &w)) {
        if (e->config.store)
            KS_TRY(e->config.store(e->config.context, w.offset, w.data, w.bytes));
        ks_pool_write_done(e->config.session.pool);
    }
    return KS_OK;
}

/* The session is over; others hear of it at the end of the pump, when its keys are placed and its totals
 * stand. */
static void closed(ks_engine *e, ks_status status, const char *reason) {
    char why[sizeof e->reason] = "";
    ks_session_totals totals;
    if (e->over)
        return;
    ks_session_get_totals(e->session, &totals);
    if (status != KS_OK)
        (void)snprintf(why, sizeof why, "%s", reason);
    ks_engine_record record = {
        .kind = KS_RECORD_CLOSED, .epoch = totals.epoch, .status = status, .reason = why};
    const ks_status told = e->dead ? KS_OK : ks_engine_tell(e, &record);
    if (status == KS_OK && told != KS_OK)
        (void)snprintf(why, sizeof why, "%s", ks_error_detail());
    ks_engine_lock(e);
    e->over = 1;
    e->end = status == KS_OK ? told : status;
    memcpy(e->reason, why, sizeof why);
    ks_engine_unlock(e);
}

/* Messages leave when all that was queued with them has been acted on and recorded. */
static void send_all(ks_engine *e) {
    if (!e->unsent.first)
        return;
    ks_engine_lock(e);
    if (e->link_wanted == LINK_SAME && !e->dead) {
        *e->outbox.tail = e->unsent.first;
        e->outbox.tail = e->unsent.tail;
        e->outbox.bytes += e->unsent.bytes;
        e->unsent = (ks_queue){.tail = &e->unsent.first};
    }
    ks_queue_clear(
        &e->unsent); /* of a connection that is gone: it must not reach the next one before its greeting */
    ks_engine_unlock_changed(e);
}

static ks_status report(ks_engine *e, const ks_action *a) {
    if (e->config.on_report)
        e->config.on_report(e->config.context, a->report);
    return ks_engine_tell_block(e, a->report);
}

static ks_status settle(ks_engine *e, const ks_action *a) {
    KS_TRY(ks_engine_tell_keys(e, a));
    ks_engine_settle_block(e, a);
    return KS_OK;
}

static ks_status act(ks_engine *e, const ks_action *a) {
    switch (a->kind) {
    case KS_ACTION_NONE:
        break;
    case KS_ACTION_SEND:
        return ks_queue_put(&e->unsent, a->data, a->bytes);
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
        ks_engine_note_key(e, a);
        return ks_engine_take_key(e, a);
    case KS_ACTION_CONFIRM:
    case KS_ACTION_DISCARD:
        return settle(e, a);
    case KS_ACTION_REPORT:
        return report(e, a);
    case KS_ACTION_CLOSED:
        closed(e, a->status, ks_session_reason(e->session));
        break;
    }
    return KS_OK;
}

/* ---- the pump: each function returns 1 when it moved something */

/* The session goes on, but not with this peer. The first reason counts, and none of a connection that is
 * gone.
 */
static void note_refusal(ks_engine *e, ks_status status, const char reason[256]) {
    ks_engine_lock(e);
    if (e->refusal == KS_OK && e->link_wanted == LINK_SAME) {
        e->refusal = status;
        memcpy(e->refusal_reason, reason, sizeof e->refusal_reason);
    }
    ks_engine_unlock_changed(e);
}

/* What the session said to a call: an error that did not end it concerns the peer alone. */
typedef struct answer {
    ks_status status;
    char reason[256];
} answer;

static answer answer_of(ks_status status) {
    answer a = {.status = status};
    if (status != KS_OK)
        (void)strncpy(a.reason, ks_error_detail(), sizeof a.reason - 1);
    return a;
}

static void heed(ks_engine *e, const answer *a) {
    if (a->status != KS_OK && !e->over) /* else the action CLOSED says why */
        note_refusal(e, a->status, a->reason);
}

static int pump_actions(ks_engine *e, ks_status *status) {
    answer stored = {.status = KS_OK};
    if (*status == KS_OK)
        *status = ks_engine_tell_open(e);
    for (int moved = 0;;) {
        while (*status == KS_OK) {
            ks_action a;
            *status = ks_session_next(e->session, &a);
            if (*status != KS_OK || a.kind == KS_ACTION_NONE)
                break;
            *status = act(e, &a);
            moved = 1;
        }
        send_all(e);
        heed(e, &stored);
        if (*status != KS_OK || !e->store_wanted)
            return moved;
        e->store_wanted = 0;
        *status = store(e);
        stored = answer_of(*status == KS_OK ? ks_session_stored(e->session) : KS_OK);
        moved = 1;
    }
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

static int pump_states(ks_engine *e, ks_status *status) {
    int moved = 0;
    for (ks_state_request *r; *status == KS_OK && !e->over && (r = e->requests); moved = 1) {
        const ks_status answered = answer_states(e, r->id, r->slots, r->count);
        if (answered == KS_ERR_EMPTY)
            break;
        *status = answered;
        e->requests = r->next;
        if (!e->requests)
            e->requests_tail = &e->requests;
        free(r->slots);
        free(r);
    }
    return moved;
}

static int outbox_has_room(ks_engine *e) {
    ks_engine_lock(e);
    int room = e->outbox.bytes < e->outbox.limit;
    ks_engine_unlock(e);
    return room;
}

/* What a message sets in motion is done before the next one is taken, while it is still in the cache. */
static int pump_inbox(ks_engine *e, ks_status *status) {
    int moved = 0;
    while (*status == KS_OK && !e->over) { /* blocks in flight bound what messages set in motion */
        ks_engine_lock(e);
        /* A message of a new connection waits until the session knows of the connection. */
        ks_packet *p = e->link_wanted == LINK_SAME ? ks_queue_take(&e->inbox) : NULL;
        ks_engine_unlock(e);
        if (!p)
            break;
        const answer received = answer_of(ks_session_receive(e->session, p->data, p->bytes));
        ks_wipe(p->data, p->bytes);
        free(p->data);
        free(p);
        moved = 1;
        (void)pump_actions(e, status);
        heed(e, &received);
        if (received.status != KS_OK)
            break;
    }
    return moved;
}

/* Hands the session one contiguous run of the ring of detections; 1 when it took some. */
static int offer_detections(ks_engine *e) {
    ks_engine_lock(e);
    const size_t run =
        e->fifo_count < KS_FIFO_DETECTIONS - e->fifo_at ? e->fifo_count : KS_FIFO_DETECTIONS - e->fifo_at;
    /* The frontier holds once all detections before it are in. */
    const uint64_t frontier = run == e->fifo_count ? e->fifo_frontier : 0;
    ks_engine_unlock(e);
    size_t taken = 0;
    if (ks_session_detections(e->session, e->fifo + e->fifo_at, run, frontier, &taken) != KS_OK)
        return 1; /* the action CLOSED says why */
    ks_engine_lock(e);
    ks_wipe(e->fifo + e->fifo_at, taken * sizeof *e->fifo);
    e->fifo_at = (e->fifo_at + taken) % KS_FIFO_DETECTIONS;
    e->fifo_count -= taken;
    ks_engine_unlock(e);
    return taken != 0;
}

static int pump_detections(ks_engine *e) {
    int moved = 0;
    /* A live session takes them without a connection too: it skips whole blocks. */
    while (!e->over && (e->config.session.live || ks_session_established(e->session)) && outbox_has_room(e) &&
           offer_detections(e))
        moved = 1;
    return moved;
}

static int pump_requests(ks_engine *e, ks_status *status) {
    ks_engine_lock(e);
    const link_change change = e->link_wanted;
    e->link_wanted = LINK_SAME;
    const int established = ks_session_established(e->session);
    if (e->abandon_wanted) {
        ks_wipe(e->fifo, KS_FIFO_DETECTIONS * sizeof *e->fifo);
        e->fifo_count = 0;
    }
    e->abandon_wanted = 0;
    const int finish = e->finish_wanted && established && e->fifo_count == 0;
    e->finish_wanted &= !finish;
    ks_engine_unlock(e);
    if (change != LINK_SAME && !e->over)
        ks_session_disconnected(e->session);
    if (change == LINK_UP && !e->over)
        *status = ks_session_connected(e->session);
    if (finish)
        ks_session_finish(e->session);
    return change != LINK_SAME || finish;
}

ks_status ks_engine_pump(ks_engine *e) {
    ks_status status = KS_OK;
    if (e->dead)
        return ks_fail(e->end, "%s", e->reason);
    for (int moved = 1; moved && status == KS_OK;) {
        ks_session_tick(e->session, e->config.now(e->config.context));
        moved = pump_requests(e, &status);
        moved |= pump_jobs(e);
        moved |= pump_actions(e, &status);
        moved |= pump_states(e, &status);
        moved |= pump_inbox(e, &status);
        if (e->config.session.role == KS_BOB)
            moved |= pump_detections(e);
        ks_engine_place_keys(e);
        moved |= pump_actions(e, &status);
        if (!e->config.threaded)
            moved |= ks_device_poll(e->config.device);
    }
    if (status != KS_OK)
        closed(e, status, ks_error_detail());
    ks_wipe_stack();
    ks_engine_lock(e);
    ks_session_get_totals(e->session, &e->totals);
    e->established = ks_session_established(e->session);
    e->awaits = ks_session_awaits(e->session);
    e->idle = !e->inbox.bytes && !e->job_count && !e->requests && e->link_wanted == LINK_SAME;
    if (e->over && !e->closed) {
        e->closed = 1;
        ks_engine_unlock_changed(e);
    } else {
        ks_engine_unlock(e);
    }
    return status;
}
