/* SPDX-License-Identifier: Apache-2.0 */
/* Files of certificates and keys, and whom an end takes for its peer. */
#include <criterion/criterion.h>
#include <openssl/rsa.h>

#include "host/certificates/identity.h"
#include "tests/certificates/maker.h"

static maker made;
static EVP_PKEY *key, *peer_key, *ca_key;
static X509 *own, *peer, *ca;
static char *own_path, *key_path, *peer_path, *ca_path;

static void enter(void) {
    maker_init(&made);
    key = maker_key("ED25519");
    peer_key = maker_key("ED25519");
    ca_key = maker_key("ED25519");
    own = maker_certificate(key, &(maker_wish){.name = "alice"});
    peer = maker_certificate(peer_key, &(maker_wish){.name = "bob"});
    ca = maker_certificate(ca_key, &(maker_wish){.name = "authority", .authority = 1});
    own_path = maker_write_certificates(&made, "own.pem", &own, 1);
    key_path = maker_write_keys(&made, "own.key", &key, 1);
    peer_path = maker_write_certificates(&made, "peer.pem", &peer, 1);
    ca_path = maker_write_certificates(&made, "ca.pem", &ca, 1);
}

static void leave(void) {
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer_key);
    EVP_PKEY_free(ca_key);
    X509_free(own);
    X509_free(peer);
    X509_free(ca);
    free(own_path);
    free(key_path);
    free(peer_path);
    free(ca_path);
    maker_clean(&made);
}

TestSuite(identity, .init = enter, .fini = leave);

static void refused(const ks_identity_files *files, ks_status status, const char *word) {
    ks_identity *identity = NULL;
    const ks_status got = ks_identity_open(&identity, files);
    cr_expect_eq(got, status, "%s: %s: %s", word, ks_status_name(got), ks_error_detail());
    cr_expect(strstr(ks_error_detail(), word), "'%s' in '%s'", word, ks_error_detail());
    ks_identity_close(identity);
}

static ks_identity *pinned(void) {
    ks_identity *identity;
    const ks_identity_files files = {own_path, key_path, peer_path, NULL, NULL};
    cr_assert_eq(ks_identity_open(&identity, &files), KS_OK, "%s", ks_error_detail());
    return identity;
}

static ks_identity *under_authority(const char *name) {
    ks_identity *identity;
    const ks_identity_files files = {own_path, key_path, NULL, ca_path, name};
    cr_assert_eq(ks_identity_open(&identity, &files), KS_OK, "%s", ks_error_detail());
    return identity;
}

Test(identity, files_that_do_not_belong_together_are_refused) {
    refused(&(ks_identity_files){own_path, NULL, peer_path, NULL, NULL}, KS_ERR_ARGUMENT, "belong together");
    refused(&(ks_identity_files){own_path, key_path, NULL, NULL, NULL}, KS_ERR_ARGUMENT, "give either");
    refused(&(ks_identity_files){own_path, key_path, peer_path, ca_path, "x"}, KS_ERR_ARGUMENT,
            "give either");
    refused(&(ks_identity_files){own_path, key_path, NULL, ca_path, NULL}, KS_ERR_ARGUMENT, "signs for many");
    refused(&(ks_identity_files){own_path, key_path, peer_path, NULL, "x"}, KS_ERR_ARGUMENT,
            "authority only");
    refused(&(ks_identity_files){own_path, key_path, NULL, ca_path, ""}, KS_ERR_ARGUMENT, "1 to 255");
    refused(&(ks_identity_files){peer_path, key_path, peer_path, NULL, NULL}, KS_ERR_FORMAT,
            "fits the private key");
}

Test(identity, private_keys_that_others_reach_are_refused) {
    const ks_identity_files files = {own_path, key_path, peer_path, NULL, NULL};
    cr_assert_eq(chmod(key_path, 0640), 0);
    refused(&files, KS_ERR_SECURITY, "mode 640");
    cr_assert_eq(chmod(key_path, 0400), 0);
    ks_identity_close(pinned());
    char *link_path = maker_path(&made, "link.key");
    cr_assert_eq(symlink(key_path, link_path), 0);
    refused(&(ks_identity_files){own_path, link_path, peer_path, NULL, NULL}, KS_ERR_SECURITY,
            "symbolic link");
    refused(&(ks_identity_files){own_path, "/nowhere", peer_path, NULL, NULL}, KS_ERR_IO, "/nowhere");
    free(link_path);
}

