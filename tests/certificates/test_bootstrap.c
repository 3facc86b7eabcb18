/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange of a bootstrap: both ends get the same bytes, and nobody between them gets anywhere. */
#include <criterion/criterion.h>
#include <keystill/pool.h>
#include <keystill/storage.h>
#include <pthread.h>

#include "host/certificates/wire.h"
#include "tests/certificates/pair.h"

static maker made;
static ks_identity *alice, *bob;
static ks_link_parameters parameters;
static const char *algorithms[] = {"ED25519", "ML-DSA-65"};

/* Pinned certificates of `count` algorithms from `first` on for both ends. */
static void pinned(int first, int count) {
    EVP_PKEY *key[2][2];
    X509 *x[2][2];
    char *certificate[2], *private_key[2];
    for (int end = 0; end < 2; end++) {
        for (int i = 0; i < count; i++) {
            key[end][i] = maker_key(algorithms[first + i]);
            x[end][i] = maker_certificate(key[end][i], &(maker_wish){.name = end ? "bob" : "alice"});
        }
        certificate[end] = maker_write_certificates(&made, end ? "bob.pem" : "alice.pem", x[end], count);
        private_key[end] = maker_write_keys(&made, end ? "bob.key" : "alice.key", key[end], count);
        for (int i = 0; i < count; i++) {
            EVP_PKEY_free(key[end][i]);
            X509_free(x[end][i]);
        }
    }
    for (int end = 0; end < 2; end++) {
        const ks_identity_files files = {.certificate = certificate[end],
                                         .private_key = private_key[end],
                                         .peer_certificate = certificate[1 - end]};
        cr_assert_eq(ks_identity_open(end ? &bob : &alice, &files), KS_OK, "%s", ks_error_detail());
    }
    for (int end = 0; end < 2; end++) {
        free(certificate[end]);
        free(private_key[end]);
    }
}

static void enter(void) {
    maker_init(&made);
    pair_parameters(&parameters);
}

static void leave(void) {
    ks_identity_close(alice);
    ks_identity_close(bob);
    alice = bob = NULL;
    maker_clean(&made);
}

TestSuite(bootstrap, .init = enter, .fini = leave);

static pair *start(pair_tap *tap, void *context) {
    pair *p = calloc(1, sizeof *p);
    cr_assert_not_null(p);
    pair_create(p, 0, alice, &parameters);
    pair_create(p, 1, bob, &parameters);
    p->tap = tap;
    p->context = context;
    return p;
}

static void stop(pair *p) {
    pair_destroy(p);
    free(p);
}

/* A run that succeeds; leaves the bytes in `psk`. */
static void succeed(uint8_t psk[KS_PSK_BYTES]) {
    pair *p = start(NULL, NULL);
    pair_run(p);
    for (int end = 0; end < 2; end++) {
        cr_assert_eq(p->status[end], KS_OK, "%s", p->detail[end]);
        cr_assert(ks_bootstrap_finished(p->end[end]));
        cr_assert(p->has_psk[end]);
        cr_assert_str_eq(ks_bootstrap_agreement(p->end[end]),
                         ks_identity_has_ml_kem() ? "X25519 and ML-KEM-768" : "X25519");
    }
    cr_assert_arr_eq(p->psk[0], p->psk[1], KS_PSK_BYTES);
    memcpy(psk, p->psk[0], KS_PSK_BYTES);
    stop(p);
}

Test(bootstrap, both_ends_get_the_same_bytes_and_others_every_time) {
    uint8_t first[KS_PSK_BYTES], second[KS_PSK_BYTES], fingerprint[16];
    pinned(0, 1);
    cr_assert_str_eq(ks_identity_algorithms(alice), "Ed25519");
    succeed(first);
    succeed(second);
    int equal = 0;
    for (int i = 0; i < KS_PSK_BYTES; i++)
        equal += first[i] == second[i];
    cr_assert_lt(equal, 64, "16 of 4096 bytes are equal by chance");
    cr_assert_eq(ks_pool_psk_fingerprint(fingerprint, first, sizeof first), KS_OK);
}

/* ---- somebody in the middle */

typedef struct flip {
    int from;
    unsigned number;
    size_t at;
    uint8_t bits;
    size_t bytes; /* of that message */
} flip;

static int flip_tap(pair *p, int from, unsigned number, uint8_t *message, size_t *bytes) {
    flip *f = p->context;
    if (from == f->from && number == f->number) {
        f->bytes = *bytes;
        message[f->at] ^= f->bits;
    }
    return 1;
}

