/* SPDX-License-Identifier: Apache-2.0 */
/* Who a peer is by his certificates; signatures. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "host/certificates/crypto.h"
#include "host/certificates/identity.h"
#include "pipeline/status.h"

enum { SECURITY_LEVEL = 2, DEPTH = 4 }; /* 112 bits; certificates between a peer's and an authority */

static ks_status by_authority(const ks_identity *identity, X509 *leaf, STACK_OF(X509) * between) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int good = context && X509_STORE_CTX_init(context, identity->authorities, leaf, between);
    if (!good) {
        X509_STORE_CTX_free(context);
        return ks_crypto_fail(KS_ERR_MEMORY, "certificate verification");
    }
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(rules, DEPTH);
    good = X509_verify_cert(context) == 1;
    const int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    if (!good)
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is not accepted: %s",
                       X509_verify_cert_error_string(error));
    if (X509_check_host(leaf, identity->peer_name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) != 1)
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is not for %s", identity->peer_name);
    return KS_OK;
}

static ks_status by_itself(const ks_identity *identity, X509 *leaf) {
    const X509 *pinned = identity->peer[ks_signer_of(leaf)];
    if (!pinned || X509_cmp(pinned, leaf) != 0)
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is not the one that is expected");
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) >= 0 ||
        X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is not accepted: outside of its dates");
    return KS_OK;
}

ks_status ks_identity_judge(const ks_identity *identity, X509 *leaf, STACK_OF(X509) * between) {
    const int algorithm = ks_signer_of(leaf);
    if (algorithm < 0)
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is neither for Ed25519 nor for ML-DSA-65%s",
                       ks_identity_has_ml_dsa() ? "" : ", which this machine's OpenSSL does not have");
    if (identity->leaf[algorithm] &&
        EVP_PKEY_eq(X509_get0_pubkey(leaf), X509_get0_pubkey(identity->leaf[algorithm])) == 1)
        return ks_fail(KS_ERR_AUTH, "the peer shows the key of this end");
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return ks_fail(KS_ERR_AUTH, "the peer's certificate is not for signatures");
    return identity->authorities ? by_authority(identity, leaf, between) : by_itself(identity, leaf);
}

ks_status ks_identity_judge_all(const ks_identity *identity, X509 *const *leaves, unsigned count,
                                STACK_OF(X509) * between) {
    unsigned at = 0;
    for (int i = 0; i < KS_SIGNERS; i++) {
        const int shown = at < count && ks_signer_of(leaves[at]) == i;
        if (!identity->leaf[i] != !shown)
            return ks_fail(KS_ERR_AUTH,
                           "the peer shows %s certificate for %s, this end has %s: both ends need the same",
                           shown ? "a" : "no", ks_signer_name(i), identity->leaf[i] ? "one" : "none");
        if (!shown)
            continue;
        KS_TRY(ks_identity_judge(identity, leaves[at], between));
        at++;
    }
    return at == count ? KS_OK : ks_fail(KS_ERR_AUTH, "the peer shows a certificate of another algorithm");
}

ks_status ks_identity_sign(const ks_identity *identity, int algorithm, uint8_t *signature, size_t *bytes,
                           const uint8_t *data, size_t data_bytes) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const int good =
        context &&
        EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, identity->key[algorithm], NULL) == 1 &&
        EVP_DigestSign(context, signature, bytes, data, data_bytes) == 1;
    EVP_MD_CTX_free(context);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_INTERNAL, "this end's signature");
}

ks_status ks_identity_verify(X509 *leaf, const uint8_t *signature, size_t bytes, const uint8_t *data,
                             size_t data_bytes) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const int good =
        context &&
        EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, X509_get0_pubkey(leaf), NULL) == 1 &&
        EVP_DigestVerify(context, signature, bytes, data, data_bytes) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? KS_OK : ks_fail(KS_ERR_AUTH, "the peer's signature is wrong");
}
