/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of the key basis: announced, no part of the key, and what the rates are chosen by. */
#include <criterion/criterion.h>
#include <math.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

static fixture *new_link(double share) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->parameters.key_sample = share;
    return f;
}

static void end_link(fixture *f) {
    fixture_stop(f);
    free(f);
}

/* What went over the wire in BASES and PLAN. */
typedef struct wire {
    uint64_t sampled;
    double planned;
} wire;

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int look(fixture *f, int from, uint8_t **message, size_t *bytes) {
    wire *w = f->tap_context;
    const uint8_t *p = *message + KS_MESSAGE_HEADER;
    (void)from;
    (void)bytes;
    if ((*message)[5] == KS_MSG_BASES)
        w->sampled += u32_at(p + 16);
    if ((*message)[5] == KS_MSG_PLAN)
        memcpy(&w->planned, p, sizeof w->planned);
    return 1;
}

static ks_block_report run(double share, wire *w) {
    fixture *f = new_link(share);
    f->tap = look;
    f->tap_context = w;
    f->parameters.block_slots = 1 << 20;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    fixture_run(f, 1 << 20);
    fixture_finish(f);
    cr_expect_eq(f->end[0].end, KS_OK);
    cr_expect(fixture_keys_identical(f));
    const ks_block_report a = f->end[0].reports[0], b = f->end[1].reports[0];
    cr_expect_eq(a.sample_bits, b.sample_bits);
    cr_expect_eq(a.sample_errors, b.sample_errors);
    cr_expect_eq(a.sifted_bits, b.sifted_bits);
    cr_expect_eq(a.secret_bits, b.secret_bits);
    end_link(f);
    return a;
}

Test(sample, what_is_announced_is_no_part_of_the_key) {
    wire all = {0}, some = {0};
    const ks_block_report without = run(0, &all), with = run(0.1, &some);
    cr_expect_eq(all.sampled, 0);
    cr_expect_eq(without.sample_bits, 0);
    cr_expect_eq(with.sample_bits + with.sifted_bits, without.sifted_bits);
    cr_expect_float_eq((double)with.sample_bits / (double)without.sifted_bits, 0.1, 0.01);
    cr_expect_gt(some.sampled, with.sample_bits, "sampled where Alice had the other basis, too");
    cr_expect_eq(with.counts.key[0], with.sifted_bits);
    cr_expect_eq(with.counts.test[0], without.counts.test[0], "no part of the test basis either");
    cr_expect_eq(with.counts.test_errors[0], without.counts.test_errors[0]);
    cr_expect_lt(with.secret_bits, without.secret_bits);
    cr_expect_float_eq((double)with.sample_errors / (double)with.sample_bits, 0.015, 0.006);
    const double rate = ((double)with.sample_errors + 1) / ((double)with.sample_bits + 2);
    cr_expect_float_eq(some.planned, rate + sqrt(rate / ((double)with.sample_bits + 1)), 1e-12,
                       "one deviation above what the sample says");
}

Test(sample, both_ends_must_want_it) {
    fixture *f = new_link(0);
    cr_assert_eq(fixture_start_end(f, 0, 1), KS_OK);
    f->parameters.key_sample = 0.1;
    cr_assert_eq(fixture_start_end(f, 1, 1), KS_OK);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    char reason[256];
    ks_engine_reason(f->end[0].engine, reason, sizeof reason);
    cr_expect_eq(f->end[0].end, KS_ERR_PROTOCOL);
    cr_expect(strstr(reason, "key-basis sample"), "%s", reason);
    end_link(f);
}

Test(sample, a_share_above_one_half_is_refused) {
    fixture *f = new_link(0.6);
    cr_expect_eq(fixture_start_end(f, 0, 1), KS_ERR_ARGUMENT);
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    free(f);
}

/* A sample that nobody agreed on, or of other positions than were announced. */
static int forge(fixture *f, int from, uint8_t **message, size_t *bytes) {
    const int *kind = f->tap_context;
    (void)from;
    if ((*message)[5] == KS_MSG_BASES && *kind == 0)
        (*message)[KS_MESSAGE_HEADER + 16] ^= 1;
    if ((*message)[5] == KS_MSG_BASES && *kind == 1)
        (*message)[*bytes - 9] ^= 1; /* a bit of the sample */
    if ((*message)[5] == KS_MSG_COUNTS && *kind == 2)
        (*message)[*bytes - 16] ^= 1; /* how many */
    if ((*message)[5] == KS_MSG_COUNTS && *kind == 3)
        (*message)[*bytes - 8] ^= 1; /* how many errors */
    return 1;
}

Test(sample, nothing_forged_gives_a_key) {
    for (int kind = 0; kind < 4; kind++) {
        fixture *f = new_link(0.1);
        f->tap = forge;
        f->tap_context = &kind;
        cr_assert_eq(fixture_start(f), KS_OK);
        fixture_run(f, 1 << 19);
        fixture_finish(f);
        cr_expect_eq(f->end[0].key_count + f->end[1].key_count, 0, "kind %d", kind);
        end_link(f);
    }
}
