/* SPDX-License-Identifier: Apache-2.0 */
/* Order facts of the proof, seen from the wire: what must be fixed before what is said, what is drawn afresh,
 * and that an end refuses what comes too early. */
#include <criterion/criterion.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { BLOCKS = 4, TYPES = 32, BLOCK = 1 << 19 };

typedef struct record {
    int sent[TYPES];         /* messages of a type so far */
    int first[TYPES][TYPES]; /* [of this type, when the first was sent][so many of that one had been] */
    uint8_t hash_key[16], seed[16]; /* the first bytes */
} record;

typedef struct watcher {
    record block[BLOCKS];
    /* Of the forging taps. */
    int forge, happened;
    int keys_of_alice_when_announced[BLOCKS];
} watcher;

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int watch_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    watcher *w = f->tap_context;
    const uint8_t *m = *message, *p = m + KS_MESSAGE_HEADER;
    (void)from;
    const unsigned type = m[5] % TYPES;
    if (u32_at(m + 20) >= BLOCKS)
        return 1;
    record *r = &w->block[u32_at(m + 20)];
    if (r->sent[type] == 0)
        memcpy(r->first[type], r->sent, sizeof r->sent);
    r->sent[type]++;
    if (type == KS_MSG_VERIFY)
        memcpy(r->hash_key, p, sizeof r->hash_key);
    if (type == KS_MSG_SEED && r->sent[type] == 1 && *bytes >= KS_MESSAGE_HEADER + 8 + sizeof r->seed)
        memcpy(r->seed, p + 8, sizeof r->seed);
    if (type == KS_MSG_TAG_A)
        w->keys_of_alice_when_announced[u32_at(m + 20)] = f->end[KS_ALICE].key_count;
    return 1;
}

static fixture *new_link(fixture_tap *tap, watcher *w) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->tap = tap;
    f->tap_context = w;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    return f;
}

static void end_link(fixture *f) {
    fixture_stop(f);
    free(f);
}

/* All of `before` was sent when the first of `type` was. */
static void expect_after(const watcher *w, unsigned type, unsigned before) {
    for (int b = 0; b < BLOCKS; b++) {
        const record *r = &w->block[b];
        cr_expect_gt(r->sent[type], 0, "block %d has no %s", b, ks_message_type_name(type));
        cr_expect_eq(r->first[type][before], r->sent[before], "block %d: %s before the last %s", b,
                     ks_message_type_name(type), ks_message_type_name(before));
    }
}

static void run(fixture *f) {
    fixture_run(f, (uint64_t)BLOCKS * BLOCK);
    fixture_finish(f);
}

Test(session_order, nothing_is_said_before_what_it_must_not_influence) {
    watcher w = {.forge = 0};
    fixture *f = new_link(watch_tap, &w);
    run(f);
    cr_assert(fixture_keys_identical(f));
    expect_after(&w, KS_MSG_BASES, KS_MSG_DETECTIONS); /* detections are fixed before any basis is known */
    expect_after(&w, KS_MSG_PREPARED, KS_MSG_BASES);
    expect_after(&w, KS_MSG_PLAN, KS_MSG_COUNTS); /* classes are fixed by counts */
    expect_after(&w, KS_MSG_SYNDROME, KS_MSG_PLAN);
    expect_after(&w, KS_MSG_VERIFY,
                 KS_MSG_DECODED); /* keys and seeds are drawn when what they hash is fixed */
    expect_after(&w, KS_MSG_AMPLIFY, KS_MSG_VERDICT);
    expect_after(&w, KS_MSG_SEED, KS_MSG_AMPLIFY);
    expect_after(&w, KS_MSG_TAG_B, KS_MSG_SEED); /* the tags are over all of it */
    expect_after(&w, KS_MSG_TAG_A, KS_MSG_TAG_B);
    end_link(f);
}

Test(session_order, hash_keys_and_seeds_are_drawn_for_each_block) {
    watcher w = {.forge = 0};
    fixture *f = new_link(watch_tap, &w);
    run(f);
    for (int a = 0; a < BLOCKS; a++)
        for (int b = 0; b < BLOCKS; b++) {
            cr_expect(memcmp(w.block[a].hash_key, w.block[b].seed, 16) != 0);
            cr_expect(a == b || memcmp(w.block[a].hash_key, w.block[b].hash_key, 16) != 0);
            cr_expect(a == b || memcmp(w.block[a].seed, w.block[b].seed, 16) != 0);
        }
    end_link(f);
}

/* When TAG_A of a block goes out Alice has delivered keys of earlier blocks alone: those that Bob has
 * announced. */
Test(session_order, alice_delivers_nothing_that_bob_has_not_announced) {
    watcher w = {.forge = 0};
    fixture *f = new_link(watch_tap, &w);
    fixture_run(f, BLOCK + 1);
    cr_assert_eq(f->end[KS_BOB].report_count, 1);
    cr_expect_eq(f->end[KS_ALICE].reports[0].outcome, KS_OUTCOME_KEY);
    cr_expect_gt(f->end[KS_BOB].key_count, 0);
    cr_expect_eq(f->end[KS_ALICE].key_count, 0, "no announcement came yet");
    fixture_run(f, (uint64_t)BLOCKS * BLOCK);
    fixture_finish(f);
    cr_expect(fixture_keys_identical(f));
    int earlier = 0;
    for (int b = 0; b < BLOCKS; b++) {
        cr_expect_leq(w.keys_of_alice_when_announced[b], earlier);
        earlier += (int)f->end[KS_ALICE].reports[b].keys;
    }
    end_link(f);
}

/* ---- what comes too early, or was counted otherwise, is refused */

enum { EARLY_PREPARED = 1, KEY_COUNT, TEST_COUNT, TEST_ERRORS };

static void add_one(uint8_t *p) {
    for (int i = 0; i < 8 && ++p[i] == 0; i++)
        continue;
}

static int forge_tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    watcher *w = f->tap_context;
    uint8_t *m = *message, *counts = m + KS_MESSAGE_HEADER;
    (void)from;
    (void)bytes;
    if (w->forge == EARLY_PREPARED && m[5] == KS_MSG_PREPARED && !w->happened) {
        m[28]--; /* as if Bob's last BASES had not been there */
        w->happened = 1;
    }
    if (w->forge > EARLY_PREPARED && m[5] == KS_MSG_COUNTS && !w->happened) {
        if (w->forge == TEST_ERRORS)
            memcpy(counts + 16, counts + 8, 8);
        add_one(counts + 8 * (w->forge - KEY_COUNT));
        w->happened = 1;
    }
    return 1;
}

Test(session_order, what_comes_too_early_or_was_counted_otherwise_is_refused) {
    static const char *const reasons[] = {"", "before all bases", "COUNTS of intensity 1",
                                          "COUNTS of intensity 1", "COUNTS of intensity 1"};
    for (int forge = EARLY_PREPARED; forge <= TEST_ERRORS; forge++) {
        watcher w = {.forge = forge};
        fixture *f = new_link(forge_tap, &w);
        run(f);
        cr_assert(w.happened);
        char reason[256];
        ks_engine_reason(f->end[KS_BOB].engine, reason, sizeof reason);
        cr_expect_eq(f->end[KS_BOB].end, KS_ERR_PROTOCOL);
        cr_expect(strstr(reason, reasons[forge]), "%d: %s", forge, reason);
        cr_expect_eq(f->end[0].key_count + f->end[1].key_count, 0);
        end_link(f);
    }
}
