/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's half of the key ring. */
#include <keystill/ring.h>

#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/ring_handle.h"
#include "pipeline/status.h"

enum { MAX_LOOKS = 64 }; /* looks at a ring that others empty meanwhile, before "nothing now" is the answer */

/* Copies a claimed key out; 1 when its checksum holds. */
static int copy_out(const ks_ring_view *view, uint32_t slot, ks_key_id *id, uint8_t *key) {
    const _Atomic uint64_t *words = ks_ring_slot(view, slot);
    uint64_t name[2] = {ks_ring_load(&words[KS_RING_WORD_ID]), ks_ring_load(&words[KS_RING_WORD_ID + 1])};
    memcpy(id->bytes, name, sizeof name);
    for (uint32_t i = 0; i < view->key_words; i++) {
        size_t left = view->key_bytes - (size_t)i * 8;
        uint64_t part = ks_ring_load(&words[KS_RING_WORD_KEY + i]);
        memcpy(key + (size_t)i * 8, &part, left < 8 ? left : 8);
        ks_wipe(&part, sizeof part);
    }
    return ks_ring_load(&words[KS_RING_WORD_CHECK]) ==
           ks_ring_checksum(id, ks_ring_load(&words[KS_RING_WORD_ORIGIN]), key, view->key_bytes);
}

/* Takes the key whose state word is `confirmed`. KS_ERR_EMPTY: somebody else has it. The copy counts only
 * when the exchange after it succeeds: until then the claim could be revoked, and zeros stored under the
 * copy. */
static ks_status deliver(const ks_ring_view *view, uint32_t slot, uint64_t confirmed, ks_key_id *id,
                         uint8_t *key) {
    uint64_t sequence = ks_slot_sequence(confirmed);
    uint64_t reserved = ks_slot_word(sequence, KS_SLOT_RESERVED),
             wiping = ks_slot_word(sequence, KS_SLOT_WIPING);
    _Atomic uint64_t *state = &view->states[slot];
    if (!ks_ring_exchange(state, confirmed, reserved))
        return KS_ERR_EMPTY;
    int intact = copy_out(view, slot, id, key);
    if (!ks_ring_exchange(state, reserved, wiping)) {
        ks_wipe(key, view->key_bytes);
        return KS_ERR_EMPTY;
    }
    ks_ring_wipe_slot(view, slot);
    (void)ks_ring_exchange(state, wiping, ks_slot_word(sequence, KS_SLOT_DELIVERED));
    ks_ring_count(intact ? &view->header->delivered : &view->header->wiped, 1);
    if (!intact) {
        ks_wipe(key, view->key_bytes);
        return ks_fail(KS_ERR_FORMAT, "slot %u: the key does not match its checksum; it was destroyed", slot);
    }
    return KS_OK;
}

static int by_sequence(const void *a, const void *b) {
    uint64_t x = ((const ks_ring_entry *)a)->sequence, y = ((const ks_ring_entry *)b)->sequence;
    return x < y ? -1 : x > y;
}

