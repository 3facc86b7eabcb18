/* SPDX-License-Identifier: Apache-2.0 */
/* Bob's side of a block once its detections are announced: he corrects his key, verifies, recomputes the
 * length. */
#include <stdlib.h>
#include <string.h>

#include "kernels/rows_sparse.h"
#include "ldpc/ldpc.h"
#include "pipeline/key_pool.h"
#include "pipeline/naming.h"
#include "pipeline/session_internal.h"

/* ---- bases, intensities, counts */

static ks_status receive_prepared(ks_session *s, ks_block *b, const ks_header *h, ks_cursor *c) {
    const unsigned planes = s->config.link.source.intensities > 1 ? s->config.link.source.intensities - 1 : 0;
    uint64_t offset = ks_get_u64(c);
    uint32_t count = ks_get_u32(c);
    if (h->acknowledged != b->sent)
        return ks_fail(KS_ERR_PROTOCOL, "PREPARED was sent before all bases were received");
    if (c->failed || offset != b->based || count > b->detections - offset ||
        (count % 8 && offset + count != b->detections))
        return ks_fail(KS_ERR_PROTOCOL, "PREPARED: %u from %llu, expected %llu of %llu", count,
                       (unsigned long long)offset, (unsigned long long)b->based,
                       (unsigned long long)b->detections);
    const uint8_t *basis = ks_get(c, (count + 7) / 8);
    if (basis)
        KS_TRY(ks_plane_append_bytes(&b->peer_basis, basis, count));
    for (unsigned p = 0; p < 2; p++) {
        const uint8_t *plane = p < planes ? ks_get(c, (count + 7) / 8) : NULL;
        if (plane)
            KS_TRY(ks_plane_append_bytes(&b->intensity[p], plane, count));
    }
    KS_TRY(ks_cursor_end(c, "PREPARED"));
    b->based += count;
    return KS_OK;
}

static ks_status receive_counts(ks_session *s, ks_block *b, ks_cursor *c) {
    ks_counts theirs = {0};
    for (int i = 0; i < KS_MAX_INTENSITIES; i++) {
        theirs.key[i] = ks_get_u64(c);
        theirs.test[i] = ks_get_u64(c);
        theirs.test_errors[i] = ks_get_u64(c);
    }
    const uint64_t sampled = ks_get_u64(c), sample_errors = ks_get_u64(c);
    KS_TRY(ks_cursor_end(c, "COUNTS"));
    KS_TRY(ks_block_sift(s, b));
    if (sampled != b->report.sample_bits || sample_errors > sampled)
        return ks_fail(KS_ERR_PROTOCOL, "COUNTS: %llu errors in a sample of %llu, announced were %llu",
                       (unsigned long long)sample_errors, (unsigned long long)sampled,
                       (unsigned long long)b->report.sample_bits);
    b->report.sample_errors = sample_errors;
    for (int i = 0; i < KS_MAX_INTENSITIES; i++)
        if (theirs.key[i] != b->counts.key[i] || theirs.test[i] != b->counts.test[i] ||
            theirs.test_errors[i] > theirs.test[i])
            return ks_fail(KS_ERR_PROTOCOL, "COUNTS of intensity %d differ from what was announced", i + 1);
    memcpy(b->counts.test_errors, theirs.test_errors, sizeof theirs.test_errors);
    b->phase = KS_PHASE_PLAN;
    (void)ks_block_judge(s, b); /* Alice ends a block that is not worth it; Bob waits for her word */
    return KS_OK;
}

/* ---- reconciliation */

static ks_status receive_plan(ks_session *s, ks_block *b, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    b->expected_qber = ks_get_double(c);
    uint32_t count = ks_get_u32(c);
    if (c->failed || count != r->count || !(b->expected_qber > 0 && b->expected_qber < 0.5))
        return ks_fail(KS_ERR_PROTOCOL, "PLAN: %u frames at error rate %g, expected %u frames", count,
                       b->expected_qber, r->count);
    for (uint32_t i = 0; i < count && !r->code; i++) {
        r->frames[i].rate = ks_get_u16(c);
        if (!c->failed && !ks_ldpc_supports(r->frames[i].rate, r->frames[i].log2n))
            return ks_fail(KS_ERR_PROTOCOL, "PLAN: frame %u has rate %u, which is not served", i,
                           r->frames[i].rate);
    }
    KS_TRY(ks_cursor_end(c, "PLAN"));
    ks_reconciliation_fix_classes(r);
    ks_block_stage(s, b, KS_STAGE_RECONCILE);
    KS_TRY(ks_secret_alloc((void **)&b->syndrome, r->words * sizeof(uint64_t), KS_SECRET_BLOCK));
    KS_TRY(ks_plane_reserve(&b->received_key, b->key.bits + 64));
    memcpy(b->received_key.words, b->key.words, (b->key.bits + 63) / 64 * 8);
    b->phase = KS_PHASE_SYNDROMES;
    return KS_OK;
}

