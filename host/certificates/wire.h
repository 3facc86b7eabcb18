/* SPDX-License-Identifier: Apache-2.0 */
/* Wire forms of the bootstrap, docs/bootstrap.md. Parsed messages point into the bytes they were parsed from.
 */
#ifndef KS_HOST_CERTIFICATES_WIRE_H
#define KS_HOST_CERTIFICATES_WIRE_H

#include <keystill/session.h>

#include "host/certificates/crypto.h"
#include "host/certificates/identity.h"
#include "pipeline/message.h"

enum {
    KS_BOOTSTRAP_VERSION = 1,
    KS_BOOTSTRAP_HEADER = 8,
    KS_BOOTSTRAP_NONCE = 32,
    KS_BOOTSTRAP_MAX = 300000 /* bytes of a message */
};

typedef enum ks_bootstrap_type {
    KS_BOOTSTRAP_OFFER = 1,  /* A->B */
    KS_BOOTSTRAP_ANSWER = 2, /* B->A */
    KS_BOOTSTRAP_PROOF = 3,
    KS_BOOTSTRAP_STORED = 4,
    KS_BOOTSTRAP_REFUSE = 5
} ks_bootstrap_type;

typedef enum ks_bootstrap_refusal {
    KS_REFUSE_MESSAGE = 1,
    KS_REFUSE_CONFIGURATION = 2,
    KS_REFUSE_CERTIFICATE = 3,
    KS_REFUSE_PROOF = 4,
    KS_REFUSE_OTHER = 5
} ks_bootstrap_refusal;

typedef struct ks_blob {
    const uint8_t *data;
    size_t bytes;
} ks_blob;

/* OFFER and ANSWER: who an end is and its shares of the key. */
typedef struct ks_introduction {
    const uint8_t *nonce, *x25519;
    ks_blob ml_kem; /* OFFER: a key, ANSWER: a ciphertext; 0 bytes: none */
    ks_blob parameters;
    unsigned leaves, certificates; /* of the certificates, the first are the end's own */
    ks_blob certificate[KS_MOST_CERTIFICATES];
} ks_introduction;

typedef struct ks_proof {
    unsigned signatures;
    ks_blob signature[KS_SIGNERS];
    const uint8_t *mac;
} ks_proof;

void ks_bootstrap_begin(ks_writer *w, ks_bootstrap_type type, ks_role from);
/* Checks magic, version, sender and length; the cursor then stands behind the header. KS_ERR_AUTH: the
 * greeting of a peer that has a pool. */
ks_status ks_bootstrap_header(ks_cursor *c, unsigned *type, ks_role from, const uint8_t *message,
                              size_t bytes);

/* Everything but certificates' contents is checked. */
ks_status ks_introduction_parse(ks_introduction *out, ks_cursor *c, int is_offer);
ks_status ks_proof_parse(ks_proof *out, ks_cursor *c);

#endif
