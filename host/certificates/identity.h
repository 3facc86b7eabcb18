/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys of an end, and the judgement over those of its peer. */
#ifndef KS_HOST_CERTIFICATES_IDENTITY_H
#define KS_HOST_CERTIFICATES_IDENTITY_H

#include <keystill/bootstrap.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum {
    KS_SIGNERS = 2,              /* signature algorithms, in the order of ks_signer_name */
    KS_MOST_CERTIFICATES = 8,    /* that an end shows: its own, and those between them and an authority */
    KS_MOST_CERTIFICATE = 32768, /* bytes of one */
    KS_MOST_SIGNATURE = 8192
};

struct ks_identity {
    /* By algorithm; NULL where this end has none. */
    EVP_PKEY *key[KS_SIGNERS];
    X509 *leaf[KS_SIGNERS];
    X509 *peer[KS_SIGNERS]; /* the peer's certificates, when they are pinned */
    STACK_OF(X509) * between;
    X509_STORE *authorities; /* or NULL: pinned */
    char peer_name[256];
};

/* "ED25519", "ML-DSA-65": OpenSSL's names. */
const char *ks_signer_name(int algorithm);
/* Algorithm of a certificate's key, -1 when it is none of ours. */
int ks_signer_of(X509 *certificate);
/* Number of algorithms this end signs with. */
unsigned ks_identity_signers(const ks_identity *identity);

/* KS_OK when `leaf` is the peer by what this identity was told. `between` may hold what leads to an
 * authority. */
ks_status ks_identity_judge(const ks_identity *identity, X509 *leaf, STACK_OF(X509) * between);
/* The same for all leaves a peer shows, which must be of the same algorithms as ours, in their order. */
ks_status ks_identity_judge_all(const ks_identity *identity, X509 *const *leaves, unsigned count,
                                STACK_OF(X509) * between);

/* Signs with the key of `algorithm`; *bytes in: room. */
ks_status ks_identity_sign(const ks_identity *identity, int algorithm, uint8_t *signature, size_t *bytes,
                           const uint8_t *data, size_t data_bytes);
/* KS_ERR_AUTH unless the key of `leaf` signed it. */
ks_status ks_identity_verify(X509 *leaf, const uint8_t *signature, size_t bytes, const uint8_t *data,
                             size_t data_bytes);

#endif