/* The frame's memory goes with the task and comes back with it. */
static void add_task(ks_session *s, ks_block *b, ks_batch *batch, uint32_t index) {
    ks_frame *f = &b->reconciliation.frames[index];
    const size_t i = batch->job.as.frames.count++;
    batch->frames[i] = index;
    ks_frame_task *task = &batch->tasks[i];
    *task = ks_reconciliation_task(&b->reconciliation, f);
    task->frame = b->key.words + f->offset / 64;
    task->syndrome = b->syndrome + f->words_at;
    task->qber = b->expected_qber;
    task->exact =
        s->config.link.effort != KS_EFFORT_FAST || ks_reconciliation_is_exhausted(&b->reconciliation, f);
    task->memory = f->memory;
    task->allowance = &s->kept_left;
    f->memory = NULL;
}

/* The syndrome of one frame into its place; a frame that is its own syndrome is done. */
static ks_status take_syndrome(ks_block *b, uint32_t index, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    ks_frame *f = &r->frames[index];
    const uint64_t bits = ks_reconciliation_syndrome_bits(r, f);
    const size_t bytes = ks_reconciliation_syndrome_bytes(r, f);
    const uint8_t *data = ks_get(c, bytes);
    if (!data)
        return KS_OK; /* the cursor remembers */
    if (bits % 8 && data[bytes - 1] >> bits % 8)
        return ks_fail(KS_ERR_PROTOCOL, "SYNDROME: frame %u has bits behind its %llu", index,
                       (unsigned long long)bits);
    memcpy(b->syndrome + f->words_at, data, bytes);
    if (r->code && !f->coded_bits) {
        memcpy(b->key.words + f->offset / 64, data, bytes);
        f->state = KS_FRAME_DONE;
    }
    return KS_OK;
}

static ks_status end_round(ks_session *s, ks_block *b);

/* Gives frames of the first round to a decoder: those of an imported code when a group of them is there. */
static ks_status try_arrived(ks_session *s, ks_block *b) {
    const ks_reconciliation *r = &b->reconciliation;
    const uint32_t group = r->code && b->arrived < r->count ? KS_SPARSE_FRAMES : 1;
    const uint32_t count = (b->arrived - b->tried) / group * group;
    if (count == 0)
        return KS_OK;
    ks_batch *batch = ks_batch_new(b, KS_OP_DECODE, KS_STAGE_RECONCILE, count);
    if (!batch)
        return ks_fail(KS_ERR_MEMORY, "no memory for a job");
    for (uint32_t i = b->tried; i < b->tried + count; i++)
        if (r->frames[i].state == KS_FRAME_PENDING)
            add_task(s, b, batch, i);
    b->tried += count;
    if (batch->job.as.frames.count) {
        ks_batch_submit(s, batch);
        return KS_OK;
    }
    ks_batch_free(batch);
    return end_round(s, b);
}

static ks_status receive_syndrome(ks_session *s, ks_block *b, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    uint32_t first = ks_get_u32(c), count = ks_get_u32(c);
    if (c->failed || first != b->arrived || count == 0 || count > r->count - first)
        return ks_fail(KS_ERR_PROTOCOL, "SYNDROME: %u frames from %u, expected %u of %u", count, first,
                       b->arrived, r->count);
    for (uint32_t i = first; i < first + count && !c->failed; i++)
        KS_TRY(take_syndrome(b, i, c));
    KS_TRY(ks_cursor_end(c, "SYNDROME"));
    b->arrived += count;
    return try_arrived(s, b);
}

