/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds of privacy amplification. Alice draws one when keys are fixed and verified: for one block, or for as
 * many as the ends agreed (seed_batch), each of which uses its first n - 1 bits. docs/security.md, section 4,
 * says why that costs no more than the sum of the blocks' epsilons. The first block of a batch bears the
 * seed; the others name it, and take it into their transcripts, so that their own tags vouch for it. */
#include <string.h>

#include "pipeline/session_internal.h"

static uint64_t seed_bits(const ks_block *b) {
    return b->report.sifted_bits - 1;
}

/* Blocks that one seed serves at most: no more than can be open at once. */
static uint32_t batch_size(const ks_session *s) {
    return s->config.link.seed_batch < s->in_flight ? s->config.link.seed_batch : s->in_flight;
}

/* The wait for other blocks is time of no stage. */
static void end_wait(ks_session *s, ks_block *b) {
    if (batch_size(s) > 1)
        b->stage_started = s->now;
}

/* Starts the hash of a block whose seed is there; `borrowed`: its own messages did not hold it. */
static ks_status start(ks_session *s, ks_block *b, int borrowed) {
    const uint64_t bits = seed_bits(b);
    if (bits % 64)
        b->seed.words[bits / 64] &= (UINT64_C(1) << bits % 64) - 1;
    b->seed.bits = bits;
    if (borrowed)
        ks_transcript_add(&b->transcript, KS_ALICE_TO_BOB, (const uint8_t *)b->seed.words, (bits + 7) / 8);
    b->phase = KS_PHASE_HASHING;
    return ks_block_amplify(s, b);
}

static ks_status copy_seed(ks_plane *to, const ks_plane *from, uint64_t bits) {
    KS_TRY(ks_plane_reserve(to, bits + 64));
    memcpy(to->words, from->words, (bits + 63) / 64 * 8);
    to->bits = bits;
    return KS_OK;
}

/* ---- Alice */

void ks_seed_wait(ks_session *s, ks_block *b) {
    b->verdict = ++s->verdicts;
    b->phase = KS_PHASE_SEED;
    ks_block_stage(s, b, KS_STAGE_AMPLIFY);
}

static ks_status send_amplify(ks_session *s, ks_block *b, uint64_t bytes, uint32_t bearer) {
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u64(&w, b->length);
    ks_put_u32(&w, b->refill);
    ks_put_u64(&w, bytes);
    ks_put_u32(&w, bearer);
    return ks_message_end(s, b, KS_MSG_AMPLIFY, &w);
}

static ks_status send_seed(ks_session *s, ks_block *b, const ks_plane *seed) {
    const uint64_t bytes = (seed->bits + 7) / 8;
    b->report.seed_bytes = bytes;
    for (uint64_t at = 0; at < bytes; at += KS_MESSAGE_CHUNK) {
        ks_writer w;
        ks_message_begin(&w);
        ks_put_u64(&w, at);
        ks_put(&w, (const uint8_t *)seed->words + at,
               bytes - at < KS_MESSAGE_CHUNK ? bytes - at : KS_MESSAGE_CHUNK);
        KS_TRY(ks_message_end(s, b, KS_MSG_SEED, &w));
    }
    return KS_OK;
}

static ks_status draw(ks_session *s, ks_plane *seed, uint64_t bits) {
    KS_TRY(ks_plane_reserve(seed, bits + 64));
    KS_TRY(s->config.random.fill(s->config.random.context, (uint8_t *)seed->words, (bits + 7) / 8));
    if (bits % 64)
        seed->words[bits / 64] &= (UINT64_C(1) << bits % 64) - 1;
    seed->bits = bits;
    return KS_OK;
}

/* The waiting block whose verdict came first after that of number `after`. */
static ks_block *next_waiting(const ks_session *s, uint64_t after) {
    ks_block *found = NULL;
    for (ks_block *b = s->blocks; b; b = b->next)
        if (b->phase == KS_PHASE_SEED && b->verdict > after && (!found || b->verdict < found->verdict))
            found = b;
    return found;
}

/* In the order of the verdicts, in which the refills of the pool were planned. */
static ks_status deal(ks_session *s, ks_plane *seed, uint32_t count) {
    ks_block *b = next_waiting(s, 0);
    const uint32_t bearer = b->number;
    for (uint32_t left = count; left > 0; left--, b = next_waiting(s, b->verdict)) {
        const int bears = left == count;
        end_wait(s, b);
        KS_TRY(send_amplify(s, b, bears ? (seed->bits + 7) / 8 : 0, bearer));
        if (bears)
            KS_TRY(send_seed(s, b, seed));
        if (left > 1) {
            KS_TRY(copy_seed(&b->seed, seed, seed_bits(b)));
        } else {
            b->seed = *seed;
            *seed = (ks_plane){0};
        }
        KS_TRY(start(s, b, !bears));
    }
    return KS_OK;
}

ks_status ks_seed_deal(ks_session *s) {
    const uint32_t most = batch_size(s);
    uint32_t waiting = 0, others = 0;
    uint64_t longest = 0;
    for (const ks_block *b = s->blocks; b; b = b->next) {
        if (b->phase < KS_PHASE_SEED)
            others++;
        if (b->phase == KS_PHASE_SEED) {
            waiting++;
            longest = seed_bits(b) > longest ? seed_bits(b) : longest;
        }
    }
    if (!waiting || (waiting < most && others))
        return KS_OK;
    ks_plane seed = {0};
    ks_status status = draw(s, &seed, longest);
    if (status == KS_OK)
        status = deal(s, &seed, waiting < most ? waiting : most);
    ks_plane_release(&seed);
    return status;
}

/* ---- Bob */

