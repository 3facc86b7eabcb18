/* SPDX-License-Identifier: Apache-2.0 */
/* Everything on the wire that depends on the key is counted by a tap and compared with what the key length
 * was charged; errors that reconciliation leaves behind are put in on purpose. */
#include <criterion/criterion.h>

#include "ldpc/ldpc.h"
#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { BLOCKS = 4, LOG2N = 14, FRAMES = 512 };

/* What one block sent. */
typedef struct tally {
    uint64_t syndrome_bits, extra_bits, flag_bits, dropped_bits; /* of frames that were given up, whole */
    uint64_t position_bits, named_bits; /* of the least reliable bits, and the bits there */
    uint64_t tag_bits, error_counts, largest_frame, frames;
    uint64_t tested_bits, test_detections, detections, sifted;
    uint16_t rate[FRAMES]; /* as PLAN says, then as EXTRA does */
    int dropped[FRAMES], failed[FRAMES], named[FRAMES];
    int unknown; /* messages of other types */
} tally;

typedef struct wire {
    tally block[BLOCKS];
} wire;

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t u64_at(const uint8_t *p) {
    return u32_at(p) | (uint64_t)u32_at(p + 4) << 32;
}

static uint16_t u16_at(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static void count_bases(tally *t, const uint8_t *p, size_t bytes) {
    const uint32_t count = u32_at(p + 8);
    t->detections += count;
    for (uint32_t i = 0; i < count; i++)
        t->test_detections += p[20 + i / 8] >> (i % 8) & 1; /* basis 1 is the test basis here */
    t->tested_bits += u32_at(p + 12);
    cr_expect_eq(u32_at(p + 16), 0, "no sample was asked for");
    cr_expect_eq(bytes, 20 + (count + 7) / 8 + (u32_at(p + 12) + 7) / 8);
}

static void count_plan(tally *t, const uint8_t *p) {
    t->frames = u32_at(p + 8);
    cr_assert_lt(t->frames, FRAMES);
    for (uint32_t i = 0; i < t->frames; i++) {
        t->rate[i] = u16_at(p + 12 + 2 * i);
        const uint64_t bits = ks_ldpc_syndrome_bits(t->rate[i], LOG2N);
        t->largest_frame = bits > t->largest_frame ? bits : t->largest_frame;
    }
}

/* The flags of a round are in the order of the frames that were tried in it; then of those that failed and
 * have no more syndrome what is named of each: 32 of 2^14 positions in 44 bytes. */
static void count_flags(tally *t, const uint8_t *p, size_t bytes) {
    const uint32_t round = u32_at(p), pending = u32_at(p + 4);
    uint32_t k = 0;
    t->flag_bits += pending;
    for (uint32_t i = 0; i < t->frames; i++)
        if (round == 0 || (t->failed[i] && !t->dropped[i])) {
            t->failed[i] = p[8 + k / 8] >> (k % 8) & 1;
            k++;
        }
    cr_expect_eq(k, pending, "round %u: %u flags", round, pending);
    const uint8_t *at = p + 8 + (pending + 7) / 8;
    for (uint32_t i = 0; i < t->frames; i++) {
        uint16_t next;
        t->named[i] =
            t->failed[i] && !t->dropped[i] && ks_ldpc_next(&next, t->rate[i]) != KS_OK && *at++ == 1;
        t->position_bits += t->named[i] ? 44 * 8 : 0;
        at += t->named[i] ? 44 : 0;
    }
    cr_expect_eq(at, p + bytes, "an entry of FLAGS has another size");
}

/* All frames are full but the last one. */
static uint64_t frame_bits(const tally *t, uint32_t i) {
    const uint64_t whole = UINT64_C(1) << LOG2N, rest = t->sifted - i * whole;
    return rest < whole ? rest : whole;
}

static void count_extra(tally *t, const uint8_t *p, size_t bytes) {
    const uint8_t *at = p + 8, *end = p + bytes;
    uint32_t skip = u32_at(p), i = 0;
    for (uint32_t n = u32_at(p + 4); n; n--, i++) {
        while (!t->failed[i] || t->dropped[i] == 1 || skip) {
            skip -= skip && t->failed[i] && t->dropped[i] != 1;
            cr_assert_lt(++i, t->frames);
        }
        if (*at == 1) {
            const uint64_t more = ks_ldpc_extra_bits(t->rate[i], u16_at(at + 1), LOG2N);
            t->extra_bits += more;
            t->rate[i] = u16_at(at + 1);
            at += 3 + more / 8;
        } else if (*at == 3) {
            cr_expect(t->named[i]);
            t->named_bits += 32;
            at += 5;
        } else {
            t->dropped[i] = 2; /* in this round */
            t->dropped_bits += frame_bits(t, i);
            at += 1 + (frame_bits(t, i) + 7) / 8;
        }
    }
    cr_expect_eq(at, end, "an entry of EXTRA has another size");
}

static int count_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    wire *w = f->tap_context;
    const uint8_t *m = *message, *p = m + KS_MESSAGE_HEADER;
    const size_t payload = *bytes - KS_MESSAGE_HEADER;
    (void)from;
    if (u32_at(m + 20) >= BLOCKS)
        return 1;
    tally *t = &w->block[u32_at(m + 20)];
    switch (m[5]) {
    case KS_MSG_DETECTIONS: /* where, not what */
    case KS_MSG_PREPARED:   /* bases and intensities */
    case KS_MSG_DECODED:
    case KS_MSG_AMPLIFY:
    case KS_MSG_SEED:
    case KS_MSG_TAG_B: /* one-time pads over all that is counted here */
    case KS_MSG_TAG_A:
        break;
    case KS_MSG_BASES:
        count_bases(t, p, payload);
        break;
    case KS_MSG_COUNTS: /* errors of the test basis */
        for (int i = 0; i < KS_MAX_INTENSITIES; i++)
            t->sifted += u64_at(p + 24 * i);
        break;
    case KS_MSG_PLAN: /* a function of what was announced */
        count_plan(t, p);
        break;
    case KS_MSG_SYNDROME:
        t->syndrome_bits += 8 * (payload - 8);
        break;
    case KS_MSG_FLAGS:
        for (uint32_t i = 0; i < t->frames; i++)
            t->dropped[i] = t->dropped[i] != 0;
        count_flags(t, p, payload);
        break;
    case KS_MSG_EXTRA:
        count_extra(t, p, payload);
        break;
    case KS_MSG_VERIFY: /* the hash key is drawn now and says nothing */
        t->tag_bits += 8 * (payload - 16);
        break;
    case KS_MSG_VERDICT:
        for (int i = 0; i < KS_MAX_INTENSITIES; i++)
            t->error_counts += u64_at(p + 8 * i) != 0;
        break;
    default:
        t->unknown++;
    }
    return 1;
}

