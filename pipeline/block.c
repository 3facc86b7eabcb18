/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: their life, and what both ends do alike: sifting, judging the counts, key length, amplification,
 * delivery. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/ldpc.h"
#include "pipeline/bits.h"
#include "pipeline/session_internal.h"

const char *ks_stage_name(ks_stage stage) {
    static const char *const names[KS_STAGE_COUNT] = {"collect", "sift",    "reconcile",
                                                      "verify",  "amplify", "confirm"};
    return stage < KS_STAGE_COUNT ? names[stage] : "unknown";
}

ks_block *ks_block_find(ks_session *s, uint32_t number) {
    for (ks_block *b = s->blocks; b; b = b->next)
        if (b->number == number)
            return b;
    return NULL;
}

ks_block *ks_block_open(ks_session *s, uint32_t number) {
    ks_block *b = NULL;
    if (ks_secret_alloc((void **)&b, sizeof *b, KS_SECRET_BLOCK) != KS_OK)
        return NULL;
    b->number = number;
    b->stage_started = s->now;
    b->report.epoch = s->epoch;
    b->report.block = number;
    b->report.slots = s->config.link.block_slots;
    b->report.notes = s->notes;
    b->report.epsilon = ks_life_of_block(s);
    if (ks_start_transcript(s, &b->transcript, "KSTB", number) != KS_OK) {
        ks_secret_free(b);
        return NULL;
    }
    ks_block **at = &s->blocks;
    while (*at)
        at = &(*at)->next;
    *at = b;
    s->last_block = number;
    s->open_blocks++;
    return b;
}

void ks_block_stage(ks_session *s, ks_block *b, ks_stage stage) {
    b->report.stage_ns[b->stage] += s->now - b->stage_started;
    b->stage_started = s->now;
    b->stage = stage;
}

/* All that holds key bits; the shell stays until the last job is done. */
static void release(ks_block *b) {
    ks_plane *planes[] = {&b->basis,        &b->bit,          &b->peer_basis, &b->peer_bit,
                          &b->intensity[0], &b->intensity[1], &b->key,        &b->received_key,
                          &b->seed,         &b->secret,       &b->sampled,    &b->sampled_bit};
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        ks_plane_release(planes[i]);
    ks_secret_free(b->mother);
    ks_secret_free(b->syndrome);
    b->mother = b->syndrome = NULL;
    ks_reconciliation_release(&b->reconciliation);
    ks_writer_release(&b->waiting_tag);
    ks_transcript_wipe(&b->transcript);
}

void ks_block_reap(ks_session *s) {
    for (ks_block **at = &s->blocks; *at;) {
        ks_block *b = *at;
        if (!b->ended || b->jobs) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        release(b);
        ks_secret_free(b);
    }
}

static void count_totals(ks_session *s, const ks_block_report *r) {
    ks_session_totals *t = &s->totals;
    t->blocks++;
    t->blocks_with_key += r->outcome == KS_OUTCOME_KEY;
    t->blocks_aborted += r->outcome == KS_OUTCOME_ABORTED || r->outcome == KS_OUTCOME_AUTH;
    t->slots += r->slots;
    t->detections += r->detections;
    t->sifted_bits += r->sifted_bits;
    t->test_bits += r->test_bits;
    t->key_errors += r->key_errors;
    t->disclosed_bits += r->disclosed_bits;
    t->secret_bits += r->secret_bits;
    t->pool_bits += r->pool_bits;
    t->seed_bytes += r->seed_bytes;
    t->keys += r->keys;
    t->frames += r->frames;
    t->frames_dropped += r->frames_dropped;
    for (int i = 0; i < KS_MAX_INTENSITIES; i++)
        t->test_errors += r->counts.test_errors[i];
    for (int i = 0; i < KS_STAGE_COUNT; i++) {
        t->stage_ns[i] += r->stage_ns[i];
        t->compute_ns[i] += r->compute_ns[i];
    }
}

static void forget_block(ks_session *s, const ks_block *b) {
    for (ks_request *r = s->requests; r; r = r->next)
        if (r->block == b)
            r->block = NULL;
    if (s->collecting == b) {
        s->collecting = NULL;
        s->chunk_count = 0;
    }
}

static void tell_peer(ks_session *s, ks_block *b, ks_cause cause) {
    ks_writer w;
    ks_message_begin(&w);
    ks_put_u8(&w, (uint8_t)cause);
    (void)ks_message_end(s, b, KS_MSG_ABORT, &w);
}

