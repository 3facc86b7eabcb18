/* SPDX-License-Identifier: Apache-2.0 */
/* Tags and confirmations: Wegman-Carter tags under one-time pads that are burnt durably before use, and the
 * announcements by which Alice learns that Bob accepted a block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/key_pool.h"
#include "pipeline/session_internal.h"

enum { TAG = 16, TAIL = 8 + TAG }; /* a tag message ends with pad index and tag */

/* Every tag binds protocol, session, epoch and both greetings: identities, configuration, nonces. */
ks_status ks_start_transcript(ks_session *s, ks_transcript *t, const char *purpose, uint32_t block) {
    ks_writer w = {0};
    ks_put(&w, purpose, 4);
    ks_put_u32(&w, block);
    ks_put_u64(&w, s->id);
    ks_put_u32(&w, s->epoch);
    ks_put_u32(&w, KS_PROTOCOL_VERSION);
    ks_put(&w, s->hello[0].data, s->hello[0].bytes);
    ks_put(&w, s->hello[1].data, s->hello[1].bytes);
    if (w.failed) {
        ks_writer_release(&w);
        return ks_fail(KS_ERR_MEMORY, "no memory for a transcript");
    }
    /* START proves the greetings under the hash keys of the pool; each epoch has its own after that. */
    const int own = s->hash_keys == 2;
    const uint8_t *const keys[2] = {
        own ? s->hash_key[KS_ALICE_TO_BOB] : ks_pool_hash_key(s->config.pool, KS_ALICE_TO_BOB),
        own ? s->hash_key[KS_BOB_TO_ALICE] : ks_pool_hash_key(s->config.pool, KS_BOB_TO_ALICE)};
    ks_transcript_init(t, keys, w.data, w.bytes);
    ks_writer_release(&w);
    return KS_OK;
}

static const char *purpose_of(unsigned type) {
    return type == KS_MSG_START ? "KSTS" : "KSTC";
}

static ks_status pool_status(ks_session *s, ks_status status) {
    if (status == KS_ERR_EMPTY)
        ks_request_store(s);
    return status;
}

ks_status ks_tag_prepare(ks_session *s) {
    if (s->pad_ready)
        return KS_OK;
    KS_TRY(pool_status(s, ks_pool_take(s->config.pool, s->out, s->pad, &s->pad_index)));
    s->pad_ready = 1;
    return KS_OK;
}

/* A tag of the session may be forged with the probability of its hash; those of a block are in its charge. */
static void end_own(ks_session *s, ks_transcript *t) {
    ks_life_charge(s, exp2(ks_hash_log2_epsilon(ks_transcript_blocks(t))));
    ks_transcript_wipe(t);
}

ks_status ks_message_end_tagged(ks_session *s, ks_block *b, ks_message_type type, ks_writer *w) {
    uint8_t tag[TAG];
    ks_put_u64(w, s->pad_index);
    ks_transcript own, *t = b ? &b->transcript : &own;
    ks_status status = s->pad_ready ? KS_OK : ks_fail(KS_ERR_INTERNAL, "a tag without a pad");
    if (status == KS_OK && !b)
        status = ks_start_transcript(s, &own, purpose_of(type), 0);
    if (status == KS_OK)
        status = ks_message_seal(s, b, type, w, sizeof tag);
    if (status == KS_OK) {
        ks_transcript_add(t, s->out, w->data, w->bytes);
        ks_transcript_tag(t, s->out, s->pad, tag);
        ks_transcript_add(t, s->out, tag, sizeof tag);
        ks_put(w, tag, sizeof tag);
        if (!b)
            end_own(s, &own);
        status = w->failed ? ks_fail(KS_ERR_MEMORY, "no memory for a tag") : ks_message_queue(s, w);
    }
    s->last_tag_at = s->now;
    s->pad_ready = 0;
    ks_wipe(s->pad, sizeof s->pad);
    ks_writer_release(w);
    return status;
}

ks_status ks_tag_check(ks_session *s, ks_block *b, const uint8_t *message, size_t bytes, uint64_t index) {
    uint8_t pad[KS_PAD_BYTES], tag[TAG];
    const size_t covered = bytes - TAG;
    KS_TRY(pool_status(s, ks_pool_take_at(s->config.pool, s->in, index, pad)));
    ks_transcript own, *t = b ? &b->transcript : &own;
    ks_status status = b ? KS_OK : ks_start_transcript(s, &own, purpose_of(message[5]), 0);
    if (status == KS_OK) {
        ks_transcript_add(t, s->in, message, covered);
        ks_transcript_tag(t, s->in, pad, tag);
        if (ks_equal(tag, message + covered, TAG)) {
            ks_pool_prove(s->config.pool, s->in, index);
        } else {
            s->totals.auth_failures++;
            s->tag_failed = 1;
            status =
                ks_fail(KS_ERR_AUTH,
                        "the peer's tag does not verify: another pre-shared key, or somebody in the middle");
        }
        ks_transcript_add(t, s->in, message + covered, TAG);
        if (!b)
            end_own(s, &own);
    }
    ks_wipe(pad, sizeof pad);
    ks_wipe(tag, sizeof tag);
    return status;
}