/* One entry of EXTRA for the next failed frame. */
static ks_status take_extra(ks_session *s, ks_block *b, ks_batch *batch, uint32_t index, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    ks_frame *f = &r->frames[index];
    unsigned kind = ks_get_u8(c);
    if (kind == 3 && f->named) {
        KS_TRY(ks_naming_take(f, b->key.words + f->offset / 64, c));
        add_task(s, b, batch, index);
        return KS_OK;
    }
    f->named = 0;
    if (kind == 2) {
        const size_t bytes = (f->real_bits + 7) / 8;
        const uint8_t *data = ks_get(c, bytes);
        if (data)
            memcpy(b->key.words + f->offset / 64, data, bytes);
        f->state = KS_FRAME_DROPPED;
        ks_ldpc_forget(f->memory);
        f->memory = NULL;
        r->dropped_bits += f->real_bits;
        r->pending--;
        b->report.frames_dropped++;
        return KS_OK;
    }
    uint16_t to = ks_get_u16(c);
    const size_t bytes = kind == 1 && !c->failed ? ks_ldpc_extra_bits(f->rate, to, f->log2n) / 8 : 0;
    if (!bytes)
        return ks_fail(KS_ERR_PROTOCOL, "EXTRA: frame %u cannot go from rate %u to %u", index, f->rate, to);
    uint64_t words[(1 << KS_LDPC_LOG2N_MAX) / 64];
    const uint8_t *data = ks_get(c, bytes);
    if (!data)
        return KS_OK; /* the cursor remembers */
    memcpy(words, data, bytes);
    KS_TRY(ks_ldpc_extend(b->syndrome + f->words_at, words, f->rate, to, f->log2n));
    f->rate = to;
    f->state = KS_FRAME_PENDING;
    add_task(s, b, batch, index);
    return KS_OK;
}

static ks_status receive_extra(ks_session *s, ks_block *b, ks_cursor *c) {
    ks_reconciliation *r = &b->reconciliation;
    uint32_t first = ks_get_u32(c), count = ks_get_u32(c);
    if (c->failed || first != b->arrived || count == 0 || count > b->failed - first)
        return ks_fail(KS_ERR_PROTOCOL, "EXTRA: %u frames from %u, expected %u of %u", count, first,
                       b->arrived, b->failed);
    ks_batch *batch = ks_batch_new(b, KS_OP_DECODE, KS_STAGE_RECONCILE, count);
    ks_status status = batch ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a job");
    uint32_t done = 0;
    /* Frames that this round's earlier messages served may have failed again: they are not meant. */
    for (uint32_t i = b->extra_at; i < r->count && done < count && status == KS_OK; i++)
        if (r->frames[i].state == KS_FRAME_FAILED) {
            status = take_extra(s, b, batch, i, c);
            b->extra_at = i + 1;
            done++;
        }
    if (status == KS_OK && done != count)
        status = ks_fail(KS_ERR_PROTOCOL, "EXTRA: %u frames, %u are left", count, done);
    if (status == KS_OK)
        status = ks_cursor_end(c, "EXTRA");
    if (status != KS_OK) {
        if (batch)
            ks_batch_free(batch);
        return status;
    }
    if (ks_reconciliation_disclosed(r) > ks_reconciliation_largest(r)) {
        ks_batch_free(batch);
        ks_block_end(s, b, KS_CAUSE_LEAKAGE, 1, "%llu bits were disclosed, the largest class holds %llu",
                     (unsigned long long)ks_reconciliation_disclosed(r),
                     (unsigned long long)ks_reconciliation_largest(r));
        return KS_OK;
    }
    b->arrived += count;
    if (batch->job.as.frames.count) {
        ks_batch_submit(s, batch);
        return KS_OK;
    }
    ks_batch_free(batch);
    return end_round(s, b);
}

static ks_status send_decoded(ks_session *s, ks_block *b) {
    ks_block_stage(s, b, KS_STAGE_VERIFY);
    b->phase = KS_PHASE_VERIFY;
    ks_writer w;
    ks_message_begin(&w);
    return ks_message_end(s, b, KS_MSG_DECODED, &w);
}

/* When every frame of the round has been tried: report, or finish. */
static ks_status end_round(ks_session *s, ks_block *b) {
    ks_reconciliation *r = &b->reconciliation;
    const uint32_t expected = r->round == 0 ? r->count : b->failed;
    if (b->arrived < expected || b->jobs)
        return KS_OK;
    if (r->pending == 0)
        return send_decoded(s, b);
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u32(&w, r->round);
    ks_put_u32(&w, r->pending);
    uint8_t *map = ks_put_space(&w, (r->pending + 7) / 8);
    if (!map)
        return ks_fail(KS_ERR_MEMORY, "no memory for flags");
    memset(map, 0, (r->pending + 7) / 8);
    uint32_t failed = 0, k = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->frames[i].state == KS_FRAME_DROPPED || r->frames[i].reported)
            continue;
        if (r->frames[i].state == KS_FRAME_FAILED) {
            map[k / 8] |= (uint8_t)(1u << (k % 8));
            failed++;
        } else {
            r->frames[i].reported = 1;
        }
        k++;
    }
    r->flag_bits += r->pending;
    r->round++;
    r->pending = failed;
    b->failed = failed;
    b->arrived = b->extra_at = 0;
    b->phase = KS_PHASE_EXTRA;
    ks_status status = KS_OK;
    for (uint32_t i = 0; i < r->count && status == KS_OK; i++)
        if (r->frames[i].state == KS_FRAME_FAILED && ks_reconciliation_is_exhausted(r, &r->frames[i]))
            status = ks_naming_put(&w, r, &r->frames[i]);
    if (status != KS_OK) {
        ks_writer_release(&w);
        return status;
    }
    KS_TRY(ks_message_end(s, b, KS_MSG_FLAGS, &w));
    return failed ? KS_OK : send_decoded(s, b);
}

