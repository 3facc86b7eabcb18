/* SPDX-License-Identifier: Apache-2.0 */
/* The key ring: fixed slots of application keys in memory that several processes share. One writer (a link),
 * any number of readers. The layout is docs/ring-format.md. The ring survives the death of any process, not a
 * reboot. Keys are delivered once, and wiped in the ring when they are. No operation waits for another
 * process; all are safe among processes and threads. */
#ifndef KEYSTILL_RING_H
#define KEYSTILL_RING_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_ring ks_ring;

typedef struct ks_key_id {
    uint8_t bytes[16]; /* UUID, equal at both ends, derived from (link, epoch, block, offset) */
} ks_key_id;

typedef enum ks_key_state {
    KS_KEY_FREE = 0,
    KS_KEY_UNCONFIRMED = 1, /* the peer may not have it yet: invisible to readers */
    KS_KEY_CONFIRMED = 2,
    KS_KEY_RESERVED = 3, /* claimed by a reader that has not finished copying */
    KS_KEY_DELIVERED = 4 /* wiped; the identifier stays until the slot is reused */
} ks_key_state;

typedef struct ks_ring_config {
    uint32_t slots;     /* number of keys the ring holds, 1..2^24 */
    uint32_t key_bytes; /* size of each key, 1..4096 */
    uint8_t link[16];   /* identifies the link; both ends configure the same */
    uint32_t notes;     /* KS_RING_NOTE_*: what every reader must be told about these keys */
} ks_ring_config;

enum {
    KS_RING_NOTE_TEST = 1,            /* test-only randomness somewhere: not secret */
    KS_RING_NOTE_ACCEPTED_PASSIVE = 2 /* an assumption outside the proof was accepted by name */
};

typedef struct ks_ring_status {
    uint32_t slots, key_bytes, notes;
    uint32_t unconfirmed, confirmed, reserved, free; /* counts now */
    uint32_t retired; /* wiped slots out of use since a reader died while wiping; ks_ring_reclaim brings them
                         back */
    uint64_t appended, delivered, wiped; /* counts since creation */
    int writer_alive;
    uint8_t link[16];
} ks_ring_status;

/* Creates a ring, or opens one of the same configuration that a dead writer left (then *recovered counts its
 * confirmed keys; unconfirmed ones are wiped). `memory` must be shared, zeroed when new, page aligned,
 * ks_ring_bytes(config) long; the caller maps and unmaps it (after ks_ring_detach) and makes sure there is
 * one writer. KS_ERR_STATE: what is there has another geometry or link. Detaching a writer wipes its
 * unconfirmed keys. */
KS_API size_t ks_ring_bytes(const ks_ring_config *config);
KS_API KS_MUST_CHECK ks_status ks_ring_writer_attach(ks_ring **out, void *memory, size_t bytes,
                                                     const ks_ring_config *config, uint32_t *recovered);
/* Opens an existing ring for reading keys. Everything in `memory` is checked before use. KS_ERR_EMPTY: not
 * created yet. */
KS_API KS_MUST_CHECK ks_status ks_ring_reader_attach(ks_ring **out, void *memory, size_t bytes);
KS_API void ks_ring_detach(ks_ring *ring);

/* Writer. Appends one key of key_bytes, unconfirmed, in order. KS_ERR_FULL when no slot is free: nothing is
 * overwritten. */
KS_API KS_MUST_CHECK ks_status ks_ring_append(ks_ring *ring, const ks_key_id *id, uint32_t epoch,
                                              uint32_t block, const uint8_t *key);
/* Writer. Makes the keys of a block visible, or wipes them. Both are idempotent. */
KS_API void ks_ring_confirm(ks_ring *ring, uint32_t epoch, uint32_t block);
KS_API void ks_ring_discard(ks_ring *ring, uint32_t epoch, uint32_t block);
/* Writer. Adds notes (KS_RING_NOTE_*) that became known after the ring was made: the peer's, say. */
KS_API void ks_ring_add_notes(ks_ring *ring, uint32_t notes);
/* Free slots now, counted one by one. */
KS_API uint32_t ks_ring_free_slots(const ks_ring *ring);
/* Writer. 1 when at least one slot is free; quick unless the ring is nearly full. */
KS_API int ks_ring_has_room(ks_ring *ring);
/* Writer. Tells readers it lives; call at least once a second. */
KS_API void ks_ring_heartbeat(ks_ring *ring, uint64_t now_ns);

/* Reader. Claims the oldest confirmed key (take) or the one with this identifier (take_id), copies it to
 * `key` (capacity at least key_bytes), wipes it in the ring. KS_ERR_EMPTY when there is none: never delivered
 * twice, whoever asks. KS_ERR_FORMAT: the key did not match its checksum and was destroyed. A caller stopped
 * for seconds amid a take may find its claim revoked; it then gets the next key, never a damaged one. */
KS_API KS_MUST_CHECK ks_status ks_ring_take(ks_ring *ring, ks_key_id *id, uint8_t *key, size_t capacity);
KS_API KS_MUST_CHECK ks_status ks_ring_take_id(ks_ring *ring, const ks_key_id *id, uint8_t *key,
                                               size_t capacity);
/* Copies identifiers of up to `capacity` confirmed keys, oldest first; *count of them. Takes nothing. */
KS_API KS_MUST_CHECK ks_status ks_ring_list(ks_ring *ring, ks_key_id *ids, size_t capacity, size_t *count);
/* Wipes every key that is confirmed or claimed; returns how many. */
KS_API uint64_t ks_ring_wipe(ks_ring *ring);
/* Settles at once what dead readers left: their claimed keys are wiped (and count as gone), their slots
 * become free. Only for a caller who knows that no other reader is attached (the host library knows by a
 * lock). Without it the writer's heartbeat does the same to each claim that has stood for five seconds. */
KS_API void ks_ring_reclaim(ks_ring *ring);
KS_API void ks_ring_get_status(const ks_ring *ring, ks_ring_status *status, uint64_t now_ns);

/* Text form of an identifier, 36 characters and a NUL, and back. */
KS_API void ks_key_id_format(char out[37], const ks_key_id *id);
KS_API KS_MUST_CHECK ks_status ks_key_id_parse(ks_key_id *out, const char *text);

#ifdef __cplusplus
}
#endif
#endif