ks_status ks_tag_keep(ks_writer *waiting, uint64_t *index, const uint8_t *message, size_t bytes) {
    if (bytes < KS_MESSAGE_HEADER + TAIL || waiting->bytes)
        return ks_fail(KS_ERR_PROTOCOL, "a tag message of %zu bytes, or a second one", bytes);
    ks_put(waiting, message, bytes);
    if (waiting->failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for a tag message");
    ks_cursor c = {.data = message + bytes - TAIL, .bytes = 8};
    *index = ks_get_u64(&c);
    return KS_OK;
}

ks_status ks_tag_arrived(ks_session *s, ks_block *b, const uint8_t *message, size_t bytes) {
    const uint64_t next = ks_pool_position(s->config.pool, s->in);
    uint64_t index = 0;
    KS_TRY(ks_tag_keep(b ? &b->waiting_tag : &s->waiting_message, &index, message, bytes));
    /* Blocks in flight bound the gap; a forged index must not spend the pool. */
    if (index > next && index - next > 2 * (uint64_t)s->in_flight + 1)
        return ks_fail(KS_ERR_AUTH, "a tag names pad %llu, the next is %llu", (unsigned long long)index,
                       (unsigned long long)next);
    *(b ? &b->waiting_index : &s->waiting_index) = index;
    return ks_tags_check(s);
}

static ks_status use_verified(ks_session *s, ks_block *b, const ks_writer *message) {
    ks_cursor c = {.data = message->data + KS_MESSAGE_HEADER,
                   .bytes = message->bytes - KS_MESSAGE_HEADER - TAIL};
    if (!b) {
        KS_TRY(ks_get_confirmations(s, &c));
        if (s->close_received)
            (void)ks_session_end(s, KS_OK);
        return KS_OK;
    }
    return s->config.role == KS_ALICE ? ks_alice_tag_verified(s, b, &c) : ks_bob_tag_verified(s, b, &c);
}

/* The waiting tag message with the lowest pad index: of a block, or of the session (*block NULL). */
static ks_writer *first_waiting(ks_session *s, ks_block **block, uint64_t *index) {
    ks_writer *found = s->waiting_message.bytes ? &s->waiting_message : NULL;
    *index = s->waiting_index;
    *block = NULL;
    for (ks_block *b = s->blocks; b; b = b->next)
        if (!b->ended && b->waiting_tag.bytes && (!found || b->waiting_index < *index)) {
            found = &b->waiting_tag;
            *index = b->waiting_index;
            *block = b;
        }
    return found;
}

ks_status ks_tags_check(ks_session *s) {
    ks_block *b;
    uint64_t index;
    for (ks_writer *waiting; s->state == KS_SESSION_OPEN && (waiting = first_waiting(s, &b, &index));) {
        const ks_status checked = ks_tag_check(s, b, waiting->data, waiting->bytes, index);
        if (checked == KS_ERR_EMPTY)
            return KS_OK;
        ks_writer message = *waiting;
        *waiting = (ks_writer){0};
        ks_status status = checked;
        if (checked == KS_ERR_AUTH && b) { /* costs the block, not the session */
            ks_block_end(s, b, KS_CAUSE_TAG, 1, "%s", ks_error_detail());
            status = KS_OK;
        } else if (checked == KS_OK) {
            status = use_verified(s, b, &message);
        }
        ks_writer_release(&message);
        if (status != KS_OK && status != KS_ERR_EMPTY)
            return status;
    }
    return KS_OK;
}

/* ---- confirmations */

ks_status ks_pending_add(ks_session *s, uint32_t block, uint32_t keys, const uint8_t *refill,
                         uint32_t bytes) {
    ks_pending *p = calloc(1, sizeof *p);
    if (!p)
        return ks_fail(KS_ERR_MEMORY, "no memory for a confirmation");
    if (bytes) {
        ks_status status = ks_secret_alloc((void **)&p->refill, bytes, KS_SECRET_STRICT);
        if (status != KS_OK) {
            free(p);
            return status;
        }
        memcpy(p->refill, refill, bytes);
        p->refill_bytes = bytes;
    }
    p->epoch = s->epoch;
    p->block = block;
    p->keys = keys;
    *s->pending_tail = p;
    s->pending_tail = &p->next;
    return KS_OK;
}

/* Both ends put the same bits in, in the order of the announcements. */
static ks_status refill(ks_session *s, const ks_pending *p) {
    if (!p->refill_bytes)
        return KS_OK;
    KS_TRY(ks_pool_refill(s->config.pool, p->epoch, p->block, p->refill, p->refill_bytes));
    ks_request_store(s);
    return KS_OK;
}

/* Bob: what the block just added to the list has for the pool; its place among the others is that of the
 * list, which is the order of the announcements. */
ks_status ks_refill_latest(ks_session *s) {
    const ks_pending *p = s->pending;
    while (p && p->next)
        p = p->next;
    return p ? refill(s, p) : KS_OK;
}

static void remove_pending(ks_session *s, ks_pending **at) {
    ks_pending *p = *at;
    *at = p->next;
    if (s->pending_tail == &p->next)
        s->pending_tail = at;
    ks_secret_free(p->refill);
    free(p);
}

int ks_confirmations_due(const ks_session *s) {
    if (s->repeat && s->pending)
        return 1;
    for (const ks_pending *p = s->pending; p; p = p->next)
        if (!p->announced)
            return 1;
    return 0;
}

/* Every block that Alice is not known to have heard of is named, in order, whatever became of earlier
 * announcements: so both ends take the same parts for the pool in the same order. */
ks_status ks_put_confirmations(ks_session *s, ks_writer *w) {
    uint32_t count = 0;
    for (const ks_pending *p = s->pending; p; p = p->next)
        count++;
    ks_put_u32(w, count);
    s->announcements++;
    s->repeat = 0;
    for (ks_pending *p = s->pending; p; p = p->next) {
        ks_put_u32(w, p->epoch);
        ks_put_u32(w, p->block);
        ks_put_u8(w, (uint8_t)!p->recovered);
        if (!p->announced) {
            p->announced = s->announcements;
            KS_TRY(refill(s, p));
        }
    }
    return KS_OK;
}

static int waits_for(ks_cursor waits, const ks_pending *p) {
    for (uint32_t count = ks_get_u32(&waits); count && !waits.failed; count--) {
        const uint32_t epoch = ks_get_u32(&waits), block = ks_get_u32(&waits);
        if (!waits.failed && epoch == p->epoch && block == p->block)
            return 1;
    }
    return 0;
}

static int is_pending(const ks_session *s, uint32_t epoch, uint32_t block) {
    for (const ks_pending *p = s->pending; p; p = p->next)
        if (p->epoch == epoch && p->block == block)
            return 1;
    return 0;
}

/* A block of which the pool alone remembers that it was accepted, by a Bob who died since. */
static ks_status recover(ks_session *s, uint32_t epoch, uint32_t block) {
    ks_pending *p = calloc(1, sizeof *p);
    if (!p)
        return ks_fail(KS_ERR_MEMORY, "no memory for a confirmation");
    *p = (ks_pending){.epoch = epoch, .block = block, .recovered = 1};
    *s->pending_tail = p;
    s->pending_tail = &p->next;
    return KS_OK;
}

/* What Alice does not wait for she has heard of already, or lost with her memory: naming it again would put
 * its part into one pool alone. */
ks_status ks_confirmations_restrict(ks_session *s, const ks_cursor *waits) {
    for (ks_pending **at = &s->pending; *at;)
        if (waits_for(*waits, *at))
            at = &(*at)->next;
        else
            remove_pending(s, at);
    ks_cursor c = *waits;
    for (uint32_t count = ks_get_u32(&c); count && !c.failed; count--) {
        const uint32_t epoch = ks_get_u32(&c), block = ks_get_u32(&c);
        if (!c.failed && ks_pool_accepted(s->config.pool, epoch, block) && !is_pending(s, epoch, block))
            KS_TRY(recover(s, epoch, block));
    }
    return KS_OK;
}

void ks_confirmations_heard(ks_session *s, uint32_t announcements) {
    for (ks_pending **at = &s->pending; *at;)
        if ((*at)->announced && (*at)->announced <= announcements)
            remove_pending(s, at);
        else
            at = &(*at)->next;
}

/* `whole`: Bob has its part for the pool, too. */
static ks_status confirm_one(ks_session *s, uint32_t epoch, uint32_t block, int whole) {
    for (ks_pending **at = &s->pending; *at; at = &(*at)->next)
        if ((*at)->epoch == epoch && (*at)->block == block) {
            if (whole)
                KS_TRY(refill(s, *at));
            s->totals.keys_confirmed += (*at)->keys;
            remove_pending(s, at);
            ks_node *node = ks_session_queue(s, KS_ACTION_CONFIRM);
            if (!node)
                return KS_ERR_MEMORY;
            node->action.epoch = epoch;
            node->action.block = block;
            return KS_OK;
        }
    return KS_OK; /* repeated after a reconnection: known already */
}

/* Alice: the first announcement of an epoch names all that Bob still has of earlier ones; the rest he never
 * accepted. */
static ks_status discard_older(ks_session *s) {
    for (ks_pending **at = &s->pending; *at;) {
        if ((*at)->epoch >= s->epoch) {
            at = &(*at)->next;
            continue;
        }
        ks_node *node = ks_session_queue(s, KS_ACTION_DISCARD);
        if (!node)
            return KS_ERR_MEMORY;
        node->action.epoch = (*at)->epoch;
        node->action.block = (*at)->block;
        remove_pending(s, at);
    }
    return KS_OK;
}

ks_status ks_get_confirmations(ks_session *s, ks_cursor *c) {
    uint32_t count = ks_get_u32(c);
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        const uint32_t epoch = ks_get_u32(c), block = ks_get_u32(c);
        const int whole = ks_get_u8(c) != 0;
        if (!c->failed)
            KS_TRY(confirm_one(s, epoch, block, whole));
    }
    KS_TRY(ks_cursor_end(c, "announcement"));
    return discard_older(s);
}
