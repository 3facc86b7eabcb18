/* SPDX-License-Identifier: Apache-2.0 */
/* What stops a link: failures, the epsilon of its life, an authentication pool that runs low; and that both
 * ends name the same cause. */
#include <criterion/criterion.h>

#include "ldpc/ldpc.h"
#include "pipeline/key_pool.h"
#include "pipeline/message.h"
#include "pipeline/reconcile.h"
#include "tests/unit/link_fixture.h"

static fixture *new_link(void) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    return f;
}

static void end_link(fixture *f) {
    fixture_stop(f);
    free(f);
}

static ks_session_totals totals_of(const fixture *f, int role) {
    ks_session_totals t;
    ks_engine_get_totals(f->end[role].engine, &t);
    return t;
}

static void expect_reason(const fixture *f, int role, const char *word) {
    char reason[256];
    ks_engine_reason(f->end[role].engine, reason, sizeof reason);
    cr_expect(strstr(reason, word), "end %d: %s", role, reason);
}

/* Both ends report the block with this cause. */
static void expect_cause(const fixture *f, uint32_t block, ks_cause cause) {
    for (int role = 0; role < 2; role++) {
        int found = 0;
        for (int i = 0; i < f->end[role].report_count; i++)
            if (f->end[role].reports[i].block == block) {
                const ks_block_report *r = &f->end[role].reports[i];
                cr_expect_eq(r->cause, cause, "end %d: %s (%s)", role, ks_cause_name(r->cause), r->reason);
                found = 1;
            }
        cr_expect(found, "end %d has no report of block %u", role, block);
    }
}

/* ---- epsilon of the link's life */

static double block_epsilon(const fixture *f) {
    return 2 * f->parameters.epsilon.acceptance + f->parameters.epsilon.amplification;
}

static int bounded_end;

static void bound_life(fixture *f, ks_session_config *config) {
    config->epsilon_life = (int)config->role == bounded_end ? 3.5 * block_epsilon(f) : 0;
}

Test(limits, no_block_passes_the_bound_of_the_accumulated_epsilon) {
    for (bounded_end = 0; bounded_end < 2; bounded_end++) {
        fixture *f = new_link();
        f->configure = bound_life;
        cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
        fixture_run(f, 8 << 19);
        fixture_finish(f);
        cr_expect_eq(f->end[bounded_end].end, KS_ERR_SECURITY);
        expect_reason(f, bounded_end, "in its life");
        cr_expect(f->end[0].closed && f->end[1].closed);
        cr_expect_eq(f->end[1 - bounded_end].end, KS_OK);
        const ks_session_totals t = totals_of(f, bounded_end);
        cr_expect_eq(t.blocks_with_key, 3);
        cr_expect_eq(t.keys, t.keys_confirmed);
        cr_expect_leq(t.epsilon_life, 3.5 * block_epsilon(f));
        cr_expect_geq(t.epsilon_life, 3 * block_epsilon(f));
        cr_expect(fixture_keys_identical(f), "what was distilled is delivered");
        end_link(f);
    }
}

static ks_status keep_image(void *context, uint64_t offset, const uint8_t *data, size_t bytes) {
    const fixture_end *e = context;
    uint8_t *image = e->link->tap_context;
    if (e->role == KS_BOB)
        memcpy(image + offset, data, bytes);
    return KS_OK;
}

static double life_of_image(const uint8_t *image, size_t bytes) {
    ks_pool *pool;
    cr_assert_eq(ks_pool_open(&pool, image, bytes, 16), KS_OK, "%s", ks_error_detail());
    const double life = ks_pool_epsilon(pool);
    ks_pool_close(pool);
    return life;
}

Test(limits, the_accumulated_epsilon_outlives_the_process_and_is_never_too_small) {
    fixture *f = new_link();
    size_t bytes;
    uint8_t *image = fixture_image(&bytes, 1);
    cr_assert_not_null(image);
    f->tap_context = image;
    f->store = keep_image;
    cr_assert_eq(fixture_start(f), KS_OK);
    for (unsigned blocks = 1; blocks <= 20; blocks++) {
        fixture_run(f, (uint64_t)blocks << 19);
        const double spent = totals_of(f, KS_BOB).epsilon_life, kept = life_of_image(image, bytes);
        cr_expect_geq(spent, blocks * block_epsilon(f) * (1 - 1e-9));
        cr_expect_geq(kept, spent, "%u blocks: storage knows of %g, spent are %g", blocks, kept, spent);
        cr_expect_leq(kept, spent + 17 * block_epsilon(f));
    }
    end_link(f);
    const uint64_t nan = UINT64_C(0x7ff8000000000000);
    for (int copy = 1; copy <= 2; copy++)
        memcpy(image + copy * KS_POOL_PAGE + 2640, &nan, 8); /* the checksum does not fit any more either */
    ks_pool *pool;
    cr_expect_eq(ks_pool_open(&pool, image, bytes, 16), KS_ERR_FORMAT);
    free(image);
}

