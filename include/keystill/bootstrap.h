/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap by certificates: two ends that know each other by X.509 certificates agree on the bytes that a
 * pre-shared key would have had, and make their authentication pools from them. Done once in the life of a
 * link; docs/bootstrap.md says what it is worth. Part of libkeystill-host; needs OpenSSL 3 where it was built
 * (ks_identity_available). */
#ifndef KEYSTILL_BOOTSTRAP_H
#define KEYSTILL_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/link.h>
#include <keystill/random.h>
#include <keystill/session.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 when this build has certificates; otherwise the calls below give KS_ERR_UNSUPPORTED. */
KS_API int ks_identity_available(void);
/* 1 when the crypto library of this machine can sign with ML-DSA-65, and agree on keys with ML-KEM-768. */
KS_API int ks_identity_has_ml_dsa(void);
KS_API int ks_identity_has_ml_kem(void);

/* Who this end is and whom it takes for its peer. */
typedef struct ks_identity ks_identity;

typedef struct ks_identity_files {
    const char
        *certificate; /* PEM: a certificate for each private key, and what leads from them to an authority */
    const char *private_key;      /* PEM, not encrypted, no business of group or others: an Ed25519 key, an
                                     ML-DSA-65 key, or both */
    const char *peer_certificate; /* PEM: the peer's own certificates ... */
    const char *peer_ca;          /* ... or the authorities that signed them, */
    const char *peer_name;        /* and the DNS name or common name in them */
} ks_identity_files;

/* KS_ERR_FORMAT: malformed file; KS_ERR_SECURITY: file that others reach, expired certificate; KS_ERR_IO;
 * KS_ERR_ARGUMENT: not exactly one of peer_certificate and peer_ca with peer_name. */
KS_API KS_MUST_CHECK ks_status ks_identity_open(ks_identity **out, const ks_identity_files *files);
KS_API void ks_identity_close(ks_identity *identity); /* NULL is allowed */
/* "Ed25519", "ML-DSA-65" or "Ed25519 and ML-DSA-65": what this end signs with and its peer must sign with,
 * all of it. */
KS_API const char *ks_identity_algorithms(const ks_identity *identity);

/* One run of the exchange, without I/O. Alice speaks first, whoever opened the connection. */
typedef struct ks_bootstrap ks_bootstrap;

/* `identity` is borrowed. `random` gives nonce and X25519 key. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_create(ks_bootstrap **out, const ks_identity *identity,
                                                   ks_role role, const ks_link_parameters *link,
                                                   const ks_random *random);
KS_API void ks_bootstrap_destroy(ks_bootstrap *bootstrap); /* wipes; NULL is allowed */

/* The next message to send, valid until the next call; KS_ERR_EMPTY: none now. After a failure the last one
 * tells the peer. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_next(ks_bootstrap *bootstrap, const uint8_t **message,
                                                 size_t *bytes);
/* A message of the peer, untrusted. KS_ERR_PROTOCOL: malformed, out of place or configured otherwise;
 * KS_ERR_AUTH: a certificate, signature or key confirmation is not accepted, or the peer refused. All errors
 * are final. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_receive(ks_bootstrap *bootstrap, const uint8_t *message,
                                                    size_t bytes);
/* Once the peer is authenticated: the KS_PSK_BYTES to make the pool of, valid as long as the object.
 * KS_ERR_EMPTY before. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_secret(const ks_bootstrap *bootstrap, const uint8_t **psk);
/* The pool is durable: the peer may hear it. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_stored(ks_bootstrap *bootstrap);
/* 1 when both ends have said so. */
KS_API int ks_bootstrap_finished(const ks_bootstrap *bootstrap);
/* "X25519" or "X25519 and ML-KEM-768" once the peer has answered. */
KS_API const char *ks_bootstrap_agreement(const ks_bootstrap *bootstrap);

/* The whole of it over an open link: makes the pool file, in place of one that is there when `replace`;
 * otherwise an existing file stays and nothing is sent (KS_ERR_STATE). The peer has `timeout` for each of its
 * messages. The link stays open. */
KS_API KS_MUST_CHECK ks_status ks_bootstrap_run(ks_link *link, const ks_identity *identity, ks_role role,
                                                const ks_link_parameters *parameters, const ks_random *random,
                                                const char *pool_path, int replace, uint32_t timeout);

#ifdef __cplusplus
}
#endif
#endif
