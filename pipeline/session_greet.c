/* SPDX-License-Identifier: Apache-2.0 */
/* The greeting: who is there, with which parameters, where both pools stand. Nothing in it is believed before
 * START has proven it (session_start.c). */
#include <string.h>

#include "pipeline/key_pool.h"
#include "pipeline/session_internal.h"

/* Alice: the blocks whose confirmation she waits for; what Bob has for her of earlier epochs is worth naming
 * only then. */
static void put_waits(ks_writer *w, const ks_session *s) {
    uint32_t count = 0;
    const int alice = s->config.role == KS_ALICE;
    for (const ks_pending *p = s->pending; p && alice; p = p->next)
        count++;
    ks_put_u32(w, count);
    for (const ks_pending *p = s->pending; p && alice; p = p->next) {
        ks_put_u32(w, p->epoch);
        ks_put_u32(w, p->block);
    }
}

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
    ks_put_u32(&w, s->config.role == KS_ALICE ? (uint32_t)(s->last_block + 1) : 0);
    for (int d = 0; d < 2; d++) {
        ks_put_u64(&w, ks_pool_position(s->config.pool, (ks_direction)d));
        ks_put_u64(&w, ks_pool_end(s->config.pool, (ks_direction)d));
    }
    ks_put_u64(&w, ks_pool_proven(s->config.pool, s->in));
    ks_put_parameters(&w, &s->config.link);
    put_waits(&w, s);
    ks_writer *copy = &s->hello[s->config.role];
    KS_TRY(ks_message_seal(s, NULL, KS_MSG_HELLO, &w, 0));
    ks_put(copy, w.data, w.bytes);
    if (copy->failed) {
        ks_writer_release(&w);
        return ks_fail(KS_ERR_MEMORY, "no memory for the greeting");
    }
    return ks_message_queue(s, &w);
}

/* How far ahead of this pool the peer's may stand: pads of a batch that he reserved and lost, of blocks in
 * flight, of greetings that came to nothing. The START that proves his claim burns them, so that a forged
 * greeting must not name many. */
enum { MOST_PADS_AHEAD = 64 };

/* A pool is older than it was: `at` is its next pad, `proven` what it has shown to have used. */
static ks_status restored(const char *whose, uint64_t at, uint64_t proven) {
    return ks_fail(
        KS_ERR_AUTH,
        "%s pool stands at pad %llu, but its pads up to %llu were used already: it was restored from "
        "a copy or made again from the pre-shared key; make a new pre-shared key",
        whose, (unsigned long long)at, (unsigned long long)proven);
}

/* `proven`: what the peer knows of this pool. */
static ks_status check_claim(const ks_session *s, const ks_pool_claim *claim, uint64_t proven) {
    const ks_pool *pool = s->config.pool;
    if (ks_pool_position(pool, s->out) < proven)
        return restored("this end's", ks_pool_position(pool, s->out), proven);
    if (claim->position[s->in] < ks_pool_proven(pool, s->in))
        return restored("the peer's", claim->position[s->in], ks_pool_proven(pool, s->in));
    const uint64_t most = MOST_PADS_AHEAD + 2 * (uint64_t)s->config.blocks_in_flight;
    for (int d = 0; d < 2; d++) {
        const uint64_t own = ks_pool_position(pool, (ks_direction)d), theirs = claim->position[d];
        if (theirs > own && theirs - own > most)
            return ks_fail(
                KS_ERR_AUTH,
                "the peer's pool stands at pad %llu, this one at %llu: a restored copy, or somebody "
                "in the middle",
                (unsigned long long)theirs, (unsigned long long)own);
    }
    return KS_OK;
}

/* The later position of both pools pays for START: what either has used is used. */
static ks_status choose_start_pads(ks_session *s, const ks_pool_claim *claim) {
    for (int d = 0; d < 2; d++) {
        const uint64_t own = ks_pool_position(s->config.pool, (ks_direction)d),
                       end = ks_pool_end(s->config.pool, (ks_direction)d);
        s->start_pad[d] = claim->position[d] > own ? claim->position[d] : own;
        const uint64_t last = claim->end[d] < end ? claim->end[d] : end;
        if (s->start_pad[d] + 1 >= last) /* the next one becomes a hash key */
            return ks_fail(KS_ERR_AUTH,
                           "the authentication pool is spent: both ends have pads up to %llu, next is %llu",
                           (unsigned long long)last, (unsigned long long)s->start_pad[d]);
    }
    return ks_pool_advance(s->config.pool, s->out, s->start_pad[s->out]);
}

ks_status ks_greeting_receive(ks_session *s, const ks_header *h, ks_cursor *c) {
    if (s->hello_received || h->session != 0 || h->epoch != 0)
        return ks_fail(KS_ERR_PROTOCOL, "HELLO out of place");
    unsigned role = ks_get_u8(c), in_flight = ks_get_u8(c);
    (void)ks_get_u16(c);
    uint32_t notes = ks_get_u32(c);
    const uint8_t *nonce = ks_get(c, sizeof s->nonce), *fingerprint = ks_get(c, 16);
    uint32_t epoch = ks_get_u32(c), next_block = ks_get_u32(c);
    uint8_t ours[16];
    ks_pool_fingerprint(s->config.pool, ours);
    if (nonce && fingerprint) {
        if (role == (unsigned)s->config.role || role > KS_BOB)
            return ks_fail(KS_ERR_PROTOCOL, "both ends are configured as %s",
                           role == KS_ALICE ? "Alice" : "Bob");
        if (!ks_equal(ours, fingerprint, sizeof ours))
            return ks_fail(KS_ERR_AUTH, "the peer's authentication pool comes from another pre-shared key");
    }
    ks_pool_claim claim;
    for (int d = 0; d < 2; d++) {
        claim.position[d] = ks_get_u64(c);
        claim.end[d] = ks_get_u64(c);
    }
    const uint64_t proven = ks_get_u64(c);
    ks_link_parameters theirs;
    ks_get_parameters(c, &theirs);
    const size_t waits_at = c->at + KS_MESSAGE_HEADER;
    const uint64_t waits = ks_get_u32(c);
    (void)ks_get(c, 8 * waits);
    KS_TRY(ks_cursor_end(c, "HELLO"));
    KS_TRY(ks_parameters_match(&s->config.link, &theirs));
    const uint32_t own = ks_pool_epoch(s->config.pool);
    if (in_flight < 1 || in_flight > 64 || epoch >= UINT32_MAX - 1)
        return ks_fail(KS_ERR_PROTOCOL, "HELLO announces %u blocks in flight, epoch %u", in_flight, epoch);
    KS_TRY(check_claim(s, &claim, proven));
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
    s->claim = claim;
    s->peer_next_block = next_block;
    s->peer_waits_at = waits_at;
    KS_TRY(choose_start_pads(s, &claim));
    s->state = KS_SESSION_STARTING;
    return ks_start_go_on(s);
}