/* What fills up the last frame: zeros at Alice, so a decoder that finds anything else has found another word.
 */
static void clear_padding(ks_block *b) {
    const uint64_t bits = b->key.bits, end = b->reconciliation.padded_bits / 64;
    if (bits % 64)
        b->key.words[bits / 64] &= (UINT64_C(1) << bits % 64) - 1;
    for (uint64_t w = (bits + 63) / 64; w < end; w++)
        b->key.words[w] = 0;
}

static ks_status frames_decoded(ks_session *s, ks_batch *batch) {
    ks_block *b = batch->block;
    if (batch->frames[batch->job.as.frames.count - 1] == b->reconciliation.count - 1)
        clear_padding(b);
    for (size_t i = 0; i < batch->job.as.frames.count; i++) {
        ks_frame *f = &b->reconciliation.frames[batch->frames[i]];
        ks_frame_task *task = &batch->tasks[i];
        f->state = task->converged ? KS_FRAME_DONE : KS_FRAME_FAILED;
        f->memory = task->memory;
        task->memory = NULL;
        b->report.iterations += task->iterations;
    }
    return end_round(s, b);
}

/* ---- verification */

static ks_status receive_verify(ks_session *s, ks_block *b, ks_cursor *c) {
    const uint8_t *key = ks_get(c, sizeof b->hash_key), *tag = ks_get(c, sizeof b->peer_tag);
    KS_TRY(ks_cursor_end(c, "VERIFY"));
    memcpy(b->hash_key, key, sizeof b->hash_key);
    memcpy(b->peer_tag, tag, sizeof b->peer_tag);
    b->phase = KS_PHASE_VERDICT;
    return ks_block_hash(s, b);
}

static ks_status count_errors(ks_session *s, ks_block *b, uint64_t *total) {
    const ks_sift_input in = ks_block_sift_input(s, b);
    uint64_t errors[KS_SIFT_INTENSITIES];
    KS_TRY(ks_sift_key_errors(errors, &in, b->received_key.words, b->key.words, b->report.sifted_bits));
    *total = errors[0] + errors[1] + errors[2];
    if (s->config.link.source.intensities == 2)
        memcpy(b->counts.key_errors, errors, sizeof b->counts.key_errors);
    else
        b->counts.key_errors[0] = *total;
    ks_plane_release(&b->received_key);
    return KS_OK;
}

static ks_status verify(ks_session *s, ks_block *b) {
    if (!ks_equal(b->tag, b->peer_tag, sizeof b->tag)) {
        ks_block_end(s, b, KS_CAUSE_VERIFICATION, 1, "verification failed: residual errors after correction");
        return KS_OK;
    }
    uint64_t errors;
    KS_TRY(count_errors(s, b, &errors));
    ks_writer w;
    ks_message_begin(&w);
    for (int i = 0; i < KS_MAX_INTENSITIES; i++)
        ks_put_u64(&w, b->counts.key_errors[i]);
    KS_TRY(ks_message_end(s, b, KS_MSG_VERDICT, &w));
    (void)ks_block_verified(s, b, errors);
    ks_block_stage(s, b, KS_STAGE_AMPLIFY);
    b->phase = KS_PHASE_AMPLIFY;
    return KS_OK;
}

/* ---- tags */

ks_status ks_bob_tag(ks_session *s, ks_block *b) {
    if (b->phase != KS_PHASE_TAG_B)
        return KS_OK;
    KS_TRY(ks_life_durable(s));
    KS_TRY(ks_tag_prepare(s));
    ks_writer w;
    ks_message_begin(&w);
    ks_status status = ks_put_confirmations(s, &w);
    if (status != KS_OK) {
        ks_writer_release(&w);
        return status;
    }
    KS_TRY(ks_message_end_tagged(s, b, KS_MSG_TAG_B, &w));
    b->announcements = s->announcements;
    b->phase = KS_PHASE_TAG_A;
    return KS_OK;
}

