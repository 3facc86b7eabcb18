/* SPDX-License-Identifier: Apache-2.0 */
/* Amplification of a block does not hold up the next one: the Toeplitz jobs of one end are kept back, and the
 * link reconciles and verifies the blocks behind all the same. */
#include <criterion/criterion.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { BLOCKS = 3, BLOCK = 1 << 19 };

/* A processor whose Toeplitz jobs wait until they are let go. */
static const ks_device_vtable *plain;
static ks_device_vtable holding;
static ks_job *held[BLOCKS];
static int held_count;

static ks_status submit_or_hold(ks_device *device, ks_job *job) {
    if (job->op != KS_OP_TOEPLITZ)
        return plain->submit(device, job);
    cr_assert_lt(held_count, BLOCKS);
    held[held_count++] = job;
    return KS_OK;
}

typedef struct watcher {
    int verdicts, tags; /* Bob's messages so far */
} watcher;

static int tap(fixture *f, int from, uint8_t **message, size_t *bytes) {
    watcher *w = f->tap_context;
    (void)from;
    (void)bytes;
    w->verdicts += (*message)[5] == KS_MSG_VERDICT;
    w->tags += (*message)[5] == KS_MSG_TAG_B;
    return 1;
}

static void check_end(int side) {
    watcher w = {0};
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->tap = tap;
    f->tap_context = &w;
    cr_assert_eq(fixture_start(f), KS_OK, "%s", ks_error_detail());
    ks_device *device = f->end[side].device;
    plain = device->vtable;
    holding = *plain;
    holding.submit = submit_or_hold;
    held_count = 0;
    device->vtable = &holding;

    fixture_run(f, (uint64_t)BLOCKS * BLOCK + 1);
    cr_expect_eq(held_count, BLOCKS);
    cr_expect_eq(w.verdicts, BLOCKS,
                 "all blocks are corrected and verified while the first is not yet hashed");
    cr_expect_eq(f->end[side].key_count, 0);
    if (side == KS_BOB)
        cr_expect_eq(w.tags, 0);

    device->vtable = plain;
    for (int i = BLOCKS; i-- > 0;) /* the last one first */
        cr_assert_eq(ks_device_submit(device, held[i]), KS_OK);
    fixture_settle(f);
    fixture_finish(f);
    cr_expect_eq(w.tags, BLOCKS);
    cr_expect(fixture_keys_agree(f));
    cr_expect(f->end[0].key_count > 0 && f->end[0].key_count == f->end[1].key_count);
    for (int i = 0; i < BLOCKS; i++)
        cr_expect_eq(f->end[side].reports[i].outcome, KS_OUTCOME_KEY);
    fixture_stop(f);
    free(f);
}

Test(session_overlap, amplification_at_bob_holds_nothing_up) {
    check_end(KS_BOB);
}

Test(session_overlap, amplification_at_alice_holds_nothing_up) {
    check_end(KS_ALICE);
}
