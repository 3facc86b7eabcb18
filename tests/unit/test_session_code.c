/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions that reconcile by an imported code, whose columns are no multiple of 64 and whose rows are
 * none of 8; what they disclose is counted on the wire; what a hostile peer may say of it. */
#include <criterion/criterion.h>

#include "ldpc/splitmix.h"
#include "pipeline/message.h"
#include "pipeline/reconcile.h"
#include "tests/unit/link_fixture.h"

enum { COLUMNS = 2101, ROWS = 523, BLOCKS = 3, FRAME = COLUMNS / 64 * 64 };

/* Columns of degree 3, rows of degrees near 12, at random. */
static ks_code *random_code(uint32_t rows, uint32_t columns, uint64_t seed) {
    ks_code_one *ones = malloc(3 * (size_t)columns * sizeof *ones);
    ks_code *code = NULL;
    cr_assert_not_null(ones);
    size_t n = 0;
    for (uint32_t k = 0; k < 3; k++) {
        uint32_t *order = malloc(columns * sizeof *order);
        cr_assert_not_null(order);
        for (uint32_t c = 0; c < columns; c++) {
            const uint32_t other = (uint32_t)(ks_splitmix(&seed) % (c + 1));
            order[c] = order[other];
            order[other] = c;
        }
        for (uint32_t c = 0; c < columns; c++)
            ones[n++] = (ks_code_one){c % rows, order[c]};
        free(order);
    }
    cr_assert_eq(ks_code_create(&code, rows, columns, ones, n), KS_OK, "%s", ks_error_detail());
    free(ones);
    return code;
}

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- links */

static const ks_code *code_of[2];

static void choose(fixture *f, ks_session_config *config) {
    (void)f;
    config->code = code_of[config->role];
}

static fixture *new_link(const ks_code *alice, const ks_code *bob, fixture_tap *tap, void *context) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->configure = choose;
    f->qber = 0.004;
    f->tap = tap;
    f->tap_context = context;
    code_of[KS_ALICE] = alice;
    code_of[KS_BOB] = bob;
    return f;
}

static void end_link(fixture *f) {
    fixture_stop(f);
    free(f);
}

static const ks_block_report *report_of(const fixture *f, int role, uint32_t block) {
    for (int i = 0; i < f->end[role].report_count; i++)
        if (f->end[role].reports[i].block == block)
            return &f->end[role].reports[i];
    return NULL;
}

/* ---- what the wire carries */

typedef struct tally {
    uint64_t frames, messages, syndrome_bytes, extra_bytes, extra_frames, flags;
} tally;

static int count_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    const uint8_t *p = *message + KS_MESSAGE_HEADER;
    const uint32_t block = u32_at(*message + 20);
    const size_t payload = *bytes - KS_MESSAGE_HEADER;
    tally *t = (tally *)f->tap_context + block;
    (void)from;
    if (block >= BLOCKS)
        return 1;
    switch ((*message)[5]) {
    case KS_MSG_PLAN:
        t->frames = u32_at(p + 8);
        cr_expect_eq(payload, 12, "rates of a code that has one");
        break;
    case KS_MSG_SYNDROME:
        t->messages++;
        t->syndrome_bytes += payload - 8;
        break;
    case KS_MSG_FLAGS:
        t->flags += u32_at(p + 4);
        break;
    case KS_MSG_EXTRA:
        t->extra_frames += u32_at(p + 4);
        t->extra_bytes += payload - 8 - u32_at(p + 4);
        cr_expect_eq(p[8], 2, "a code of one rate has no further syndrome");
        break;
    default:
        break;
    }
    return 1;
}

/* Bits of the syndromes of a key, and of what stands in place of the last one. */
static uint64_t syndrome_bits(uint64_t key_bits, uint64_t *frames) {
    const uint64_t whole = key_bits / FRAME, rest = key_bits % FRAME;
    *frames = whole + (rest > 0);
    return whole * ROWS + (rest < ROWS ? rest : ROWS);
}

static void compare(const tally *t, const ks_block_report *r) {
    uint64_t frames;
    const uint64_t bits = syndrome_bits(r->sifted_bits, &frames), in_clear = r->sifted_bits % FRAME;
    cr_expect_eq(t->frames, frames);
    cr_expect_eq(r->frames, frames);
    cr_expect_eq(t->syndrome_bytes, in_clear <= ROWS ? (frames - 1) * ((ROWS + 7) / 8) + (in_clear + 7) / 8
                                                     : frames * ((ROWS + 7) / 8));
    cr_expect_eq(t->flags, frames, "one round");
    cr_expect_eq(r->frames_dropped, t->extra_frames);
    cr_expect_eq(r->leakage.dropped, 8 * t->extra_bytes, "frames are whole bytes but for the last one");
    cr_expect_eq(r->disclosed_bits, bits - t->extra_frames * ROWS + frames + r->leakage.dropped);
    cr_expect_eq(r->leakage.reconciliation, bits + frames + KS_CLASS_BITS, "the smallest class");
}

