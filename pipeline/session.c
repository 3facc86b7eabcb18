/* SPDX-License-Identifier: Apache-2.0 */
/* The session: life, connections, dispatch of messages, the queue of actions. */
#include "pipeline/key_pool.h"
#include "pipeline/session_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ks_session_config_init(ks_session_config *config, ks_role role) {
    *config = (ks_session_config){
        .role = role,
        .link = {.block_slots = 100000000,
                 .epsilon = {.acceptance = 4e-11, .amplification = 1e-11},
                 .receiver = {.efficiency_mismatch = -1, .dark_mismatch = -1, .dark_probability = -1},
                 .qber_limit = 0.11,
                 .frame_log2 = 18,
                 .effort = KS_EFFORT_BALANCED,
                 .key_bytes = 32,
                 .seed_batch = 1,
                 .block_detections = 1 << 26},
        .blocks_in_flight = 4,
        .failures_to_stop = 8,
        .pool_target = 64,
        .pool_floor = 16,
        .epsilon_life = 1e-3,
        .confirm_after_ns = UINT64_C(5000000000),
    };
}

/* The digest of the code in use, checked against what the link says. */
static ks_status choose_code(uint8_t digest[KS_CODE_DIGEST_BYTES], const ks_session_config *config) {
    static const uint8_t none[KS_CODE_DIGEST_BYTES];
    const ks_code *code = config->code;
    memcpy(digest, code ? code->digest : none, KS_CODE_DIGEST_BYTES);
    if (memcmp(config->link.code_digest, none, sizeof none) != 0 &&
        memcmp(config->link.code_digest, digest, sizeof none) != 0)
        return ks_fail(KS_ERR_ARGUMENT, "the link names another code than the session has");
    if (code && (code->columns < KS_CODE_COLUMNS_MIN || code->columns > KS_CODE_COLUMNS_MAX ||
                 code->rows >= code->columns))
        return ks_fail(KS_ERR_ARGUMENT, "code of %u rows and %u columns: %d to %d columns and fewer rows",
                       code->rows, code->columns, KS_CODE_COLUMNS_MIN, KS_CODE_COLUMNS_MAX);
    return KS_OK;
}

ks_status ks_session_create(ks_session **out, const ks_session_config *config) {
    *out = NULL;
    uint8_t code_digest[KS_CODE_DIGEST_BYTES];
    if (config->role != KS_ALICE && config->role != KS_BOB)
        return ks_fail(KS_ERR_ARGUMENT, "role must be Alice or Bob");
    KS_TRY(ks_parameters_check(&config->link));
    KS_TRY(choose_code(code_digest, config));
    if (config->blocks_in_flight < 1 || config->blocks_in_flight > 64)
        return ks_fail(KS_ERR_ARGUMENT, "blocks in flight: 1 to 64");
    if (config->pool_target > KS_POOL_CAPACITY / 2)
        return ks_fail(KS_ERR_ARGUMENT, "pool target of %llu pads: at most %d",
                       (unsigned long long)config->pool_target, KS_POOL_CAPACITY / 2);
    if (config->pool_floor > config->pool_target)
        return ks_fail(KS_ERR_ARGUMENT, "pool floor of %llu pads lies above the target of %llu",
                       (unsigned long long)config->pool_floor, (unsigned long long)config->pool_target);
    if (!(config->epsilon_life >= 0 && config->epsilon_life <= 1))
        return ks_fail(KS_ERR_ARGUMENT, "bound of the accumulated epsilon is %g: 0 (none) to 1",
                       config->epsilon_life);
    if (!(config->expected_qber >= 0 && config->expected_qber < 0.25))
        return ks_fail(KS_ERR_ARGUMENT, "expected QBER is %g: in [0, 0.25)", config->expected_qber);
    if (!config->pool || !config->random.fill)
        return ks_fail(KS_ERR_ARGUMENT, "a session needs a key pool and a source of randomness");
    ks_session *s = NULL;
    KS_TRY(ks_secret_alloc((void **)&s, sizeof *s, KS_SECRET_BLOCK));
    s->config = *config;
    memcpy(s->config.link.code_digest, code_digest, sizeof code_digest);
    s->out = config->role == KS_ALICE ? KS_ALICE_TO_BOB : KS_BOB_TO_ALICE;
    s->in = config->role == KS_ALICE ? KS_BOB_TO_ALICE : KS_ALICE_TO_BOB;
    s->tail = &s->first;
    s->requests_tail = &s->requests;
    s->pending_tail = &s->pending;
    s->last_block = -1;
    s->kept_left = KS_KEPT_BYTES;
    s->skip_below = 0;
    if (config->random.test_only)
        s->notes |= KS_RING_NOTE_TEST;
    if (config->link.basis_choice == KS_BASIS_PASSIVE && config->link.accept_passive)
        s->notes |= KS_RING_NOTE_ACCEPTED_PASSIVE;
    for (int d = 0; d < 2; d++)
        s->first_pad[d] = ks_pool_position(config->pool, (ks_direction)d);
    if (ks_life_is_over(s)) {
        const double spent = ks_pool_epsilon(config->pool);
        ks_secret_free(s);
        return ks_life_fail(spent, config->epsilon_life);
    }
    *out = s;
    return KS_OK;
}