void ks_seed_forget(ks_session *s) {
    ks_plane_release(&s->seed);
    s->seed_uses = 0;
    s->seed_whole = 0;
}

/* A seed begins: it may serve the blocks that are verified now, and no other. */
static void open_seed(ks_session *s, uint32_t bearer) {
    ks_plane_release(&s->seed);
    s->seed_bearer = bearer;
    s->seed_whole = 0;
    s->seed_uses = 1;
    s->seed_refused = KS_CAUSE_NONE;
    for (ks_block *b = s->blocks; b; b = b->next)
        b->seed_allowed = b->phase == KS_PHASE_AMPLIFY && !b->length;
}

static ks_status check_borrowed(const ks_session *s, const ks_block *b, uint32_t bearer) {
    const int known = bearer == s->seed_bearer && s->seed_uses;
    if (known && !b->seed_allowed)
        return ks_fail(KS_ERR_PROTOCOL,
                       "AMPLIFY: the seed of block %u was begun before block %u was verified", bearer,
                       b->number);
    if (known && s->seed_uses >= batch_size(s))
        return ks_fail(KS_ERR_PROTOCOL, "AMPLIFY: the seed of block %u has served %u blocks", bearer,
                       s->seed_uses);
    if (!known || (!s->seed_refused && (!s->seed_whole || s->seed.bits < seed_bits(b))))
        return ks_fail(KS_ERR_PROTOCOL,
                       "AMPLIFY: block %u is to use the seed of block %u, which is not there", b->number,
                       bearer);
    return KS_OK;
}

/* Ends a block whose key cannot be as Alice asks, and says why; 0: it can. */
static ks_cause refuse(ks_session *s, ks_block *b, uint64_t length, uint32_t refill,
                       const ks_length_result *own) {
    const uint64_t pair = 2 * KS_PAD_BYTES, level = ks_pool_planned_level(s) + refill / pair;
    if (length > own->limit || b->report.qber > s->config.link.qber_limit) {
        ks_block_end(s, b, KS_CAUSE_LENGTH, 1,
                     "Alice asks for a key of %llu bits, this end computes at most %llu",
                     (unsigned long long)length, (unsigned long long)own->limit);
        return KS_CAUSE_LENGTH;
    }
    if (level < s->config.pool_floor && length / 8 - refill >= pair) {
        ks_block_end(s, b, KS_CAUSE_FLOOR, 1,
                     "a key was to leave while the authentication pool would hold %llu pads of at least %llu",
                     (unsigned long long)level, (unsigned long long)s->config.pool_floor);
        return KS_CAUSE_FLOOR;
    }
    return KS_CAUSE_NONE;
}

ks_status ks_seed_amplify(ks_session *s, ks_block *b, ks_cursor *c) {
    const uint64_t length = ks_get_u64(c);
    const uint32_t refill = ks_get_u32(c);
    const uint64_t bytes = ks_get_u64(c);
    const uint32_t bearer = ks_get_u32(c);
    KS_TRY(ks_cursor_end(c, "AMPLIFY"));
    const uint64_t own = (seed_bits(b) + 7) / 8,
                   most = batch_size(s) > 1 ? (s->config.link.block_detections + 7) / 8 : own;
    const int bears = bearer == b->number;
    if (b->length || length == 0 || length % 8 || refill % (2 * KS_PAD_BYTES) || refill > KS_REFILL_MAX ||
        refill > length / 8 || (bears ? bytes < own || bytes > most : bytes != 0))
        return ks_fail(KS_ERR_PROTOCOL, "AMPLIFY: length %llu, %u bytes for the pool, seed of %llu bytes",
                       (unsigned long long)length, refill, (unsigned long long)bytes);
    if (bears)
        open_seed(s, bearer);
    else
        KS_TRY(check_borrowed(s, b, bearer));
    ks_length_result limit;
    KS_TRY(ks_block_length(s, b, &limit));
    const ks_cause cause = refuse(s, b, length, refill, &limit);
    if (cause) {
        if (bears)
            s->seed_refused = cause;
        return KS_OK;
    }
    if (!bears && s->seed_refused) {
        ks_block_end(s, b, s->seed_refused, 1, "block %u, which bears its seed, was refused", bearer);
        return KS_OK;
    }
    end_wait(s, b);
    b->length = length;
    b->refill = refill;
    if (bears) {
        b->seed_expected = bytes;
        return ks_plane_reserve(&b->seed, 8 * bytes + 64);
    }
    s->seed_uses++;
    KS_TRY(copy_seed(&b->seed, &s->seed, seed_bits(b)));
    return start(s, b, 1);
}

ks_status ks_seed_receive(ks_session *s, ks_block *b, ks_cursor *c) {
    const uint64_t whole = b->seed_expected, at = ks_get_u64(c);
    const size_t bytes = c->bytes - c->at;
    const uint8_t *data = ks_get(c, bytes);
    if (c->failed || !b->length || at != b->seed_bytes || bytes == 0 || bytes > whole - at)
        return ks_fail(KS_ERR_PROTOCOL, "SEED: %zu bytes at %llu of %llu, expected %llu", bytes,
                       (unsigned long long)at, (unsigned long long)whole, (unsigned long long)b->seed_bytes);
    memcpy((uint8_t *)b->seed.words + at, data, bytes);
    b->seed_bytes += bytes;
    if (b->seed_bytes < whole)
        return KS_OK;
    b->report.seed_bytes = whole;
    if (batch_size(s) > 1 && s->seed_bearer == b->number) {
        KS_TRY(copy_seed(&s->seed, &b->seed, 8 * whole));
        s->seed_whole = 1;
    }
    return start(s, b, 0);
}
