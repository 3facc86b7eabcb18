/* SPDX-License-Identifier: Apache-2.0 */
/* Alice's side of a block: she learns the detected slots, announces what she prepared, sends syndromes,
 * verifies, draws the seed. Order of the proof: nothing of her states is said before Bob's bases are in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/ldpc.h"
#include "pipeline/bits.h"
#include "pipeline/naming.h"
#include "pipeline/session_internal.h"
#include "pipeline/slotcode.h"

enum { BITS_A_CHUNK = 1 << 19 };

ks_status ks_alice_forget(ks_session *s, uint64_t slot) {
    ks_node *node = ks_session_queue(s, KS_ACTION_FORGET);
    if (!node)
        return KS_ERR_MEMORY;
    node->action.slot = s->requests && s->requests->first < slot ? s->requests->first : slot;
    return KS_OK;
}

ks_status ks_alice_open(ks_session *s, uint32_t number, ks_block **out) {
    /* Bob keeps to the agreed number; blocks that ended here but not yet there come on top. */
    if (s->open_blocks >= 2 * s->in_flight)
        return ks_fail(KS_ERR_PROTOCOL, "block %u would be the %u. in flight, agreed were %u", number,
                       s->open_blocks + 1, s->in_flight);
    if (number >= KS_SLOT_MAX / s->config.link.block_slots)
        return ks_fail(KS_ERR_PROTOCOL, "block %u lies beyond all slots", number);
    const int over = ks_life_is_over(s);
    *out = ks_block_open(s, number);
    if (!*out)
        return KS_ERR_MEMORY;
    if (over) {
        ks_session_finish(s);
        ks_block_end(s, *out, KS_CAUSE_LIFE, 1, "the accumulated epsilon would pass its bound");
    } else {
        ks_life_charge(s, (*out)->report.epsilon);
    }
    return ks_alice_forget(s, (uint64_t)number * s->config.link.block_slots);
}

/* ---- collecting */

static ks_status receive_detections(ks_session *s, ks_block *b, ks_cursor *c) {
    const uint64_t pulses = s->config.link.block_slots;
    uint64_t base = ks_get_u64(c), frontier = ks_get_u64(c);
    uint32_t count = ks_get_u32(c);
    unsigned last = ks_get_u8(c);
    if (c->failed || base < b->frontier || frontier < base || frontier > pulses || last > 1 ||
        (last && frontier != pulses) || count > frontier - base)
        return ks_fail(KS_ERR_PROTOCOL, "DETECTIONS: %u slots from %llu to %llu of %llu after %llu", count,
                       (unsigned long long)base, (unsigned long long)frontier, (unsigned long long)pulses,
                       (unsigned long long)b->frontier);
    if (count > s->config.link.block_detections - b->detections)
        return ks_fail(KS_ERR_PROTOCOL, "DETECTIONS: the block has more than %llu",
                       (unsigned long long)s->config.link.block_detections);
    size_t left = c->bytes - c->at;
    const uint8_t *code = ks_get(c, left);
    if (count > 8 * left)
        return ks_fail(KS_ERR_PROTOCOL, "DETECTIONS: %u slots in %zu bytes", count, left);
    uint64_t *slots = malloc((count ? count : 1) * sizeof *slots);
    ks_request *request = calloc(1, sizeof *request);
    ks_status status = slots && request ? ks_slotcode_decode(slots, count, code, left, base, frontier)
                                        : ks_fail(KS_ERR_MEMORY, "no memory for %u slots", count);
    if (status != KS_OK) {
        free(slots);
        free(request);
        return status;
    }
    const uint64_t first = (uint64_t)b->number * pulses;
    for (uint32_t i = 0; i < count; i++)
        slots[i] += first;
    b->detections += count;
    b->frontier = frontier;
    b->complete = (int)last;
    *request = (ks_request){.id = s->next_request++,
                            .block = b,
                            .count = count,
                            .first = first + base,
                            .frontier = first + frontier};
    ks_node *node = ks_session_queue(s, KS_ACTION_STATES);
    if (!node) {
        free(slots);
        free(request);
        return KS_ERR_MEMORY;
    }
    node->slots = slots;
    node->action.count = count;
    node->action.request = request->id;
    *s->requests_tail = request;
    s->requests_tail = &request->next;
    return KS_OK;
}