static void free_node(ks_node *node) {
    if (!node)
        return;
    ks_wipe(node->data, node->bytes);
    free(node->data);
    free(node->slots);
    free(node->report);
    ks_wipe(node, sizeof *node);
    free(node);
}

static void forget_requests(ks_session *s) {
    for (ks_request *r = s->requests; r; r = r->next)
        r->block = NULL;
}

void ks_session_destroy(ks_session *s) {
    if (!s)
        return;
    ks_block_lose_all(s, "the session was destroyed");
    for (ks_node *n = s->first, *next; n; n = next) {
        next = n->next;
        if (n->action.kind == KS_ACTION_JOB) { /* never submitted */
            ks_batch *batch = (ks_batch *)n->action.job;
            batch->block->jobs--;
            ks_batch_free(batch);
        }
        free_node(n);
    }
    ks_block_reap(s);
    free_node(s->current);
    for (ks_request *r = s->requests, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    for (ks_pending *p = s->pending, *next; p; p = next) {
        next = p->next;
        ks_secret_free(p->refill);
        free(p);
    }
    ks_writer_release(&s->hello[0]);
    ks_writer_release(&s->hello[1]);
    ks_writer_release(&s->waiting_message);
    free(s->chunk);
    ks_secret_free(s);
}

/* ---- actions */

ks_status ks_session_end(ks_session *s, ks_status status) {
    if (s->state == KS_SESSION_CLOSED)
        return status;
    if (status == KS_OK && s->life_over)
        status = ks_life_fail(ks_pool_epsilon(s->config.pool), s->config.epsilon_life);
    if (status != KS_OK)
        (void)strncpy(s->reason, ks_error_detail(), sizeof s->reason - 1);
    ks_block_lose_all(s, status == KS_OK ? "the session was closed" : s->reason);
    s->state = KS_SESSION_CLOSED;
    s->end = status;
    ks_node *node = ks_session_queue(s, KS_ACTION_CLOSED);
    if (node)
        node->action.status = status;
    return status;
}

ks_node *ks_session_queue(ks_session *s, ks_action_kind kind) {
    ks_node *node = calloc(1, sizeof *node);
    if (!node) {
        s->state = KS_SESSION_CLOSED;
        s->end = ks_fail(KS_ERR_MEMORY, "no memory for an action");
        return NULL;
    }
    node->action.kind = kind;
    *s->tail = node;
    s->tail = &node->next;
    return node;
}

ks_status ks_session_next(ks_session *s, ks_action *action) {
    free_node(s->current);
    s->current = s->first;
    if (!s->current) {
        *action = (ks_action){.kind = KS_ACTION_NONE};
        return s->state == KS_SESSION_CLOSED && s->end == KS_ERR_MEMORY ? s->end : KS_OK;
    }
    s->first = s->current->next;
    if (!s->first)
        s->tail = &s->first;
    ks_node *n = s->current;
    n->action.data = n->data;
    n->action.bytes = n->bytes;
    n->action.slots = n->slots;
    n->action.report = n->report;
    *action = n->action;
    return KS_OK;
}

void ks_request_store(ks_session *s) {
    if (!s->store_due && ks_session_queue(s, KS_ACTION_STORE))
        s->store_due = 1;
}

/* ---- connection */

ks_status ks_session_connected(ks_session *s) {
    if (s->state == KS_SESSION_CLOSED)
        return ks_fail(KS_ERR_STATE, "the session has ended");
    ks_session_disconnected(s);
    s->state = KS_SESSION_GREETING;
    ks_status status = ks_greeting_send(s);
    return status == KS_OK ? KS_OK : ks_session_end(s, status);
}

/* Messages that were meant for a connection that is gone. */
static void drop_unsent(ks_session *s) {
    for (ks_node **at = &s->first; *at;) {
        ks_node *node = *at;
        if (node->action.kind != KS_ACTION_SEND) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        if (s->tail == &node->next)
            s->tail = at;
        free_node(node);
    }
}

void ks_session_disconnected(ks_session *s) {
    if (s->state == KS_SESSION_CLOSED || s->state == KS_SESSION_IDLE)
        return;
    ks_block_lose_all(s, "the connection was lost");
    forget_requests(s);
    drop_unsent(s);
    for (ks_pending *p = s->pending; p; p = p->next)
        p->announced = 0;
    s->announcements = 0;
    ks_writer_release(&s->hello[0]);
    ks_writer_release(&s->hello[1]);
    ks_writer_release(&s->waiting_message);
    s->hello_received = s->start_sent = s->start_verified = s->ready_received = 0;
    s->hash_keys = 0;
    ks_wipe(s->hash_key, sizeof s->hash_key);
    s->pad_ready = 0; /* burnt for a tag that did not go out */
    ks_wipe(s->pad, sizeof s->pad);
    s->sent = s->received = 0;
    s->peer_hold = 0;
    s->peer_finishing = s->finish_sent = s->close_received = 0;
    s->id = 0;
    s->state = KS_SESSION_IDLE;
    /* Bob goes on with the first block that begins after all that was announced or thrown away. */
    const uint64_t n = s->config.link.block_slots;
    const int64_t next = (int64_t)((s->input_frontier + n - 1) / n);
    if (next > s->skip_below)
        s->skip_below = next;
    s->repeat = 0;
}

/* ---- pads have become durable: everything that waited for one goes on */

static ks_status resume(ks_session *s) {
    ks_status status = ks_tags_check(s);
    for (ks_block *b = s->blocks; b && status == KS_OK; b = b->next)
        if (!b->ended && (b->phase == KS_PHASE_TAG_A || b->phase == KS_PHASE_TAG_B))
            status = s->config.role == KS_ALICE ? ks_alice_tag(s, b) : ks_bob_tag(s, b);
    if (status == KS_OK && s->config.role == KS_BOB)
        status = ks_bob_confirm(s);
    ks_block_reap(s);
    return status == KS_ERR_EMPTY ? KS_OK : status;
}

/* An error that a message of the peer has caused. */
static ks_status fault_of_peer(ks_session *s, ks_status status) {
    if (status == KS_OK)
        return KS_OK;
    const int open = s->state == KS_SESSION_OPEN;
    /* Before a session is open only START has a tag; each that fails costs pads. */
    const int last = status == KS_ERR_AUTH && s->tag_failed && !open && ks_failure_is_last(s);
    s->tag_failed = 0;
    if (!s->config.survive_strangers || open || last)
        return ks_session_end(s, status);
    ks_session_disconnected(s);
    return status;
}

ks_status ks_session_stored(ks_session *s) {
    s->store_due = 0;
    if (s->state == KS_SESSION_OPEN)
        return fault_of_peer(s, resume(s));
    if (s->state == KS_SESSION_CLOSED || s->state == KS_SESSION_IDLE)
        return KS_OK;
    return fault_of_peer(s, ks_start_go_on(s));
}

/* ---- messages in */

static ks_status receive_session_level(ks_session *s, const ks_header *h, ks_cursor *c) {
    const int from_bob = h->direction == KS_BOB_TO_ALICE;
    switch (h->type) {
    case KS_MSG_START:
        if (s->state != KS_SESSION_STARTING || s->start_verified)
            break;
        return ks_start_receive(s, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    case KS_MSG_READY:
        if (s->ready_received || s->state == KS_SESSION_OPEN)
            break;
        s->ready_received = 1;
        KS_TRY(ks_cursor_end(c, "READY"));
        return ks_start_go_on(s);
    case KS_MSG_CONFIRM:
        if (!from_bob || s->state != KS_SESSION_OPEN)
            break;
        return ks_tag_arrived(s, NULL, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    case KS_MSG_SKIP: {
        if (!from_bob || s->state != KS_SESSION_OPEN)
            break;
        uint32_t number = ks_get_u32(c);
        KS_TRY(ks_cursor_end(c, "SKIP"));
        if ((int64_t)number <= s->last_block || number >= KS_SLOT_MAX / s->config.link.block_slots)
            return ks_fail(KS_ERR_PROTOCOL, "SKIP of block %u, which is past or beyond all slots", number);
        s->last_block = number;
        s->totals.blocks_skipped++;
        return ks_alice_forget(s, ((uint64_t)number + 1) * s->config.link.block_slots);
    }
    case KS_MSG_HOLD:
        if (from_bob || s->state != KS_SESSION_OPEN)
            break;
        s->peer_hold = ks_get_u8(c) != 0;
        return ks_cursor_end(c, "HOLD");
    case KS_MSG_FINISH:
        if (from_bob || s->state != KS_SESSION_OPEN)
            break;
        s->peer_finishing = 1;
        return ks_cursor_end(c, "FINISH"); /* ks_session_receive looks after the rest */
    case KS_MSG_CLOSE:
        if (!from_bob || s->state != KS_SESSION_OPEN)
            break;
        KS_TRY(ks_cursor_end(c, "CLOSE"));
        if (s->open_blocks)
            return ks_fail(KS_ERR_PROTOCOL, "CLOSE while %u blocks are open", s->open_blocks);
        s->close_received = 1;
        if (!s->waiting_message.bytes)
            (void)ks_session_end(s, KS_OK);
        return KS_OK;
    default:
        break;
    }
    return ks_fail(KS_ERR_PROTOCOL, "%s (type %u) is out of place", ks_message_type_name(h->type), h->type);
}

static ks_status receive_block_level(ks_session *s, const ks_header *h, ks_cursor *c) {
    ks_block *b = ks_block_find(s, h->block);
    if (s->state != KS_SESSION_OPEN)
        return ks_fail(KS_ERR_PROTOCOL, "%s of block %u before the session is open",
                       ks_message_type_name(h->type), h->block);
    if (!b && (int64_t)h->block <= s->last_block && h->sequence == 0 && s->config.role == KS_ALICE)
        return ks_fail(KS_ERR_PROTOCOL, "block %u begins again: its slots were used or skipped", h->block);
    if (!b && (int64_t)h->block <= s->last_block)
        return KS_OK; /* late: the block has ended here and the peer has been told */
    if (!b && s->config.role == KS_BOB)
        return ks_fail(KS_ERR_PROTOCOL, "%s of block %u, which was never begun",
                       ks_message_type_name(h->type), h->block);
    if (!b) {
        if (h->type != KS_MSG_DETECTIONS && h->type != KS_MSG_ABORT)
            return ks_fail(KS_ERR_PROTOCOL, "block %u begins with %s", h->block,
                           ks_message_type_name(h->type));
        KS_TRY(ks_alice_open(s, h->block, &b));
    }
    if (b->ended)
        return KS_OK;
    if (h->sequence != b->received || h->acknowledged > b->sent)
        return ks_fail(KS_ERR_PROTOCOL,
                       "block %u: message %u after %u, acknowledging %u of %u: lost, repeated or reordered",
                       h->block, h->sequence, b->received, h->acknowledged, b->sent);
    b->received++;
    const int tagged = h->type == KS_MSG_TAG_A || h->type == KS_MSG_TAG_B;
    if (!tagged) /* a tag message enters the transcript when its tag is checked */
        ks_transcript_add(&b->transcript, s->in, c->data - KS_MESSAGE_HEADER, c->bytes + KS_MESSAGE_HEADER);
    if (h->type == KS_MSG_ABORT) {
        const unsigned cause = ks_get_u8(c);
        KS_TRY(ks_cursor_end(c, "ABORT"));
        if (cause == KS_CAUSE_NONE || cause >= KS_CAUSE_COUNT)
            return ks_fail(KS_ERR_PROTOCOL, "ABORT with cause %u", cause);
        ks_block_end(s, b, (ks_cause)cause, 0, "ended by the peer: %s", ks_cause_name((ks_cause)cause));
        return KS_OK;
    }
    return s->config.role == KS_ALICE ? ks_alice_message(s, b, h, c) : ks_bob_message(s, b, h, c);
}

static ks_status receive(ks_session *s, const uint8_t *message, size_t bytes) {
    ks_header h;
    KS_TRY(ks_header_decode(&h, message, bytes));
    if (h.direction != (uint8_t)s->in)
        return ks_fail(KS_ERR_PROTOCOL, "offset 6: a message of our own direction came back");
    ks_cursor c = {.data = message + KS_MESSAGE_HEADER, .bytes = h.payload};
    const int session_level = h.block == (uint32_t)KS_SESSION_LEVEL;
    if (session_level) {
        if (h.sequence != s->received || h.acknowledged > s->sent)
            return ks_fail(KS_ERR_PROTOCOL, "session message %u after %u: lost, repeated or reordered",
                           h.sequence, s->received);
        s->received++;
    }
    if (h.type == KS_MSG_HELLO && session_level && s->state == KS_SESSION_GREETING)
        return ks_greeting_receive(s, &h, &c);
    if (!s->hello_received)
        return ks_fail(KS_ERR_PROTOCOL, "%s before HELLO", ks_message_type_name(h.type));
    if (h.session != s->id || h.epoch != s->epoch)
        return ks_fail(KS_ERR_PROTOCOL, "%s belongs to another session or epoch",
                       ks_message_type_name(h.type));
    return session_level ? receive_session_level(s, &h, &c) : receive_block_level(s, &h, &c);
}

/* After anything that may have ended a block or brought it on: what waits for that goes on. */
static ks_status settle(ks_session *s) {
    ks_status status = s->config.role == KS_ALICE && s->state == KS_SESSION_OPEN ? ks_seed_deal(s) : KS_OK;
    ks_block_reap(s);
    return status == KS_OK ? KS_OK : ks_session_end(s, status);
}

ks_status ks_session_receive(ks_session *s, const uint8_t *message, size_t bytes) {
    if (s->state == KS_SESSION_CLOSED)
        return ks_fail(KS_ERR_CLOSED, "the session has ended");
    if (s->state == KS_SESSION_IDLE)
        return ks_fail(KS_ERR_STATE, "there is no connection");
    s->totals.bytes_received += bytes;
    s->totals.messages_received++;
    KS_TRY(fault_of_peer(s, receive(s, message, bytes)));
    ks_status status = s->config.role == KS_BOB && s->state == KS_SESSION_OPEN ? ks_bob_confirm(s) : KS_OK;
    if (status != KS_OK && status != KS_ERR_EMPTY)
        return ks_session_end(s, status);
    return settle(s);
}

/* ---- other inputs */

ks_status ks_session_detections(ks_session *s, const ks_detection *d, size_t n, uint64_t frontier,
                                size_t *taken) {
    *taken = 0;
    if (s->config.role != KS_BOB)
        return ks_fail(KS_ERR_STATE, "Alice has no detections");
    if (s->state == KS_SESSION_CLOSED)
        return ks_fail(KS_ERR_CLOSED, "the session has ended");
    if (s->state != KS_SESSION_OPEN && !s->config.live)
        return ks_fail(KS_ERR_STATE, "the peer has not answered yet");
    return ks_bob_detections(s, d, n, frontier, taken);
}

ks_status ks_session_states(ks_session *s, uint64_t id, const ks_state *states, size_t n) {
    ks_request *r = s->requests;
    if (!r || r->id != id || r->count != n)
        return ks_fail(KS_ERR_ARGUMENT,
                       "states answer request %llu with %zu states, which is not the next one",
                       (unsigned long long)id, n);
    s->requests = r->next;
    if (!s->requests)
        s->requests_tail = &s->requests;
    ks_status status = KS_OK;
    if (r->block && !r->block->ended)
        status = ks_alice_states(s, r, states);
    free(r);
    return status == KS_OK ? settle(s) : ks_session_end(s, status);
}

void ks_session_job_done(ks_session *s, ks_job *job) {
    ks_batch *batch = (ks_batch *)job;
    ks_block *b = batch->block;
    b->jobs--;
    b->report.compute_ns[batch->stage] += job->busy_ns;
    if (!b->ended) {
        ks_status status = job->status;
        if (status != KS_OK)
            status = ks_fail(status, "a job of the stage %s failed", ks_stage_name(batch->stage));
        else
            status = s->config.role == KS_ALICE ? ks_alice_batch_done(s, batch) : ks_bob_batch_done(s, batch);
        if (status != KS_OK && status != KS_ERR_EMPTY)
            (void)ks_session_end(s, status);
    }
    ks_batch_free(batch);
    (void)settle(s);
}

void ks_session_tick(ks_session *s, uint64_t now_ns) {
    s->now = now_ns;
    if (s->state == KS_SESSION_OPEN && s->config.role == KS_BOB) {
        ks_status status = ks_bob_confirm(s);
        if (status != KS_OK && status != KS_ERR_EMPTY)
            (void)ks_session_end(s, status);
    }
}

void ks_session_hold(ks_session *s, int hold) {
    s->hold = hold;
    if (s->config.role == KS_ALICE && s->state == KS_SESSION_OPEN) {
        ks_writer w;
        ks_message_begin(&w);
        ks_put_u8(&w, (uint8_t)(hold != 0));
        (void)ks_message_end(s, NULL, KS_MSG_HOLD, &w);
    }
}

void ks_session_finish(ks_session *s) {
    s->finishing = 1;
    if (s->state != KS_SESSION_OPEN)
        return;
    if (s->config.role == KS_ALICE) {
        if (!s->finish_sent) {
            s->finish_sent = 1;
            ks_writer w;
            ks_message_begin(&w);
            (void)ks_message_end(s, NULL, KS_MSG_FINISH, &w);
        }
        return;
    }
    ks_status status = ks_bob_confirm(s);
    if (status != KS_OK && status != KS_ERR_EMPTY)
        (void)ks_session_end(s, status);
    ks_block_reap(s);
}

void ks_session_get_totals(const ks_session *s, ks_session_totals *totals) {
    *totals = s->totals;
    totals->blocks_open = s->open_blocks;
    totals->failures = s->failures;
    totals->epsilon_life = ks_pool_epsilon(s->config.pool);
    for (int d = 0; d < 2; d++) {
        totals->pads_used += ks_pool_position(s->config.pool, (ks_direction)d) - s->first_pad[d];
        totals->pool_level[d] = ks_pool_level(s->config.pool, (ks_direction)d);
    }
    totals->epoch = s->epoch;
}

const char *ks_session_reason(const ks_session *s) {
    return s->reason;
}

int ks_session_established(const ks_session *s) {
    return s->state == KS_SESSION_OPEN;
}

/* Bob: the seed of a verified block may wait for others to join it. */
static int seed_may_wait(const ks_session *s) {
    return s->config.link.seed_batch > 1 && s->collecting;
}

/* Alice may still wait for states, for a job or for blocks to share a seed; then the peer owes nothing. */
static int block_awaits(const ks_session *s, const ks_block *b) {
    if (b->ended || b->jobs || b->phase == KS_PHASE_SEED)
        return 0;
    if (s->config.role == KS_BOB)
        return b->phase != KS_PHASE_COLLECT && !(b->phase == KS_PHASE_AMPLIFY && seed_may_wait(s));
    return b->complete && b->answered == b->detections;
}

int ks_session_awaits(const ks_session *s) {
    if (s->state != KS_SESSION_OPEN)
        return s->state > KS_SESSION_IDLE && s->state < KS_SESSION_OPEN;
    if (s->finish_sent)
        return 1;
    for (const ks_block *b = s->blocks; b; b = b->next)
        if (block_awaits(s, b))
            return 1;
    return 0;
}

uint32_t ks_session_notes(const ks_session *s) {
    return s->notes;
}
