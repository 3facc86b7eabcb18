/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by identifier. The index is private to the handle: nothing in the mapping needs repair after a crash,
 * and a hostile mapping can make a look-up slow (a pass over the ring), never endless. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/ring_handle.h"
#include "pipeline/status.h"

enum {
    MAX_PROBES = 64
}; /* at most half full, an honest identifier lands nearer; a crafted one must not cost more */

static uint32_t hash_id(const ks_key_id *id, uint32_t mask) {
    uint64_t part[2];
    memcpy(part, id->bytes, sizeof part);
    uint64_t h = (part[0] ^ (part[1] << 31 | part[1] >> 33)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32 ^ h >> 15) & mask;
}

static void insert(ks_ring_index *index, const ks_key_id *id, uint32_t slot) {
    uint32_t place = hash_id(id, index->mask);
    for (int probe = 0; probe < MAX_PROBES; probe++, place = (place + 1) & index->mask) {
        if (index->table[place] == 0) {
            index->table[place] = slot + 1;
            return;
        }
    }
    index->incomplete = 1;
}

static ks_status build(ks_ring *ring) {
    ks_ring_index *index = &ring->index;
    size_t places = 128;
    while (places < 2 * (size_t)ring->view.slots)
        places *= 2;
    if (!index->table) {
        index->table = calloc(places, sizeof *index->table);
        if (!index->table)
            return ks_fail(KS_ERR_MEMORY, "index of %u keys", ring->view.slots);
        index->mask = (uint32_t)(places - 1);
    } else {
        memset(index->table, 0, places * sizeof *index->table);
    }
    index->incomplete = 0;
    index->seen = ks_ring_load(&ring->view.header->confirmations);
    for (uint32_t i = 0; i < ring->view.slots; i++) {
        uint64_t word = ks_ring_load(&ring->view.states[i]);
        ks_key_id id;
        if (ks_slot_state(word) == KS_SLOT_CONFIRMED && ks_ring_read_id(&ring->view, i, word, &id))
            insert(index, &id, i);
    }
    return KS_OK;
}

static ks_status try_slot(const ks_ring_view *view, uint32_t slot, const ks_key_id *id,
                          ks_ring_visit_fn *visit, void *context) {
    uint64_t word = ks_ring_load(&view->states[slot]);
    ks_key_id there;
    if (ks_slot_state(word) != KS_SLOT_CONFIRMED || !ks_ring_read_id(view, slot, word, &there) ||
        memcmp(there.bytes, id->bytes, sizeof there.bytes) != 0)
        return KS_ERR_EMPTY;
    return visit(context, slot, word);
}

static ks_status probe(const ks_ring *ring, const ks_key_id *id, ks_ring_visit_fn *visit, void *context) {
    const ks_ring_index *index = &ring->index;
    if (!index->table)
        return KS_ERR_EMPTY;
    uint32_t place = hash_id(id, index->mask);
    for (int i = 0; i < MAX_PROBES && index->table[place]; i++, place = (place + 1) & index->mask) {
        ks_status status = try_slot(&ring->view, index->table[place] - 1, id, visit, context);
        if (status != KS_ERR_EMPTY)
            return status;
    }
    return KS_ERR_EMPTY;
}

ks_status ks_ring_find(ks_ring *ring, const ks_key_id *id, ks_ring_visit_fn *visit, void *context) {
    ks_status status = probe(ring, id, visit, context);
    uint64_t now = ks_ring_load(&ring->view.header->confirmations);
    if (status == KS_ERR_EMPTY && (now % 2 || now != ring->index.seen)) {
        KS_TRY(build(ring));
        status = probe(ring, id, visit, context);
    }
    for (uint32_t i = 0; status == KS_ERR_EMPTY && ring->index.incomplete && i < ring->view.slots; i++)
        status = try_slot(&ring->view, i, id, visit, context);
    return status;
}
