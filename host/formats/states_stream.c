/* SPDX-License-Identifier: Apache-2.0 */
/* A QST1 stream that arrives in pieces. Bytes of packed states stand in a ring that grows up to the window; a
 * byte is wiped when both of its states are forgotten. */
#include <keystill/states.h>

#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/formats/states_object.h"
#include "pipeline/status.h"

enum { RING_LEAST = 1 << 16 };

/* Keeps a ring of the window, rounded up to a power of two, far from the limits of size_t. */
static const uint64_t WINDOW_MAX = UINT64_C(1) << 45;

ks_status ks_states_from_stream(ks_states **out, uint64_t window_slots) {
    *out = NULL;
    if (window_slots < 2 || window_slots > WINDOW_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "window: expected 2 to 2^45 slots, got %llu",
                       (unsigned long long)window_slots);
    ks_states *states = calloc(1, sizeof *states);
    if (!states)
        return ks_fail(KS_ERR_MEMORY, "states: %zu bytes", sizeof *states);
    states->is_stream = 1;
    states->window_bytes = window_slots / 2;
    *out = states;
    return KS_OK;
}

static size_t least(uint64_t a, uint64_t b) {
    return (size_t)(a < b ? a : b);
}

/* Takes header bytes; sets has_header when the last one came. */
static ks_status feed_header(ks_states *states, const uint8_t *bytes, size_t size, size_t *taken) {
    size_t want =
        states->head_bytes < KS_STATES_FIXED_BYTES ? KS_STATES_FIXED_BYTES : states->image.header_bytes;
    *taken = least(want - states->head_bytes, size);
    memcpy(states->head + states->head_bytes, bytes, *taken);
    states->head_bytes += *taken;
    if (states->head_bytes < want)
        return KS_OK;
    if (want == KS_STATES_FIXED_BYTES) {
        KS_TRY(ks_states_image_read_fixed(&states->image, states->head));
        if (states->image.kind != KS_STATES_PACKED)
            return ks_fail(KS_ERR_FORMAT,
                           "states, offset 0: expected QST1 in a stream, found a pattern or a seed");
        return KS_OK;
    }
    KS_TRY(ks_states_image_read_table(&states->image, states->head));
    const ks_states_header *header = &states->image.header;
    states->high = header->first_slot;
    states->end = header->slots ? header->first_slot + header->slots : KS_SLOT_MAX + 1;
    if (states->low < header->first_slot)
        states->low = header->first_slot;
    if (states->low > states->end)
        states->low = states->end;
    states->has_header = 1;
    return KS_OK;
}

/* First byte that must be kept. */
static uint64_t low_byte(const ks_states *states) {
    return (states->low - states->image.header.first_slot) >> 1;
}

/* Makes the ring hold `bytes`; what stands in it from `from` to bytes_in moves along. */
static ks_status grow(ks_states *states, uint64_t from, uint64_t bytes) {
    uint64_t old = states->ring ? states->mask + 1 : 0, capacity = old ? old : RING_LEAST;
    if (bytes <= old)
        return KS_OK;
    while (capacity < bytes)
        capacity *= 2;
    uint8_t *ring = NULL;
    KS_TRY(ks_secret_alloc((void **)&ring, (size_t)capacity, KS_SECRET_BLOCK));
    for (uint64_t at = from; at < states->bytes_in; at++)
        ring[at & (capacity - 1)] = states->ring[at & states->mask];
    ks_secret_free(states->ring);
    states->ring = ring;
    states->packed = ring;
    states->mask = capacity - 1;
    return KS_OK;
}

static void store(ks_states *states, const uint8_t *bytes, size_t size) {
    size_t at = (size_t)(states->bytes_in & states->mask);
    size_t first = least(states->mask + 1 - at, size);
    memcpy(states->ring + at, bytes, first);
    memcpy(states->ring, bytes + first, size - first);
}

static void advance(ks_states *states, uint64_t bytes) {
    states->bytes_in += bytes;
    uint64_t high = states->image.header.first_slot + 2 * states->bytes_in;
    states->high = high < states->end ? high : states->end;
}

static ks_status feed_states(ks_states *states, const uint8_t *bytes, size_t size, size_t *taken) {
    const ks_states_header *header = &states->image.header;
    uint64_t all = states->end - header->first_slot;
    uint64_t left = all / 2 + all % 2 - states->bytes_in, low = low_byte(states);
    *taken = 0;
    if (left == 0)
        return ks_fail(KS_ERR_FORMAT, "states, offset %llu: expected the end after %llu states, found more",
                       (unsigned long long)(states->image.header_bytes + states->bytes_in),
                       (unsigned long long)all);
    if (states->bytes_in < low) { /* forgotten before it came */
        *taken = least(least(low - states->bytes_in, left), size);
        advance(states, *taken);
        return KS_OK;
    }
    uint64_t kept = states->bytes_in - low;
    *taken = least(least(states->window_bytes - kept, left), size);
    ks_status status = grow(states, low, kept + *taken);
    if (status != KS_OK) {
        *taken = 0;
        return status;
    }
    store(states, bytes, *taken);
    advance(states, *taken);
    return KS_OK;
}

ks_status ks_states_feed(ks_states *states, const uint8_t *bytes, size_t size, size_t *consumed) {
    *consumed = 0;
    if (!states->is_stream || states->ended)
        return ks_fail(KS_ERR_STATE, "states: only a stream that has not ended can be fed");
    while (*consumed < size) {
        size_t taken = 0;
        ks_status status = states->has_header
                               ? feed_states(states, bytes + *consumed, size - *consumed, &taken)
                               : feed_header(states, bytes + *consumed, size - *consumed, &taken);
        if (status != KS_OK) {
            states->ended = status == KS_ERR_FORMAT;
            return status;
        }
        if (taken == 0)
            break;
        *consumed += taken;
    }
    return KS_OK;
}

ks_status ks_states_end(ks_states *states) {
    if (!states->is_stream)
        return ks_fail(KS_ERR_STATE, "states: only a stream can end");
    states->ended = 1;
    if (!states->has_header)
        return ks_fail(KS_ERR_FORMAT, "states: ended inside the header, after %zu bytes", states->head_bytes);
    uint64_t promised = states->image.header.slots ? states->end : states->high, came = states->high;
    states->end = came;
    if (came == promised)
        return KS_OK;
    return ks_fail(KS_ERR_FORMAT,
                   "states, offset %llu: expected states up to slot %llu, the stream ended at slot %llu",
                   (unsigned long long)(states->image.header_bytes + states->bytes_in),
                   (unsigned long long)(promised - 1), (unsigned long long)came);
}

/* Zeroes bytes [from, to) of the ring, which it holds. */
static void wipe_bytes(ks_states *states, uint64_t from, uint64_t to) {
    size_t at = (size_t)(from & states->mask), size = (size_t)(to - from);
    size_t first = least(states->mask + 1 - at, size);
    ks_wipe(states->ring + at, first);
    ks_wipe(states->ring, size - first);
}

void ks_states_forget(ks_states *states, uint64_t below_slot) {
    if (!states->is_stream || below_slot <= states->low)
        return;
    if (!states->has_header) {
        states->low = below_slot;
        return;
    }
    uint64_t from = low_byte(states);
    states->low = below_slot < states->end ? below_slot : states->end;
    uint64_t to = low_byte(states) < states->bytes_in ? low_byte(states) : states->bytes_in;
    if (from < to)
        wipe_bytes(states, from, to);
}
