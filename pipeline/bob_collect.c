/* SPDX-License-Identifier: Apache-2.0 */
/* Bob's input: detections become blocks, announced in chunks, with the bases after the last one. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/bits.h"
#include "pipeline/session_internal.h"
#include "pipeline/slotcode.h"

enum {
    CHUNK_SLOTS = 1 << 15, /* detections in one message */
    CHUNKS_A_BLOCK = 64,   /* and at least one message per so much of a block, so that Alice may forget */
    BITS_A_CHUNK = 1 << 19
};

static ks_status send_chunk(ks_session *s, ks_block *b, uint64_t frontier, int last) {
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u64(&w, b->frontier);
    ks_put_u64(&w, frontier);
    ks_put_u32(&w, (uint32_t)s->chunk_count);
    ks_put_u8(&w, (uint8_t)last);
    const size_t bound = ks_slotcode_bound(s->chunk_count), at = w.bytes;
    uint8_t *space = ks_put_space(&w, bound);
    size_t bytes = 0;
    if (space) {
        ks_status status = ks_slotcode_encode(space, bound, &bytes, s->chunk, s->chunk_count, b->frontier);
        if (status != KS_OK) {
            ks_writer_release(&w);
            return status;
        }
        w.bytes = at + bytes;
    }
    b->detections += s->chunk_count;
    b->frontier = frontier;
    b->complete = last;
    s->chunk_count = 0;
    return ks_message_end(s, b, KS_MSG_DETECTIONS, &w);
}

/* Bits past the end are nobody's business. */
static void put_bits(ks_writer *w, uint64_t *bits, size_t n) {
    if (n % 64)
        bits[n / 64] &= (UINT64_C(1) << n % 64) - 1;
    ks_put(w, bits, (n + 7) / 8);
}

/* Which detections of the key basis are announced: each by itself, with the configured chance, drawn now that
 * the block's detections are committed. */
static ks_status draw_sample(ks_session *s, ks_block *b) {
    const double share = s->config.link.key_sample;
    const uint32_t limit = (uint32_t)(share * 65536 + 0.5), key_basis = s->config.link.key_basis;
    uint16_t chance[1024];
    if (!(share > 0))
        return KS_OK;
    KS_TRY(ks_plane_reserve(&b->sampled, b->detections + 64));
    for (uint64_t at = 0; at < b->detections; at++) {
        if (at % 1024 == 0)
            KS_TRY(s->config.random.fill(s->config.random.context, (uint8_t *)chance, sizeof chance));
        const uint64_t is_key = (b->basis.words[at / 64] >> at % 64 & 1) == key_basis;
        b->sampled.words[at / 64] |= (is_key & (chance[at % 1024] < limit)) << at % 64;
    }
    b->sampled.bits = b->detections;
    return KS_OK;
}

/* One BASES message: n detections from `at`; `chosen` is room for their bits. */
static ks_status send_bases_part(ks_session *s, ks_block *b, uint64_t at, uint64_t n, uint64_t *chosen) {
    const uint64_t *basis = b->basis.words + at / 64, *bit = b->bit.words + at / 64;
    const uint64_t *sampled = b->sampled.bits ? b->sampled.words + at / 64 : NULL;
    const size_t tested = ks_sift_test_bits(chosen, basis, bit, n, s->config.link.key_basis);
    const size_t samples = sampled ? (size_t)ks_bits_count(sampled, n) : 0;
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u64(&w, at);
    ks_put_u32(&w, (uint32_t)n);
    ks_put_u32(&w, (uint32_t)tested);
    ks_put_u32(&w, (uint32_t)samples);
    ks_put(&w, basis, (n + 7) / 8);
    put_bits(&w, chosen, tested);
    if (sampled) {
        ks_put(&w, sampled, (n + 7) / 8);
        put_bits(&w, chosen, ks_bits_compress(chosen, bit, sampled, n));
    }
    return ks_message_end(s, b, KS_MSG_BASES, &w);
}

static ks_status send_bases(ks_session *s, ks_block *b) {
    KS_TRY(ks_plane_reserve(&b->basis, b->detections + 64));
    KS_TRY(ks_plane_reserve(&b->bit, b->detections + 64));
    KS_TRY(draw_sample(s, b));
    uint64_t *chosen = malloc(BITS_A_CHUNK / 8);
    if (!chosen)
        return ks_fail(KS_ERR_MEMORY, "no memory for bases");
    ks_status status = KS_OK;
    for (uint64_t at = 0; at < b->detections && status == KS_OK; at += BITS_A_CHUNK) {
        const uint64_t left = b->detections - at;
        status = send_bases_part(s, b, at, left < BITS_A_CHUNK ? left : BITS_A_CHUNK, chosen);
    }
    ks_wipe(chosen, BITS_A_CHUNK / 8);
    free(chosen);
    return status;
}

/* Ends the collecting block when nothing more can come for it. */
static ks_status finish_if_complete(ks_session *s) {
    ks_block *b = s->collecting;
    const uint64_t pulses = s->config.link.block_slots;
    if (!b || s->input_frontier < ((uint64_t)b->number + 1) * pulses)
        return KS_OK;
    KS_TRY(send_chunk(s, b, pulses, 1));
    s->collecting = NULL;
    ks_block_stage(s, b, KS_STAGE_SIFT);
    KS_TRY(send_bases(s, b));
    b->phase = KS_PHASE_PREPARED;
    return KS_OK;
}

static int may_open(const ks_session *s) {
    return s->state == KS_SESSION_OPEN && s->open_blocks < s->in_flight && !s->hold && !s->peer_hold;
}