static ks_status append_states(ks_block *b, const ks_state *states, uint64_t n) {
    ks_plane *planes[4] = {&b->basis, &b->bit, &b->intensity[0], &b->intensity[1]};
    for (int p = 0; p < 4; p++)
        KS_TRY(ks_plane_reserve(planes[p], b->answered + n + 64));
    uint64_t plane[4][64];
    for (uint64_t done = 0; done < n; done += 4096) {
        const uint64_t part = n - done < 4096 ? n - done : 4096;
        ks_kernels_get()->states_split(plane[0], plane[1], plane[2], plane[3], states + done, part);
        for (int p = 0; p < 4; p++)
            ks_bits_copy(planes[p]->words, b->answered + done, plane[p], 0, part);
    }
    ks_wipe(plane, sizeof plane);
    b->answered += n;
    for (int p = 0; p < 4; p++)
        planes[p]->bits = b->answered;
    return KS_OK;
}

static ks_status announce(ks_session *s, ks_block *b);

static ks_status announce_when_complete(ks_session *s, ks_block *b) {
    if (b->complete && b->answered == b->detections && b->based == b->detections &&
        b->phase <= KS_PHASE_BASES)
        return announce(s, b);
    return KS_OK;
}

ks_status ks_alice_states(ks_session *s, ks_request *request, const ks_state *states) {
    ks_block *b = request->block;
    KS_TRY(append_states(b, states, request->count));
    KS_TRY(ks_alice_forget(s, request->frontier));
    return announce_when_complete(s, b);
}

static ks_status receive_bases(ks_session *s, ks_block *b, ks_cursor *c) {
    uint64_t offset = ks_get_u64(c);
    uint32_t count = ks_get_u32(c);
    if (c->failed || !b->complete || offset != b->based || count > b->detections - offset ||
        (count % 8 && offset + count != b->detections))
        return ks_fail(KS_ERR_PROTOCOL, "BASES: %u from %llu, expected %llu of %llu", count,
                       (unsigned long long)offset, (unsigned long long)b->based,
                       (unsigned long long)b->detections);
    const int samples = s->config.link.key_sample > 0;
    uint32_t tested = ks_get_u32(c), sampled = ks_get_u32(c);
    if (tested > count || sampled > count - tested || (sampled && !samples))
        return ks_fail(KS_ERR_PROTOCOL, "BASES: %u bits and a sample of %u of %u detections", tested, sampled,
                       count);
    const uint8_t *basis = ks_get(c, (count + 7) / 8), *bit = ks_get(c, (tested + 7) / 8),
                  *chosen = samples ? ks_get(c, (count + 7) / 8) : NULL,
                  *chosen_bit = samples ? ks_get(c, (sampled + 7) / 8) : NULL;
    KS_TRY(ks_cursor_end(c, "BASES"));
    KS_TRY(ks_plane_append_bytes(&b->peer_basis, basis, count));
    KS_TRY(ks_plane_append_bytes(&b->peer_bit, bit, tested));
    if (samples) {
        KS_TRY(ks_plane_append_bytes(&b->sampled, chosen, count));
        KS_TRY(ks_plane_append_bytes(&b->sampled_bit, chosen_bit, sampled));
    }
    b->based += count;
    b->phase = KS_PHASE_BASES;
    return announce_when_complete(s, b);
}

/* ---- announcing bases, intensities and error counts */

static ks_status send_prepared(ks_session *s, ks_block *b) {
    const unsigned planes = s->config.link.source.intensities > 1 ? s->config.link.source.intensities - 1 : 0;
    for (uint64_t at = 0; at < b->detections; at += BITS_A_CHUNK) {
        const uint64_t n = b->detections - at < BITS_A_CHUNK ? b->detections - at : BITS_A_CHUNK;
        ks_writer w;
        ks_message_begin(&w);
        ks_put_u64(&w, at);
        ks_put_u32(&w, (uint32_t)n);
        ks_put(&w, (const uint8_t *)b->basis.words + at / 8, (n + 7) / 8);
        for (unsigned p = 0; p < planes; p++)
            ks_put(&w, (const uint8_t *)b->intensity[p].words + at / 8, (n + 7) / 8);
        KS_TRY(ks_message_end(s, b, KS_MSG_PREPARED, &w));
    }
    return KS_OK;
}

static ks_status send_counts(ks_session *s, ks_block *b) {
    ks_writer w;
    ks_message_begin(&w);
    for (int i = 0; i < KS_MAX_INTENSITIES; i++) {
        ks_put_u64(&w, b->counts.key[i]);
        ks_put_u64(&w, b->counts.test[i]);
        ks_put_u64(&w, b->counts.test_errors[i]);
    }
    ks_put_u64(&w, b->report.sample_bits);
    ks_put_u64(&w, b->report.sample_errors);
    return ks_message_end(s, b, KS_MSG_COUNTS, &w);
}