/* Restores the max-heap below `root`. */
static void sift_down(ks_ring_entry *heap, uint32_t count, uint32_t root) {
    ks_ring_entry moved = heap[root];
    for (size_t child; (child = 2 * (size_t)root + 1) < count; root = (uint32_t)child) {
        if (child + 1 < count && heap[child + 1].sequence > heap[child].sequence)
            child++;
        if (heap[child].sequence <= moved.sequence)
            break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

uint32_t ks_ring_oldest(const ks_ring_view *view, ks_ring_entry *entries, uint32_t capacity, int *more) {
    uint32_t count = 0;
    *more = 0;
    for (uint32_t i = 0; i < view->slots; i++) {
        uint64_t word = ks_ring_load(&view->states[i]);
        if (ks_slot_state(word) != KS_SLOT_CONFIRMED)
            continue;
        ks_ring_entry entry = {ks_slot_sequence(word), i};
        if (count < capacity) {
            entries[count++] = entry;
            for (uint32_t root = capacity / 2; count == capacity && root-- > 0;)
                sift_down(entries, count, root);
            continue;
        }
        *more = 1;
        if (capacity && entry.sequence < entries[0].sequence) {
            entries[0] = entry;
            sift_down(entries, count, 0);
        }
    }
    if (count)
        qsort(entries, count, sizeof *entries, by_sequence);
    return count;
}

static int is_current(const ks_ring *ring) {
    uint64_t now = ks_ring_load(&ring->view.header->confirmations);
    return now % 2 == 0 && now == ring->queue.seen;
}

static void look_again(ks_ring *ring) {
    ring->queue.seen = ks_ring_load(&ring->view.header->confirmations);
    ring->queue.count =
        ks_ring_oldest(&ring->view, ring->queue.entries, ring->queue.capacity, &ring->queue.more);
    ring->queue.next = 0;
}

static ks_status take_oldest(ks_ring *ring, ks_key_id *id, uint8_t *key) {
    ks_ring_queue *queue = &ring->queue;
    for (int looks = 0; looks < MAX_LOOKS; looks++) {
        if (!is_current(ring) || (queue->next == queue->count && queue->more))
            look_again(ring);
        if (queue->count == 0)
            break;
        while (queue->next < queue->count) {
            ks_ring_entry entry = queue->entries[queue->next++];
            uint64_t word = ks_slot_word(entry.sequence, KS_SLOT_CONFIRMED);
            ks_status status = deliver(&ring->view, entry.slot, word, id, key);
            if (status != KS_ERR_EMPTY)
                return status;
        }
        if (!queue->more && is_current(ring))
            break;
    }
    return ks_fail(KS_ERR_EMPTY, "the ring holds no confirmed key");
}

static ks_status check_capacity(const ks_ring *ring, size_t capacity) {
    if (capacity < ring->view.key_bytes)
        return ks_fail(KS_ERR_ARGUMENT, "keys have %u bytes, the buffer %zu", ring->view.key_bytes, capacity);
    return KS_OK;
}

ks_status ks_ring_take(ks_ring *ring, ks_key_id *id, uint8_t *key, size_t capacity) {
    KS_TRY(check_capacity(ring, capacity));
    (void)pthread_mutex_lock(&ring->lock);
    ks_status status = take_oldest(ring, id, key);
    (void)pthread_mutex_unlock(&ring->lock);
    return status;
}

typedef struct delivery {
    const ks_ring_view *view;
    uint8_t *key;
} delivery;

static ks_status deliver_found(void *context, uint32_t slot, uint64_t word) {
    delivery *to = context;
    ks_key_id same;
    return deliver(to->view, slot, word, &same, to->key);
}

ks_status ks_ring_take_id(ks_ring *ring, const ks_key_id *id, uint8_t *key, size_t capacity) {
    KS_TRY(check_capacity(ring, capacity));
    delivery to = {&ring->view, key};
    (void)pthread_mutex_lock(&ring->lock);
    ks_status status = ks_ring_find(ring, id, deliver_found, &to);
    (void)pthread_mutex_unlock(&ring->lock);
    if (status == KS_ERR_EMPTY)
        return ks_fail(KS_ERR_EMPTY, "the ring holds no confirmed key of this identifier");
    return status;
}

ks_status ks_ring_list(ks_ring *ring, ks_key_id *ids, size_t capacity, size_t *count) {
    *count = 0;
    uint32_t wanted = capacity < ring->view.slots ? (uint32_t)capacity : ring->view.slots;
    if (wanted == 0)
        return KS_OK;
    ks_ring_entry *entries = calloc(wanted, sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "list of %u keys", wanted);
    int more;
    uint32_t found = ks_ring_oldest(&ring->view, entries, wanted, &more);
    for (uint32_t i = 0; i < found; i++) {
        uint64_t word = ks_slot_word(entries[i].sequence, KS_SLOT_CONFIRMED);
        *count += (size_t)ks_ring_read_id(&ring->view, entries[i].slot, word, &ids[*count]);
    }
    free(entries);
    return KS_OK;
}