/* A clean block, one whose frames fail now and then, a clean one again: some are published and paid for, keys
 * agree. */
Test(session_code, what_the_wire_carried_is_what_was_charged) {
    static const double qber[BLOCKS] = {0.004, 0.0225, 0.004};
    tally tallies[BLOCKS] = {{0}};
    ks_code *code = random_code(ROWS, COLUMNS, 1);
    fixture *f = new_link(code, code, count_tap, tallies);
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    for (uint32_t b = 0; b < BLOCKS; b++) {
        f->qber = qber[b];
        fixture_run(f, (uint64_t)(b + 1) << 19);
    }
    fixture_finish(f);
    cr_assert_eq(f->end[0].end, KS_OK);
    cr_expect(fixture_keys_identical(f));
    for (uint32_t b = 0; b < BLOCKS; b++) {
        const ks_block_report *alice = report_of(f, KS_ALICE, b), *bob = report_of(f, KS_BOB, b);
        cr_assert(alice && bob);
        cr_expect_eq(bob->outcome, KS_OUTCOME_KEY, "block %u: %s", b, bob->reason);
        cr_log_info("block %u: %llu bits, %u frames, %u dropped", b, (unsigned long long)bob->sifted_bits,
                    bob->frames, bob->frames_dropped);
        compare(&tallies[b], bob);
        cr_expect_eq(memcmp(&alice->leakage, &bob->leakage, sizeof alice->leakage), 0);
        cr_expect_eq(alice->disclosed_bits, bob->disclosed_bits);
        cr_expect_eq(alice->secret_bits, bob->secret_bits);
    }
    cr_expect_eq(report_of(f, KS_BOB, 0)->frames_dropped, 0);
    cr_expect_gt(report_of(f, KS_BOB, 1)->frames_dropped, 0, "no frame of the second block failed");
    cr_expect_lt(report_of(f, KS_BOB, 1)->frames_dropped, report_of(f, KS_BOB, 1)->frames, "all failed");
    end_link(f);
    ks_code_destroy(code);
}

/* More frames than are decoded side by side. */
Test(session_code, many_frames_are_decoded_in_groups) {
    ks_code *code = random_code(ROWS, COLUMNS, 2);
    fixture *f = new_link(code, code, NULL, NULL);
    f->parameters.block_slots = 1 << 23;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 23);
    fixture_finish(f);
    cr_assert_eq(f->end[KS_BOB].report_count, 1);
    const ks_block_report *r = &f->end[KS_BOB].reports[0];
    cr_expect_eq(r->outcome, KS_OUTCOME_KEY, "%s", r->reason);
    cr_expect_gt(r->frames, 3 * 64);
    cr_expect(fixture_keys_identical(f));
    end_link(f);
    ks_code_destroy(code);
}

/* Syndromes so long that they come in several messages, which end within a group. */
Test(session_code, groups_are_gathered_from_several_messages) {
    ks_code *code = random_code(1900, COLUMNS, 2);
    tally tallies[BLOCKS] = {{0}};
    fixture *f = new_link(code, code, count_tap, tallies);
    f->parameters.block_slots = 20 << 20;
    f->gap = 4;
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 20 << 20);
    fixture_finish(f);
    const ks_block_report *r = report_of(f, KS_BOB, 0);
    cr_assert_not_null(r);
    cr_expect_eq(r->outcome, KS_OUTCOME_KEY, "%s", r->reason);
    cr_expect_eq(r->frames_dropped, 0);
    cr_expect_eq(r->frames, (r->sifted_bits + FRAME - 1) / FRAME);
    cr_expect_gt(tallies[0].messages, 1);
    cr_expect(fixture_keys_identical(f));
    end_link(f);
    ks_code_destroy(code);
}

/* A frame is larger than the key: one frame, most of it known zeros. */
Test(session_code, a_short_key_is_a_shortened_frame) {
    ks_code *code = random_code(16001, 65003, 3);
    fixture *f = new_link(code, code, NULL, NULL);
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_run(f, 1 << 19);
    fixture_finish(f);
    const ks_block_report *r = report_of(f, KS_BOB, 0);
    cr_assert_not_null(r);
    cr_expect_eq(r->frames, 1);
    cr_expect_eq(r->frames_dropped, 0);
    cr_expect_eq(r->disclosed_bits, 16001 + 1);
    cr_expect(fixture_keys_identical(f));
    end_link(f);
    ks_code_destroy(code);
}