/* The one who got a spoilt message never ends well, and nobody is left with bytes the other does not have. */
static size_t spoil(int from, unsigned number, size_t at, uint8_t bits) {
    flip f = {from, number, at, bits, 0};
    pair *p = start(flip_tap, &f);
    pair_run(p);
    const int to = 1 - from;
    cr_assert_neq(p->status[to], KS_OK, "message %u of %d, byte %zu", number, from, at);
    cr_assert(p->status[to] == KS_ERR_AUTH || p->status[to] == KS_ERR_PROTOCOL, "%s", p->detail[to]);
    cr_assert_not(ks_bootstrap_finished(p->end[to]));
    if (number < 2)
        cr_assert_not(p->has_psk[to]);
    if (number == 0)
        cr_assert_not(p->has_psk[from], "the transcripts differ");
    if (p->has_psk[0] && p->has_psk[1])
        cr_assert_arr_eq(p->psk[0], p->psk[1], KS_PSK_BYTES);
    stop(p);
    return f.bytes;
}

Test(bootstrap, a_flipped_bit_anywhere_ends_it, .timeout = 120) {
    pinned(0, 1);
    for (int from = 0; from < 2; from++)
        for (unsigned number = 0; number < 3; number++) {
            const size_t bytes = spoil(from, number, 0, 1);
            /* every byte of what is short, every seventh of introductions */
            for (size_t at = 1; at<bytes; at += bytes> 300 ? 7 : 1)
                (void)spoil(from, number, at, (uint8_t)(1u << at % 8));
        }
}

static int share_tap(pair *p, int from, unsigned number, uint8_t *message, size_t *bytes) {
    (void)p;
    (void)bytes;
    if (from == 0 && number == 0)
        memset(message + KS_BOOTSTRAP_HEADER + KS_BOOTSTRAP_NONCE, 0, KS_X25519_BYTES);
    return 1;
}

Test(bootstrap, a_share_of_small_order_is_refused) {
    pinned(0, 1);
    pair *p = start(share_tap, NULL);
    pair_run(p);
    cr_assert_eq(p->status[KS_BOB], KS_ERR_AUTH);
    cr_assert(strstr(p->detail[KS_BOB], "X25519 share"), "%s", p->detail[KS_BOB]);
    stop(p);
}

typedef struct recording {
    uint8_t message[2][3][4096];
    size_t bytes[2][3];
} recording;

static int record_tap(pair *p, int from, unsigned number, uint8_t *message, size_t *bytes) {
    recording *r = p->context;
    cr_assert_leq(*bytes, sizeof r->message[0][0]);
    memcpy(r->message[from][number], message, *bytes);
    r->bytes[from][number] = *bytes;
    return 1;
}

Test(bootstrap, messages_of_another_run_get_nowhere) {
    static recording r;
    pinned(0, 1);
    pair *p = start(record_tap, &r);
    pair_run(p);
    cr_assert(ks_bootstrap_finished(p->end[1]));
    stop(p);
    for (int to = 0; to < 2; to++) {
        p = start(NULL, NULL);
        for (int i = 0; i < 3; i++)
            pair_deliver(p, to, r.message[1 - to][i], r.bytes[1 - to][i]);
        cr_assert_eq(p->status[to], KS_ERR_AUTH, "%s", p->detail[to]);
        cr_assert_not(p->has_psk[to]);
        stop(p);
    }
}

Test(bootstrap, reflection_order_and_repetition_are_refused) {
    static recording r;
    pinned(0, 1);
    pair *p = start(record_tap, &r);
    pair_run(p);
    stop(p);
    p = start(NULL, NULL);
    pair_deliver(p, 0, r.message[0][0], r.bytes[0][0]); /* her own */
    cr_assert_eq(p->status[0], KS_ERR_PROTOCOL);
    cr_assert(strstr(p->detail[0], "both ends are configured as Alice"), "%s", p->detail[0]);
    pair_deliver(p, 1, r.message[0][1], r.bytes[0][1]); /* a proof first */
    cr_assert_eq(p->status[1], KS_ERR_PROTOCOL);
    cr_assert(strstr(p->detail[1], "out of place"), "%s", p->detail[1]);
    stop(p);
    p = start(NULL, NULL);
    pair_deliver(p, 1, r.message[0][0], r.bytes[0][0]);
    cr_assert_eq(p->status[1], KS_OK, "an old offer alone is not known as old");
    pair_deliver(p, 1, r.message[0][0], r.bytes[0][0]);
    cr_assert_eq(p->status[1], KS_ERR_PROTOCOL);
    stop(p);
}

