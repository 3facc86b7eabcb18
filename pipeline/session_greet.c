/* SPDX-License-Identifier: Apache-2.0 */
/* The greeting: who is there, with which parameters, where both pools stand, which epoch begins. */
#include <string.h>

#include "pipeline/session_internal.h"

ks_status ks_greeting_send(ks_session *s) {
    KS_TRY(s->config.random.fill(s->config.random.context, s->nonce, sizeof s->nonce));
    uint8_t fingerprint[16];
    ks_pool_fingerprint(s->config.pool, fingerprint);
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u8(&w, (uint8_t)s->config.role);
    ks_put_u8(&w, (uint8_t)s->config.blocks_in_flight);
    ks_put_u16(&w, 0);
    ks_put_u32(&w, s->notes);
    ks_put(&w, s->nonce, sizeof s->nonce);
    ks_put(&w, fingerprint, sizeof fingerprint);
    ks_put_u32(&w, ks_pool_epoch(s->config.pool));
    for (int d = 0; d < 2; d++) {
        ks_put_u64(&w, ks_pool_position(s->config.pool, (ks_direction)d));
        ks_put_u64(&w, ks_pool_end(s->config.pool, (ks_direction)d));
    }
    ks_put_parameters(&w, &s->config.link);
    ks_writer *copy = &s->hello[s->config.role];
    KS_TRY(ks_message_seal(s, NULL, KS_MSG_HELLO, &w, 0));
    ks_put(copy, w.data, w.bytes);
    if (copy->failed) {
        ks_writer_release(&w);
        return ks_fail(KS_ERR_MEMORY, "no memory for the greeting");
    }
    return ks_message_queue(s, &w);
}

enum {
    MOST_EPOCHS_AHEAD = 65536,
    PSK_PADS = (KS_PSK_BYTES / 2 - 2 * KS_HASH_KEY_BYTES) / KS_PAD_BYTES /* of a fresh pool, each direction */
};

/* Where the peer's pool stands, from HELLO: next pad and end, each direction. */
typedef struct pool_claim {
    uint64_t position[2], end[2];
} pool_claim;

/* The pool's watermarks of both ends are brought together: pads used by either are used, pads that only one
 * has are gone. The greeting is not authenticated, so it may move them only as far as a crash in mid-session
 * explains: by the pads of blocks in flight and reserved batches, and by the refills of such blocks; never
 * below what the pre-shared key gave. Whoever claims more is no honest peer. */
static ks_status check_pool_claim(const ks_session *s, const pool_claim *claim) {
    const uint64_t most_skipped = 32 + 2 * (uint64_t)s->config.blocks_in_flight;
    const uint64_t most_given_up = 2 * s->config.pool_target;
    for (int d = 0; d < 2; d++) {
        const uint64_t position = ks_pool_position(s->config.pool, (ks_direction)d),
                       end = ks_pool_end(s->config.pool, (ks_direction)d);
        const int far_ahead = claim->position[d] > position && claim->position[d] - position > most_skipped;
        const int cut_short =
            claim->end[d] < end && (end - claim->end[d] > most_given_up || claim->end[d] < PSK_PADS);
        if (far_ahead || cut_short)
            return ks_fail(
                KS_ERR_AUTH,
                "the peer's pool stands at pad %llu of %llu, this one at %llu of %llu: a restored copy, or "
                "somebody in the middle",
                (unsigned long long)claim->position[d], (unsigned long long)claim->end[d],
                (unsigned long long)position, (unsigned long long)end);
    }
    return KS_OK;
}

static ks_status agree_on_pool(ks_session *s, const pool_claim *claim) {
    for (int d = 0; d < 2; d++) {
        const ks_direction direction = (ks_direction)d;
        if (claim->end[d] < ks_pool_end(s->config.pool, direction))
            KS_TRY(ks_pool_truncate(s->config.pool, direction, claim->end[d]));
        if (claim->position[d] > ks_pool_position(s->config.pool, direction))
            KS_TRY(ks_pool_advance(s->config.pool, direction, claim->position[d]));
    }
    return KS_OK;
}

ks_status ks_greeting_receive(ks_session *s, const ks_header *h, ks_cursor *c) {
    if (s->hello_received || h->session != 0 || h->epoch != 0)
        return ks_fail(KS_ERR_PROTOCOL, "HELLO out of place");
    unsigned role = ks_get_u8(c), in_flight = ks_get_u8(c);
    (void)ks_get_u16(c);
    uint32_t notes = ks_get_u32(c);
    const uint8_t *nonce = ks_get(c, sizeof s->nonce), *fingerprint = ks_get(c, 16);
    uint32_t epoch = ks_get_u32(c);
    uint8_t ours[16];
    ks_pool_fingerprint(s->config.pool, ours);
    if (nonce && fingerprint) {
        if (role == (unsigned)s->config.role || role > KS_BOB)
            return ks_fail(KS_ERR_PROTOCOL, "both ends are configured as %s",
                           role == KS_ALICE ? "Alice" : "Bob");
        if (!ks_equal(ours, fingerprint, sizeof ours))
            return ks_fail(KS_ERR_AUTH, "the peer's authentication pool comes from another pre-shared key");
    }
    pool_claim claim;
    for (int d = 0; d < 2; d++) {
        claim.position[d] = ks_get_u64(c);
        claim.end[d] = ks_get_u64(c);
    }
    ks_link_parameters theirs;
    ks_get_parameters(c, &theirs);
    KS_TRY(ks_cursor_end(c, "HELLO"));
    KS_TRY(ks_parameters_match(&s->config.link, &theirs));
    if (in_flight < 1 || in_flight > 64 || epoch >= UINT32_MAX - 1)
        return ks_fail(KS_ERR_PROTOCOL, "HELLO announces %u blocks in flight, epoch %u", in_flight, epoch);
    const uint32_t own = ks_pool_epoch(s->config.pool);
    if (epoch > own && epoch - own > MOST_EPOCHS_AHEAD)
        return ks_fail(KS_ERR_AUTH, "the peer's epoch %u lies too far beyond %u", epoch, own);
    KS_TRY(check_pool_claim(s, &claim));
    ks_writer *copy = &s->hello[role];
    ks_put(copy, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    if (copy->failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for the greeting");
    s->in_flight = in_flight < s->config.blocks_in_flight ? in_flight : s->config.blocks_in_flight;
    s->notes |= notes & (KS_RING_NOTE_TEST | KS_RING_NOTE_ACCEPTED_PASSIVE);
    for (int i = 0; i < 8; i++)
        s->id |= (uint64_t)(uint8_t)(s->nonce[i] ^ nonce[i]) << (8 * i);
    s->epoch = (epoch > own ? epoch : own) + 1;
    s->hello_received = 1;
    KS_TRY(agree_on_pool(s, &claim));
    KS_TRY(ks_pool_set_epoch(s->config.pool, s->epoch));
    s->state = KS_SESSION_STORING;
    ks_request_store(s);
    return KS_OK;
}

ks_status ks_greeting_finish(ks_session *s) {
    if (s->state == KS_SESSION_STORING && s->epoch_stored && !s->ready_sent) {
        ks_writer w;
        ks_message_begin(&w);
        KS_TRY(ks_message_end(s, NULL, KS_MSG_READY, &w));
        s->ready_sent = 1;
        s->state = KS_SESSION_READYING;
    }
    if (s->state == KS_SESSION_READYING && s->ready_received) {
        s->state = KS_SESSION_OPEN;
        s->last_tag_at = s->now;
        if (s->hold)
            ks_session_hold(s, 1);
        if (s->finishing)
            ks_session_finish(s);
    }
    return KS_OK;
}