/* ---- configurations */

static void expect_difference(const ks_code *alice, const ks_code *bob, const char *text) {
    fixture *f = new_link(alice, bob, NULL, NULL);
    char reason[200];
    cr_assert_eq(fixture_start(f), KS_OK);
    fixture_settle(f);
    for (int role = 0; role < 2; role++) {
        cr_expect_eq(f->end[role].end, KS_ERR_PROTOCOL);
        ks_engine_reason(f->end[role].engine, reason, sizeof reason);
        cr_expect(strstr(reason, "configurations differ: code is "), "%s", reason);
        cr_expect(strstr(reason, text), "%s", reason);
    }
    end_link(f);
}

Test(session_code, ends_with_different_codes_do_not_work_together) {
    ks_code *a = random_code(ROWS, COLUMNS, 4), *b = random_code(ROWS, COLUMNS, 5);
    expect_difference(a, b, "...");
    expect_difference(a, NULL, "that of the family");
    expect_difference(NULL, b, "that of the family");
    ks_code_destroy(a);
    ks_code_destroy(b);
}

static void expect_refused(const ks_code *code, const uint8_t *digest, const char *text) {
    fixture *f = new_link(code, code, NULL, NULL);
    if (digest)
        memcpy(f->parameters.code_digest, digest, KS_CODE_DIGEST_BYTES);
    cr_expect_eq(fixture_start_end(f, KS_ALICE, 1), KS_ERR_ARGUMENT);
    cr_expect(strstr(ks_error_detail(), text), "%s", ks_error_detail());
    ks_device_close(f->end[0].device);
    ks_pool_close(f->end[0].pool);
    free(f);
}

Test(session_code, codes_that_serve_no_session_are_refused) {
    ks_code *small = random_code(256, 1023, 6), *square = random_code(1024, 1024, 6);
    expect_refused(small, NULL, "1023 columns");
    expect_refused(square, NULL, "1024 rows");
    expect_refused(NULL, small->digest, "names another code");
    ks_code_destroy(small);
    ks_code_destroy(square);
}

/* Not all frames are published: the block ends before a syndrome is sent, and the link goes on. */
Test(session_code, an_error_rate_that_no_such_code_corrects_is_refused) {
    ks_code *code = random_code(ROWS, COLUMNS, 7);
    tally tallies[BLOCKS] = {{0}};
    fixture *f = new_link(code, code, count_tap, tallies);
    cr_assert_eq(fixture_start(f), KS_OK);
    f->qber = 0.055; /* n h(q) = 635 bits */
    fixture_run(f, 1 << 19);
    f->qber = 0.004;
    fixture_run(f, 2 << 19);
    fixture_finish(f);
    for (int role = 0; role < 2; role++) {
        const ks_block_report *r = report_of(f, role, 0);
        cr_expect_eq(r->cause, KS_CAUSE_CODE, "%s", r->reason);
        cr_expect_eq(r->outcome, KS_OUTCOME_NOTHING);
        cr_expect_eq(r->status, KS_ERR_LIMIT);
        cr_expect_eq(report_of(f, role, 1)->outcome, KS_OUTCOME_KEY);
    }
    cr_expect(strstr(report_of(f, KS_ALICE, 0)->reason, "syndrome has 523 bits, "), "%s",
              report_of(f, KS_ALICE, 0)->reason);
    cr_expect(strstr(report_of(f, KS_BOB, 0)->reason, "code too weak"));
    cr_expect_eq(tallies[0].syndrome_bytes, 0);
    cr_expect(fixture_keys_identical(f));
    end_link(f);
    ks_code_destroy(code);
}

/* Errors come and go: a block that is published for them does not keep the link from going on. */
Test(session_code, a_link_that_gets_better_is_served_again) {
    static const double qber[] = {0.004, 0.08, 0.004, 0.004};
    enum { ALL = sizeof qber / sizeof *qber };
    ks_code *code = random_code(ROWS, COLUMNS, 7);
    fixture *f = new_link(code, code, NULL, NULL);
    cr_assert_eq(fixture_start(f), KS_OK);
    for (uint32_t b = 0; b < ALL; b++) {
        f->qber = qber[b];
        fixture_run(f, (uint64_t)(b + 1) << 19);
    }
    fixture_finish(f);
    for (uint32_t b = 0; b < ALL; b++)
        cr_expect_eq(report_of(f, KS_BOB, b)->outcome == KS_OUTCOME_KEY, b != 1, "block %u: %s", b,
                     report_of(f, KS_ALICE, b)->reason);
    cr_expect_eq(report_of(f, KS_BOB, 1)->frames_dropped, report_of(f, KS_BOB, 1)->frames,
                 "what was known before told nothing of the errors of the second block");
    cr_expect(fixture_keys_identical(f));
    end_link(f);
    ks_code_destroy(code);
}

