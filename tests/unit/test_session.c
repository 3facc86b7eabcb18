/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "pipeline/message.h"
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

/* Both ends' reports of a block in order, ended ones without key included. */
static const ks_block_report *report_of(const fixture *f, int role, uint32_t block) {
    for (int i = 0; i < f->end[role].report_count; i++)
        if (f->end[role].reports[i].block == block)
            return &f->end[role].reports[i];
    return NULL;
}

Test(session, distils_identical_keys) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    fixture_run(f, 4 << 19);
    fixture_finish(f);
    cr_expect(f->end[0].closed && f->end[1].closed);
    cr_expect_eq(f->end[0].end, KS_OK);
    cr_expect_eq(f->end[1].end, KS_OK);
    cr_assert(fixture_keys_identical(f), "%d and %d keys", f->end[0].key_count, f->end[1].key_count);
    for (uint32_t block = 0; block < 4; block++) {
        const ks_block_report *a = report_of(f, 0, block), *b = report_of(f, 1, block);
        cr_assert(a && b);
        cr_expect_eq(a->outcome, KS_OUTCOME_KEY, "%s", a->reason);
        cr_expect_eq(memcmp(&a->counts, &b->counts, sizeof a->counts), 0);
        cr_expect_eq(memcmp(&a->leakage, &b->leakage, sizeof a->leakage), 0);
        cr_expect_eq(a->secret_bits, b->secret_bits);
        cr_expect_eq(a->sifted_bits, b->sifted_bits);
        cr_expect_eq(a->key_errors, b->key_errors);
        cr_expect_float_eq(a->qber, 0.015, 0.005);
        cr_expect_geq(a->length.bits, a->secret_bits);
    }
    ks_session_totals t;
    ks_engine_get_totals(f->end[0].engine, &t);
    cr_expect_eq(t.keys, t.keys_confirmed);
    cr_expect_eq(t.keys, (uint64_t)f->end[0].key_count);
    end_link(f);
}

static void run_decoy(unsigned intensities) {
    fixture *f = new_link();
    f->parameters.source = intensities == 3 ? (ks_source){3, {0.5, 0.1, 0.001}, {0.625, 0.25, 0.125}}
                                            : (ks_source){2, {0.5, 0.15}, {0.625, 0.375}};
    f->parameters.block_slots = 1 << 23;
    f->parameters.frame_log2 = 16;
    f->yield[0] = 255;
    f->yield[1] = intensities == 3 ? 54 : 80;
    f->yield[2] = 1;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    fixture_run(f, 1 << 23);
    fixture_finish(f);
    cr_expect(fixture_keys_identical(f), "%d keys: %s", f->end[1].key_count, f->end[1].reports[0].reason);
    end_link(f);
}

Test(session, distils_with_one_decoy) {
    run_decoy(2);
}

Test(session, distils_with_two_decoys) {
    run_decoy(3);
}

Test(session, few_detections_give_nothing_and_no_error) {
    fixture *f = new_link();
    f->gap = 2000;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 2 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[0].end, KS_OK);
    cr_expect_eq(f->end[1].key_count, 0);
    cr_expect_eq(report_of(f, 0, 0)->outcome, KS_OUTCOME_NOTHING);
    cr_expect_eq(report_of(f, 1, 0)->outcome, KS_OUTCOME_NOTHING);
    end_link(f);
}

Test(session, qber_over_its_limit_aborts_and_then_stops) {
    fixture *f = new_link();
    f->qber = 0.14;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 12 << 19);
    cr_expect_eq(f->end[0].key_count, 0);
    cr_expect_eq(f->end[1].key_count, 0);
    cr_expect_eq(report_of(f, 0, 0)->outcome, KS_OUTCOME_ABORTED);
    cr_expect_eq(report_of(f, 0, 0)->status, KS_ERR_SECURITY);
    cr_expect_eq(f->end[0].end, KS_ERR_SECURITY, "eight failures in a row end the session");
    cr_expect(f->end[0].closed);
    end_link(f);
}

/* ---- configuration and identity */

Test(session, another_configuration_is_named) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start_end(f, 0, 1), KS_OK);
    f->parameters.block_slots = 1 << 20;
    cr_assert_eq(fixture_start_end(f, 1, 1), KS_OK);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    char reason[256];
    ks_engine_reason(f->end[1].engine, reason, sizeof reason);
    cr_expect_eq(f->end[1].end, KS_ERR_PROTOCOL);
    cr_expect(strstr(reason, "block pulses is 1048576 here, 524288 at the peer"), "%s", reason);
    end_link(f);
}

