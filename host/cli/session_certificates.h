/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates on the command line: who this end and its peer are, and the pool that is made by them. */
#ifndef KS_HOST_CLI_SESSION_CERTIFICATES_H
#define KS_HOST_CLI_SESSION_CERTIFICATES_H

#include <keystill/bootstrap.h>

#include "host/cli/cli.h"
#include "host/cli/session_options.h"

#define KS_CERTIFICATE_OPTIONS(f)                                                                             \
    {"certificate",                                                                                           \
     0,                                                                                                       \
     KS_OPTION_TEXT,                                                                                          \
     &(f).certificate,                                                                                        \
     "FILE",                                                                                                  \
     "this end's certificates (PEM), instead of a pre-shared key",                                            \
     NULL},                                                                                                   \
        {"private-key",                                                                                       \
         0,                                                                                                   \
         KS_OPTION_TEXT,                                                                                      \
         &(f).private_key,                                                                                    \
         "FILE",                                                                                              \
         "their private keys (PEM): Ed25519, ML-DSA-65",                                                      \
         NULL},                                                                                               \
        {"peer-certificate",                                                                                  \
         0,                                                                                                   \
         KS_OPTION_TEXT,                                                                                      \
         &(f).peer_certificate,                                                                               \
         "FILE",                                                                                              \
         "the peer's certificates, or",                                                                       \
         NULL},                                                                                               \
        {"peer-ca", 0, KS_OPTION_TEXT, &(f).peer_ca, "FILE", "the authorities that signed them, with", NULL}, \
    {                                                                                                         \
        "peer-name", 0, KS_OPTION_TEXT, &(f).peer_name, "NAME", "the peer's DNS or common name", NULL         \
    }

/* Reads the files; *out stays NULL when none is named. 0, or an exit code after saying why. */
int ks_certificates_open(ks_identity **out, const ks_identity_files *files);

/* Connects with the peer, makes the pool at `path`, in place of one that is there, and takes leave: the
 * session connects anew. A listening end that survives strangers survives them here as well. 0, or an exit
 * code after saying why. */
int ks_certificates_make_pool(const ks_identity *identity, const ks_peer_choice *peer,
                              const ks_session_config *session, const char *path, int cancel_fd);

#endif