/* ---- a hostile Alice */

typedef struct attack {
    uint8_t type; /* of the message to change */
    size_t at;
    uint8_t bits;
} attack;

static int attack_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    const attack *a = f->tap_context;
    (void)from;
    if ((*message)[5] == a->type)
        (*message)[a->at ? KS_MESSAGE_HEADER + a->at : *bytes - 1] ^= a->bits;
    return 1;
}

static void expect_protocol_error(attack a, double qber, const char *text) {
    ks_code *code = random_code(ROWS, COLUMNS, 8);
    fixture *f = new_link(code, code, attack_tap, &a);
    char reason[200];
    cr_assert_eq(fixture_start(f), KS_OK);
    f->qber = qber;
    fixture_run(f, 1 << 19);
    fixture_settle(f);
    cr_expect_eq(f->end[KS_BOB].end, KS_ERR_PROTOCOL);
    ks_engine_reason(f->end[KS_BOB].engine, reason, sizeof reason);
    cr_expect(strstr(reason, text), "%s", reason);
    cr_expect_eq(f->end[KS_BOB].key_count, 0);
    end_link(f);
    ks_code_destroy(code);
}

Test(session_code, what_a_peer_says_of_frames_is_checked) {
    const attack padding = {KS_MSG_SYNDROME, 8 + ROWS / 8, 1 << ROWS % 8}, count = {KS_MSG_PLAN, 8, 1},
                 rate = {KS_MSG_PLAN, 7, 0x7f /* above 1/2 */}, first = {KS_MSG_SYNDROME, 1, 1},
                 further = {KS_MSG_EXTRA, 8, 0x2 ^ 0x1}, unknown = {KS_MSG_EXTRA, 8, 0x2 ^ 0x7};
    expect_protocol_error(padding, 0.004, "bits behind its 523");
    expect_protocol_error(count, 0.004, "PLAN");
    expect_protocol_error(rate, 0.004, "PLAN");
    expect_protocol_error(first, 0.004, "SYNDROME");
    expect_protocol_error(further, 0.0265, "cannot go from rate");
    expect_protocol_error(unknown, 0.0265, "cannot go from rate");
}

/* ---- layout */

static void expect_layout(const ks_code *code, uint64_t bits) {
    const uint64_t most = code->columns / 64 * 64;
    ks_reconciliation r;
    cr_assert_eq(ks_reconciliation_layout_code(&r, bits, code), KS_OK);
    cr_expect_eq(r.count, (bits + most - 1) / most, "%llu bits", (unsigned long long)bits);
    cr_expect_eq(r.pending, r.count);
    ks_reconciliation_fix_classes(&r);
    uint64_t at = 0, sent = r.count, words = 0;
    for (uint32_t i = 0; i < r.count; i++) {
        const ks_frame *f = &r.frames[i];
        const int last = i == r.count - 1;
        cr_expect_eq(f->offset, at);
        cr_expect_eq(f->offset % 64, 0);
        cr_expect(f->real_bits > 0 && f->real_bits <= most);
        cr_expect_eq(f->coded_bits == 0, f->real_bits <= code->rows, "%u bits", f->real_bits);
        if (f->coded_bits) {
            cr_expect_eq(f->coded_bits, r.frames[0].coded_bits);
            cr_expect_eq(f->coded_bits % 64, 0);
            cr_expect(last ? f->real_bits <= f->coded_bits : f->real_bits == f->coded_bits);
        } else {
            cr_expect(last);
        }
        cr_expect_geq(r.padded_bits, f->offset + f->coded_bits);
        cr_expect_eq(f->words_at, words);
        words += (ks_reconciliation_syndrome_bits(&r, f) + 63) / 64;
        sent += ks_reconciliation_syndrome_bits(&r, f);
        at += f->real_bits;
    }
    cr_expect_eq(at, bits);
    cr_expect_eq(r.words, words);
    cr_expect_eq(r.first_bits, sent);
    ks_reconciliation_release(&r);
}

Test(session_code, frames_cover_the_key_and_are_of_one_length) {
    ks_code *codes[] = {random_code(ROWS, COLUMNS, 9), random_code(1500, 2048, 9), random_code(30, 1024, 9)};
    uint64_t seed = 10;
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++) {
        for (uint64_t bits = 0; bits < 6000; bits++)
            expect_layout(codes[c], bits);
        for (int i = 0; i < 300; i++)
            expect_layout(codes[c], ks_splitmix(&seed) % 1000000);
        ks_code_destroy(codes[c]);
    }
}