ks_status ks_bob_tag_verified(ks_session *s, ks_block *b, ks_cursor *c) {
    KS_TRY(ks_cursor_end(c, "TAG_A"));
    ks_confirmations_heard(s, b->announcements);
    KS_TRY(ks_block_deliver(s, b));
    KS_TRY(ks_refill_latest(s)); /* before any key may leave */
    ks_pool_accept(s->config.pool, s->epoch, b->number);
    ks_request_store(s);
    const uint32_t number = b->number;
    s->totals.keys_confirmed += b->report.keys;
    ks_block_end(s, b, KS_CAUSE_NONE, 0, "key");
    ks_node *node =
        ks_session_queue(s, KS_ACTION_CONFIRM); /* behind the report: it must be on record first */
    if (!node)
        return KS_ERR_MEMORY;
    node->action.epoch = s->epoch;
    node->action.block = number;
    return KS_OK;
}

static int all_done(const ks_session *s) {
    return (s->finishing || s->peer_finishing) && !s->open_blocks;
}

ks_status ks_bob_confirm(ks_session *s) {
    if (s->state != KS_SESSION_OPEN)
        return KS_OK;
    if ((s->finishing || s->peer_finishing) && s->collecting) {
        ks_block *b = s->collecting;
        ks_block_end(s, b, KS_CAUSE_INPUT, 1, "input ended inside the block");
    }
    if (ks_confirmations_due(s) && (all_done(s) || s->now - s->last_tag_at >= s->config.confirm_after_ns)) {
        KS_TRY(ks_tag_prepare(s));
        ks_writer w;
        ks_message_begin(&w);
        ks_status status = ks_put_confirmations(s, &w);
        if (status != KS_OK) {
            ks_writer_release(&w);
            return status;
        }
        KS_TRY(ks_message_end_tagged(s, NULL, KS_MSG_CONFIRM, &w));
    }
    if (all_done(s) && !ks_confirmations_due(s)) {
        ks_writer w;
        ks_message_begin(&w);
        KS_TRY(ks_message_end(s, NULL, KS_MSG_CLOSE, &w));
        (void)ks_session_end(s, KS_OK);
    }
    return KS_OK;
}

/* ---- dispatch */

ks_status ks_bob_batch_done(ks_session *s, ks_batch *batch) {
    ks_block *b = batch->block;
    switch (batch->job.op) {
    case KS_OP_DECODE:
        return frames_decoded(s, batch);
    case KS_OP_HASH:
        return verify(s, b);
    case KS_OP_TOEPLITZ:
        b->hashed = 1;
        b->phase = KS_PHASE_TAG_B;
        ks_block_stage(s, b, KS_STAGE_CONFIRM);
        return ks_bob_tag(s, b);
    case KS_OP_SYNDROME:
        break;
    }
    return ks_fail(KS_ERR_INTERNAL, "Bob computes no syndromes");
}

ks_status ks_bob_message(ks_session *s, ks_block *b, const ks_header *h, ks_cursor *c) {
    const ks_phase phase = b->phase;
    if (h->type == KS_MSG_PREPARED && phase == KS_PHASE_PREPARED)
        return receive_prepared(s, b, h, c);
    if (h->type == KS_MSG_COUNTS && phase == KS_PHASE_PREPARED && b->based == b->detections)
        return receive_counts(s, b, c);
    if (h->type == KS_MSG_PLAN && phase == KS_PHASE_PLAN)
        return receive_plan(s, b, c);
    if (h->type == KS_MSG_SYNDROME && phase == KS_PHASE_SYNDROMES)
        return receive_syndrome(s, b, c);
    if (h->type == KS_MSG_EXTRA && phase == KS_PHASE_EXTRA)
        return receive_extra(s, b, c);
    if (h->type == KS_MSG_VERIFY && phase == KS_PHASE_VERIFY)
        return receive_verify(s, b, c);
    if (h->type == KS_MSG_AMPLIFY && phase == KS_PHASE_AMPLIFY)
        return ks_seed_amplify(s, b, c);
    if (h->type == KS_MSG_SEED && phase == KS_PHASE_AMPLIFY)
        return ks_seed_receive(s, b, c);
    if (h->type == KS_MSG_TAG_A && phase == KS_PHASE_TAG_A)
        return ks_tag_arrived(s, b, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    return ks_unexpected(b, h);
}