static char *write_text(const char *name, const char *text) {
    char *path = maker_path(&made, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
    return path;
}

Test(identity, malformed_files_are_refused) {
    char *garbage = write_text("garbage", "no PEM at all\n");
    char *broken = write_text("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    char *broken_key =
        write_text("broken.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    char *empty = write_text("empty", "");
    refused(&(ks_identity_files){garbage, key_path, peer_path, NULL, NULL}, KS_ERR_FORMAT, "no certificate");
    refused(&(ks_identity_files){broken, key_path, peer_path, NULL, NULL}, KS_ERR_FORMAT,
            "malformed certificate");
    refused(&(ks_identity_files){own_path, garbage, peer_path, NULL, NULL}, KS_ERR_FORMAT, "no private key");
    refused(&(ks_identity_files){own_path, broken_key, peer_path, NULL, NULL}, KS_ERR_FORMAT,
            "private key is malformed");
    refused(&(ks_identity_files){own_path, empty, peer_path, NULL, NULL}, KS_ERR_FORMAT, "no private key");
    refused(&(ks_identity_files){own_path, key_path, broken, NULL, NULL}, KS_ERR_FORMAT,
            "malformed certificate");
    refused(&(ks_identity_files){own_path, key_path, "/dev/zero", NULL, NULL}, KS_ERR_FORMAT,
            "no regular file");
    X509 *many[9] = {own, own, own, own, own, own, own, own, own};
    char *crowd = maker_write_certificates(&made, "crowd", many, 9);
    refused(&(ks_identity_files){crowd, key_path, peer_path, NULL, NULL}, KS_ERR_FORMAT, "more than 8");
    free(garbage);
    free(broken);
    free(broken_key);
    free(empty);
    free(crowd);
}

Test(identity, encrypted_and_other_keys_are_refused_and_nobody_is_asked) {
    char *path = maker_path(&made, "encrypted.key");
    FILE *file = fopen(path, "w");
    cr_assert(file && PEM_write_PrivateKey(file, key, EVP_aes_256_cbc(),
                                           (unsigned char *)(uintptr_t) "secret", 6, NULL, NULL));
    cr_assert(fclose(file) == 0 && chmod(path, 0600) == 0);
    refused(&(ks_identity_files){own_path, path, peer_path, NULL, NULL}, KS_ERR_FORMAT, "encrypted");
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *twice[2] = {key, key};
    char *rsa_path = maker_write_keys(&made, "rsa.key", &rsa, 1);
    refused(&(ks_identity_files){own_path, rsa_path, peer_path, NULL, NULL}, KS_ERR_FORMAT,
            "neither Ed25519 nor");
    char *twice_path = maker_write_keys(&made, "twice.key", twice, 2);
    refused(&(ks_identity_files){own_path, twice_path, peer_path, NULL, NULL}, KS_ERR_FORMAT,
            "two private keys");
    X509 *foreign = maker_certificate(rsa, &(maker_wish){.name = "bob"});
    char *foreign_path = maker_write_certificates(&made, "foreign.pem", &foreign, 1);
    refused(&(ks_identity_files){own_path, key_path, foreign_path, NULL, NULL}, KS_ERR_FORMAT,
            "neither for Ed25519");
    EVP_PKEY_free(rsa);
    X509_free(foreign);
    free(path);
    free(rsa_path);
    free(twice_path);
    free(foreign_path);
}

Test(identity, own_certificates_out_of_date_are_refused) {
    X509 *old = maker_certificate(key, &(maker_wish){.from_days = -10, .days = -1});
    X509 *young = maker_certificate(key, &(maker_wish){.from_days = 5});
    char *old_path = maker_write_certificates(&made, "old.pem", &old, 1);
    char *young_path = maker_write_certificates(&made, "young.pem", &young, 1);
    refused(&(ks_identity_files){old_path, key_path, peer_path, NULL, NULL}, KS_ERR_SECURITY, "has expired");
    refused(&(ks_identity_files){young_path, key_path, peer_path, NULL, NULL}, KS_ERR_SECURITY,
            "not valid yet");
    refused(&(ks_identity_files){own_path, key_path, old_path, NULL, NULL}, KS_ERR_SECURITY, "has expired");
    X509_free(old);
    X509_free(young);
    free(old_path);
    free(young_path);
}

/* ---- judgement */

static void judged(const ks_identity *identity, X509 *leaf, STACK_OF(X509) * between, const char *word) {
    const ks_status status = ks_identity_judge(identity, leaf, between);
    cr_expect_eq(status, word ? KS_ERR_AUTH : KS_OK, "%s", word ? word : ks_error_detail());
    if (word)
        cr_expect(strstr(ks_error_detail(), word), "'%s' in '%s'", word, ks_error_detail());
}

Test(identity, a_pinned_peer_is_that_certificate_alone) {
    ks_identity *identity = pinned();
    X509 *same_key = maker_certificate(peer_key, &(maker_wish){.name = "bob"});
    judged(identity, peer, NULL, NULL);
    judged(identity, same_key, NULL, "not the one that is expected");
    judged(identity, ca, NULL, "not the one that is expected");
    judged(identity, own, NULL, "shows the key of this end");
    X509_free(same_key);
    ks_identity_close(identity);
}

static X509 *signed_peer(maker_wish wish) {
    wish.issuer = ca;
    wish.issuer_key = ca_key;
    return maker_certificate(peer_key, &wish);
}

Test(identity, an_authority_vouches_for_a_name_within_dates_and_use) {
    const struct {
        maker_wish wish;
        const char *word;
    } cases[] = {{{.name = "bob.example"}, NULL},
                 {{.name = "x", .dns = "DNS:bob.example"}, NULL},
                 {{.name = "bob.example", .usage = "critical,digitalSignature"}, NULL},
                 {{.name = "carol.example"}, "not for bob.example"},
                 {{.name = "bob.example", .dns = "DNS:carol.example"}, "not for bob.example"},
                 {{.name = "x", .dns = "DNS:*.example"}, "not for bob.example"},
                 {{.name = "bob.example", .from_days = -10, .days = -1}, "expired"},
                 {{.name = "bob.example", .from_days = 5}, "not yet valid"},
                 {{.name = "bob.example", .usage = "critical,keyEncipherment"}, "not for signatures"}};
    ks_identity *identity = under_authority("bob.example");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *x = signed_peer(cases[i].wish);
        judged(identity, x, NULL, cases[i].word);
        X509_free(x);
    }
    X509 *alone = maker_certificate(peer_key, &(maker_wish){.name = "bob.example"});
    judged(identity, alone, NULL, "not accepted: self-signed certificate");
    X509_free(alone);
    ks_identity_close(identity);
}

Test(identity, between_a_peer_and_an_authority_only_authorities_stand) {
    ks_identity *identity = under_authority("bob");
    EVP_PKEY *middle_key = maker_key("ED25519");
    for (int authority = 0; authority < 2; authority++) {
        X509 *middle = maker_certificate(
            middle_key,
            &(maker_wish){.name = "middle", .authority = authority, .issuer = ca, .issuer_key = ca_key});
        X509 *x = maker_certificate(peer_key,
                                    &(maker_wish){.name = "bob", .issuer = middle, .issuer_key = middle_key});
        STACK_OF(X509) *between = sk_X509_new_null();
        cr_assert(sk_X509_push(between, middle) > 0);
        judged(identity, x, NULL, "unable to get local issuer certificate");
        judged(identity, x, between, authority ? NULL : "invalid CA certificate");
        sk_X509_free(between);
        X509_free(middle);
        X509_free(x);
    }
    EVP_PKEY_free(middle_key);
    ks_identity_close(identity);
}

Test(identity, an_expired_pin_is_refused_when_it_is_shown) {
    /* It was valid when the file was read: the judgement looks at the clock again. */
    ks_identity *identity = pinned();
    X509 *old = maker_certificate(peer_key, &(maker_wish){.name = "bob", .from_days = -10, .days = -1});
    X509_free(identity->peer[0]);
    identity->peer[0] = old;
    judged(identity, old, NULL, "outside of its dates");
    ks_identity_close(identity);
}

Test(identity, signatures) {
    ks_identity *identity = pinned();
    uint8_t signature[KS_MOST_SIGNATURE];
    size_t bytes = sizeof signature;
    cr_assert_eq(ks_identity_sign(identity, 0, signature, &bytes, (const uint8_t *)"text", 4), KS_OK);
    cr_assert_eq(bytes, 64);
    cr_assert_eq(ks_identity_verify(own, signature, bytes, (const uint8_t *)"text", 4), KS_OK);
    cr_assert_eq(ks_identity_verify(own, signature, bytes, (const uint8_t *)"tent", 4), KS_ERR_AUTH);
    cr_assert_eq(ks_identity_verify(own, signature, bytes - 1, (const uint8_t *)"text", 4), KS_ERR_AUTH);
    cr_assert_eq(ks_identity_verify(peer, signature, bytes, (const uint8_t *)"text", 4), KS_ERR_AUTH);
    ks_identity_close(identity);
}
