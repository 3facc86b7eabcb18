/* SPDX-License-Identifier: Apache-2.0 */
/* What writers and readers of a key ring share: geometry, attaching, states, destruction of keys. */
#include <keystill/ring.h>

#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/ring_handle.h"
#include "pipeline/status.h"

enum { WRITER_SILENCE_S = 3 };

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

size_t ks_ring_slot_bytes(uint32_t key_bytes) {
    return round_up(KS_RING_WORD_KEY * sizeof(uint64_t) + key_bytes, 64);
}

size_t ks_ring_total_bytes(uint32_t slots, uint32_t key_bytes) {
    if (slots < 1 || slots > KS_RING_MAX_SLOTS || key_bytes < 1 || key_bytes > KS_RING_MAX_KEY_BYTES)
        return 0;
    size_t slot_bytes = ks_ring_slot_bytes(key_bytes);
    if (slots > (SIZE_MAX / 2) / slot_bytes)
        return 0;
    return KS_RING_PAGE + round_up(slots * sizeof(uint64_t), KS_RING_PAGE) +
           round_up(slots * slot_bytes, KS_RING_PAGE);
}

size_t ks_ring_bytes(const ks_ring_config *config) {
    return ks_ring_total_bytes(config->slots, config->key_bytes);
}

void ks_ring_view_init(ks_ring_view *view, void *memory, uint32_t slots, uint32_t key_bytes) {
    uint8_t *base = memory;
    view->header = memory;
    view->states = (void *)(base + KS_RING_PAGE);
    view->slot_words = (void *)(base + KS_RING_PAGE + round_up(slots * sizeof(uint64_t), KS_RING_PAGE));
    view->slots = slots;
    view->key_bytes = key_bytes;
    view->key_words = (key_bytes + 7) / 8;
    view->slot_stride = ks_ring_slot_bytes(key_bytes) / sizeof(uint64_t);
}