static ks_status send_plan(ks_session *s, ks_block *b) {
    ks_reconciliation *r = &b->reconciliation;
    const double qber = ks_session_qber(s, b);
    /* When blocks have failed or been refused, the test basis is the first to tell that the link is better
     * again. */
    if (r->code && ks_reconciliation_check_code(r, fmin(qber, b->report.test_qber)) != KS_OK) {
        ks_block_end(s, b, KS_CAUSE_CODE, 1, "%s", ks_error_detail());
        return KS_OK;
    }
    KS_TRY(ks_reconciliation_rates(r, qber, s->config.link.effort));
    ks_reconciliation_fix_classes(r);
    ks_writer w;
    ks_message_begin(&w);
    ks_put_double(&w, qber);
    ks_put_u32(&w, r->count);
    for (uint32_t i = 0; i < r->count && !r->code; i++)
        ks_put_u16(&w, r->frames[i].rate);
    b->phase = KS_PHASE_SYNDROMES;
    return ks_message_end(s, b, KS_MSG_PLAN, &w);
}

static ks_status submit_syndromes(ks_session *s, ks_block *b) {
    ks_reconciliation *r = &b->reconciliation;
    KS_TRY(ks_secret_alloc((void **)&b->mother, r->words * sizeof(uint64_t), KS_SECRET_BLOCK));
    ks_batch *batch = ks_batch_new(b, KS_OP_SYNDROME, KS_STAGE_RECONCILE, r->count);
    if (!batch)
        return ks_fail(KS_ERR_MEMORY, "no memory for a job");
    for (uint32_t i = 0; i < r->count; i++) {
        const ks_frame *f = &r->frames[i];
        ks_frame_task *task = &batch->tasks[batch->job.as.frames.count];
        *task = ks_reconciliation_task(r, f);
        task->frame = b->key.words + f->offset / 64;
        task->syndrome = b->mother + f->words_at;
        if (r->code && !f->coded_bits)
            memcpy(task->syndrome, task->frame, (f->real_bits + 63) / 64 * 8);
        else
            batch->job.as.frames.count++;
    }
    ks_batch_submit(s, batch);
    return KS_OK;
}

static ks_status announce(ks_session *s, ks_block *b) {
    ks_block_stage(s, b, KS_STAGE_SIFT);
    ks_status status = ks_block_sift(s, b);
    if (status == KS_ERR_PROTOCOL) /* of a state: not the peer's fault */
        return ks_fail_in(KS_ERR_FORMAT, "Alice's states");
    KS_TRY(status);
    KS_TRY(send_prepared(s, b));
    KS_TRY(send_counts(s, b));
    if (!ks_block_judge(s, b))
        return KS_OK;
    ks_block_stage(s, b, KS_STAGE_RECONCILE);
    KS_TRY(send_plan(s, b));
    return b->ended ? KS_OK : submit_syndromes(s, b);
}

/* ---- reconciliation */

static ks_status send_syndromes(ks_session *s, ks_block *b) {
    ks_reconciliation *r = &b->reconciliation;
    for (uint32_t first = 0, next; first < r->count; first = next) {
        size_t bytes = 0;
        for (next = first; next < r->count; next++) {
            size_t more = ks_reconciliation_syndrome_bytes(r, &r->frames[next]);
            if (bytes && bytes + more > KS_MESSAGE_CHUNK)
                break;
            bytes += more;
        }
        ks_writer w;
        ks_message_begin(&w);
        ks_put_u32(&w, first);
        ks_put_u32(&w, next - first);
        for (uint32_t i = first; i < next; i++) {
            const ks_frame *f = &r->frames[i];
            uint64_t words[(1 << KS_LDPC_LOG2N_MAX) / 64];
            if (!r->code)
                KS_TRY(ks_ldpc_merge(words, b->mother + f->words_at, f->rate, f->log2n));
            ks_put(&w, r->code ? b->mother + f->words_at : words, ks_reconciliation_syndrome_bytes(r, f));
        }
        KS_TRY(ks_message_end(s, b, KS_MSG_SYNDROME, &w));
    }
    b->phase = KS_PHASE_FLAGS;
    return KS_OK;
}

