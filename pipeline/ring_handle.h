/* SPDX-License-Identifier: Apache-2.0 */
/* The private side of a ring handle. All of it is this process's own memory; a mutex that no other process
 * can hold guards it, so that threads may share a handle. */
#ifndef KS_PIPELINE_RING_HANDLE_H
#define KS_PIPELINE_RING_HANDLE_H

#include <pthread.h>

#include "pipeline/ring_layout.h"

/* A key by its place; `sequence` tells whether it is still there. */
typedef struct ks_ring_entry {
    uint64_t sequence;
    uint32_t slot;
} ks_ring_entry;

enum {
    KS_RING_QUEUE = 65536,  /* most entries of a reader's queue */
    KS_RING_SIGHTINGS = 64, /* claims under observation at a time */
    KS_RING_SWEEP = 65536   /* slots looked at in one sweep */
};
#define KS_RING_SWEEP_NS UINT64_C(500000000)  /* heartbeats may be far more frequent than sweeps */
#define KS_RING_GRACE_NS UINT64_C(5000000000) /* a claim that stands this long is revoked */

typedef struct ks_ring_sighting {
    uint64_t word, since_ns;
    uint32_t slot;
} ks_ring_sighting;

typedef struct ks_ring_unconfirmed {
    uint64_t sequence;
    uint32_t slot, epoch, block;
} ks_ring_unconfirmed;

typedef struct ks_ring_writer {
    uint64_t next_sequence;
    uint32_t cursor; /* where the search for a free slot goes on */
    uint32_t swept;  /* where the next sweep begins */
    int has_swept;
    uint64_t swept_ns;
    ks_ring_unconfirmed *unconfirmed; /* room for every slot */
    uint32_t unconfirmed_count;
    ks_ring_sighting sightings[KS_RING_SIGHTINGS];
    uint32_t sighting_count;
} ks_ring_writer;

/* What a reader remembers of its last look at the ring; every entry is checked again when it is used. */
typedef struct ks_ring_queue {
    ks_ring_entry *entries; /* the oldest confirmed keys, in order */
    uint32_t capacity, count, next;
    int more;      /* there were more than `capacity` */
    uint64_t seen; /* confirmations at that look; odd: never current */
} ks_ring_queue;

/* Identifier to slot, open addressing; built at the first look-up and again when keys were confirmed since.
 */
typedef struct ks_ring_index {
    uint32_t *table; /* slot + 1, or 0 */
    uint32_t mask;
    int incomplete; /* some identifier found no place near its hash: a miss proves nothing */
    uint64_t seen;
} ks_ring_index;

struct ks_ring {
    pthread_mutex_t lock;
    ks_ring_view view;
    ks_ring_writer *writer; /* NULL in a reader */
    ks_ring_queue queue;
    ks_ring_index index;
};

/* Reads the identifier of a slot while its state word is `word`; 0 when the slot had moved on. */
int ks_ring_read_id(const ks_ring_view *view, uint32_t slot, uint64_t word, ks_key_id *id);

/* The up to `capacity` confirmed keys of lowest sequence, in order; *more: there were others. */
uint32_t ks_ring_oldest(const ks_ring_view *view, ks_ring_entry *entries, uint32_t capacity, int *more);

/* Looks `id` up and calls `visit(context, slot, word)` for each confirmed key that carries it until a visit
 * returns anything but KS_ERR_EMPTY, which is then the result. */
typedef ks_status ks_ring_visit_fn(void *context, uint32_t slot, uint64_t word);
ks_status ks_ring_find(ks_ring *ring, const ks_key_id *id, ks_ring_visit_fn *visit, void *context);

/* Revokes claims that have stood for KS_RING_GRACE_NS; does nothing until KS_RING_SWEEP_NS after the last
 * sweep. */
void ks_ring_sweep(ks_ring *ring, uint64_t now_ns);

#endif
