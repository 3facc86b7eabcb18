/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/carrier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 50, GOODBYE_MS = 3000, LAST_WORDS_MS = 2000, LAST_WORDS_ROUNDS = 30, HEARTBEAT_MS = 500 };

int ks_carrier_survives_strangers(const ks_peer_choice *peer) {
    return peer->listen && peer->reconnect > 0;
}

uint32_t ks_carrier_patience(const ks_peer_choice *peer) {
    return peer->peer_timeout > 0 ? (uint32_t)(peer->peer_timeout * 1000) : 30000;
}

void ks_carrier_link_options(ks_link_options *options, const ks_peer_choice *peer) {
    ks_link_options_init(options);
    options->peer_timeout = ks_carrier_patience(peer);
    options->heartbeat = HEARTBEAT_MS;
    options->tls = peer->tls ? peer->identity : NULL;
}

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int engine_closed(ks_engine *engine) {
    int closed;
    (void)ks_engine_status(engine, &closed);
    return closed;
}

/* Keeps the library's explanation before another call replaces it. */
static ks_status keep_cause(ks_carrier *c, ks_status status) {
    snprintf(c->cause, sizeof c->cause, "%s", status == KS_OK ? "" : ks_error_detail());
    return status;
}

static void set_over(ks_carrier *c, ks_status status) {
    pthread_mutex_lock(&c->lock);
    c->over = 1;
    c->status = status;
    memcpy(c->detail, c->cause, sizeof c->detail);
    pthread_mutex_unlock(&c->lock);
}

/* ---- sending */

static ks_status send_whole(ks_carrier *c, const uint8_t *message, size_t bytes) {
    ks_status status;
    do
        status = ks_link_send(c->link, message, bytes, SLICE_MS);
    while (status == KS_ERR_FULL && !atomic_load(&c->sender_stop));
    while (status == KS_OK && !atomic_load(&c->sender_stop)) {
        status = ks_link_flush(c->link, SLICE_MS);
        if (status != KS_ERR_FULL)
            return status;
        status = KS_OK;
    }
    return status;
}

/* Sends until the engine has nothing more to say, the link breaks or the receiver gave up. */
static void *run_sender(void *context) {
    ks_carrier *c = context;
    ks_status status = KS_OK;
    while (status == KS_OK && !atomic_load(&c->sender_stop)) {
        uint8_t *message;
        size_t bytes;
        status = ks_engine_send(c->engine, &message, &bytes);
        if (status == KS_ERR_EMPTY) {
            (void)ks_engine_wait(c->engine, KS_ENGINE_OUTPUT, SLICE_MS);
            status = ks_link_flush(c->link, 0);
            if (status == KS_ERR_FULL)
                status = KS_OK;
        } else if (status == KS_OK) {
            status = send_whole(c, message, bytes);
            ks_engine_free(message);
        }
    }
    if (status != KS_ERR_CLOSED)
        ks_link_stop(c->link); /* broken: the receiver must not wait for answers to what was never sent */
    atomic_store(&c->sender_over, 1);
    return NULL;
}

/* ---- receiving */

static ks_status hand_over(ks_carrier *c, const uint8_t *message, size_t bytes) {
    ks_status status;
    while ((status = ks_engine_receive(c->engine, message, bytes)) == KS_ERR_FULL &&
           !atomic_load(&c->cancelled))
        (void)ks_engine_wait(c->engine, KS_ENGINE_INBOX, SLICE_MS);
    return status == KS_ERR_CLOSED ? KS_OK : status;
}

/* How far the engine has come with what the peer said; other totals move on without a peer. */
static uint64_t heard(ks_engine *engine) {
    ks_session_totals totals;
    ks_engine_get_totals(engine, &totals);
    return totals.messages_received + totals.keys_confirmed + totals.blocks_with_key;
}

/* A peer that closed its end has said all: the engine may still be working on its last words. 1 when it
 * closed. */
