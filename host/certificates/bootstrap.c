/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange: OFFER, ANSWER, a PROOF from each, the pools, a STORED from each. Both signatures cover both
 * introductions whole: roles, nonces, shares, configurations, certificates. */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "host/certificates/wire.h"
#include "pipeline/status.h"

typedef enum state { AWAIT_INTRODUCTION, AWAIT_PROOF, VERIFIED, AWAIT_STORED, FINISHED, FAILED } state;

enum { QUEUE = 3 };

/* All that is secret, in memory of its own. */
typedef struct secrets {
    uint8_t agreed[2 * KS_SHARED_BYTES]; /* X25519, ML-KEM-768 */
    uint8_t proof[2][KS_DIGEST_BYTES];   /* keys of confirmations, by sender */
    uint8_t stored[2][KS_DIGEST_BYTES];
    uint8_t psk[KS_PSK_BYTES];
} secrets;

struct ks_bootstrap {
    const ks_identity *identity;
    ks_role role, other;
    ks_link_parameters link;
    ks_random random;
    state state;
    ks_bootstrap_refusal refusal;
    int refused_by_peer;
    EVP_PKEY *x25519, *ml_kem;
    int with_ml_kem;
    ks_writer introduction[2], proof[2]; /* as sent and received, by sender */
    uint8_t transcript[KS_DIGEST_BYTES]; /* of the introductions */
    X509 *leaf[KS_SIGNERS];              /* the peer's, judged */
    secrets *secret;
    ks_writer queue[QUEUE], current;
    unsigned queued, taken;
};

static const char *const senders[2] = {"Alice", "Bob"};

/* ---- sending */

static ks_status enqueue(ks_bootstrap *b, ks_writer *message) {
    if (message->failed || b->queued == QUEUE) {
        ks_writer_release(message);
        return ks_fail(KS_ERR_MEMORY, "no memory for a bootstrap message");
    }
    b->queue[b->queued++] = *message;
    *message = (ks_writer){0};
    return KS_OK;
}

static ks_status enqueue_copy(ks_bootstrap *b, const ks_writer *message) {
    ks_writer copy = {0};
    ks_put(&copy, message->data, message->bytes);
    copy.failed |= message->failed;
    return enqueue(b, &copy);
}

static void put_certificate(ks_writer *w, X509 *certificate) {
    uint8_t *der = NULL;
    const int bytes = i2d_X509(certificate, &der);
    if (bytes <= 0) {
        w->failed = 1;
        return;
    }
    ks_put_u32(w, (uint32_t)bytes);
    ks_put(w, der, (size_t)bytes);
    OPENSSL_free(der);
}

static void put_certificates(ks_writer *w, const ks_identity *identity) {
    const unsigned leaves = ks_identity_signers(identity), between = (unsigned)sk_X509_num(identity->between);
    ks_put_u8(w, (uint8_t)leaves);
    ks_put_u8(w, (uint8_t)(leaves + between));
    for (int i = 0; i < KS_SIGNERS; i++)
        if (identity->leaf[i])
            put_certificate(w, identity->leaf[i]);
    for (unsigned i = 0; i < between; i++)
        put_certificate(w, sk_X509_value(identity->between, (int)i));
}

/* `peer`: Alice's offer, NULL at Alice. */
static ks_status introduce(ks_bootstrap *b, const ks_introduction *peer) {
    ks_writer *w = &b->introduction[b->role], parameters = {0};
    uint8_t nonce[KS_BOOTSTRAP_NONCE], share[KS_X25519_BYTES], ml_kem[KS_ML_KEM_KEY_BYTES];
    KS_TRY(b->random.fill(b->random.context, nonce, sizeof nonce));
    KS_TRY(ks_crypto_x25519(&b->x25519, share, &b->random));
    ks_bootstrap_begin(w, peer ? KS_BOOTSTRAP_ANSWER : KS_BOOTSTRAP_OFFER, b->role);
    ks_put(w, nonce, sizeof nonce);
    ks_put(w, share, sizeof share);
    b->with_ml_kem = ks_crypto_has_ml_kem() && (!peer || peer->ml_kem.bytes);
    ks_put_u8(w, (uint8_t)b->with_ml_kem);
    if (b->with_ml_kem && !peer) {
        KS_TRY(ks_crypto_ml_kem(&b->ml_kem, ml_kem));
        ks_put(w, ml_kem, KS_ML_KEM_KEY_BYTES);
    } else if (b->with_ml_kem) {
        KS_TRY(ks_crypto_ml_kem_encapsulate(ml_kem, b->secret->agreed + KS_SHARED_BYTES, peer->ml_kem.data));
        ks_put(w, ml_kem, KS_ML_KEM_CIPHERTEXT_BYTES);
    }
    ks_put_parameters(&parameters, &b->link);
    w->failed |= parameters.failed;
    ks_put_u32(w, (uint32_t)parameters.bytes);
    ks_put(w, parameters.data, parameters.bytes);
    ks_writer_release(&parameters);
    put_certificates(w, b->identity);
    return enqueue_copy(b, w);
}