static void put_dropped(ks_writer *w, ks_block *b, ks_frame *f) {
    ks_put_u8(w, 2);
    ks_put(w, b->key.words + f->offset / 64, (f->real_bits + 7) / 8);
    f->state = KS_FRAME_DROPPED;
    b->reconciliation.dropped_bits += f->real_bits;
    b->reconciliation.pending--;
    b->report.frames_dropped++;
}

/* One failed frame: the bits that were named, further syndrome, or the frame itself when no class holds more.
 */
static ks_status put_extra(ks_writer *w, ks_block *b, ks_frame *f) {
    uint16_t to;
    if (f->positions && b->reconciliation.round < KS_MAX_ROUNDS) {
        ks_naming_answer(w, f, b->key.words + f->offset / 64);
        return KS_OK;
    }
    if (b->reconciliation.round >= KS_MAX_ROUNDS ||
        ks_reconciliation_next(&b->reconciliation, f, &to) != KS_OK) {
        put_dropped(w, b, f);
        return KS_OK;
    }
    uint64_t words[(1 << KS_LDPC_LOG2N_MAX) / 64];
    KS_TRY(ks_ldpc_extra(words, b->mother + f->words_at, f->rate, to, f->log2n));
    ks_put_u8(w, 1);
    ks_put_u16(w, to);
    ks_put(w, words, ks_ldpc_extra_bits(f->rate, to, f->log2n) / 8);
    f->rate = to;
    f->state = KS_FRAME_PENDING;
    return KS_OK;
}

static ks_status send_extras(ks_session *s, ks_block *b, uint32_t failed) {
    ks_reconciliation *r = &b->reconciliation;
    uint32_t sent = 0, i = 0;
    while (sent < failed) {
        ks_writer w;
        ks_message_begin(&w);
        ks_put_u32(&w, sent);
        const size_t count_at = w.bytes;
        ks_put_u32(&w, 0);
        uint32_t here = 0;
        for (; i < r->count && w.bytes < KS_MESSAGE_CHUNK / 2 && !w.failed; i++)
            if (r->frames[i].state == KS_FRAME_FAILED) {
                KS_TRY(put_extra(&w, b, &r->frames[i]));
                here++;
            }
        if (w.failed)
            return ks_fail(KS_ERR_MEMORY, "no memory for further syndrome");
        for (int k = 0; k < 4; k++)
            w.data[count_at + (size_t)k] = (uint8_t)(here >> (8 * k));
        sent += here;
        KS_TRY(ks_message_end(s, b, KS_MSG_EXTRA, &w));
    }
    return KS_OK;
}

static ks_status receive_flags(ks_session *s, ks_block *b, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    uint32_t round = ks_get_u32(c), pending = ks_get_u32(c);
    if (c->failed || round != r->round || pending != r->pending)
        return ks_fail(KS_ERR_PROTOCOL, "FLAGS: round %u with %u frames, expected round %u with %u", round,
                       pending, r->round, r->pending);
    const uint8_t *map = ks_get(c, (pending + 7) / 8);
    if (!map)
        return ks_cursor_end(c, "FLAGS");
    r->flag_bits += pending;
    r->round++;
    uint32_t failed = 0, k = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        ks_frame *f = &r->frames[i];
        if (f->state != KS_FRAME_PENDING)
            continue;
        int is_failed = map[k / 8] >> (k % 8) & 1;
        f->state = is_failed ? KS_FRAME_FAILED : KS_FRAME_DONE;
        failed += (uint32_t)is_failed;
        k++;
    }
    r->pending = failed;
    for (uint32_t i = 0; i < r->count && !c->failed; i++)
        if (r->frames[i].state == KS_FRAME_FAILED && ks_reconciliation_is_exhausted(r, &r->frames[i]))
            KS_TRY(ks_naming_read(r, i, c));
    KS_TRY(ks_cursor_end(c, "FLAGS"));
    return send_extras(s, b, failed);
}

/* ---- verification, length, seed */

static ks_status start_verification(ks_session *s, ks_block *b, ks_cursor *c) {
    KS_TRY(ks_cursor_end(c, "DECODED"));
    if (b->reconciliation.pending)
        return ks_fail(KS_ERR_PROTOCOL, "DECODED while %u frames are pending", b->reconciliation.pending);
    ks_block_stage(s, b, KS_STAGE_VERIFY);
    KS_TRY(s->config.random.fill(s->config.random.context, b->hash_key, sizeof b->hash_key));
    b->phase = KS_PHASE_TAGGING;
    return ks_block_hash(s, b);
}