Test(session, another_pre_shared_key_is_refused) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start_end(f, 0, 1), KS_OK);
    cr_assert_eq(fixture_start_end(f, 1, 2), KS_OK);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    cr_expect_eq(f->end[0].end, KS_ERR_AUTH);
    cr_expect_eq(f->end[1].end, KS_ERR_AUTH);
    end_link(f);
}

Test(session, unset_security_parameters_are_refused) {
    fixture *f = new_link();
    const ks_link_parameters good = f->parameters;
    f->parameters.basis_choice = KS_BASIS_UNSET;
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_ARGUMENT);
    cr_expect(strstr(ks_error_detail(), "basis choice"), "%s", ks_error_detail());
    f->parameters = good;
    f->parameters.receiver.efficiency_mismatch = -1;
    cr_expect_eq(fixture_start_end(f, 1, 1), KS_ERR_ARGUMENT);
    cr_expect(strstr(ks_error_detail(), "mismatch"), "%s", ks_error_detail());
    for (int role = 0; role < 2; role++) {
        ks_device_close(f->end[role].device);
        ks_pool_close(f->end[role].pool);
    }
    free(f);
}

Test(session, passive_choice_yields_nothing_unless_accepted) {
    for (int accept = 0; accept < 2; accept++) {
        fixture *f = new_link();
        f->parameters.basis_choice = KS_BASIS_PASSIVE;
        f->parameters.accept_passive = accept;
        cr_assert_eq(fixture_start(f), KS_OK);
        fixture_run(f, 1 << 19);
        fixture_finish(f);
        cr_expect_eq(f->end[1].key_count > 0, accept);
        cr_expect_eq((f->end[1].reports[0].notes & KS_RING_NOTE_ACCEPTED_PASSIVE) != 0, accept);
        end_link(f);
    }
}

Test(session, a_sudden_rise_of_errors_is_survived) {
    fixture *f = new_link();
    f->parameters.block_slots = 1 << 21;
    f->qber = 0.020;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 2 << 21);
    f->qber = 0.0225; /* rates were chosen for less: retries */
    fixture_run(f, 3 << 21);
    fixture_finish(f);
    cr_expect_eq(f->end[0].end, KS_OK);
    const ks_block_report *a = report_of(f, 0, 2), *b = report_of(f, 1, 2);
    cr_expect_eq(b->outcome, KS_OUTCOME_KEY, "%s", b->reason);
    cr_expect_gt(b->rounds, 1);
    cr_expect_eq(memcmp(&a->leakage, &b->leakage, sizeof a->leakage), 0);
    cr_expect(fixture_keys_identical(f));
    end_link(f);
}

/* ---- the wire under attack: identical keys or none */

typedef struct attack {
    unsigned target, seen; /* message number, both directions counted together */
    size_t byte;
    int kind; /* 0 flip, 1 drop, 2 duplicate, 3 reflect, 4 truncate */
    int happened;
} attack;

static int attack_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    attack *a = f->tap_context;
    if (a->seen++ != a->target)
        return 1;
    a->happened = 1;
    ks_status status = KS_OK;
    switch (a->kind) {
    case 0:
        (*message)[a->byte % *bytes] ^= 1;
        return 1;
    case 1:
        return 0;
    case 2:
        status = ks_engine_receive(f->end[1 - from].engine, *message, *bytes);
        return status == KS_OK || status == KS_ERR_CLOSED;
    case 3:
        status = ks_engine_receive(f->end[from].engine, *message, *bytes);
        return status == KS_OK || status == KS_ERR_CLOSED;
    default:
        *bytes = *bytes * 2 / 3;
        return 1;
    }
}

static unsigned run_attack(attack *a) {
    fixture *f = new_link();
    f->parameters.block_slots = 1 << 18;
    f->gap = 5;
    f->tap = attack_tap;
    f->tap_context = a;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 2 << 18);
    fixture_finish(f);
    unsigned messages = a->seen;
    cr_expect(fixture_keys_agree(f), "attack %d on byte %zu of message %u: different keys delivered", a->kind,
              a->byte, a->target);
    cr_expect_leq(f->end[0].key_count, f->end[1].key_count, "Alice delivers nothing that Bob did not accept");
    end_link(f);
    return messages;
}

Test(session, attacks_never_give_different_keys, .timeout = 240) {
    attack none = {.target = ~0u};
    const unsigned messages = run_attack(&none);
    cr_assert_gt(messages, 30);
    uint64_t seed = 5;
    for (unsigned i = 0; i < 120; i++) {
        seed = fixture_hash(seed);
        attack a = {
            .target = (unsigned)(seed % messages), .kind = (int)(i % 8), .byte = (size_t)(seed >> 20)};
        if (a.kind > 4)
            a.kind = 0;
        if (i % 3 == 0)
            a.byte %= KS_MESSAGE_HEADER + 24;
        (void)run_attack(&a);
        cr_expect(a.happened);
    }
}

