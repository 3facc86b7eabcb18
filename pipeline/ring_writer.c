/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's half of the key ring. */
#include <keystill/ring.h>

#include <string.h>
#include <keystill/secret.h>

#include "pipeline/ring_handle.h"
#include "pipeline/status.h"

static int is_free(uint64_t word) {
    return ks_slot_state(word) == KS_SLOT_FREE || ks_slot_state(word) == KS_SLOT_DELIVERED;
}

/* Finds a free slot and makes it ours; 0 when there is none. */
static int claim_free(ks_ring *ring, uint64_t sequence, uint32_t *slot) {
    const ks_ring_view *view = &ring->view;
    ks_ring_writer *writer = ring->writer;
    for (uint32_t tried = 0; tried < view->slots; tried++) {
        uint32_t i = writer->cursor;
        writer->cursor = i + 1 < view->slots ? i + 1 : 0;
        uint64_t word = ks_ring_load(&view->states[i]);
        if (is_free(word) &&
            ks_ring_exchange(&view->states[i], word, ks_slot_word(sequence, KS_SLOT_WRITING))) {
            *slot = i;
            return 1;
        }
    }
    return 0;
}

static void fill_slot(const ks_ring_view *view, uint32_t slot, const ks_key_id *id, uint64_t origin,
                      const uint8_t *key) {
    _Atomic uint64_t *words = ks_ring_slot(view, slot);
    uint64_t name[2];
    memcpy(name, id->bytes, sizeof name);
    ks_ring_store(&words[KS_RING_WORD_ID], name[0]);
    ks_ring_store(&words[KS_RING_WORD_ID + 1], name[1]);
    ks_ring_store(&words[KS_RING_WORD_ORIGIN], origin);
    ks_ring_store(&words[KS_RING_WORD_CHECK], ks_ring_checksum(id, origin, key, view->key_bytes));
    for (uint32_t i = 0; i < view->key_words; i++) {
        size_t left = view->key_bytes - (size_t)i * 8;
        uint64_t part = 0;
        memcpy(&part, key + (size_t)i * 8, left < 8 ? left : 8);
        ks_ring_store(&words[KS_RING_WORD_KEY + i], part);
        ks_wipe(&part, sizeof part);
    }
}

static ks_status append(ks_ring *ring, const ks_key_id *id, uint32_t epoch, uint32_t block,
                        const uint8_t *key) {
    ks_ring_writer *writer = ring->writer;
    const ks_ring_view *view = &ring->view;
    uint64_t sequence = writer->next_sequence;
    uint32_t slot;
    if (sequence >= KS_RING_MAX_SEQUENCE)
        return ks_fail(KS_ERR_LIMIT, "the ring has numbered all the keys it can");
    /* The list holds slots that a hostile reader freed under us, too: it is the limit that counts. */
    if (writer->unconfirmed_count == view->slots || !claim_free(ring, sequence, &slot))
        return ks_fail(KS_ERR_FULL, "all %u slots of the ring are in use", view->slots);
    writer->next_sequence++;
    ks_ring_store(&view->header->next_sequence, writer->next_sequence);
    fill_slot(view, slot, id, epoch | (uint64_t)block << 32, key);
    ks_ring_store(&view->states[slot], ks_slot_word(sequence, KS_SLOT_UNCONFIRMED));
    ks_ring_count(&view->header->appended, 1);
    writer->unconfirmed[writer->unconfirmed_count++] = (ks_ring_unconfirmed){sequence, slot, epoch, block};
    return KS_OK;
}

ks_status ks_ring_append(ks_ring *ring, const ks_key_id *id, uint32_t epoch, uint32_t block,
                         const uint8_t *key) {
    if (!ring->writer)
        return ks_fail(KS_ERR_STATE, "only the ring's writer appends");
    (void)pthread_mutex_lock(&ring->lock);
    ks_status status = append(ring, id, epoch, block, key);
    (void)pthread_mutex_unlock(&ring->lock);
    return status;
}

/* Takes the keys of a block from the unconfirmed list, confirming or destroying each; the others keep their
 * order. */
static void settle(ks_ring *ring, uint32_t epoch, uint32_t block, int confirm) {
    ks_ring_writer *writer = ring->writer;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < writer->unconfirmed_count; i++) {
        ks_ring_unconfirmed key = writer->unconfirmed[i];
        if (key.epoch != epoch || key.block != block) {
            writer->unconfirmed[kept++] = key;
            continue;
        }
        uint64_t word = ks_slot_word(key.sequence, KS_SLOT_UNCONFIRMED);
        if (confirm)
            (void)ks_ring_exchange(&ring->view.states[key.slot], word,
                                   ks_slot_word(key.sequence, KS_SLOT_CONFIRMED));
        else
            (void)ks_ring_destroy_key(&ring->view, key.slot, word);
    }
    writer->unconfirmed_count = kept;
}

void ks_ring_confirm(ks_ring *ring, uint32_t epoch, uint32_t block) {
    if (!ring->writer)
        return;
    (void)pthread_mutex_lock(&ring->lock);
    ks_ring_count(&ring->view.header->confirmations, 1);
    settle(ring, epoch, block, 1);
    ks_ring_count(&ring->view.header->confirmations, 1);
    (void)pthread_mutex_unlock(&ring->lock);
}

void ks_ring_discard(ks_ring *ring, uint32_t epoch, uint32_t block) {
    if (!ring->writer)
        return;
    (void)pthread_mutex_lock(&ring->lock);
    settle(ring, epoch, block, 0);
    (void)pthread_mutex_unlock(&ring->lock);
}

void ks_ring_add_notes(ks_ring *ring, uint32_t notes) {
    if (!ring->writer)
        return;
    (void)pthread_mutex_lock(&ring->lock);
    ks_ring_store32(&ring->view.header->notes, ks_ring_load32(&ring->view.header->notes) | notes);
    (void)pthread_mutex_unlock(&ring->lock);
}

uint32_t ks_ring_free_slots(const ks_ring *ring) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < ring->view.slots; i++)
        count += (uint32_t)is_free(ks_ring_load(&ring->view.states[i]));
    return count;
}

int ks_ring_has_room(ks_ring *ring) {
    int found = 0;
    (void)pthread_mutex_lock(&ring->lock);
    uint32_t i = ring->writer ? ring->writer->cursor : 0;
    for (uint32_t tried = 0; tried < ring->view.slots && !found; tried++) {
        found = is_free(ks_ring_load(&ring->view.states[i]));
        i = i + 1 < ring->view.slots ? i + 1 : 0;
    }
    (void)pthread_mutex_unlock(&ring->lock);
    return found;
}

void ks_ring_heartbeat(ks_ring *ring, uint64_t now_ns) {
    if (!ring->writer)
        return;
    (void)pthread_mutex_lock(&ring->lock);
    ks_ring_store(&ring->view.header->heartbeat, now_ns);
    ks_ring_sweep(ring, now_ns);
    (void)pthread_mutex_unlock(&ring->lock);
}