static ks_status send_verify(ks_session *s, ks_block *b) {
    ks_writer w;
    ks_message_begin(&w);
    ks_put(&w, b->hash_key, sizeof b->hash_key);
    ks_put(&w, b->tag, sizeof b->tag);
    b->phase = KS_PHASE_VERDICT;
    return ks_message_end(s, b, KS_MSG_VERIFY, &w);
}

/* Bytes of the new key that go to the pool: what it lacks, in whole pads for both directions. */
static uint32_t refill_bytes(const ks_session *s, const ks_block *b) {
    const uint64_t level = ks_pool_planned_level(s), pair = 2 * KS_PAD_BYTES;
    if (level >= s->config.pool_target)
        return 0;
    uint64_t want = s->config.pool_target - level, have = b->length / 8 / pair;
    if (want > KS_REFILL_MAX / pair)
        want = KS_REFILL_MAX / pair;
    return (uint32_t)((want < have ? want : have) * pair);
}

static ks_status receive_verdict(ks_session *s, ks_block *b, ks_cursor *c) {
    uint64_t total = 0;
    for (int i = 0; i < KS_MAX_INTENSITIES; i++) {
        b->counts.key_errors[i] = ks_get_u64(c);
        if (b->counts.key_errors[i] > b->report.sifted_bits)
            return ks_fail(KS_ERR_PROTOCOL, "VERDICT: more errors than bits");
        total += b->counts.key_errors[i];
    }
    KS_TRY(ks_cursor_end(c, "VERDICT"));
    if (!ks_block_verified(s, b, total))
        return KS_OK;
    ks_length_result length;
    KS_TRY(ks_block_length(s, b, &length));
    b->length = length.bits / 8 * 8;
    if (b->length == 0) {
        ks_block_end(s, b, KS_CAUSE_SHORT, 1, "the key length is 0");
        return KS_OK;
    }
    b->refill = refill_bytes(s, b);
    ks_seed_wait(s, b);
    return KS_OK;
}

/* ---- tags */

ks_status ks_alice_tag(ks_session *s, ks_block *b) {
    if (!b->hashed || !b->tag_verified || b->phase == KS_PHASE_ENDED)
        return KS_OK;
    b->phase = KS_PHASE_TAG_A;
    KS_TRY(ks_life_durable(s));
    KS_TRY(ks_tag_prepare(s));
    ks_writer w;
    ks_message_begin(&w);
    KS_TRY(ks_message_end_tagged(s, b, KS_MSG_TAG_A, &w));
    KS_TRY(ks_block_deliver(s, b));
    ks_block_end(s, b, KS_CAUSE_NONE, 0, "key, to be confirmed by the next tag");
    return KS_OK;
}

ks_status ks_alice_tag_verified(ks_session *s, ks_block *b, ks_cursor *c) {
    KS_TRY(ks_get_confirmations(s, c));
    b->tag_verified = 1;
    return ks_alice_tag(s, b);
}

/* ---- dispatch */

ks_status ks_alice_batch_done(ks_session *s, ks_batch *batch) {
    ks_block *b = batch->block;
    switch (batch->job.op) {
    case KS_OP_SYNDROME:
        return send_syndromes(s, b);
    case KS_OP_HASH:
        return send_verify(s, b);
    case KS_OP_TOEPLITZ:
        b->hashed = 1;
        ks_block_stage(s, b, KS_STAGE_CONFIRM);
        return ks_alice_tag(s, b);
    case KS_OP_DECODE:
        break;
    }
    return ks_fail(KS_ERR_INTERNAL, "Alice decodes nothing");
}

ks_status ks_alice_message(ks_session *s, ks_block *b, const ks_header *h, ks_cursor *c) {
    const ks_phase phase = b->phase;
    if (h->type == KS_MSG_DETECTIONS && phase == KS_PHASE_COLLECT && !b->complete)
        return receive_detections(s, b, c);
    if (h->type == KS_MSG_BASES && phase <= KS_PHASE_BASES)
        return receive_bases(s, b, c);
    if (h->type == KS_MSG_FLAGS && phase == KS_PHASE_FLAGS)
        return receive_flags(s, b, c);
    if (h->type == KS_MSG_DECODED && phase == KS_PHASE_FLAGS)
        return start_verification(s, b, c);
    if (h->type == KS_MSG_VERDICT && phase == KS_PHASE_VERDICT)
        return receive_verdict(s, b, c);
    if (h->type == KS_MSG_TAG_B && phase == KS_PHASE_HASHING && !b->tag_verified)
        return ks_tag_arrived(s, b, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    return ks_unexpected(b, h);
}