/* A changed message that still looks well-formed must be caught by the tags: bit flips in SEED, SYNDROME,
 * PREPARED. */
static int flip_type_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    attack *a = f->tap_context;
    (void)from;
    if ((*message)[5] == a->target && *bytes > KS_MESSAGE_HEADER + 20 && !a->happened) {
        (*message)[*bytes - 3] ^= 4;
        a->happened = 1;
    }
    return 1;
}

static void flip_type(unsigned type) {
    attack a = {.target = type};
    fixture *f = new_link();
    f->tap = flip_type_tap;
    f->tap_context = &a;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    fixture_finish(f);
    cr_expect(a.happened, "message type %u was seen", type);
    cr_expect_eq(f->end[0].key_count, 0, "type %u: Alice delivered %d keys", type, f->end[0].key_count);
    cr_expect_eq(f->end[1].key_count, 0, "type %u: Bob delivered %d keys", type, f->end[1].key_count);
    end_link(f);
}

Test(session, a_flipped_bit_in_any_bulk_message_yields_no_key) {
    flip_type(KS_MSG_BASES);
    flip_type(KS_MSG_PREPARED);
    flip_type(KS_MSG_SYNDROME);
    flip_type(KS_MSG_VERIFY);
    flip_type(KS_MSG_SEED);
    flip_type(KS_MSG_TAG_B);
}

/* Flips a bit in the tag of the TAG_B with number `target`, drops it when `kind` is 1. */
static int spoil_tag_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    attack *a = f->tap_context;
    (void)from;
    if ((*message)[5] != KS_MSG_TAG_B || a->seen++ != a->target)
        return 1;
    a->happened = 1;
    (*message)[*bytes - 3] ^= 4;
    return a->kind == 0;
}

Test(session, a_lost_announcement_is_repeated_and_the_pools_stay_together) {
    for (int kind = 0; kind < 2; kind++) {
        attack a = {.target = 2, .kind = kind};
        fixture *f = new_link();
        f->pool_target = 400;
        f->tap = spoil_tag_tap;
        f->tap_context = &a;
        cr_assert_eq(fixture_start(f), KS_OK);
        fixture_run(f, 9 << 19);
        for (int role = 0; role < 2 && kind == 1;
             role++) /* the dropped one is missed until the connection ends */
            ks_engine_disconnected(f->end[role].engine);
        fixture_settle(f);
        for (int role = 0; role < 2 && kind == 1; role++)
            cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
        fixture_run(f, 12 << 19);
        fixture_finish(f);
        cr_expect(a.happened);
        cr_expect_eq(f->end[0].end, KS_OK);
        cr_expect_eq(f->end[1].end, KS_OK);
        cr_expect(fixture_keys_identical(f), "%d and %d keys", f->end[0].key_count, f->end[1].key_count);
        cr_expect_gt(f->end[0].reports[11].outcome == KS_OUTCOME_KEY, 0);
        for (int d = 0; d < 2; d++) {
            cr_expect_eq(ks_pool_end(f->end[0].pool, (ks_direction)d),
                         ks_pool_end(f->end[1].pool, (ks_direction)d));
            cr_expect_gt(ks_pool_end(f->end[0].pool, (ks_direction)d), 126, "the pool was refilled");
        }
        end_link(f);
    }
}

static int raise_length_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    int *raised = f->tap_context;
    (void)from;
    if ((*message)[5] == KS_MSG_AMPLIFY && *bytes > KS_MESSAGE_HEADER) {
        (*message)[KS_MESSAGE_HEADER + 1] = (uint8_t)((*message)[KS_MESSAGE_HEADER + 1] + 1);
        *raised = 1;
    }
    return 1;
}

Test(session, bob_refuses_a_longer_key_than_his_own_formula_gives) {
    int raised = 0;
    fixture *f = new_link();
    f->tap = raise_length_tap;
    f->tap_context = &raised;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    fixture_finish(f);
    cr_assert(raised);
    const ks_block_report *b = report_of(f, 1, 0);
    cr_expect_eq(b->outcome, KS_OUTCOME_ABORTED);
    cr_expect_eq(b->status, KS_ERR_SECURITY);
    cr_expect_eq(f->end[0].key_count + f->end[1].key_count, 0);
    end_link(f);
}

/* ---- garbage */