static int closes_soon(ks_carrier *c) {
    uint64_t before, after = heard(c->engine);
    int rounds = 0;
    do {
        before = after;
        for (int waited = 0; waited < LAST_WORDS_MS; waited += SLICE_MS) {
            const int idle = ks_engine_idle(c->engine); /* asked first: it may close after the wait */
            if (ks_engine_wait(c->engine, KS_ENGINE_CLOSED, idle ? 0 : SLICE_MS) & KS_ENGINE_CLOSED)
                return 1;
            if (idle)
                return 0;
        }
        after = heard(c->engine);
    } while (!atomic_load(&c->cancelled) && before != after && ++rounds < LAST_WORDS_ROUNDS);
    return 0;
}

/* What may end a connection whatever comes in. */
static ks_status look_around(ks_carrier *c, uint64_t greeted_by) {
    if (atomic_load(&c->cancelled)) {
        snprintf(c->cause, sizeof c->cause, "stopped");
        return KS_ERR_INTERRUPTED;
    }
    if (now_ms() > greeted_by && !ks_engine_established(c->engine)) {
        snprintf(c->cause, sizeof c->cause, "%s did not greet within %u ms", ks_link_peer(c->link),
                 ks_carrier_patience(&c->peer));
        return KS_ERR_IO;
    }
    return ks_engine_refusal(c->engine, c->cause, sizeof c->cause);
}

/* KS_ERR_IO when the peer has owed an answer for too long, alive or not: what was lost on a connection that
 * stands does not come again. `*since`: when it last owed none. */
static ks_status check_patience(ks_carrier *c, ks_status received, uint64_t *since) {
    if (received == KS_OK || !ks_engine_awaits(c->engine))
        *since = now_ms();
    if (c->peer.answer_timeout <= 0 || now_ms() - *since <= (uint64_t)(c->peer.answer_timeout * 1000))
        return KS_OK;
    snprintf(c->cause, sizeof c->cause, "%s has owed an answer for %g s", ks_link_peer(c->link),
             c->peer.answer_timeout);
    return KS_ERR_IO;
}

/* Receives until the engine is closed (KS_OK) or the connection ends (why). */
static ks_status receive_all(ks_carrier *c) {
    const uint64_t greeted_by = now_ms() + ks_carrier_patience(&c->peer);
    uint64_t since = now_ms();
    while (!engine_closed(c->engine)) {
        const uint8_t *message;
        size_t bytes;
        ks_status status = look_around(c, greeted_by);
        if (status != KS_OK)
            return status;
        status = ks_link_receive(c->link, &message, &bytes, SLICE_MS);
        if (status == KS_OK)
            status = hand_over(c, message, bytes);
        if (status == KS_OK || status == KS_ERR_EMPTY) {
            status = check_patience(c, status, &since);
            if (status != KS_OK)
                return status;
            continue;
        }
        keep_cause(c, status);
        return status == KS_ERR_CLOSED && closes_soon(c) ? keep_cause(c, KS_OK) : status;
    }
    return keep_cause(c, KS_OK);
}

static ks_status open_link(ks_carrier *c, double timeout_seconds) {
    ks_link_options options;
    if (c->ready) {
        c->link = c->ready;
        c->ready = NULL;
        return KS_OK;
    }
    ks_carrier_link_options(&options, &c->peer);
    options.cancel_fd = c->cancel_fd;
    options.open_timeout = (uint32_t)(timeout_seconds * 1000);
    const char *spec = c->peer.listen ? c->peer.listen : c->peer.connect;
    ks_cli_say(2, "%s %s", c->peer.listen ? "listening at" : "connecting to", spec);
    return keep_cause(c, ks_link_open(&c->link, spec, c->peer.listen != NULL, &options));
}

/* After the end in good order the sender first sends what the engine said last; a peer that takes nothing any
 * more does not hold us for ever. */
