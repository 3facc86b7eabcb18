/* SPDX-License-Identifier: Apache-2.0 */
/* Drives a session: bounded queues, a device for the jobs, the caller's callbacks for states, storage, keys
 * and reports. With `threaded` it has one thread of its own and every call below may come from any thread;
 * without, nothing happens outside ks_engine_step and all calls belong to one thread. */
#ifndef KEYSTILL_ENGINE_H
#define KEYSTILL_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/backend.h>
#include <keystill/ring.h>
#include <keystill/session.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_engine ks_engine;

/* What must be on record before anything that follows from it goes on. */
typedef enum ks_record_kind {
    KS_RECORD_OPEN,  /* the peers have agreed: a new epoch */
    KS_RECORD_BLOCK, /* a block has ended: before its keys can be confirmed, before its last message leaves */
    KS_RECORD_KEYS,  /* the keys of a block are confirmed and may be delivered from now on */
    KS_RECORD_DISCARDED, /* they were not, and are gone */
    KS_RECORD_CLOSED     /* the end */
} ks_record_kind;

typedef struct ks_engine_record {
    ks_record_kind kind;
    ks_role role;
    uint32_t epoch, block;
    const ks_block_report *report; /* BLOCK */
    ks_key_id first_key;           /* BLOCK with keys: its first, the rest count on from it */
    uint64_t pads[2];              /* left in the pool, by ks_direction */
    double epsilon_life;           /* accumulated over the life of the pool */
    uint32_t notes;                /* KS_RING_NOTE_* */
    ks_status status;              /* CLOSED */
    const char *reason;
} ks_engine_record;

typedef struct ks_engine_config {
    ks_session_config session;
    ks_device *device; /* borrowed, may be shared */
    int threaded;
    ks_ring *ring;       /* borrowed writer; NULL when on_key takes the keys */
    size_t inbox_bytes;  /* bound of messages waiting to be processed; 0: 64 MiB */
    size_t outbox_bytes; /* bound of messages waiting to be sent; 0: 64 MiB */
    void *context; /* given to every callback; they run in the engine's thread (or in step) and must not call
                      the engine */
    /* Alice: out[i] = state of slots[i]. KS_ERR_EMPTY: ask again soon. */
    ks_status (*states)(void *context, ks_state *out, const uint64_t *slots, size_t n);
    void (*forget)(void *context, uint64_t below_slot); /* Alice, may be NULL */
    /* Makes `bytes` of the pool image durable at `offset`: returns after fsync. NULL: nothing survives a
     * crash (tests). */
    ks_status (*store)(void *context, uint64_t offset, const uint8_t *data, size_t bytes);
    /* Used when ring is NULL: a confirmed key, to be copied. */
    void (*on_key)(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes);
    void (*on_report)(void *context, const ks_block_report *report);
    /* May be NULL. Anything but KS_OK ends the engine at once: nothing more is sent, no key that was not
     * confirmed before will be. */
    ks_status (*record)(void *context, const ks_engine_record *record);
    uint64_t (*now)(void *context); /* monotonic ns; NULL: the system's monotonic clock */
} ks_engine_config;

KS_API KS_MUST_CHECK ks_status ks_engine_create(ks_engine **out, const ks_engine_config *config);
KS_API void ks_engine_destroy(ks_engine *engine); /* stops the thread, wipes */

KS_API KS_MUST_CHECK ks_status ks_engine_connected(ks_engine *engine);
KS_API void ks_engine_disconnected(ks_engine *engine);

/* Bob's detections. Never blocks: *taken < n when the engine is behind (see ks_engine_wait). */
KS_API KS_MUST_CHECK ks_status ks_engine_detections(ks_engine *engine, const ks_detection *detections,
                                                    size_t n, uint64_t frontier, size_t *taken);
/* A message of the peer; copied. KS_ERR_FULL: try again later. */
KS_API KS_MUST_CHECK ks_status ks_engine_receive(ks_engine *engine, const uint8_t *message, size_t bytes);
/* The next message to send: *bytes of it in *message, owned by the caller, to be freed with ks_engine_free.
 * KS_ERR_EMPTY: none now. KS_ERR_CLOSED: none will come. */
KS_API KS_MUST_CHECK ks_status ks_engine_send(ks_engine *engine, uint8_t **message, size_t *bytes);
KS_API void ks_engine_free(uint8_t *message);

KS_API void ks_engine_finish(ks_engine *engine);
/* Like finish, but detections that wait in the engine are thrown away: for a user who does not want to wait
 * for them. */
KS_API void ks_engine_abandon(ks_engine *engine);

/* Threaded: waits until something may have changed for the caller (room for detections or messages, a message
 * to send, the end), or the timeout. */
typedef enum ks_engine_event {
    KS_ENGINE_OUTPUT = 1, /* a message to send */
    KS_ENGINE_INPUT = 2,  /* room for detections */
    KS_ENGINE_INBOX = 4,  /* room for messages */
    KS_ENGINE_CLOSED = 8
} ks_engine_event;
/* Returns the set of KS_ENGINE_* that hold, 0 after the timeout. */
KS_API unsigned ks_engine_wait(ks_engine *engine, unsigned events, uint32_t timeout_ms);

/* Not threaded: does all that can be done now. KS_OK, or what ended the session. */
KS_API KS_MUST_CHECK ks_status ks_engine_step(ks_engine *engine);

/* KS_OK while running or closed in good order; otherwise what ended the session. *closed tells which. */
KS_API ks_status ks_engine_status(ks_engine *engine, int *closed);
/* With survive_strangers: what the session had against whoever is connected now, KS_OK while nothing. The
 * caller ends the connection. `reason` explains. */
KS_API ks_status ks_engine_refusal(ks_engine *engine, char *reason, size_t capacity);
/* Copies the reason of the end; "" while running. */
KS_API void ks_engine_reason(ks_engine *engine, char *out, size_t capacity);
KS_API void ks_engine_get_totals(ks_engine *engine, ks_session_totals *totals);
KS_API int ks_engine_established(ks_engine *engine);
/* 1 when all that arrived has been worked off and no job runs: nothing more comes of it. */
KS_API int ks_engine_idle(ks_engine *engine);
/* Idle, and ks_session_awaits: whoever carries the messages judges how long a peer may be silent. */
KS_API int ks_engine_awaits(ks_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