static ks_status skip_block(ks_session *s, uint64_t number) {
    s->skip_below = (int64_t)number + 1;
    s->totals.blocks_skipped++;
    if (s->state != KS_SESSION_OPEN)
        return KS_OK;
    s->last_block = (int64_t)number;
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u32(&w, (uint32_t)number);
    return ks_message_end(s, NULL, KS_MSG_SKIP, &w);
}

/* Begins the block with this number: KS_OK with s->collecting set or the block skipped; KS_ERR_FULL: input
 * must wait. */
static ks_status open_block(ks_session *s, uint64_t number) {
    if ((int64_t)number < s->skip_below)
        return KS_OK;
    if (number >= (uint32_t)KS_SESSION_LEVEL)
        return ks_fail(KS_ERR_LIMIT, "slot numbers have outgrown the block counter");
    if (!may_open(s))
        return s->config.live ? skip_block(s, number) : KS_ERR_FULL;
    if (ks_life_is_over(s)) {
        s->finishing = 1; /* what is in flight is brought to its end */
        return KS_ERR_FULL;
    }
    s->collecting = ks_block_open(s, (uint32_t)number);
    if (!s->collecting)
        return KS_ERR_MEMORY;
    ks_life_charge(s, s->collecting->report.epsilon);
    if (!s->chunk && !(s->chunk = malloc(CHUNK_SLOTS * sizeof *s->chunk)))
        return ks_fail(KS_ERR_MEMORY, "no memory for slots");
    return KS_OK;
}

/* Detections of the collecting block up to the first that lies beyond it or fills the chunk; *used of them.
 */
static ks_status append(ks_session *s, const ks_detection *d, size_t n, uint64_t first, uint64_t end,
                        size_t *used) {
    ks_block *b = s->collecting;
    size_t room = CHUNK_SLOTS - s->chunk_count, count = 0;
    while (count < n && count < room && ks_detection_slot(d[count]) < end)
        count++;
    *used = count;
    if (count > s->config.link.block_detections - b->detections - s->chunk_count) {
        ks_block_end(s, b, KS_CAUSE_SIZE, 1, "more than %llu detections in the block",
                     (unsigned long long)s->config.link.block_detections);
        s->skip_below = (int64_t)b->number + 1;
        return KS_OK;
    }
    const uint64_t at = b->basis.bits;
    KS_TRY(ks_plane_reserve(&b->basis, at + count + 64));
    KS_TRY(ks_plane_reserve(&b->bit, at + count + 64));
    uint64_t last = s->input_frontier;
    for (size_t i = 0; i < count; i++) {
        const uint64_t slot = ks_detection_slot(d[i]), w = (at + i) / 64, k = (at + i) % 64;
        if (slot < last)
            return ks_fail(KS_ERR_ARGUMENT, "detections are not strictly increasing: slot %llu after %llu",
                           (unsigned long long)slot, (unsigned long long)last - 1);
        last = slot + 1;
        s->chunk[s->chunk_count + i] = slot - first;
        b->bit.words[w] |= (d[i] & 1) << k;
        b->basis.words[w] |= (d[i] >> 1 & 1) << k;
    }
    s->input_frontier = last;
    s->chunk_count += count;
    b->basis.bits = b->bit.bits = at + count;
    if (s->chunk_count == CHUNK_SLOTS)
        return send_chunk(s, b, last - first, 0);
    return KS_OK;
}

/* Nothing more comes below `target`: blocks that end at or before it are finished, those that begin before it
 * are begun. s->input_frontier moves up to it, or as far as input may go (KS_ERR_FULL). */
static ks_status advance(ks_session *s, uint64_t target) {
    const uint64_t pulses = s->config.link.block_slots;
    while (s->input_frontier < target && s->state != KS_SESSION_CLOSED) {
        const uint64_t number = s->input_frontier / pulses, end = (number + 1) * pulses;
        if (!s->collecting && s->input_frontier % pulses == 0)
            KS_TRY(open_block(s, number));
        s->input_frontier = target < end ? target : end;
        KS_TRY(finish_if_complete(s));
        ks_block *b = s->collecting;
        const uint64_t passed = s->input_frontier - number * pulses;
        if (b && passed - b->frontier >= pulses / CHUNKS_A_BLOCK)
            KS_TRY(send_chunk(s, b, passed, 0));
    }
    return KS_OK;
}

/* The detections d[0..n) that lie in the block of the first; *used of them. */
static ks_status take_block(ks_session *s, const ks_detection *d, size_t n, size_t *used) {
    const uint64_t pulses = s->config.link.block_slots, number = ks_detection_slot(d[0]) / pulses;
    const uint64_t first = number * pulses, end = first + pulses;
    *used = 0;
    KS_TRY(advance(s, first));
    if (!s->collecting && s->input_frontier == first)
        KS_TRY(open_block(s, number));
    if (s->collecting) {
        KS_TRY(append(s, d, n, first, end, used));
        return finish_if_complete(s);
    }
    while (*used < n && ks_detection_slot(d[*used]) < end)
        ++*used; /* of a block that is not taken part in */
    return KS_OK;
}

ks_status ks_bob_detections(ks_session *s, const ks_detection *d, size_t n, uint64_t frontier,
                            size_t *taken) {
    ks_status status = KS_OK;
    *taken = 0;
    if (s->finishing || s->peer_finishing) {
        *taken = n;
        return KS_OK;
    }
    while (*taken < n && status == KS_OK && s->state != KS_SESSION_CLOSED) {
        size_t used;
        status = take_block(s, d + *taken, n - *taken, &used);
        *taken += used;
    }
    if (status == KS_OK && *taken == n)
        status = advance(s, frontier);
    ks_block_reap(s);
    if (status == KS_ERR_FULL)
        return KS_OK;
    return status == KS_OK ? KS_OK : ks_session_end(s, status);
}
