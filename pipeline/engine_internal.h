/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside. Everything that touches the session, the device, the ring or the callbacks runs in one
 * place, the pump, in one thread; other threads only fill and empty bounded queues under a mutex that is
 * never held for long. */
#ifndef KS_PIPELINE_ENGINE_INTERNAL_H
#define KS_PIPELINE_ENGINE_INTERNAL_H

#include <pthread.h>
#include <keystill/engine.h>

enum { KS_FIFO_DETECTIONS = 1 << 18 };

typedef struct ks_packet {
    struct ks_packet *next;
    uint8_t *data;
    size_t bytes;
} ks_packet;

typedef struct ks_queue {
    ks_packet *first, **tail;
    size_t bytes, limit;
} ks_queue;

typedef struct ks_state_request {
    struct ks_state_request *next;
    uint64_t id;
    size_t count;
    uint64_t *slots;
} ks_state_request;

/* Keys of one block that wait for its confirmation, or for room in the ring: entries of identifier and key.
 */
typedef struct ks_held_block {
    struct ks_held_block *next;
    uint32_t epoch, block;
    int confirmed;
    size_t key_bytes, bytes, at, capacity; /* of data: end, next entry, size */
    uint8_t *data;                         /* secret */
} ks_held_block;

typedef enum link_change { LINK_SAME, LINK_UP, LINK_DOWN } link_change;

struct ks_engine {
    ks_engine_config config;
    pthread_t thread;
    int running;

    /* Under the mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* for the engine's thread and for those in ks_engine_wait */
    int stopping, step_wanted, finish_wanted, abandon_wanted;
    link_change link_wanted;
    ks_queue inbox, outbox;
    ks_detection *fifo; /* ring of KS_FIFO_DETECTIONS; only the pump moves fifo_at */
    size_t fifo_at, fifo_count;
    uint64_t fifo_frontier;
    int closed, established, idle, awaits;
    ks_status end;
    char reason[256];
    ks_status refusal; /* of the peer of this connection */
    char refusal_reason[256];
    ks_session_totals totals;

    /* Of the pump alone. */
    ks_session *session;
    ks_state_request *requests, **requests_tail;
    ks_state *states; /* scratch */
    size_t states_capacity;
    ks_job **jobs;
    size_t job_count, job_capacity;
    ks_held_block *held;
    uint32_t notes; /* as the ring has them */
    int holding, store_wanted, over;
    ks_queue unsent; /* messages that go out when what was queued with them is on record */
    int dead;        /* the recorder failed */
    int told_open, told_keys;
    uint32_t key_epoch, key_block;
    ks_key_id first_key; /* of that block */
};

void ks_engine_lock(ks_engine *e);
void ks_engine_unlock(ks_engine *e);
/* Unlocks and lets everybody look again. */
void ks_engine_unlock_changed(ks_engine *e);

ks_status ks_queue_put(ks_queue *q, const uint8_t *data, size_t bytes);
ks_packet *ks_queue_take(ks_queue *q);
void ks_queue_clear(ks_queue *q);

/* Keys on their way to the ring or the callback; of the pump alone. The ring takes keys in order; what does
 * not fit waits, and no further block is begun. */
ks_status ks_engine_take_key(ks_engine *e, const ks_action *a);
void ks_engine_settle_block(ks_engine *e, const ks_action *a);
void ks_engine_place_keys(ks_engine *e);
void ks_engine_drop_keys(ks_engine *e);

/* Records; of the pump alone. After a failure the engine is dead. */
ks_status ks_engine_tell(ks_engine *e, ks_engine_record *record);
ks_status ks_engine_tell_open(ks_engine *e);
void ks_engine_note_key(ks_engine *e, const ks_action *a);
ks_status ks_engine_tell_block(ks_engine *e, const ks_block_report *report);
ks_status ks_engine_tell_keys(ks_engine *e, const ks_action *a);

/* Does all that can be done now. */
ks_status ks_engine_pump(ks_engine *e);

#endif