static ks_status end_sender(ks_carrier *c, pthread_t sender, ks_status status) {
    const uint64_t deadline = now_ms() + ks_carrier_patience(&c->peer);
    while (status == KS_OK && !atomic_load(&c->sender_over)) {
        if (atomic_load(&c->cancelled) || now_ms() > deadline) {
            snprintf(c->cause, sizeof c->cause, "%s did not take the last messages", ks_link_peer(c->link));
            status = KS_ERR_IO;
        }
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    if (status != KS_OK) {
        atomic_store(&c->sender_stop, 1);
        ks_link_stop(c->link);
    }
    pthread_join(sender, NULL);
    return status;
}

/* One connection, from its opening to its end. */
static ks_status serve(ks_carrier *c, double timeout_seconds) {
    pthread_t sender;
    ks_status status = open_link(c, timeout_seconds);
    c->opened = status == KS_OK || status == KS_ERR_PROTOCOL || status == KS_ERR_AUTH;
    if (status != KS_OK)
        return status;
    ks_cli_say(2, "connected with %s", ks_link_peer(c->link));
    atomic_store(&c->sender_stop, 0);
    atomic_store(&c->sender_over, 0);
    status = keep_cause(c, ks_engine_connected(c->engine));
    if (status == KS_OK && pthread_create(&sender, NULL, run_sender, c) != 0) {
        snprintf(c->cause, sizeof c->cause, "no thread for sending");
        status = KS_ERR_MEMORY;
    }
    if (status == KS_OK)
        status = end_sender(c, sender, receive_all(c));
    ks_link_close(c->link, status == KS_OK ? GOODBYE_MS : 0);
    return status;
}

/* A lost connection is waited for, also when another one breaks before its greeting is done; a listening end
 * besides survives those who connected and did not greet. `lost_at`: the end of the last one that was
 * greeted, 0: none was. */
static int worth_reconnecting(ks_carrier *c, ks_status status, uint64_t lost_at) {
    if (c->peer.reconnect <= 0 || !c->opened || engine_closed(c->engine) || status == KS_ERR_INTERRUPTED)
        return 0;
    return ks_carrier_survives_strangers(&c->peer) ||
           (lost_at && now_ms() - lost_at <= (uint64_t)(c->peer.reconnect * 1000));
}

static void *run(void *context) {
    ks_carrier *c = context;
    ks_status status = serve(c, c->peer.connect_timeout);
    int greeted = ks_engine_established(c->engine);
    uint64_t lost_at = greeted ? now_ms() : 0;
    while (worth_reconnecting(c, status, lost_at)) {
        ks_cli_say(1, "%s: %s; waiting for the peer", greeted ? "connection lost" : "no peer", c->cause);
        ks_engine_disconnected(c->engine);
        if (!greeted && c->peer.connect)
            nanosleep(&(struct timespec){0, 200000000}, NULL);
        status = serve(c, lost_at ? c->peer.reconnect : c->peer.connect_timeout);
        greeted = ks_engine_established(c->engine);
        if (greeted)
            lost_at = now_ms();
    }
    set_over(c, status);
    return NULL;
}

int ks_carrier_start(ks_carrier *c) {
    c->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->cancel_fd < 0)
        return ks_cli_fail(KS_EXIT_FAILED, "eventfd: %s", strerror(errno));
    pthread_mutex_init(&c->lock, NULL);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        close(c->cancel_fd);
        pthread_mutex_destroy(&c->lock);
        return ks_cli_fail(KS_EXIT_FAILED, "no thread for the connection");
    }
    c->started = c->has_lock = 1;
    return 0;
}

int ks_carrier_over(ks_carrier *c, ks_status *status, char *detail) {
    pthread_mutex_lock(&c->lock);
    int over = c->over;
    *status = c->status;
    if (detail)
        snprintf(detail, sizeof c->detail, "%s", c->detail);
    pthread_mutex_unlock(&c->lock);
    return over;
}

void ks_carrier_cancel(ks_carrier *c) {
    const uint64_t one = 1;
    if (!c->started)
        return;
    atomic_store(&c->cancelled, 1);
    ssize_t written = write(c->cancel_fd, &one, sizeof one);
    (void)written; /* an eventfd that is set already says the same */
}

void ks_carrier_join(ks_carrier *c) {
    if (!c->started)
        return;
    pthread_join(c->thread, NULL);
    close(c->cancel_fd);
    c->started = 0;
}

void ks_carrier_destroy(ks_carrier *c) {
    ks_carrier_cancel(c);
    ks_carrier_join(c);
    if (c->has_lock)
        pthread_mutex_destroy(&c->lock);
    c->has_lock = 0;
}