static void spent_already(fixture *f, ks_session_config *config) {
    ks_pool_charge(f->end[0].pool, 1);
    config->epsilon_life = 0.5;
}

Test(limits, a_link_that_has_spent_its_epsilon_does_not_begin) {
    fixture *f = new_link();
    cr_assert_eq(fixture_pool(&f->end[0].pool, 1), KS_OK);
    f->configure = spent_already;
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_SECURITY);
    cr_expect(strstr(ks_error_detail(), "in its life"), "%s", ks_error_detail());
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    free(f);
}

/* ---- failures */

static void three_failures(fixture *f, ks_session_config *config) {
    (void)f;
    config->failures_to_stop = 3;
}

Test(limits, so_many_failures_in_a_row_stop_the_link) {
    fixture *f = new_link();
    f->configure = three_failures;
    f->qber = 0.14;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 6 << 19);
    cr_expect_eq(f->end[0].end, KS_ERR_SECURITY);
    cr_expect_eq(f->end[1].end, KS_ERR_SECURITY);
    expect_reason(f, 0, "3 blocks in a row failed");
    expect_reason(f, 1, "3 blocks in a row failed, the last one because: ended by the peer: test QBER");
    expect_cause(f, 0, KS_CAUSE_TEST_QBER);
    cr_expect_eq(totals_of(f, 0).blocks_aborted, 3);
    cr_expect_eq(totals_of(f, 0).failures, 3);
    end_link(f);
}

static int spoil_tag_b(fixture *f, int from, uint8_t **message, size_t *bytes) {
    (void)f;
    if (from == KS_BOB && (*message)[5] == KS_MSG_TAG_B)
        (*message)[*bytes - 1] ^= 1;
    return 1;
}

Test(limits, failing_tags_are_counted_and_stop_the_link) {
    fixture *f = new_link();
    f->configure = three_failures;
    f->tap = spoil_tag_b;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 6 << 19);
    cr_expect_eq(f->end[0].end, KS_ERR_AUTH);
    cr_expect_eq(f->end[1].end, KS_ERR_AUTH);
    cr_expect_eq(totals_of(f, 0).auth_failures, 3);
    expect_cause(f, 0, KS_CAUSE_TAG);
    cr_expect_eq(f->end[0].key_count + f->end[1].key_count, 0);
    end_link(f);
}

static int spoil_start(fixture *f, int from, uint8_t **message, size_t *bytes) {
    (void)f;
    if (from == KS_BOB && (*message)[5] == KS_MSG_START)
        (*message)[*bytes - 1] ^= 1;
    return 1;
}

Test(limits, false_greetings_cannot_spend_the_pool) {
    fixture *f = new_link();
    f->configure = three_failures;
    f->survive_strangers = 1;
    f->tap = spoil_start;
    for (int role = 0; role < 2; role++)
        cr_assert_eq(fixture_start_end(f, role, 1), KS_OK);
    for (int attempt = 1; attempt <= 3; attempt++) {
        cr_assert_not(f->end[0].closed, "attempt %d", attempt);
        for (int role = 0; role < 2; role++)
            cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
        fixture_settle(f);
        cr_expect_eq(totals_of(f, 0).auth_failures, (uint64_t)attempt);
        for (int role = 0; role < 2; role++)
            ks_engine_disconnected(f->end[role].engine);
        fixture_settle(f);
    }
    cr_expect_eq(f->end[0].end, KS_ERR_AUTH, "the third one is the last");
    cr_expect_leq(totals_of(f, 0).pads_used, 12, "what Bob burnt for his hash keys included");
    end_link(f);
}

static int spoil_verification(fixture *f, int from, uint8_t **message, size_t *bytes) {
    (void)f;
    (void)from;
    if ((*message)[5] == KS_MSG_VERIFY)
        (*message)[*bytes - 1] ^= 1;
    return 1;
}

Test(limits, both_ends_name_the_cause) {
    fixture *f = new_link();
    f->tap = spoil_verification;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    expect_cause(f, 0, KS_CAUSE_VERIFICATION);
    end_link(f);
    f = new_link();
    f->gap = 2000;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    expect_cause(f, 0, KS_CAUSE_SHORT);
    end_link(f);
    for (int cause = 0; cause < KS_CAUSE_COUNT; cause++)
        cr_expect_not_null(ks_cause_name((ks_cause)cause), "%d", cause);
    cr_expect_str_eq(ks_cause_name((ks_cause)99), "unknown");
}