static uint64_t log2_up(uint64_t n) {
    uint64_t bits = 0;
    while (UINT64_C(1) << bits < n)
        bits++;
    return bits;
}

/* Bits that frames which were corrected cost: first and further syndrome; those that were dropped cost their
 * length. Flags and positions tell of Bob's frames as well, and count for all. */
static uint64_t sent_for_kept_frames(const tally *t) {
    uint64_t bits = t->flag_bits + t->position_bits + t->position_bits / 44 / 8 * 32;
    for (uint32_t i = 0; i < t->frames; i++)
        if (!t->dropped[i])
            bits += ks_ldpc_syndrome_bits(t->rate[i], LOG2N);
    return bits;
}

static void compare(const tally *t, const ks_block_report *r) {
    const uint64_t sent = sent_for_kept_frames(t), first = t->syndrome_bits + t->frames;
    const uint64_t reach = first / 4 > t->largest_frame / 2 ? first / 4 : t->largest_frame / 2;
    const uint64_t step = (reach + 30) / 31, charged = r->leakage.reconciliation - 5;
    cr_expect_eq(t->unknown, 0, "a message of another type");
    cr_expect_eq(t->tested_bits, t->test_detections, "measured bits of the key basis left");
    cr_expect_eq(t->detections, r->detections);
    if (t->dropped_bits == 0)
        cr_expect_eq(sent,
                     t->syndrome_bits + t->extra_bits + t->flag_bits + t->position_bits + t->named_bits);
    cr_expect_eq(r->disclosed_bits, sent + t->dropped_bits);
    cr_expect_eq(r->leakage.dropped, t->dropped_bits);
    cr_expect_geq(charged, sent, "less was charged than sent");
    cr_expect_geq(charged, first, "below the smallest class");
    cr_expect_eq((charged - first) % step, 0, "no class of those fixed beforehand");
    cr_expect(charged == first || charged - sent < step, "a larger class than needed");
    cr_expect_eq(r->leakage.verification, t->tag_bits + 1);
    cr_expect_eq(r->leakage.penalty, log2_up(r->sifted_bits + 1) * t->error_counts);
}

/* 2^21 slots a block: eight frames of 2^14 bits and what is left, which is no whole frame. */
static fixture *new_link(fixture_tap *tap, void *context) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->parameters.block_slots = 1 << 21;
    f->parameters.frame_log2 = LOG2N;
    f->tap = tap;
    f->tap_context = context;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
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

