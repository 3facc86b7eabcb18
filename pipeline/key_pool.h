/* SPDX-License-Identifier: Apache-2.0 */
/* The image of a key pool: docs/key-pool.md. */
#ifndef KS_PIPELINE_KEY_POOL_H
#define KS_PIPELINE_KEY_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <keystill/pool.h>

enum {
    KS_POOL_PAGE = 4096, /* header and records stand on pages of their own */
    KS_POOL_RECORDS = 2, /* copies of the record, one after the other */
    KS_POOL_RECORD_BYTES = KS_POOL_PAGE,
    KS_POOL_HISTORY = 64,   /* refills remembered */
    KS_POOL_ACCEPTED = 128, /* blocks remembered whose keys Bob has */
    KS_POOL_RING = KS_POOL_CAPACITY * KS_PAD_BYTES,
    KS_POOL_RING_OFFSET = KS_POOL_PAGE * (1 + KS_POOL_RECORDS),
    KS_POOL_IMAGE_BYTES = KS_POOL_RING_OFFSET + 2 * KS_POOL_RING
};

/* What never changes. */
typedef struct ks_pool_header {
    uint8_t fingerprint[16];
    uint8_t hash_key[2][KS_HASH_KEY_BYTES];
} ks_pool_header;

/* A refill. Where a truncation took it back, `cut` is set and `spent` tells how many of its first pads must
 * not be handed out when the same bits come again. */
typedef struct ks_pool_refill_note {
    uint32_t epoch, block;
    uint32_t pads; /* a direction */
    uint32_t spent[2];
    uint8_t cut[2];
    uint64_t end[2]; /* of the pool with this refill */
} ks_pool_refill_note;

/* What a record holds. */
typedef struct ks_pool_state {
    uint64_t sequence;
    uint64_t reserved[2]; /* pads below were or may have been handed out */
    uint64_t end[2];
    uint32_t epoch;
    uint32_t refills;
    uint64_t forgotten; /* above the epoch * 2^32 + block of every refill that history no longer holds */
    ks_pool_refill_note history[KS_POOL_HISTORY]; /* oldest first */
    uint64_t proven[2]; /* pads below were used by the peer: tags of his have shown it */
    double epsilon;     /* at most so much has been charged over the life of the pool */
    uint64_t accepts;   /* how many blocks were accepted; the last of them, epoch * 2^32 + block: */
    uint64_t accepted[KS_POOL_ACCEPTED]; /* number i in slot i % KS_POOL_ACCEPTED */
} ks_pool_state;

void ks_pool_encode_header(uint8_t page[KS_POOL_PAGE], const ks_pool_header *header);
void ks_pool_encode_record(uint8_t record[KS_POOL_RECORD_BYTES], const ks_pool_state *state);
/* KS_ERR_FORMAT with the reason. Records: the newest whole one; *copy tells which. */
KS_MUST_CHECK ks_status ks_pool_decode_header(ks_pool_header *header, const uint8_t *image, size_t bytes);
KS_MUST_CHECK ks_status ks_pool_decode_records(ks_pool_state *state, int *copy, const uint8_t *image);

/* The peer has shown by a tag that verified that he used pad `index`: a pool of his that stands below was
 * restored from a copy. Goes to storage with the next record; by itself it makes no write due. */
void ks_pool_prove(ks_pool *pool, ks_direction direction, uint64_t index);
uint64_t ks_pool_proven(const ks_pool *pool, ks_direction direction);
/* Bob's keys of a block are good. Remembered, so that a Bob who has forgotten all else can still tell Alice.
 */
void ks_pool_accept(ks_pool *pool, uint32_t epoch, uint32_t block);
int ks_pool_accepted(const ks_pool *pool, uint32_t epoch, uint32_t block);
/* Adds to the epsilon that the link has spent in its life. Like pads, it is reserved on storage a batch
 * ahead: after a crash the sum is too large by a batch at most, never too small. */
void ks_pool_charge(ks_pool *pool, double epsilon);
double ks_pool_epsilon(const ks_pool *pool);
/* 1 when storage knows of all that was charged. */
int ks_pool_charge_durable(const ks_pool *pool);
/* 1 when everything asked for is on storage. */
int ks_pool_durable(const ks_pool *pool);

/* Offset in the image of the slot that holds pad `index`. */
uint64_t ks_pool_slot_offset(int direction, uint64_t index);

#endif