static uint64_t fnv(uint64_t hash, const void *data, size_t bytes) {
    for (const uint8_t *p = data; bytes; p++, bytes--)
        hash = (hash ^ *p) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t ks_ring_checksum(const ks_key_id *id, uint64_t origin, const uint8_t *key, size_t key_bytes) {
    uint64_t hash = fnv(UINT64_C(0xcbf29ce484222325), id->bytes, sizeof id->bytes);
    return fnv(fnv(hash, &origin, sizeof origin), key, key_bytes);
}

void ks_ring_wipe_slot(const ks_ring_view *view, uint32_t slot) {
    _Atomic uint64_t *words = ks_ring_slot(view, slot);
    for (uint32_t i = 0; i < view->key_words; i++)
        ks_ring_store(&words[KS_RING_WORD_KEY + i], 0);
    ks_ring_store(&words[KS_RING_WORD_CHECK], 0);
}

int ks_ring_destroy_key(const ks_ring_view *view, uint32_t slot, uint64_t word) {
    uint64_t sequence = ks_slot_sequence(word), wiping = ks_slot_word(sequence, KS_SLOT_WIPING);
    if (!ks_ring_exchange(&view->states[slot], word, wiping))
        return 0;
    ks_ring_wipe_slot(view, slot);
    (void)ks_ring_exchange(&view->states[slot], wiping, ks_slot_word(sequence, KS_SLOT_DELIVERED));
    ks_ring_count(&view->header->wiped, 1);
    return 1;
}

int ks_ring_read_id(const ks_ring_view *view, uint32_t slot, uint64_t word, ks_key_id *id) {
    const _Atomic uint64_t *words = ks_ring_slot(view, slot);
    uint64_t copy[2] = {ks_ring_load(&words[KS_RING_WORD_ID]), ks_ring_load(&words[KS_RING_WORD_ID + 1])};
    memcpy(id->bytes, copy, sizeof copy);
    return ks_ring_load(&view->states[slot]) == word;
}

/* The header of an existing ring against the size of the mapping; fills in the geometry it states. */
static ks_status check_header(const ks_ring_header *header, size_t bytes, uint32_t *slots,
                              uint32_t *key_bytes) {
    uint64_t version = ks_ring_load(&header->version), magic = ks_ring_load(&header->magic);
    if (version == 0)
        return ks_fail(KS_ERR_EMPTY, "the ring is not ready yet: its writer has not finished creating it");
    if (magic != KS_RING_MAGIC)
        return ks_fail(KS_ERR_FORMAT, "offset 0: expected the magic number %016llx, got %016llx",
                       (unsigned long long)KS_RING_MAGIC, (unsigned long long)magic);
    if (version >> 32 != KS_RING_VERSION >> 32)
        return ks_fail(KS_ERR_FORMAT, "offset 8: expected ring version 1, got %llu",
                       (unsigned long long)(version >> 32));
    *slots = ks_ring_load32(&header->slots);
    *key_bytes = ks_ring_load32(&header->key_bytes);
    size_t expected = ks_ring_total_bytes(*slots, *key_bytes);
    if (expected == 0)
        return ks_fail(KS_ERR_FORMAT, "offset 16: %u slots of %u bytes are out of range", *slots, *key_bytes);
    if (expected != bytes || ks_ring_load(&header->total_bytes) != expected)
        return ks_fail(KS_ERR_FORMAT, "offset 24: %u slots of %u bytes take %zu bytes, but %zu are there",
                       *slots, *key_bytes, expected, bytes);
    if (ks_ring_load32(&header->slot_bytes) != ks_ring_slot_bytes(*key_bytes))
        return ks_fail(KS_ERR_FORMAT, "offset 52: expected slots of %zu bytes, got %u",
                       ks_ring_slot_bytes(*key_bytes), ks_ring_load32(&header->slot_bytes));
    return KS_OK;
}

static ks_status check_states(const ks_ring_view *view) {
    for (uint32_t i = 0; i < view->slots; i++) {
        uint64_t word = ks_ring_load(&view->states[i]);
        if (ks_slot_state(word) >= KS_SLOT_STATES || ks_slot_sequence(word) >= KS_RING_MAX_SEQUENCE)
            return ks_fail(KS_ERR_FORMAT, "offset %zu: slot %u has the impossible state word %016llx",
                           KS_RING_PAGE + i * sizeof word, i, (unsigned long long)word);
    }
    return KS_OK;
}

static ks_status check_memory(const void *memory, size_t bytes) {
    if (!memory || (uintptr_t)memory % KS_RING_PAGE != 0)
        return ks_fail(KS_ERR_ARGUMENT, "ring memory must be page aligned");
    if (bytes < sizeof(ks_ring_header))
        return ks_fail(KS_ERR_FORMAT, "a ring has at least %zu bytes, %zu are there", sizeof(ks_ring_header),
                       bytes);
    return KS_OK;
}

static ks_status handle_create(ks_ring **out, const ks_ring_view *view, int is_writer) {
    ks_ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return ks_fail(KS_ERR_MEMORY, "ring handle");
    ring->view = *view;
    ring->queue.capacity = view->slots < KS_RING_QUEUE ? view->slots : KS_RING_QUEUE;
    ring->queue.entries = calloc(ring->queue.capacity, sizeof *ring->queue.entries);
    ring->queue.seen = ring->index.seen = 1;
    int good = ring->queue.entries != NULL && pthread_mutex_init(&ring->lock, NULL) == 0;
    if (good && is_writer) {
        ring->writer = calloc(1, sizeof *ring->writer);
        if (ring->writer)
            ring->writer->unconfirmed = calloc(view->slots, sizeof *ring->writer->unconfirmed);
        good = ring->writer && ring->writer->unconfirmed;
    }
    if (!good) {
        if (ring->writer)
            free(ring->writer->unconfirmed);
        free(ring->writer);
        free(ring->queue.entries);
        free(ring);
        return ks_fail(KS_ERR_MEMORY, "ring handle of %u slots", view->slots);
    }
    *out = ring;
    return KS_OK;
}

ks_status ks_ring_reader_attach(ks_ring **out, void *memory, size_t bytes) {
    *out = NULL;
    KS_TRY(check_memory(memory, bytes));
    uint32_t slots, key_bytes;
    KS_TRY(check_header(memory, bytes, &slots, &key_bytes));
    ks_ring_view view;
    ks_ring_view_init(&view, memory, slots, key_bytes);
    KS_TRY(check_states(&view));
    return handle_create(out, &view, 0);
}

static void format_ring(const ks_ring_view *view, const ks_ring_config *config, size_t bytes) {
    ks_ring_header *header = view->header;
    uint64_t link[2];
    memcpy(link, config->link, sizeof link);
    for (uint32_t i = 0; i < view->slots; i++)
        ks_ring_store(&view->states[i], 0);
    ks_ring_store(&header->magic, KS_RING_MAGIC);
    ks_ring_store32(&header->slots, config->slots);
    ks_ring_store32(&header->key_bytes, config->key_bytes);
    ks_ring_store(&header->total_bytes, bytes);
    ks_ring_store(&header->link[0], link[0]);
    ks_ring_store(&header->link[1], link[1]);
    ks_ring_store32(&header->notes, config->notes);
    ks_ring_store32(&header->slot_bytes, (uint32_t)ks_ring_slot_bytes(config->key_bytes));
    ks_ring_store(&header->next_sequence, 1);
    ks_ring_store(&header->version, KS_RING_VERSION);
}

/* A dead writer left this: what it had not confirmed is wiped, all else stays as it is. */
static void recover(const ks_ring_view *view, uint64_t *next_sequence, uint32_t *recovered) {
    uint64_t highest = 0;
    for (uint32_t i = 0; i < view->slots; i++) {
        uint64_t word = ks_ring_load(&view->states[i]);
        unsigned state = ks_slot_state(word);
        if (ks_slot_sequence(word) > highest)
            highest = ks_slot_sequence(word);
        if (state == KS_SLOT_WRITING || state == KS_SLOT_UNCONFIRMED)
            (void)ks_ring_destroy_key(view, i, word);
        *recovered += state == KS_SLOT_CONFIRMED;
    }
    uint64_t stored = ks_ring_load(&view->header->next_sequence);
    *next_sequence = stored > highest && stored < KS_RING_MAX_SEQUENCE ? stored : highest + 1;
    uint64_t confirmations = ks_ring_load(&view->header->confirmations);
    ks_ring_store(&view->header->confirmations, (confirmations | 1) + 1);
}

static ks_status open_existing(const ks_ring_view *view, const ks_ring_config *config, size_t bytes,
                               uint64_t *next_sequence, uint32_t *recovered) {
    uint32_t slots, key_bytes;
    KS_TRY(check_header(view->header, bytes, &slots, &key_bytes));
    uint64_t link[2] = {ks_ring_load(&view->header->link[0]), ks_ring_load(&view->header->link[1])};
    if (slots != config->slots || key_bytes != config->key_bytes)
        return ks_fail(KS_ERR_STATE, "the ring that is there has %u slots of %u bytes, not %u of %u", slots,
                       key_bytes, config->slots, config->key_bytes);
    if (memcmp(link, config->link, sizeof link) != 0)
        return ks_fail(KS_ERR_STATE, "the ring that is there belongs to another link");
    KS_TRY(check_states(view));
    recover(view, next_sequence, recovered);
    /* Keys that were left keep what must be said of them. */
    uint32_t notes = *recovered ? ks_ring_load32(&view->header->notes) | config->notes : config->notes;
    ks_ring_store32(&view->header->notes, notes);
    return KS_OK;
}

ks_status ks_ring_writer_attach(ks_ring **out, void *memory, size_t bytes, const ks_ring_config *config,
                                uint32_t *recovered) {
    *out = NULL;
    uint32_t found = 0;
    uint64_t next_sequence = 1;
    size_t expected = ks_ring_bytes(config);
    if (expected == 0)
        return ks_fail(KS_ERR_ARGUMENT, "%u slots of %u bytes: 1 to %d slots of 1 to %d bytes are possible",
                       config->slots, config->key_bytes, KS_RING_MAX_SLOTS, KS_RING_MAX_KEY_BYTES);
    KS_TRY(check_memory(memory, bytes));
    ks_ring_view view;
    if (bytes < expected)
        return ks_fail(KS_ERR_ARGUMENT, "the ring needs %zu bytes, %zu are there", expected, bytes);
    ks_ring_view_init(&view, memory, config->slots, config->key_bytes);
    if (ks_ring_load(&view.header->version) == 0)
        format_ring(&view, config, bytes);
    else
        KS_TRY(open_existing(&view, config, bytes, &next_sequence, &found));
    KS_TRY(handle_create(out, &view, 1));
    (*out)->writer->next_sequence = next_sequence;
    if (recovered)
        *recovered = found;
    return KS_OK;
}

void ks_ring_detach(ks_ring *ring) {
    if (!ring)
        return;
    if (ring->writer) {
        for (uint32_t i = 0; i < ring->writer->unconfirmed_count; i++) {
            const ks_ring_unconfirmed *key = &ring->writer->unconfirmed[i];
            (void)ks_ring_destroy_key(&ring->view, key->slot,
                                      ks_slot_word(key->sequence, KS_SLOT_UNCONFIRMED));
        }
        ks_ring_store(&ring->view.header->heartbeat, 0);
        free(ring->writer->unconfirmed);
        free(ring->writer);
    }
    free(ring->queue.entries);
    free(ring->index.table);
    (void)pthread_mutex_destroy(&ring->lock);
    free(ring);
}

uint64_t ks_ring_wipe(ks_ring *ring) {
    uint64_t wiped = 0;
    for (uint32_t i = 0; i < ring->view.slots; i++) {
        uint64_t word = ks_ring_load(&ring->view.states[i]);
        unsigned state = ks_slot_state(word);
        if (state == KS_SLOT_CONFIRMED || state == KS_SLOT_RESERVED)
            wiped += (uint64_t)ks_ring_destroy_key(&ring->view, i, word);
    }
    return wiped;
}

void ks_ring_reclaim(ks_ring *ring) {
    const ks_ring_view *view = &ring->view;
    (void)pthread_mutex_lock(&ring->lock);
    for (uint32_t i = 0; i < view->slots; i++) {
        uint64_t word = ks_ring_load(&view->states[i]);
        unsigned state = ks_slot_state(word);
        if (state == KS_SLOT_RESERVED)
            (void)ks_ring_destroy_key(view, i, word);
        if (state == KS_SLOT_WIPING || state == KS_SLOT_RETIRED) {
            ks_ring_wipe_slot(view, i);
            (void)ks_ring_exchange(&view->states[i], word,
                                   ks_slot_word(ks_slot_sequence(word), KS_SLOT_DELIVERED));
        }
    }
    (void)pthread_mutex_unlock(&ring->lock);
}

void ks_ring_get_status(const ks_ring *ring, ks_ring_status *status, uint64_t now_ns) {
    const ks_ring_view *view = &ring->view;
    *status = (ks_ring_status){.slots = view->slots, .key_bytes = view->key_bytes};
    for (uint32_t i = 0; i < view->slots; i++) {
        switch (ks_slot_state(ks_ring_load(&view->states[i]))) {
        case KS_SLOT_UNCONFIRMED:
        case KS_SLOT_WRITING:
            status->unconfirmed++;
            break;
        case KS_SLOT_CONFIRMED:
            status->confirmed++;
            break;
        case KS_SLOT_RESERVED:
        case KS_SLOT_WIPING:
            status->reserved++;
            break;
        case KS_SLOT_RETIRED:
            status->retired++;
            break;
        default:
            status->free++;
        }
    }
    status->notes = ks_ring_load32(&view->header->notes);
    status->appended = ks_ring_load(&view->header->appended);
    status->delivered = ks_ring_load(&view->header->delivered);
    status->wiped = ks_ring_load(&view->header->wiped);
    uint64_t heartbeat = ks_ring_load(&view->header->heartbeat);
    uint64_t distance = now_ns > heartbeat ? now_ns - heartbeat : heartbeat - now_ns;
    status->writer_alive = heartbeat != 0 && distance < WRITER_SILENCE_S * UINT64_C(1000000000);
    uint64_t link[2] = {ks_ring_load(&view->header->link[0]), ks_ring_load(&view->header->link[1])};
    memcpy(status->link, link, sizeof link);
}