/* Errors rise from block to block: further syndrome, then disclosed bits, then frames that are given up. */
Test(session_leakage, what_the_wire_carried_is_what_was_charged) {
    static const double qber[BLOCKS] = {0.015, 0.0175, 0.0235, 0.0280};
    wire w = {0};
    fixture *f = new_link(count_tap, &w);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        f->qber = qber[b];
        fixture_run(f, (uint64_t)(b + 1) << 21);
    }
    fixture_finish(f);
    cr_assert_eq(f->end[0].end, KS_OK);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        const ks_block_report *alice = report_of(f, 0, b), *bob = report_of(f, 1, b);
        cr_log_info("block %u: syndromes %llu, further %llu, flags %llu, dropped %llu, charged %g", b,
                    (unsigned long long)w.block[b].syndrome_bits, (unsigned long long)w.block[b].extra_bits,
                    (unsigned long long)w.block[b].flag_bits, (unsigned long long)w.block[b].dropped_bits,
                    (double)bob->leakage.reconciliation);
        cr_log_info("positions %llu, bits there %llu", (unsigned long long)w.block[b].position_bits,
                    (unsigned long long)w.block[b].named_bits);
        cr_log_info("%s", bob->reason);
        compare(&w.block[b], bob);
        cr_expect_eq(memcmp(&alice->leakage, &bob->leakage, sizeof alice->leakage), 0);
    }
    cr_expect_gt(w.block[1].extra_bits, 0, "the second block was to need further syndrome");
    cr_expect_gt(w.block[2].named_bits, 0, "the third block was to have bits disclosed");
    cr_expect_gt(w.block[3].dropped_bits, 0, "the fourth block was to drop frames");
    end_link(f);
}

/* ---- residual errors: the syndrome of the first frame is made that of another frame next to Alice's, so
 * that decoding converges to a word that differs from hers in as many bits as are asked for. */

typedef struct injection {
    unsigned bits;
    uint16_t rate;
    int happened;
} injection;

static void shift_syndrome(uint8_t *syndrome, uint16_t rate, unsigned bits) {
    uint64_t frame[(1 << LOG2N) / 64] = {0};
    uint64_t *mother = calloc(ks_ldpc_mother_bits(rate, LOG2N) / 64, 8);
    const size_t bytes = ks_ldpc_syndrome_bits(rate, LOG2N) / 8;
    uint64_t *merged = malloc(bytes);
    cr_assert(mother && merged);
    for (unsigned i = 0; i < bits; i++)
        frame[17 * (i + 1)] |= UINT64_C(1) << i;
    cr_assert_eq(ks_ldpc_syndrome(mother, frame, rate, LOG2N), KS_OK);
    cr_assert_eq(ks_ldpc_merge(merged, mother, rate, LOG2N), KS_OK);
    for (size_t i = 0; i < bytes; i++)
        syndrome[i] ^= ((uint8_t *)merged)[i];
    free(mother);
    free(merged);
}

static int inject_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    injection *j = f->tap_context;
    uint8_t *p = *message + KS_MESSAGE_HEADER;
    (void)from;
    (void)bytes;
    if ((*message)[5] == KS_MSG_PLAN)
        j->rate = u16_at(p + 12);
    if ((*message)[5] == KS_MSG_SYNDROME && u32_at(p) == 0 && !j->happened) {
        j->happened = 1;
        shift_syndrome(p + 8, j->rate, j->bits);
    }
    return 1;
}

Test(session_leakage, residual_errors_are_caught_by_the_verification) {
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        injection j = {.bits = bits};
        fixture *f = new_link(inject_tap, &j);
        f->qber = 0.01; /* far fewer errors than the rate is for: the first syndrome is enough */
        fixture_run(f, 2 << 21);
        fixture_finish(f);
        cr_assert(j.happened);
        const ks_block_report *bob = report_of(f, KS_BOB, 0), *alice = report_of(f, KS_ALICE, 0);
        cr_assert(alice && bob);
        cr_expect(strstr(bob->reason, "verification failed"), "%u residual errors: %s", bits, bob->reason);
        cr_expect_eq(bob->outcome, KS_OUTCOME_ABORTED);
        cr_expect_eq(bob->status, KS_ERR_SECURITY);
        cr_expect_eq(alice->outcome, KS_OUTCOME_ABORTED);
        cr_expect_eq(alice->status, KS_ERR_SECURITY);
        cr_expect_eq(alice->secret_bits + bob->secret_bits, 0);
        cr_expect(fixture_keys_identical(f), "the next block is as good as ever");
        cr_expect_eq((uint64_t)f->end[KS_BOB].key_count, report_of(f, KS_BOB, 1)->keys);
        end_link(f);
    }
}