/* ---- leakage classes */

Test(limits, classes_hold_all_that_a_code_can_disclose_and_nothing_more) {
    for (uint16_t rate = 0; rate < ks_ldpc_rate_count(); rate++) {
        ks_reconciliation r;
        if (!ks_ldpc_supports(rate, 14))
            continue;
        cr_assert_eq(ks_reconciliation_layout(&r, 5 << 14, 14), KS_OK);
        for (uint32_t i = 0; i < r.count; i++)
            r.frames[i].rate = rate;
        ks_reconciliation_fix_classes(&r);
        r.flag_bits = r.count;
        cr_expect_eq(ks_reconciliation_charge(&r), r.first_bits + KS_CLASS_BITS, "the smallest class");
        uint64_t before = 0;
        for (int grown = 1; grown;) {
            grown = 0;
            for (uint32_t i = 0; i < r.count; i++)
                grown |= ks_reconciliation_next(&r, &r.frames[i], &r.frames[i].rate) == KS_OK;
            const uint64_t sent = ks_reconciliation_disclosed(&r), charged = ks_reconciliation_charge(&r);
            cr_expect_leq(sent, ks_reconciliation_largest(&r), "rate %u", rate);
            cr_expect_geq(charged, sent + KS_CLASS_BITS);
            cr_expect_leq(charged, ks_reconciliation_largest(&r) + KS_CLASS_BITS);
            cr_expect_geq(charged, before);
            before = charged;
        }
        r.flag_bits += ks_reconciliation_largest(&r);
        cr_expect_gt(ks_reconciliation_disclosed(&r), ks_reconciliation_largest(&r));
        cr_expect_gt(ks_reconciliation_charge(&r), ks_reconciliation_disclosed(&r), "charged all the same");
        ks_reconciliation_release(&r);
    }
}

/* ---- the reserve of the pool */

static void high_floor(fixture *f, ks_session_config *config) {
    (void)f;
    config->pool_target = config->pool_floor = 1000;
}

static int keep_all_for_applications(fixture *f, int from, uint8_t **message, size_t *bytes) {
    (void)f;
    (void)from;
    (void)bytes;
    if ((*message)[5] == KS_MSG_AMPLIFY)
        memset(*message + KS_MESSAGE_HEADER + 8, 0, 4);
    return 1;
}

Test(limits, no_key_leaves_while_the_pool_is_below_its_floor) {
    fixture *f = new_link();
    f->configure = high_floor;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 2 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[0].key_count, 0, "all of it goes into the pool");
    cr_expect_eq(f->end[0].reports[1].outcome, KS_OUTCOME_KEY);
    cr_expect_gt(totals_of(f, 0).pool_level[0], 126);
    /* Less a part of 256 bits of each of the two blocks. */
    cr_expect_eq(totals_of(f, 0).pool_bits % 256, 0);
    cr_expect_lt(totals_of(f, 0).secret_bits - totals_of(f, 0).pool_bits, 2 * 256);
    end_link(f);
    f = new_link();
    f->configure = high_floor;
    f->tap = keep_all_for_applications;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    expect_cause(f, 0, KS_CAUSE_FLOOR);
    end_link(f);
}

static void floor_above_target(fixture *f, ks_session_config *config) {
    (void)f;
    config->pool_floor = config->pool_target + 1;
}

Test(limits, a_floor_above_the_target_is_refused) {
    fixture *f = new_link();
    f->configure = floor_above_target;
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_ARGUMENT);
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    free(f);
}

Test(limits, consumption_is_what_the_tags_used) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 3 << 19);
    fixture_finish(f);
    for (int role = 0; role < 2; role++) {
        const ks_session_totals t = totals_of(f, role);
        /* a START and a hash key each way, two tags a block, the last CONFIRM */
        cr_expect_eq(t.pads_used, 4 + 2 * 3 + 1, "end %d: %llu", role, (unsigned long long)t.pads_used);
        cr_expect_eq(t.auth_failures, 0);
    }
    end_link(f);
}

/* ---- parameters */

Test(limits, one_decoy_needs_a_weaker_pulse_that_is_not_empty) {
    fixture *f = new_link();
    f->parameters.source = (ks_source){2, {0.5, 0}, {0.5, 0.5}};
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_ARGUMENT);
    cr_expect(strstr(ks_error_detail(), "above 0"), "%s", ks_error_detail());
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    f->parameters.source = (ks_source){.intensities = 1};
    f->parameters.block_detections = 1000000001;
    f->end[0].pool = NULL;
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_ARGUMENT, "no longer than the hash that amplifies takes");
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    free(f);
}