/* What the signatures are of: a label that names the sender, and the transcript. */
static size_t signed_text(const ks_bootstrap *b, ks_role sender, uint8_t out[160]) {
    static const char label[] = "Keystill certificate bootstrap 1, signature of ";
    size_t at = 0;
    memcpy(out, label, sizeof label - 1);
    at += sizeof label - 1;
    memcpy(out + at, senders[sender], strlen(senders[sender]) + 1); /* the zero ends the label */
    at += strlen(senders[sender]) + 1;
    memcpy(out + at, b->transcript, sizeof b->transcript);
    return at + sizeof b->transcript;
}

/* Confirmation of a sender's proof: over the transcript and his signatures. */
static ks_status proof_mac(const ks_bootstrap *b, ks_role sender, const uint8_t *proof, size_t bytes,
                           uint8_t mac[KS_DIGEST_BYTES]) {
    uint8_t digest[KS_DIGEST_BYTES];
    KS_TRY(ks_crypto_digest(digest, (const ks_piece[]){{b->transcript, sizeof b->transcript},
                                                       {proof, bytes - KS_DIGEST_BYTES},
                                                       {NULL, 0}}));
    return ks_crypto_mac(mac, b->secret->proof[sender], digest, sizeof digest);
}

static ks_status prove(ks_bootstrap *b) {
    ks_writer *w = &b->proof[b->role];
    uint8_t text[160], mac[KS_DIGEST_BYTES] = {0};
    const size_t bytes = signed_text(b, b->role, text);
    ks_bootstrap_begin(w, KS_BOOTSTRAP_PROOF, b->role);
    ks_put_u8(w, (uint8_t)ks_identity_signers(b->identity));
    for (int i = 0; i < KS_SIGNERS; i++) {
        uint8_t signature[KS_MOST_SIGNATURE];
        size_t length = sizeof signature;
        if (!b->identity->key[i])
            continue;
        KS_TRY(ks_identity_sign(b->identity, i, signature, &length, text, bytes));
        ks_put_u32(w, (uint32_t)length);
        ks_put(w, signature, length);
    }
    ks_put(w, mac, sizeof mac);
    if (w->failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for a bootstrap message");
    KS_TRY(proof_mac(b, b->role, w->data, w->bytes, mac));
    memcpy(w->data + w->bytes - sizeof mac, mac, sizeof mac);
    b->state = AWAIT_PROOF;
    return enqueue_copy(b, w);
}

static ks_status stored_mac(const ks_bootstrap *b, ks_role sender, uint8_t mac[KS_DIGEST_BYTES]) {
    uint8_t digest[KS_DIGEST_BYTES];
    KS_TRY(ks_crypto_digest(digest, (const ks_piece[]){{b->transcript, sizeof b->transcript},
                                                       {b->proof[KS_ALICE].data, b->proof[KS_ALICE].bytes},
                                                       {b->proof[KS_BOB].data, b->proof[KS_BOB].bytes},
                                                       {NULL, 0}}));
    return ks_crypto_mac(mac, b->secret->stored[sender], digest, sizeof digest);
}

/* ---- keys */

static ks_status derive(ks_bootstrap *b, const ks_introduction *peer) {
    secrets *s = b->secret;
    const size_t bytes = b->with_ml_kem ? 2 * KS_SHARED_BYTES : KS_SHARED_BYTES;
    const struct {
        const char *purpose;
        uint8_t *out;
        size_t bytes;
    } keys[] = {{"Keystill certificate bootstrap 1, pool", s->psk, sizeof s->psk},
                {"Keystill certificate bootstrap 1, proof of Alice", s->proof[0], KS_DIGEST_BYTES},
                {"Keystill certificate bootstrap 1, proof of Bob", s->proof[1], KS_DIGEST_BYTES},
                {"Keystill certificate bootstrap 1, stored by Alice", s->stored[0], KS_DIGEST_BYTES},
                {"Keystill certificate bootstrap 1, stored by Bob", s->stored[1], KS_DIGEST_BYTES}};
    KS_TRY(ks_crypto_digest(
        b->transcript, (const ks_piece[]){{"Keystill certificate bootstrap 1", 32},
                                          {b->introduction[KS_ALICE].data, b->introduction[KS_ALICE].bytes},
                                          {b->introduction[KS_BOB].data, b->introduction[KS_BOB].bytes},
                                          {NULL, 0}}));
    KS_TRY(ks_crypto_x25519_agree(s->agreed, b->x25519, peer->x25519));
    if (b->ml_kem && b->with_ml_kem)
        KS_TRY(ks_crypto_ml_kem_decapsulate(s->agreed + KS_SHARED_BYTES, b->ml_kem, peer->ml_kem.data));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        KS_TRY(
            ks_crypto_expand(keys[i].out, keys[i].bytes, s->agreed, bytes, b->transcript, keys[i].purpose));
    ks_wipe(s->agreed, sizeof s->agreed);
    return KS_OK;
}

/* ---- receiving */

static ks_status check_parameters(ks_bootstrap *b, const ks_introduction *peer) {
    ks_link_parameters theirs;
    ks_cursor c = {.data = peer->parameters.data, .bytes = peer->parameters.bytes};
    ks_get_parameters(&c, &theirs);
    KS_TRY(ks_cursor_end(&c, "the configuration"));
    b->refusal = KS_REFUSE_CONFIGURATION;
    return ks_parameters_match(&b->link, &theirs);
}

/* A certificate that fills its bytes. */
static ks_status parse_certificate(X509 **out, const ks_blob *der) {
    const uint8_t *at = der->data;
    *out = d2i_X509(NULL, &at, (long)der->bytes);
    if (*out && at == der->data + der->bytes)
        return KS_OK;
    X509_free(*out);
    *out = NULL;
    return ks_crypto_fail(KS_ERR_PROTOCOL, "a certificate is malformed");
}

static ks_status judge_peer(ks_bootstrap *b, const ks_introduction *peer) {
    STACK_OF(X509) *between = sk_X509_new_null();
    ks_status status = between ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for certificates");
    for (unsigned i = 0; i < peer->certificates && status == KS_OK; i++) {
        X509 *certificate;
        status = parse_certificate(&certificate, &peer->certificate[i]);
        if (status == KS_OK && i < peer->leaves)
            b->leaf[i] = certificate;
        else if (status == KS_OK && !sk_X509_push(between, certificate)) {
            X509_free(certificate);
            status = ks_fail(KS_ERR_MEMORY, "no memory for certificates");
        }
    }
    if (status == KS_OK) {
        b->refusal = KS_REFUSE_CERTIFICATE;
        status = ks_identity_judge_all(b->identity, b->leaf, peer->leaves, between);
    }
    sk_X509_pop_free(between, X509_free);
    return status;
}

static ks_status take_introduction(ks_bootstrap *b, ks_cursor *c) {
    const int is_offer = b->role == KS_BOB;
    ks_introduction peer;
    KS_TRY(ks_introduction_parse(&peer, c, is_offer));
    KS_TRY(check_parameters(b, &peer));
    b->refusal = KS_REFUSE_MESSAGE;
    KS_TRY(judge_peer(b, &peer));
    b->refusal = KS_REFUSE_MESSAGE;
    ks_put(&b->introduction[b->other], c->data, c->bytes);
    if (is_offer) {
        KS_TRY(introduce(b, &peer));
    } else {
        if (peer.ml_kem.bytes && !b->with_ml_kem)
            return ks_fail(KS_ERR_PROTOCOL, "an answer with ML-KEM-768, which was not offered");
        b->with_ml_kem = peer.ml_kem.bytes != 0;
    }
    if (b->introduction[b->other].failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for a bootstrap message");
    KS_TRY(derive(b, &peer));
    return prove(b);
}

static ks_status take_proof(ks_bootstrap *b, ks_cursor *c) {
    ks_proof proof;
    uint8_t text[160], mac[KS_DIGEST_BYTES];
    const size_t bytes = signed_text(b, b->other, text);
    KS_TRY(ks_proof_parse(&proof, c));
    b->refusal = KS_REFUSE_PROOF;
    if (proof.signatures != ks_identity_signers(b->identity))
        return ks_fail(KS_ERR_AUTH, "the peer signs with %u keys, its certificates are %u", proof.signatures,
                       ks_identity_signers(b->identity));
    for (unsigned i = 0; i < proof.signatures; i++)
        KS_TRY(
            ks_identity_verify(b->leaf[i], proof.signature[i].data, proof.signature[i].bytes, text, bytes));
    KS_TRY(proof_mac(b, b->other, c->data, c->bytes, mac));
    if (!ks_equal(mac, proof.mac, sizeof mac))
        return ks_fail(KS_ERR_AUTH, "the peer's key confirmation is wrong");
    ks_put(&b->proof[b->other], c->data, c->bytes);
    if (b->proof[b->other].failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for a bootstrap message");
    b->state = VERIFIED;
    return KS_OK;
}

static ks_status take_stored(ks_bootstrap *b, ks_cursor *c) {
    uint8_t mac[KS_DIGEST_BYTES];
    const uint8_t *theirs = ks_get(c, sizeof mac);
    KS_TRY(ks_cursor_end(c, "STORED"));
    KS_TRY(stored_mac(b, b->other, mac));
    b->refusal = KS_REFUSE_PROOF;
    if (!ks_equal(mac, theirs, sizeof mac))
        return ks_fail(KS_ERR_AUTH, "the peer's last key confirmation is wrong");
    b->state = FINISHED;
    return KS_OK;
}

static ks_status take_refusal(ks_bootstrap *b, ks_cursor *c) {
    static const char *const reasons[] = {"it cannot read our message", "it is configured otherwise",
                                          "it does not accept our certificate",
                                          "our signature or key is wrong", "of an error of its own"};
    const unsigned reason = ks_get_u8(c);
    b->refused_by_peer = 1;
    KS_TRY(ks_cursor_end(c, "REFUSE"));
    if (reason < KS_REFUSE_MESSAGE || reason > KS_REFUSE_OTHER)
        return ks_fail(KS_ERR_PROTOCOL, "the peer refuses for reason %u, which is unknown", reason);
    return ks_fail(reason == KS_REFUSE_CERTIFICATE || reason == KS_REFUSE_PROOF ? KS_ERR_AUTH
                                                                                : KS_ERR_PROTOCOL,
                   "the peer refuses because %s", reasons[reason - 1]);
}

static ks_status receive(ks_bootstrap *b, const uint8_t *message, size_t bytes) {
    ks_cursor c;
    unsigned type = 0;
    KS_TRY(ks_bootstrap_header(&c, &type, b->other, message, bytes));
    if (type == KS_BOOTSTRAP_REFUSE)
        return take_refusal(b, &c);
    if (b->state == AWAIT_INTRODUCTION &&
        type == (b->role == KS_BOB ? KS_BOOTSTRAP_OFFER : KS_BOOTSTRAP_ANSWER))
        return take_introduction(b, &c);
    if (b->state == AWAIT_PROOF && type == KS_BOOTSTRAP_PROOF)
        return take_proof(b, &c);
    if (b->state == AWAIT_STORED && type == KS_BOOTSTRAP_STORED)
        return take_stored(b, &c);
    return ks_fail(KS_ERR_PROTOCOL, "offset 5: bootstrap message of type %u is out of place", type);
}

/* The peer hears why, once; nothing of the key is left. */
static void give_up(ks_bootstrap *b) {
    b->state = FAILED;
    ks_wipe(b->secret, sizeof *b->secret);
    for (unsigned i = b->taken; i < b->queued; i++)
        ks_writer_release(&b->queue[i]);
    b->queued = b->taken = 0;
    if (b->refused_by_peer)
        return;
    ks_writer refuse;
    ks_bootstrap_begin(&refuse, KS_BOOTSTRAP_REFUSE, b->role);
    ks_put_u8(&refuse, (uint8_t)b->refusal);
    if (!refuse.failed)
        b->queue[b->queued++] = refuse;
}

ks_status ks_bootstrap_receive(ks_bootstrap *b, const uint8_t *message, size_t bytes) {
    if (b->state == FAILED)
        return ks_fail(KS_ERR_STATE, "the bootstrap has failed");
    b->refusal = KS_REFUSE_MESSAGE;
    const ks_status status = receive(b, message, bytes);
    if (status != KS_OK && status != KS_ERR_PROTOCOL && status != KS_ERR_AUTH)
        b->refusal = KS_REFUSE_OTHER;
    if (status != KS_OK)
        give_up(b);
    return status;
}

/* ---- life */

ks_status ks_bootstrap_create(ks_bootstrap **out, const ks_identity *identity, ks_role role,
                              const ks_link_parameters *link, const ks_random *random) {
    *out = NULL;
    if (role != KS_ALICE && role != KS_BOB)
        return ks_fail(KS_ERR_ARGUMENT, "role must be Alice or Bob");
    ks_bootstrap *b = calloc(1, sizeof *b);
    if (!b)
        return ks_fail(KS_ERR_MEMORY, "no memory for a bootstrap");
    b->identity = identity;
    b->role = role;
    b->other = role == KS_ALICE ? KS_BOB : KS_ALICE;
    b->link = *link;
    b->random = *random;
    ks_status status = ks_secret_alloc((void **)&b->secret, sizeof *b->secret, KS_SECRET_STRICT);
    if (status == KS_OK && role == KS_ALICE)
        status = introduce(b, NULL);
    if (status != KS_OK) {
        ks_bootstrap_destroy(b);
        return status;
    }
    *out = b;
    return KS_OK;
}

void ks_bootstrap_destroy(ks_bootstrap *b) {
    if (!b)
        return;
    for (unsigned i = b->taken; i < b->queued; i++)
        ks_writer_release(&b->queue[i]);
    ks_writer_release(&b->current);
    for (int i = 0; i < 2; i++) {
        ks_writer_release(&b->introduction[i]);
        ks_writer_release(&b->proof[i]);
        X509_free(b->leaf[i]);
    }
    EVP_PKEY_free(b->x25519);
    EVP_PKEY_free(b->ml_kem);
    ks_secret_free(b->secret);
    free(b);
}

ks_status ks_bootstrap_next(ks_bootstrap *b, const uint8_t **message, size_t *bytes) {
    if (b->taken == b->queued)
        return ks_fail(KS_ERR_EMPTY, "no message is due");
    ks_writer_release(&b->current);
    b->current = b->queue[b->taken++];
    if (b->taken == b->queued)
        b->taken = b->queued = 0;
    *message = b->current.data;
    *bytes = b->current.bytes;
    return KS_OK;
}

ks_status ks_bootstrap_secret(const ks_bootstrap *b, const uint8_t **psk) {
    if (b->state != VERIFIED)
        return ks_fail(KS_ERR_EMPTY, "the peer has not proved itself");
    *psk = b->secret->psk;
    return KS_OK;
}

ks_status ks_bootstrap_stored(ks_bootstrap *b) {
    ks_writer w;
    uint8_t mac[KS_DIGEST_BYTES];
    if (b->state != VERIFIED)
        return ks_fail(KS_ERR_STATE, "there was nothing to store");
    KS_TRY(stored_mac(b, b->role, mac));
    ks_bootstrap_begin(&w, KS_BOOTSTRAP_STORED, b->role);
    ks_put(&w, mac, sizeof mac);
    b->state = AWAIT_STORED;
    return enqueue(b, &w);
}

int ks_bootstrap_finished(const ks_bootstrap *b) {
    return b->state == FINISHED;
}

const char *ks_bootstrap_agreement(const ks_bootstrap *b) {
    return b->with_ml_kem ? "X25519 and ML-KEM-768" : "X25519";
}