/* ---- what the ends must agree on */

Test(bootstrap, another_configuration_is_named_at_both_ends) {
    pinned(0, 1);
    pair *p = calloc(1, sizeof *p);
    ks_link_parameters other = parameters;
    other.qber_limit = 0.05;
    pair_create(p, 0, alice, &parameters);
    pair_create(p, 1, bob, &other);
    pair_run(p);
    cr_assert_eq(p->status[1], KS_ERR_PROTOCOL);
    cr_assert(strstr(p->detail[1], "QBER limit is 0.05 here, 0.11 at the peer"), "%s", p->detail[1]);
    cr_assert_eq(p->status[0], KS_ERR_PROTOCOL);
    cr_assert(strstr(p->detail[0], "it is configured otherwise"), "%s", p->detail[0]);
    stop(p);
}

Test(bootstrap, a_stranger_with_a_certificate_of_his_own_is_refused) {
    pinned(0, 1);
    ks_identity *honest = alice;
    ks_identity_close(bob);
    pinned(0, 1); /* two others */
    ks_identity_close(alice);
    alice = honest;
    pair *p = start(NULL, NULL);
    pair_run(p);
    cr_assert_eq(p->status[1], KS_ERR_AUTH);
    cr_assert(strstr(p->detail[1], "not the one that is expected"), "%s", p->detail[1]);
    cr_assert_eq(p->status[0], KS_ERR_AUTH);
    cr_assert(strstr(p->detail[0], "it does not accept our certificate"), "%s", p->detail[0]);
    cr_assert_not(p->has_psk[0] || p->has_psk[1]);
    stop(p);
}

Test(bootstrap, garbage_is_refused_with_its_place) {
    static const struct {
        const char *bytes;
        size_t length;
        ks_status status;
        const char *word;
    } cases[] = {{"KSB1", 4, KS_ERR_PROTOCOL, "message of 4 bytes"},
                 {"KSM1\1\1\0\0", 8, KS_ERR_AUTH, "goes on with the pool it has"},
                 {"GET / HT", 8, KS_ERR_PROTOCOL, "found 47 45 54 20"},
                 {"KSB1\2\1\0\0", 8, KS_ERR_PROTOCOL, "bootstrap version 2"},
                 {"KSB1\1\1\2\0", 8, KS_ERR_PROTOCOL, "offset 6"},
                 {"KSB1\1\1\0\0", 8, KS_ERR_PROTOCOL, "cut short"},
                 {"KSB1\1\5\0\0\3", 9, KS_ERR_AUTH, "does not accept our certificate"},
                 {"KSB1\1\5\0\0\x9", 9, KS_ERR_PROTOCOL, "reason 9"},
                 {"KSB1\1\x77\0\0", 8, KS_ERR_PROTOCOL, "type 119"}};
    pinned(0, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pair *p = start(NULL, NULL);
        const uint8_t *message;
        size_t bytes;
        pair_deliver(p, 1, (const uint8_t *)cases[i].bytes, cases[i].length);
        cr_expect_eq(p->status[1], cases[i].status, "case %zu: %s", i, p->detail[1]);
        cr_expect(strstr(p->detail[1], cases[i].word), "case %zu: %s", i, p->detail[1]);
        const ks_status told = ks_bootstrap_next(p->end[1], &message, &bytes);
        cr_expect_eq(told, cases[i].length == 9 ? KS_ERR_EMPTY : KS_OK, "a refusal is not answered");
        cr_expect_eq(ks_bootstrap_receive(p->end[1], (const uint8_t *)cases[i].bytes, cases[i].length),
                     KS_ERR_STATE);
        stop(p);
    }
}

/* ---- both algorithms, where the library has the second */

Test(bootstrap, ml_dsa_alone_and_beside_ed25519) {
    uint8_t psk[KS_PSK_BYTES];
    if (!ks_identity_has_ml_dsa())
        cr_skip("this OpenSSL has no ML-DSA-65 (3.5 has)");
    pinned(1, 1);
    cr_assert_str_eq(ks_identity_algorithms(alice), "ML-DSA-65");
    succeed(psk);
    ks_identity_close(alice);
    ks_identity_close(bob);
    pinned(0, 2);
    cr_assert_str_eq(ks_identity_algorithms(alice), "Ed25519 and ML-DSA-65");
    succeed(psk);
}

