/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever connects before the peer does costs a connection, never the session of an end that survives
 * strangers. */
#include <criterion/criterion.h>

#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

/* A greeting of Bob with a pool of another secret. */
static size_t foreign_hello(uint8_t out[1024]) {
    fixture *f = calloc(1, sizeof *f);
    uint8_t *message;
    size_t bytes;
    cr_assert_not_null(f);
    fixture_init(f);
    cr_assert_eq(fixture_start_end(f, KS_BOB, 2), KS_OK);
    cr_assert_eq(ks_engine_connected(f->end[KS_BOB].engine), KS_OK);
    cr_assert_eq(ks_engine_step(f->end[KS_BOB].engine), KS_OK);
    cr_assert_eq(ks_engine_send(f->end[KS_BOB].engine, &message, &bytes), KS_OK);
    cr_assert_leq(bytes, 1024);
    memcpy(out, message, bytes);
    ks_engine_free(message);
    ks_engine_destroy(f->end[KS_BOB].engine);
    ks_device_close(f->end[KS_BOB].device);
    ks_pool_close(f->end[KS_BOB].pool);
    free(f);
    return bytes;
}

enum { GARBAGE, SHORT, OTHER_VERSION, OTHER_SECRET, NO_GREETING, KINDS };

static size_t stranger(int kind, uint8_t out[1024]) {
    size_t bytes = foreign_hello(out);
    if (kind == GARBAGE)
        memset(out, 0xa5, bytes);
    if (kind == SHORT)
        bytes = 3;
    if (kind == OTHER_VERSION)
        out[4] = KS_PROTOCOL_VERSION + 1;
    if (kind == NO_GREETING)
        out[5] = KS_MSG_READY;
    return bytes;
}

static fixture *start(int survive) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    f->survive_strangers = survive;
    for (int role = 0; role < 2; role++)
        cr_assert_eq(fixture_start_end(f, role, 1), KS_OK);
    return f;
}

/* Alice's end of a connection with a stranger: what her engine says of him. */
static ks_status meet(fixture *f, int kind, char reason[256]) {
    ks_engine *alice = f->end[KS_ALICE].engine;
    uint8_t message[1024], *sent;
    size_t bytes = stranger(kind, message), length;
    cr_assert_eq(ks_engine_connected(alice), KS_OK);
    cr_assert_eq(ks_engine_step(alice), KS_OK);
    cr_assert_eq(ks_engine_receive(alice, message, bytes), KS_OK);
    ks_status stepped = ks_engine_step(alice);
    while (ks_engine_send(alice, &sent, &length) == KS_OK)
        ks_engine_free(sent);
    if (stepped != KS_OK)
        return stepped;
    cr_assert_eq(ks_engine_receive(alice, message, bytes), KS_OK);
    cr_assert_eq(ks_engine_step(alice), KS_OK, "who is refused is not heard again");
    return ks_engine_refusal(alice, reason, 256);
}

Test(strangers, are_refused_with_a_reason_and_the_peer_still_comes) {
    static const struct {
        ks_status status;
        const char *word;
    } expected[KINDS] = {{KS_ERR_PROTOCOL, "not a Keystill peer"},
                         {KS_ERR_PROTOCOL, "message of 3 bytes"},
                         {KS_ERR_PROTOCOL, "protocol version 2"},
                         {KS_ERR_AUTH, "another pre-shared key"},
                         {KS_ERR_PROTOCOL, "READY before HELLO"}};
    fixture *f = start(1);
    for (int kind = 0; kind < KINDS; kind++) {
        char reason[256] = "";
        int closed;
        cr_expect_eq(meet(f, kind, reason), expected[kind].status, "kind %d: %s", kind, reason);
        cr_expect_not_null(strstr(reason, expected[kind].word), "kind %d: %s", kind, reason);
        cr_expect_eq(ks_engine_status(f->end[KS_ALICE].engine, &closed), KS_OK);
        cr_assert_not(closed, "kind %d", kind);
        ks_engine_disconnected(f->end[KS_ALICE].engine);
        cr_expect_eq(ks_engine_refusal(f->end[KS_ALICE].engine, reason, sizeof reason), KS_OK);
    }
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_run(f, 2 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[KS_ALICE].end, KS_OK);
    cr_expect(fixture_keys_identical(f));
    fixture_stop(f);
    free(f);
}

Test(strangers, end_a_session_that_was_not_told_to_survive_them) {
    for (int kind = 0; kind < KINDS; kind++) {
        fixture *f = start(0);
        char reason[256] = "";
        int closed;
        cr_expect_neq(meet(f, kind, reason), KS_OK);
        (void)ks_engine_status(f->end[KS_ALICE].engine, &closed);
        cr_expect(closed, "kind %d", kind);
        fixture_stop(f);
        free(f);
    }
}

Test(strangers, nothing_is_forgiven_once_the_session_is_open) {
    fixture *f = start(1);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    cr_assert(ks_engine_established(f->end[KS_ALICE].engine));
    cr_assert_eq(ks_engine_receive(f->end[KS_ALICE].engine, (const uint8_t *)"garbage", 7), KS_OK);
    fixture_settle(f);
    cr_expect_eq(f->end[KS_ALICE].end, KS_ERR_PROTOCOL);
    fixture_stop(f);
    free(f);
}

/* Spoils the tag of Bob's START. */
static int spoil_start(fixture *f, int from, uint8_t **message, size_t *bytes) {
    (void)f;
    if (from == KS_BOB && (*message)[5] == KS_MSG_START)
        (*message)[*bytes - 1] ^= 1;
    return 1;
}

Test(strangers, who_know_the_greeting_but_not_the_secret_are_refused_too) {
    fixture *f = start(1);
    char reason[256] = "";
    f->tap = spoil_start;
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_settle(f);
    cr_expect_eq(ks_engine_refusal(f->end[KS_ALICE].engine, reason, sizeof reason), KS_ERR_AUTH);
    cr_expect(strstr(reason, "does not verify"), "%s", reason);
    cr_assert_not(f->end[KS_ALICE].closed);
    f->tap = NULL;
    for (int role = 0; role < 2; role++)
        ks_engine_disconnected(f->end[role].engine);
    fixture_settle(f);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    fixture_run(f, 2 << 19);
    fixture_finish(f);
    cr_expect_eq(f->end[KS_ALICE].end, KS_OK);
    cr_expect(fixture_keys_identical(f));
    fixture_stop(f);
    free(f);
}
