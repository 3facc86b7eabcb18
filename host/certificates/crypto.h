/* SPDX-License-Identifier: Apache-2.0 */
/* What the bootstrap needs of OpenSSL's libcrypto, with our results and errors. */
#ifndef KS_HOST_CERTIFICATES_CRYPTO_H
#define KS_HOST_CERTIFICATES_CRYPTO_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/random.h>
#include <keystill/status.h>
#include <openssl/evp.h>

enum {
    KS_DIGEST_BYTES = 64, /* SHA-512 */
    KS_X25519_BYTES = 32,
    KS_ML_KEM_KEY_BYTES = 1184, /* ML-KEM-768 */
    KS_ML_KEM_CIPHERTEXT_BYTES = 1088,
    KS_SHARED_BYTES = 32 /* of either */
};

/* Records `what` with OpenSSL's own reason, and empties its queue of errors. */
ks_status ks_crypto_fail(ks_status status, const char *what);

/* SHA-512 over pieces, each behind its length. The last piece has no data. */
typedef struct ks_piece {
    const void *data;
    size_t bytes;
} ks_piece;
ks_status ks_crypto_digest(uint8_t out[KS_DIGEST_BYTES], const ks_piece *pieces);
ks_status ks_crypto_mac(uint8_t out[KS_DIGEST_BYTES], const uint8_t key[KS_DIGEST_BYTES], const uint8_t *data,
                        size_t bytes);
/* HKDF-SHA-512. */
ks_status ks_crypto_expand(uint8_t *out, size_t bytes, const uint8_t *secret, size_t secret_bytes,
                           const uint8_t salt[KS_DIGEST_BYTES], const char *purpose);

/* An ephemeral X25519 key from `random` and its public part. */
ks_status ks_crypto_x25519(EVP_PKEY **key, uint8_t share[KS_X25519_BYTES], const ks_random *random);
/* KS_ERR_AUTH for a share of small order. */
ks_status ks_crypto_x25519_agree(uint8_t out[KS_SHARED_BYTES], EVP_PKEY *key,
                                 const uint8_t share[KS_X25519_BYTES]);

int ks_crypto_has_ml_kem(void);
ks_status ks_crypto_ml_kem(EVP_PKEY **key, uint8_t share[KS_ML_KEM_KEY_BYTES]);
ks_status ks_crypto_ml_kem_encapsulate(uint8_t ciphertext[KS_ML_KEM_CIPHERTEXT_BYTES],
                                       uint8_t out[KS_SHARED_BYTES],
                                       const uint8_t share[KS_ML_KEM_KEY_BYTES]);
ks_status ks_crypto_ml_kem_decapsulate(uint8_t out[KS_SHARED_BYTES], EVP_PKEY *key,
                                       const uint8_t ciphertext[KS_ML_KEM_CIPHERTEXT_BYTES]);

#endif
