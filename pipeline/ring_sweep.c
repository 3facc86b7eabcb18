/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of readers that died. The writer watches claims with its own clock: one that stands unchanged for
 * KS_RING_GRACE_NS is revoked by the same compare-exchange that its owner needs to finish, so a reader that
 * was only slow loses the key and never gets a torn one. No process identifiers, no time stamps in the
 * mapping, nothing that can be forged or recycled. */
#include "pipeline/ring_handle.h"

static int is_claim(uint64_t word) {
    return ks_slot_state(word) == KS_SLOT_RESERVED || ks_slot_state(word) == KS_SLOT_WIPING;
}

static void revoke_claim(const ks_ring_view *view, const ks_ring_sighting *claim) {
    if (ks_slot_state(claim->word) == KS_SLOT_RESERVED) {
        (void)ks_ring_destroy_key(view, claim->slot, claim->word);
        return;
    }
    /* The owner was storing zeros and may go on if it is only slow: wiped again for safety, and never reused.
     */
    ks_ring_wipe_slot(view, claim->slot);
    uint64_t retired = ks_slot_word(ks_slot_sequence(claim->word), KS_SLOT_RETIRED);
    (void)ks_ring_exchange(&view->states[claim->slot], claim->word, retired);
}

static void review_sightings(ks_ring *ring, uint64_t now_ns) {
    ks_ring_writer *writer = ring->writer;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < writer->sighting_count; i++) {
        ks_ring_sighting claim = writer->sightings[i];
        if (ks_ring_load(&ring->view.states[claim.slot]) != claim.word)
            continue;
        if (now_ns > claim.since_ns && now_ns - claim.since_ns >= KS_RING_GRACE_NS)
            revoke_claim(&ring->view, &claim);
        else
            writer->sightings[kept++] = claim;
    }
    writer->sighting_count = kept;
}

static int is_watched(const ks_ring_writer *writer, uint32_t slot) {
    for (uint32_t i = 0; i < writer->sighting_count; i++)
        if (writer->sightings[i].slot == slot)
            return 1;
    return 0;
}

void ks_ring_sweep(ks_ring *ring, uint64_t now_ns) {
    ks_ring_writer *writer = ring->writer;
    if (writer->has_swept && now_ns >= writer->swept_ns && now_ns - writer->swept_ns < KS_RING_SWEEP_NS)
        return;
    writer->has_swept = 1;
    writer->swept_ns = now_ns;
    uint32_t span = ring->view.slots < KS_RING_SWEEP ? ring->view.slots : KS_RING_SWEEP;
    review_sightings(ring, now_ns);
    for (uint32_t n = 0; n < span && writer->sighting_count < KS_RING_SIGHTINGS; n++) {
        uint32_t slot = writer->swept;
        writer->swept = slot + 1 < ring->view.slots ? slot + 1 : 0;
        uint64_t word = ks_ring_load(&ring->view.states[slot]);
        if (is_claim(word) && !is_watched(writer, slot))
            writer->sightings[writer->sighting_count++] = (ks_ring_sighting){word, now_ns, slot};
    }
}
