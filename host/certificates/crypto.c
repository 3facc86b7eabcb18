/* SPDX-License-Identifier: Apache-2.0 */
#include "host/certificates/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

ks_status ks_crypto_fail(ks_status status, const char *what) {
    const unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ks_fail(status, reason ? "%s: %s" : "%s", what, reason);
    ERR_clear_error();
    return status;
}

ks_status ks_crypto_digest(uint8_t out[KS_DIGEST_BYTES], const ks_piece *pieces) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = context && EVP_DigestInit_ex(context, EVP_sha512(), NULL);
    for (; good && pieces->data; pieces++) {
        uint8_t length[8];
        for (int i = 0; i < 8; i++)
            length[i] = (uint8_t)((uint64_t)pieces->bytes >> (8 * i));
        good = EVP_DigestUpdate(context, length, sizeof length) &&
               EVP_DigestUpdate(context, pieces->data, pieces->bytes);
    }
    good = good && EVP_DigestFinal_ex(context, out, NULL);
    EVP_MD_CTX_free(context);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_INTERNAL, "SHA-512");
}

ks_status ks_crypto_mac(uint8_t out[KS_DIGEST_BYTES], const uint8_t key[KS_DIGEST_BYTES], const uint8_t *data,
                        size_t bytes) {
    size_t length = 0;
    const int good = EVP_Q_mac(NULL, "HMAC", NULL, "SHA512", NULL, key, KS_DIGEST_BYTES, data, bytes, out,
                               KS_DIGEST_BYTES, &length) != NULL;
    return good && length == KS_DIGEST_BYTES ? KS_OK : ks_crypto_fail(KS_ERR_INTERNAL, "HMAC-SHA-512");
}

ks_status ks_crypto_expand(uint8_t *out, size_t bytes, const uint8_t *secret, size_t secret_bytes,
                           const uint8_t salt[KS_DIGEST_BYTES], const char *purpose) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA512", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, KS_DIGEST_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
        OSSL_PARAM_construct_end()};
    const int good = context && EVP_KDF_derive(context, out, bytes, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_INTERNAL, "HKDF-SHA-512");
}

ks_status ks_crypto_x25519(EVP_PKEY **key, uint8_t share[KS_X25519_BYTES], const ks_random *random) {
    uint8_t secret[KS_X25519_BYTES];
    size_t length = KS_X25519_BYTES;
    KS_TRY(random->fill(random->context, secret, sizeof secret));
    *key = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, secret, sizeof secret);
    ks_wipe(secret, sizeof secret);
    if (*key && EVP_PKEY_get_raw_public_key(*key, share, &length) == 1 && length == KS_X25519_BYTES)
        return KS_OK;
    return ks_crypto_fail(KS_ERR_UNSUPPORTED, "X25519");
}

ks_status ks_crypto_x25519_agree(uint8_t out[KS_SHARED_BYTES], EVP_PKEY *key,
                                 const uint8_t share[KS_X25519_BYTES]) {
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, share, KS_X25519_BYTES);
    EVP_PKEY_CTX *context = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    size_t length = KS_SHARED_BYTES;
    const int good = context && EVP_PKEY_derive_init(context) == 1 &&
                     EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                     EVP_PKEY_derive(context, out, &length) == 1 && length == KS_SHARED_BYTES;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_AUTH, "the peer's X25519 share gives no key");
}

/* ---- ML-KEM-768, OpenSSL 3.5 and later; asked by name at run time */

int ks_crypto_has_ml_kem(void) {
    EVP_KEM *kem = EVP_KEM_fetch(NULL, "ML-KEM-768", NULL);
    const int has = kem != NULL;
    EVP_KEM_free(kem);
    ERR_clear_error();
    return has;
}

ks_status ks_crypto_ml_kem(EVP_PKEY **key, uint8_t share[KS_ML_KEM_KEY_BYTES]) {
    size_t length = 0;
    *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768");
    if (*key &&
        EVP_PKEY_get_octet_string_param(*key, OSSL_PKEY_PARAM_PUB_KEY, share, KS_ML_KEM_KEY_BYTES, &length) &&
        length == KS_ML_KEM_KEY_BYTES)
        return KS_OK;
    return ks_crypto_fail(KS_ERR_UNSUPPORTED, "ML-KEM-768");
}

ks_status ks_crypto_ml_kem_encapsulate(uint8_t ciphertext[KS_ML_KEM_CIPHERTEXT_BYTES],
                                       uint8_t out[KS_SHARED_BYTES],
                                       const uint8_t share[KS_ML_KEM_KEY_BYTES]) {
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, "ML-KEM-768", NULL, share, KS_ML_KEM_KEY_BYTES);
    EVP_PKEY_CTX *context = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL) : NULL;
    size_t sent = KS_ML_KEM_CIPHERTEXT_BYTES, length = KS_SHARED_BYTES;
    const int good = context && EVP_PKEY_encapsulate_init(context, NULL) == 1 &&
                     EVP_PKEY_encapsulate(context, ciphertext, &sent, out, &length) == 1 &&
                     sent == KS_ML_KEM_CIPHERTEXT_BYTES && length == KS_SHARED_BYTES;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_AUTH, "the peer's ML-KEM-768 key gives no secret");
}

ks_status ks_crypto_ml_kem_decapsulate(uint8_t out[KS_SHARED_BYTES], EVP_PKEY *key,
                                       const uint8_t ciphertext[KS_ML_KEM_CIPHERTEXT_BYTES]) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t length = KS_SHARED_BYTES;
    const int good =
        context && EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
        EVP_PKEY_decapsulate(context, out, &length, ciphertext, KS_ML_KEM_CIPHERTEXT_BYTES) == 1 &&
        length == KS_SHARED_BYTES;
    EVP_PKEY_CTX_free(context);
    return good ? KS_OK : ks_crypto_fail(KS_ERR_AUTH, "the peer's ML-KEM-768 ciphertext gives no secret");
}