void ks_block_end(ks_session *s, ks_block *b, ks_cause cause, int tell, const char *format, ...) {
    if (b->ended)
        return;
    const ks_outcome outcome = ks_cause_outcome(cause);
    b->ended = 1;
    if (tell)
        tell_peer(s, b, cause);
    ks_block_stage(s, b, b->stage);
    b->phase = KS_PHASE_ENDED;
    s->open_blocks--;
    ks_block_report *r = &b->report;
    r->outcome = outcome;
    r->cause = cause;
    r->status = ks_cause_status(cause);
    r->detections = b->detections;
    r->counts = b->counts;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(r->reason, sizeof r->reason, format, arguments);
    va_end(arguments);
    if (outcome != KS_OUTCOME_KEY)
        r->secret_bits = r->pool_bits = r->keys = 0;
    count_totals(s, r);
    forget_block(s, b);
    ks_block_report *copy = malloc(sizeof *copy);
    ks_node *node = copy ? ks_session_queue(s, KS_ACTION_REPORT) : NULL;
    if (node) {
        *copy = *r;
        node->report = copy;
    } else {
        free(copy);
    }
    if (!b->jobs)
        release(b);
    if (b->announcements && outcome != KS_OUTCOME_KEY)
        s->repeat = 1; /* Alice may not have read what its tag message announced */
    if (outcome == KS_OUTCOME_KEY)
        s->failures = 0;
    if (cause >= KS_CAUSE_SIZE && ks_failure_is_last(s) && s->state == KS_SESSION_OPEN)
        (void)ks_session_end(s, ks_fail(r->status == KS_ERR_AUTH ? KS_ERR_AUTH : KS_ERR_SECURITY,
                                        "%u blocks in a row failed, the last one because: %s", s->failures,
                                        r->reason));
}

void ks_block_lose_all(ks_session *s, const char *why) {
    ks_seed_forget(s);
    for (ks_block *b = s->blocks; b; b = b->next)
        ks_block_end(s, b, KS_CAUSE_CONNECTION, 0, "%s", why);
}

ks_status ks_unexpected(const ks_block *b, const ks_header *h) {
    return ks_fail(KS_ERR_PROTOCOL, "block %u: %s (type %u) is out of place", b->number,
                   ks_message_type_name(h->type), h->type);
}

/* ---- jobs */

ks_batch *ks_batch_new(ks_block *b, ks_op op, ks_stage stage, size_t frames) {
    ks_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->block = b;
    batch->stage = stage;
    batch->job.op = op;
    if (frames) {
        batch->frames = calloc(frames, sizeof *batch->frames);
        batch->tasks = calloc(frames, sizeof *batch->tasks);
        if (!batch->frames || !batch->tasks) {
            ks_batch_free(batch);
            return NULL;
        }
        batch->job.as.frames.tasks = batch->tasks;
    }
    return batch;
}

void ks_batch_free(ks_batch *batch) {
    for (size_t i = 0; batch->tasks && i < batch->job.as.frames.count; i++)
        ks_ldpc_forget(batch->tasks[i].memory);
    free(batch->frames);
    free(batch->tasks);
    free(batch);
}

void ks_batch_submit(ks_session *s, ks_batch *batch) {
    ks_node *node = ks_session_queue(s, KS_ACTION_JOB);
    if (!node) {
        ks_batch_free(batch);
        return;
    }
    batch->block->jobs++;
    node->action.job = &batch->job;
}

/* ---- sifting */

ks_sift_input ks_block_sift_input(const ks_session *s, const ks_block *b) {
    return (ks_sift_input){.n = b->detections,
                           .basis = b->basis.words,
                           .bit = b->bit.words,
                           .peer_basis = b->peer_basis.words,
                           .intensity_low = b->intensity[0].words,
                           .intensity_high = b->intensity[1].words,
                           .key_basis = s->config.link.key_basis,
                           .sampled = b->sampled.words};
}

static ks_status take_counts(const ks_session *s, ks_block *b, const ks_sift_counts *counts) {
    for (uint32_t i = 0; i < KS_SIFT_INTENSITIES; i++) {
        if (i >= s->config.link.source.intensities) {
            if (counts->key[i] || counts->test[i])
                return ks_fail(KS_ERR_PROTOCOL, "block %u has states of intensity %u; %u are configured",
                               b->number, i + 1, s->config.link.source.intensities);
            continue;
        }
        b->counts.key[i] = counts->key[i];
        b->counts.test[i] = counts->test[i];
        b->report.test_bits += counts->test[i];
    }
    return KS_OK;
}