Test(session, garbage_is_refused_with_its_place) {
    const uint64_t length = UINT64_C(1) << 60;
    uint8_t garbage[200];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)fixture_hash(i);
    for (int kind = 0; kind < 4; kind++) {
        fixture *f = new_link();
        cr_assert_eq(fixture_start(f), KS_OK);
        fixture_settle(f);
        cr_assert(ks_engine_established(f->end[0].engine));
        uint8_t message[KS_MESSAGE_HEADER + 21] = {0};
        ks_header h = {.type = KS_MSG_DETECTIONS, .direction = KS_BOB_TO_ALICE, .epoch = 1, .payload = 21};
        size_t bytes = sizeof message;
        ks_header_encode(message, &h);
        if (kind == 0)
            memcpy(message, garbage, sizeof message);
        if (kind == 1)
            message[4] = 2; /* another version */
        if (kind == 2)
            memcpy(message + 32, &length, 4);
        if (kind == 3)
            bytes = 7;
        cr_assert_eq(ks_engine_receive(f->end[0].engine, message, bytes), KS_OK);
        fixture_settle(f);
        cr_expect_eq(f->end[0].end, KS_ERR_PROTOCOL, "kind %d", kind);
        end_link(f);
    }
}

/* ---- connection and input */

Test(session, a_lost_connection_begins_a_new_epoch_at_the_next_block) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, (1 << 19) + (1 << 18)); /* one block and a half */
    for (int role = 0; role < 2; role++)
        ks_engine_disconnected(f->end[role].engine);
    fixture_settle(f);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_run(f, 4 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[0].end, KS_OK);
    const ks_block_report *lost = report_of(f, 1, 1), *after = report_of(f, 1, 2);
    cr_assert(lost && after);
    cr_expect_eq(lost->outcome, KS_OUTCOME_LOST);
    cr_expect_eq(after->outcome, KS_OUTCOME_KEY);
    cr_expect_gt(after->epoch, lost->epoch);
    cr_expect(fixture_keys_identical(f), "the first block's keys are confirmed after the reconnection");
    end_link(f);
}

Test(session, live_input_before_a_connection_is_skipped_by_whole_blocks) {
    fixture *f = new_link();
    f->live = 1;
    for (int role = 0; role < 2; role++)
        cr_assert_eq(fixture_start_end(f, role, 1), KS_OK);
    fixture_run(f, (1 << 19) + (1 << 18));
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    fixture_run(f, 4 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[0].end, KS_OK);
    cr_expect(fixture_keys_identical(f));
    cr_expect_null(report_of(f, 1, 0));
    cr_expect_null(report_of(f, 1, 1), "a block whose beginning was missed is not begun");
    cr_assert_not_null(report_of(f, 1, 2));
    cr_expect_eq(report_of(f, 1, 2)->outcome, KS_OUTCOME_KEY);
    ks_session_totals t;
    ks_engine_get_totals(f->end[1].engine, &t);
    cr_expect_eq(t.blocks_skipped, 2);
    end_link(f);
}

Test(session, abandoned_input_ends_the_session_in_order) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 2 << 19);
    ks_detection d[4];
    size_t taken;
    for (int i = 0; i < 4; i++)
        d[i] = fixture_detect(f);
    cr_assert_eq(ks_engine_detections(f->end[1].engine, d, 4, f->slot, &taken), KS_OK);
    ks_engine_abandon(f->end[1].engine);
    fixture_settle(f);
    cr_expect(f->end[0].closed && f->end[1].closed);
    cr_expect_eq(f->end[1].end, KS_OK);
    cr_expect(fixture_keys_identical(f), "blocks that were complete are delivered and confirmed");
    end_link(f);
}

Test(session, detections_must_increase) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_settle(f);
    const ks_detection d[3] = {ks_detection_make(10, 0, 1, 0), ks_detection_make(30, 1, 1, 0),
                               ks_detection_make(30, 0, 0, 0)};
    size_t taken;
    cr_assert_eq(ks_engine_detections(f->end[1].engine, d, 3, 31, &taken), KS_OK);
    fixture_settle(f);
    cr_expect_eq(f->end[1].end, KS_ERR_ARGUMENT);
    end_link(f);
}

Test(session, a_block_may_end_at_its_last_slot) {
    fixture *f = new_link();
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_settle(f);
    const uint64_t n = f->parameters.block_slots;
    const ks_detection d[2] = {ks_detection_make(n - 1, 0, 1, 0), ks_detection_make(n, 0, 1, 0)};
    size_t taken;
    cr_assert_eq(ks_engine_detections(f->end[1].engine, d, 2, 2 * n, &taken), KS_OK);
    fixture_finish(f);
    cr_expect_eq(f->end[1].end, KS_OK);
    cr_expect_eq(report_of(f, 0, 0)->detections, 1);
    cr_expect_eq(report_of(f, 0, 1)->detections, 1);
    end_link(f);
}
