/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds of privacy amplification that serve several blocks: when they are drawn, who may use them, what a
 * peer that bends the rule is told. */
#include <criterion/criterion.h>
#include <math.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { BLOCKS = 7, BATCH = 3, BLOCK = 1 << 19 };

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

typedef enum forgery { HONEST, OTHER_BEARER, TOO_MANY, EARLY, SEED_BYTE } forgery;

/* Verdicts are kept back until two more blocks have begun, so that blocks meet at the seed. */
typedef struct watcher {
    forgery forge;
    int happened;
    int last_block;    /* whose detections were announced */
    uint8_t *kept[64]; /* verdicts */
    size_t kept_bytes[64];
    int last_bearer, verdicts, seeds, borrowed, amplified[BLOCKS + 2];
    int verdict_of[BLOCKS + 2], bearer_of[BLOCKS + 2];
    uint64_t seed_bytes;
} watcher;

static void pass_on(fixture *f, watcher *w, int i) {
    uint8_t *m = w->kept[i];
    w->kept[i] = NULL;
    w->verdict_of[u32_at(m + 20)] = ++w->verdicts;
    cr_expect_eq(ks_engine_receive(f->end[KS_ALICE].engine, m, w->kept_bytes[i]), KS_OK);
    free(m);
}

static void pass_on_all(fixture *f, watcher *w, int before) {
    for (int i = 0; i < 64; i++)
        if (w->kept[i] && (int)u32_at(w->kept[i] + 20) < before)
            pass_on(f, w, i);
}

/* Another bearer is named: one that bore nothing; one whose seed served enough blocks; one whose seed began
 * before the block was verified. */
static void forge(watcher *w, uint8_t *m, int block) {
    uint8_t *bytes = m + KS_MESSAGE_HEADER + 12, *bearer = bytes + 8;
    const int borrows = u32_at(bearer) != (uint32_t)block;
    const int wanted = w->forge == OTHER_BEARER ? borrows
                       : w->forge == TOO_MANY   ? block == BATCH
                                                : block > BATCH;
    if (w->happened || w->forge == HONEST || w->forge == SEED_BYTE || !wanted)
        return;
    if (w->forge != OTHER_BEARER)
        cr_assert(!borrows && w->last_bearer < block);
    memset(bytes, 0, 8);
    bearer[0] = (uint8_t)(w->forge == OTHER_BEARER ? 40 : w->last_bearer);
    w->happened = 1;
}

static int tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    watcher *w = f->tap_context;
    uint8_t *m = *message, *p = m + KS_MESSAGE_HEADER;
    const uint32_t block = u32_at(m + 20);
    if (block > BLOCKS)
        return 1;
    if (from == KS_BOB && m[5] == KS_MSG_VERDICT) {
        int i = 0;
        while (w->kept[i])
            i++;
        w->kept[i] = m;
        w->kept_bytes[i] = *bytes;
        *message = NULL;
        return 0;
    }
    if (from == KS_BOB && m[5] == KS_MSG_DETECTIONS && (int)block > w->last_block) {
        w->last_block = (int)block;
        pass_on_all(f, w, w->last_block - 1);
    }
    if (m[5] == KS_MSG_AMPLIFY) {
        w->bearer_of[block] = (int)u32_at(p + 20);
        w->borrowed += w->bearer_of[block] != (int)block;
        w->seeds += w->bearer_of[block] == (int)block;
        /* All that the seed serves were verified before it was said. */
        w->amplified[block] = w->verdicts;
        cr_expect_gt(w->verdict_of[block], 0);
        cr_expect_leq(w->verdict_of[block], w->amplified[w->bearer_of[block]]);
        forge(w, m, (int)block);
        if (w->bearer_of[block] == (int)block)
            w->last_bearer = (int)block;
    }
    if (m[5] == KS_MSG_SEED) {
        w->seed_bytes += *bytes - KS_MESSAGE_HEADER - 8;
        if (w->forge == SEED_BYTE && !w->happened) {
            p[8] ^= 1;
            w->happened = 1;
        }
    }
    return 1;
}

static fixture *new_link(watcher *w, uint32_t batch) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->parameters.seed_batch = batch;
    f->tap = tap;
    f->tap_context = w;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    return f;
}

static void run(fixture *f, watcher *w) {
    fixture_run(f, (uint64_t)BLOCKS * BLOCK + 100);
    for (int k = 0; k < 2 * BLOCKS; k++) {
        pass_on_all(f, w, BLOCKS + 1);
        fixture_settle(f);
    }
    fixture_finish(f);
}

static void end_link(fixture *f, watcher *w) {
    for (int i = 0; i < 64; i++)
        free(w->kept[i]);
    fixture_stop(f);
    free(f);
}

static uint64_t reported_bytes(const fixture_end *e, int *bearers) {
    uint64_t sum = 0;
    *bearers = 0;
    for (int i = 0; i < e->report_count; i++) {
        sum += e->reports[i].seed_bytes;
        *bearers += e->reports[i].seed_bytes > 0;
    }
    return sum;
}