ks_status ks_block_sift(ks_session *s, ks_block *b) {
    ks_plane *planes[] = {&b->basis, &b->bit, &b->peer_basis, &b->intensity[0], &b->intensity[1], &b->key};
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        KS_TRY(ks_plane_reserve(planes[i], b->detections + 64));
    const ks_sift_input in = ks_block_sift_input(s, b);
    ks_sift_counts counts;
    size_t bits;
    ks_sift_key(b->key.words, &bits, &counts, &in);
    KS_TRY(take_counts(s, b, &counts));
    b->key.bits = b->report.sifted_bits = bits;
    b->report.sample_bits = counts.sampled;
    KS_TRY(s->config.code ? ks_reconciliation_layout_code(&b->reconciliation, bits, s->config.code)
                          : ks_reconciliation_layout(&b->reconciliation, bits, s->config.link.frame_log2));
    KS_TRY(ks_plane_reserve(&b->key, b->reconciliation.padded_bits + 64));
    if (s->config.role == KS_ALICE) {
        uint64_t errors[KS_SIFT_INTENSITIES];
        KS_TRY(ks_sift_test_errors(errors, &in, b->peer_bit.words, b->peer_bit.bits));
        memcpy(b->counts.test_errors, errors, sizeof b->counts.test_errors);
        if (in.sampled)
            KS_TRY(ks_sift_sample_errors(&b->report.sample_errors, &in, b->sampled_bit.words,
                                         b->sampled_bit.bits));
    }
    ks_plane_release(&b->sampled_bit);
    ks_plane_release(&b->bit);
    ks_plane_release(&b->peer_bit);
    return KS_OK;
}

/* ---- length */

static uint64_t count_bits(uint64_t n) {
    /* ceil(log2(n + 1)): bits that hold any number 0..n */
    uint64_t bits = 0;
    for (; n; n >>= 1)
        bits++;
    return bits;
}

ks_status ks_block_length(ks_session *s, ks_block *b, ks_length_result *result) {
    const ks_link_parameters *p = &s->config.link;
    const uint64_t n = b->report.sifted_bits;
    const uint64_t numbers = p->source.intensities == 2 ? 2 : 1;
    b->report.leakage = (ks_leakage){.reconciliation = ks_reconciliation_charge(&b->reconciliation),
                                     .penalty = numbers * count_bits(n),
                                     .verification = 128 + 1,
                                     .dropped = b->reconciliation.dropped_bits};
    KS_TRY(ks_length_compute(result, &p->source, &p->receiver, &p->epsilon, &b->counts, &b->report.leakage));
    if (p->basis_choice == KS_BASIS_PASSIVE && !p->accept_passive)
        result->bits = result->limit = 0;
    b->report.length = *result;
    return KS_OK;
}

int ks_block_judge(ks_session *s, ks_block *b) {
    ks_block_report *r = &b->report;
    b->test_errors = b->counts.test_errors[0] + b->counts.test_errors[1] + b->counts.test_errors[2];
    r->test_qber = r->test_bits ? (double)b->test_errors / (double)r->test_bits : 0;
    const int alice = s->config.role == KS_ALICE;
    if (r->test_bits >= 100 && r->test_qber > s->config.link.qber_limit) {
        if (alice)
            ks_block_end(s, b, KS_CAUSE_TEST_QBER, 1,
                         "QBER of the test basis is %.2f %%, over the limit of %.2f %%", 100 * r->test_qber,
                         100 * s->config.link.qber_limit);
        return !alice;
    }
    const double sample_qber = r->sample_bits ? (double)r->sample_errors / (double)r->sample_bits : 0;
    if (r->sample_bits >= 100 && sample_qber > s->config.link.qber_limit) {
        if (alice)
            ks_block_end(s, b, KS_CAUSE_TEST_QBER, 1,
                         "QBER of the sample of the key basis is %.2f %%, over the limit of %.2f %%",
                         100 * sample_qber, 100 * s->config.link.qber_limit);
        return !alice;
    }
    /* Without any leakage the length is at its greatest: a block that yields nothing even so is not worth
     * correcting. */
    ks_counts best = b->counts;
    memset(best.key_errors, 0, sizeof best.key_errors);
    ks_leakage none = {0};
    ks_length_result bound;
    ks_status status = ks_length_compute(&bound, &s->config.link.source, &s->config.link.receiver,
                                         &s->config.link.epsilon, &best, &none);
    if (status != KS_OK || bound.bits == 0) {
        r->length = bound;
        if (alice)
            ks_block_end(s, b, KS_CAUSE_SHORT, 1, "too few detections or too many errors for a key");
        return !alice;
    }
    return 1;
}