Test(bootstrap, either_of_two_signatures_spoilt_ends_it, .timeout = 60) {
    if (!ks_identity_has_ml_dsa())
        cr_skip("this OpenSSL has no ML-DSA-65 (3.5 has)");
    pinned(0, 2);
    for (int from = 0; from < 2; from++) {
        (void)spoil(from, 1, KS_BOOTSTRAP_HEADER + 1 + 4 + 10, 1);          /* Ed25519 */
        (void)spoil(from, 1, KS_BOOTSTRAP_HEADER + 1 + 4 + 64 + 4 + 10, 1); /* ML-DSA-65 */
        (void)spoil(from, 1, KS_BOOTSTRAP_HEADER + 1 + 4 + 64 + 4 + 3000, 1);
    }
}

Test(bootstrap, an_end_with_two_algorithms_takes_no_peer_with_one) {
    if (!ks_identity_has_ml_dsa())
        cr_skip("this OpenSSL has no ML-DSA-65 (3.5 has)");
    pinned(0, 2);
    ks_identity *both = alice;
    ks_identity_close(bob);
    pinned(0, 1);
    ks_identity_close(alice);
    alice = both;
    pair *p = start(NULL, NULL);
    pair_run(p);
    cr_assert_eq(p->status[1], KS_ERR_AUTH);
    cr_assert(strstr(p->detail[1], "both ends need the same"), "%s", p->detail[1]);
    stop(p);
}

/* ---- over a link, into files */

typedef struct runner {
    ks_link *link;
    ks_identity *identity;
    ks_role role;
    char *path;
    int replace;
    ks_status status;
    char detail[256];
} runner;

static void *run(void *context) {
    runner *r = context;
    const ks_random random = ks_random_system();
    r->status =
        ks_bootstrap_run(r->link, r->identity, r->role, &parameters, &random, r->path, r->replace, 2000);
    snprintf(r->detail, sizeof r->detail, "%s", ks_error_detail());
    return NULL;
}

static void run_both(runner ends[2], int replace) {
    ks_link_options options;
    pthread_t thread;
    ks_link_options_init(&options);
    cr_assert_eq(ks_link_pair(&ends[0].link, &ends[1].link, &options), KS_OK);
    ends[0].replace = ends[1].replace = replace;
    cr_assert_eq(pthread_create(&thread, NULL, run, &ends[0]), 0);
    run(&ends[1]);
    pthread_join(thread, NULL);
    ks_link_close(ends[0].link, 0);
    ks_link_close(ends[1].link, 0);
}

static void fingerprint(uint8_t out[16], const char *path) {
    ks_pool_file *file;
    cr_assert_eq(ks_pool_file_open(&file, path, 8), KS_OK, "%s", ks_error_detail());
    ks_pool_fingerprint(ks_pool_file_pool(file), out);
    ks_pool_file_close(file);
}

Test(bootstrap, makes_both_pools_once_and_again_only_when_told) {
    uint8_t print[2][16], before[16];
    pinned(0, 1);
    runner ends[2] = {{.identity = alice, .role = KS_ALICE, .path = maker_path(&made, "alice.pool")},
                      {.identity = bob, .role = KS_BOB, .path = maker_path(&made, "bob.pool")}};
    run_both(ends, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ends[i].status, KS_OK, "%s", ends[i].detail);
        fingerprint(print[i], ends[i].path);
    }
    cr_assert_arr_eq(print[0], print[1], 16);
    memcpy(before, print[0], 16);
    run_both(ends, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ends[i].status, KS_ERR_STATE);
        fingerprint(print[i], ends[i].path);
        cr_assert_arr_eq(print[i], before, 16);
    }
    run_both(ends, 1);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ends[i].status, KS_OK, "%s", ends[i].detail);
        fingerprint(print[i], ends[i].path);
    }
    cr_assert_arr_eq(print[0], print[1], 16);
    cr_assert_arr_neq(print[0], before, 16);
    ends[1].identity = alice; /* nobody's peer */
    run_both(ends, 1);
    cr_assert_eq(ends[0].status, KS_ERR_AUTH, "%s", ends[0].detail);
    fingerprint(before, ends[0].path);
    cr_assert_arr_eq(print[0], before, 16, "the old pool stays when the exchange fails");
    free(ends[0].path);
    free(ends[1].path);
}