Test(session_seed, one_serves_a_batch) {
    uint64_t carried[2];
    for (int k = 0; k < 2; k++) {
        watcher w = {.last_block = -1};
        fixture *f = new_link(&w, k ? BATCH : 1);
        run(f, &w);
        cr_assert(fixture_keys_agree(f));
        cr_expect(f->end[0].key_count == f->end[1].key_count && f->end[0].key_count > 0);
        carried[k] = w.seed_bytes;
        double epsilon = 0;
        for (int side = 0; side < 2; side++) {
            int bearers;
            cr_expect_eq(reported_bytes(&f->end[side], &bearers), w.seed_bytes);
            cr_expect_eq(bearers, w.seeds);
            cr_expect_geq(f->end[side].report_count, BLOCKS);
            for (int i = 0; i < BLOCKS; i++)
                cr_expect_eq(f->end[side].reports[i].outcome, KS_OUTCOME_KEY);
        }
        for (int i = 0; i < BLOCKS; i++) {
            /* Each block is charged its own epsilon, whoever bears its seed: for a batch that is their sum.
             */
            cr_expect(fabs(f->end[0].reports[i].epsilon / f->end[0].reports[0].epsilon - 1) < 1e-12);
            epsilon += f->end[0].reports[i].epsilon;
        }
        ks_session_totals totals;
        ks_engine_get_totals(f->end[0].engine, &totals);
        /* With what the unfinished block and the greetings cost: less than two blocks more. */
        cr_expect(totals.epsilon >= epsilon * (1 - 1e-12) &&
                  totals.epsilon <= epsilon + 2 * f->end[0].reports[0].epsilon);
        if (k) {
            cr_expect_lt(w.seeds, BLOCKS - 2, "%d seeds for %d blocks", w.seeds, BLOCKS);
            cr_expect_eq(w.seeds + w.borrowed, BLOCKS);
        } else {
            cr_expect_eq(w.borrowed, 0);
        }
        end_link(f, &w);
    }
    cr_expect_lt(carried[1], carried[0] * 6 / 10);
}

/* A changed seed: the tags of all blocks that used it fail, and no key of them leaves at both ends alike. */
Test(session_seed, every_tag_of_the_batch_vouches_for_it) {
    watcher w = {.forge = SEED_BYTE, .last_block = -1};
    fixture *f = new_link(&w, BATCH);
    run(f, &w);
    cr_assert(w.happened && w.borrowed > 0);
    cr_expect(fixture_keys_agree(f));
    int failed = 0;
    for (int i = 0; i < f->end[KS_ALICE].report_count; i++) {
        const ks_block_report *r = &f->end[KS_ALICE].reports[i];
        const int touched = r->block < BLOCKS && w.bearer_of[r->block] == w.bearer_of[0];
        failed += r->outcome == KS_OUTCOME_AUTH;
        if (touched)
            cr_expect_neq(r->outcome, KS_OUTCOME_KEY, "block %u", r->block);
    }
    cr_expect_geq(failed, 2);
    end_link(f, &w);
}

Test(session_seed, serves_only_blocks_verified_before_and_no_more_than_agreed) {
    static const char *const reasons[] = {"", "which is not there", "has served 3 blocks",
                                          "was begun before"};
    for (int k = OTHER_BEARER; k <= EARLY; k++) {
        watcher w = {.forge = (forgery)k, .last_block = -1};
        fixture *f = new_link(&w, BATCH);
        run(f, &w);
        char reason[256];
        ks_engine_reason(f->end[KS_BOB].engine, reason, sizeof reason);
        cr_assert(w.happened);
        cr_expect_eq(f->end[KS_BOB].end, KS_ERR_PROTOCOL);
        cr_expect(strstr(reason, reasons[k]), "%d: %s", k, reason);
        cr_expect(fixture_keys_agree(f));
        end_link(f, &w);
    }
}

/* Two verified blocks wait for a third, which fails: they go on without it. */
Test(session_seed, a_block_that_fails_does_not_hold_up_the_others) {
    watcher w = {.last_block = -1};
    fixture *f = new_link(&w, BATCH);
    fixture_run(f, 2 * BLOCK + BLOCK / 2);
    pass_on_all(f, &w, 2);
    fixture_settle(f);
    cr_expect_eq(w.verdicts, 2);
    cr_expect_eq(w.seeds + w.borrowed, 0, "the third block is open");
    f->qber = 0.3;
    fixture_run(f, 3 * BLOCK + 1);
    cr_expect_eq(w.seeds, 1);
    cr_expect_eq(w.borrowed, 1);
    fixture_finish(f);
    cr_expect(fixture_keys_agree(f) && f->end[0].key_count > 0);
    cr_expect_eq(f->end[0].key_count, f->end[1].key_count);
    int with_key = 0, aborted = 0;
    for (int i = 0; i < f->end[KS_ALICE].report_count; i++) {
        with_key += f->end[KS_ALICE].reports[i].outcome == KS_OUTCOME_KEY;
        aborted += f->end[KS_ALICE].reports[i].cause == KS_CAUSE_TEST_QBER;
    }
    cr_expect(with_key == 2 && aborted == 1, "%d with key, %d aborted", with_key, aborted);
    end_link(f, &w);
}

/* A connection that is lost while blocks wait loses them, and the next one begins afresh. */
Test(session_seed, a_lost_connection_loses_the_waiting_blocks_and_no_more) {
    watcher w = {.last_block = -1};
    fixture *f = new_link(&w, BATCH);
    fixture_run(f, 2 * BLOCK + BLOCK / 2);
    pass_on_all(f, &w, 2);
    fixture_settle(f);
    cr_expect_eq(w.seeds, 0);
    for (int side = 0; side < 2; side++)
        ks_engine_disconnected(f->end[side].engine);
    for (int side = 0; side < 2; side++)
        cr_assert_eq(ks_engine_connected(f->end[side].engine), KS_OK);
    fixture_settle(f);
    run(f, &w);
    cr_expect(fixture_keys_agree(f));
    cr_expect(f->end[0].key_count > 0 && f->end[0].key_count == f->end[1].key_count);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < f->end[side].report_count; i++) {
            const ks_block_report *r = &f->end[side].reports[i];
            const int early = r->block < 3, last = r->block == BLOCKS;
            cr_expect_eq(r->outcome, early || last ? KS_OUTCOME_LOST : KS_OUTCOME_KEY, "block %u", r->block);
        }
    end_link(f, &w);
}