int ks_block_verified(ks_session *s, ks_block *b, uint64_t errors) {
    ks_block_report *r = &b->report;
    const uint64_t n = r->sifted_bits;
    r->key_errors = errors;
    r->qber = (double)errors / (double)n;
    r->frames = b->reconciliation.count;
    r->rounds = b->reconciliation.round;
    r->disclosed_bits = ks_reconciliation_disclosed(&b->reconciliation) + b->reconciliation.dropped_bits;
    if (errors)
        r->efficiency = (double)r->disclosed_bits / ((double)n * ks_entropy_capped(r->qber));
    /* Half of what is known fades with each block: the error rate follows a drifting link. */
    s->rate_errors = s->rate_errors / 2 + errors;
    s->rate_bits = s->rate_bits / 2 + n;
    if (r->qber <= s->config.link.qber_limit)
        return 1;
    if (s->config.role == KS_ALICE)
        ks_block_end(s, b, KS_CAUSE_KEY_QBER, 1, "QBER of the key is %.2f %%, over the limit of %.2f %%",
                     100 * r->qber, 100 * s->config.link.qber_limit);
    return s->config.role == KS_BOB;
}

double ks_session_qber(const ks_session *s, const ks_block *b) {
    /* Announced errors of earlier blocks and this block's test errors: all public before the rate is chosen.
     */
    double test =
        b->report.test_bits ? ((double)b->test_errors + 1) / ((double)b->report.test_bits + 2) : 0.05;
    const ks_block_report *r = &b->report;
    if (r->sample_bits >= 1000 && (r->sample_bits >= 10000 || r->sample_bits > s->rate_bits)) {
        const double sample = ((double)r->sample_errors + 1) / ((double)r->sample_bits + 2);
        return fmin(0.25, sample + sqrt(sample / (double)(r->sample_bits + 1)));
    }
    if (s->rate_bits < 10000 && s->config.expected_qber > 0)
        return s->config.expected_qber;
    if (s->rate_bits < 10000)
        return fmin(0.25, test + sqrt(test / (double)(b->report.test_bits + 1)));
    return fmin(0.25, ((double)s->rate_errors + 1) / (double)s->rate_bits);
}

/* ---- verification and amplification */

ks_status ks_block_hash(ks_session *s, ks_block *b) {
    ks_batch *batch = ks_batch_new(b, KS_OP_HASH, KS_STAGE_VERIFY, 0);
    if (!batch)
        return ks_fail(KS_ERR_MEMORY, "no memory for a job");
    batch->job.as.hash.tag = b->tag;
    batch->job.as.hash.key = b->hash_key;
    batch->job.as.hash.bits = b->key.words;
    batch->job.as.hash.n = b->report.sifted_bits;
    ks_batch_submit(s, batch);
    return KS_OK;
}

ks_status ks_block_amplify(ks_session *s, ks_block *b) {
    KS_TRY(ks_plane_reserve(&b->secret, b->length + 64));
    ks_batch *batch = ks_batch_new(b, KS_OP_TOEPLITZ, KS_STAGE_AMPLIFY, 0);
    if (!batch)
        return ks_fail(KS_ERR_MEMORY, "no memory for a job");
    b->secret.bits = b->length;
    batch->job.as.toeplitz.out = b->secret.words;
    batch->job.as.toeplitz.key = b->key.words;
    batch->job.as.toeplitz.seed = b->seed.words;
    batch->job.as.toeplitz.n = b->report.sifted_bits;
    batch->job.as.toeplitz.m = b->length;
    ks_batch_submit(s, batch);
    return KS_OK;
}

/* Identifiers are RFC 9562 version 8 UUIDs of (epoch, link, block, offset). */
static ks_key_id key_id(const ks_session *s, const ks_block *b, uint32_t offset) {
    const uint8_t *link = s->config.link.link;
    const uint32_t e = s->epoch, n = b->number;
    return (ks_key_id){{(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8), (uint8_t)e, link[0],
                        link[1], (uint8_t)(0x80 | (link[2] & 15)), link[3],
                        (uint8_t)(0x80 | (link[4] & 0x3f)), (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                        (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(offset >> 16), (uint8_t)(offset >> 8),
                        (uint8_t)offset}};
}

ks_status ks_block_deliver(ks_session *s, ks_block *b) {
    const uint8_t *bytes = (const uint8_t *)b->secret.words;
    const uint64_t total = b->length / 8, size = s->config.link.key_bytes;
    uint64_t at = b->refill;
    uint32_t keys = 0;
    for (; total - at >= size && keys < 1u << 24; at += size, keys++) {
        ks_node *node = ks_session_queue(s, KS_ACTION_KEY);
        uint8_t *copy = node ? malloc(size) : NULL;
        if (!copy)
            return ks_fail(KS_ERR_MEMORY, "no memory for a key");
        memcpy(copy, bytes + at, size);
        node->data = copy;
        node->bytes = size;
        node->action.id = key_id(s, b, keys);
        node->action.epoch = s->epoch;
        node->action.block = b->number;
    }
    b->report.keys = keys;
    b->report.secret_bits = b->length;
    b->report.pool_bits = (uint64_t)b->refill * 8;
    return ks_pending_add(s, b->number, keys, bytes, b->refill);
}
