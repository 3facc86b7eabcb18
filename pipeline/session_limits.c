/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a session stop: security failures in a row, the epsilon that the link may spend in its life; and
 * the reserve of the authentication pool. */
#include <math.h>

#include "pipeline/authenticate.h"
#include "pipeline/key_pool.h"
#include "pipeline/session_internal.h"

static const struct {
    const char *name;
    ks_outcome outcome;
    ks_status status;
} causes[KS_CAUSE_COUNT] = {
    [KS_CAUSE_NONE] = {"none", KS_OUTCOME_KEY, KS_OK},
    [KS_CAUSE_SHORT] = {"too short", KS_OUTCOME_NOTHING, KS_OK},
    [KS_CAUSE_CONNECTION] = {"connection", KS_OUTCOME_LOST, KS_ERR_CLOSED},
    [KS_CAUSE_INPUT] = {"input ended", KS_OUTCOME_LOST, KS_OK},
    [KS_CAUSE_LIFE] = {"epsilon of life", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_CODE] = {"code too weak", KS_OUTCOME_NOTHING, KS_ERR_LIMIT},
    [KS_CAUSE_SIZE] = {"too many detections", KS_OUTCOME_ABORTED, KS_ERR_LIMIT},
    [KS_CAUSE_TEST_QBER] = {"test QBER", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_KEY_QBER] = {"key QBER", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_VERIFICATION] = {"verification", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_LEAKAGE] = {"leakage", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_LENGTH] = {"length", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_FLOOR] = {"pool floor", KS_OUTCOME_ABORTED, KS_ERR_SECURITY},
    [KS_CAUSE_TAG] = {"tag", KS_OUTCOME_AUTH, KS_ERR_AUTH},
};

const char *ks_cause_name(ks_cause cause) {
    return (unsigned)cause < KS_CAUSE_COUNT ? causes[cause].name : "unknown";
}

ks_outcome ks_cause_outcome(ks_cause cause) {
    return causes[cause].outcome;
}

ks_status ks_cause_status(ks_cause cause) {
    return causes[cause].status;
}

int ks_failure_is_last(ks_session *s) {
    s->failures++;
    return s->config.failures_to_stop && s->failures >= s->config.failures_to_stop;
}

/* ---- epsilon */

/* More than a transcript of so many detections can have, in blocks of the hash. */
static uint64_t longest_transcript(uint64_t detections) {
    return 2 * detections + (1 << 20);
}

double ks_life_of_block(const ks_session *s) {
    const ks_link_parameters *p = &s->config.link;
    return ks_epsilon_total(&p->epsilon, ks_verification_log2_epsilon(p->block_detections)) +
           2 * exp2(ks_hash_log2_epsilon(longest_transcript(p->block_detections)));
}

void ks_life_charge(ks_session *s, double epsilon) {
    ks_pool_charge(s->config.pool, epsilon);
    s->totals.epsilon += epsilon;
}

int ks_life_is_over(ks_session *s) {
    const double bound = s->config.epsilon_life;
    if (bound > 0 && ks_pool_epsilon(s->config.pool) + ks_life_of_block(s) > bound)
        s->life_over = 1;
    return s->life_over;
}

ks_status ks_life_fail(double spent, double bound) {
    return ks_fail(KS_ERR_SECURITY,
                   "the link has spent epsilon %.3g of at most %.3g in its life: no further block; raise the "
                   "bound or make a new pre-shared key",
                   spent, bound);
}

ks_status ks_life_durable(ks_session *s) {
    if (ks_pool_charge_durable(s->config.pool))
        return KS_OK;
    ks_request_store(s);
    return KS_ERR_EMPTY;
}

/* ---- the pool's reserve */

uint64_t ks_pool_planned_level(const ks_session *s) {
    const uint64_t a = ks_pool_level(s->config.pool, KS_ALICE_TO_BOB),
                   z = ks_pool_level(s->config.pool, KS_BOB_TO_ALICE), pair = 2 * KS_PAD_BYTES;
    uint64_t level = a < z ? a : z;
    for (const ks_pending *p = s->pending; p && s->config.role == KS_ALICE; p = p->next)
        level += p->refill_bytes / pair; /* Bob's are in */
    for (const ks_block *b = s->blocks; b; b = b->next)
        if (!b->ended)
            level += b->refill / pair;
    return level;
}
