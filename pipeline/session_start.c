/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a session: START proves both greetings with a tag, then what they say is believed: the later
 * position and the earlier end of both pools, the next epoch. */
#include "pipeline/key_pool.h"
#include "pipeline/session_internal.h"

static ks_status send_start(ks_session *s) {
    KS_TRY(ks_tag_prepare(s));
    ks_writer w;
    ks_message_begin(&w);
    KS_TRY(ks_message_end_tagged(s, NULL, KS_MSG_START, &w));
    s->start_sent = 1;
    return KS_OK;
}

/* The peer's HELLO is proven: it is fresh, for our nonce is in it. Refills that only one pool has are given
 * up; the order of all others is the same at both. */
static ks_status believe(ks_session *s) {
    for (int d = 0; d < 2; d++)
        if (s->claim.end[d] < ks_pool_end(s->config.pool, (ks_direction)d))
            KS_TRY(ks_pool_truncate(s->config.pool, (ks_direction)d, s->claim.end[d]));
    KS_TRY(ks_pool_set_epoch(s->config.pool, s->epoch));
    if (s->config.role == KS_BOB) {
        const ks_writer *hello = &s->hello[KS_ALICE];
        const ks_cursor waits = {.data = hello->data, .bytes = hello->bytes, .at = s->peer_waits_at};
        KS_TRY(ks_confirmations_restrict(s, &waits));
        if (s->skip_below < (int64_t)s->peer_next_block)
            s->skip_below = (int64_t)s->peer_next_block;
    }
    s->start_verified = 1;
    return KS_OK;
}

static ks_status check_start(ks_session *s) {
    KS_TRY(ks_tag_check(s, NULL, s->waiting_message.data, s->waiting_message.bytes, s->waiting_index));
    ks_writer_release(&s->waiting_message);
    return believe(s);
}

/* The pads after those of START become the hash keys of this epoch: they are burnt like any other and never
 * stored. KS_ERR_EMPTY: that waits for storage. */
static ks_status draw_hash_keys(ks_session *s) {
    uint64_t index;
    for (; s->hash_keys < 2; s->hash_keys++) {
        const ks_direction d = (ks_direction)s->hash_keys;
        KS_TRY(d == s->out ? ks_pool_take(s->config.pool, d, s->hash_key[d], &index)
                           : ks_pool_take_at(s->config.pool, d, s->start_pad[d] + 1, s->hash_key[d]));
    }
    return KS_OK;
}

static void open_session(ks_session *s) {
    s->state = KS_SESSION_OPEN;
    s->last_tag_at = s->now;
    if (s->hold)
        ks_session_hold(s, 1);
    if (s->finishing)
        ks_session_finish(s);
}

ks_status ks_start_receive(ks_session *s, const uint8_t *message, size_t bytes) {
    KS_TRY(ks_tag_keep(&s->waiting_message, &s->waiting_index, message, bytes));
    if (s->waiting_index != s->start_pad[s->in])
        return ks_fail(KS_ERR_AUTH, "START names pad %llu, the greetings give %llu",
                       (unsigned long long)s->waiting_index, (unsigned long long)s->start_pad[s->in]);
    return ks_start_go_on(s);
}

/* KS_ERR_EMPTY: a pad waits for storage. */
static ks_status go_on(ks_session *s) {
    if (s->state == KS_SESSION_STARTING) {
        if (!s->start_sent)
            KS_TRY(send_start(s));
        if (s->waiting_message.bytes)
            KS_TRY(check_start(s));
        if (!s->start_verified)
            return KS_OK;
        s->state = KS_SESSION_STORING;
    }
    if (s->state == KS_SESSION_STORING) {
        ks_status status = draw_hash_keys(s);
        if (status != KS_OK && status != KS_ERR_EMPTY)
            return status;
        if (status == KS_ERR_EMPTY || !ks_pool_durable(s->config.pool)) {
            ks_request_store(s);
            return KS_OK;
        }
        ks_writer w;
        ks_message_begin(&w);
        KS_TRY(ks_message_end(s, NULL, KS_MSG_READY, &w));
        s->state = KS_SESSION_READYING;
    }
    if (s->state == KS_SESSION_READYING && s->ready_received)
        open_session(s);
    return KS_OK;
}

ks_status ks_start_go_on(ks_session *s) {
    ks_status status = go_on(s);
    return status == KS_ERR_EMPTY ? KS_OK : status;
}
