/* SPDX-License-Identifier: Apache-2.0 */
/* A build without OpenSSL 3: certificates are refused with a plain word. */
#include <keystill/bootstrap.h>

#include "host/link/tls.h"
#include "pipeline/status.h"

static ks_status refuse(void) {
    return ks_fail(KS_ERR_UNSUPPORTED,
                   "this Keystill was built without OpenSSL 3: no certificates and no TLS");
}

int ks_identity_available(void) {
    return 0;
}

int ks_identity_has_ml_dsa(void) {
    return 0;
}

int ks_identity_has_ml_kem(void) {
    return 0;
}

ks_status ks_identity_open(ks_identity **out, const ks_identity_files *files) {
    (void)files;
    *out = NULL;
    return refuse();
}

void ks_identity_close(ks_identity *identity) {
    (void)identity;
}

const char *ks_identity_algorithms(const ks_identity *identity) {
    (void)identity;
    return "";
}

ks_status ks_bootstrap_create(ks_bootstrap **out, const ks_identity *identity, ks_role role,
                              const ks_link_parameters *link, const ks_random *random) {
    (void)identity;
    (void)role;
    (void)link;
    (void)random;
    *out = NULL;
    return refuse();
}

void ks_bootstrap_destroy(ks_bootstrap *bootstrap) {
    (void)bootstrap;
}

ks_status ks_bootstrap_next(ks_bootstrap *bootstrap, const uint8_t **message, size_t *bytes) {
    (void)bootstrap;
    (void)message;
    (void)bytes;
    return refuse();
}

ks_status ks_bootstrap_receive(ks_bootstrap *bootstrap, const uint8_t *message, size_t bytes) {
    (void)bootstrap;
    (void)message;
    (void)bytes;
    return refuse();
}

ks_status ks_bootstrap_secret(const ks_bootstrap *bootstrap, const uint8_t **psk) {
    (void)bootstrap;
    (void)psk;
    return refuse();
}

ks_status ks_bootstrap_stored(ks_bootstrap *bootstrap) {
    (void)bootstrap;
    return refuse();
}

int ks_bootstrap_finished(const ks_bootstrap *bootstrap) {
    (void)bootstrap;
    return 0;
}

const char *ks_bootstrap_agreement(const ks_bootstrap *bootstrap) {
    (void)bootstrap;
    return "";
}

ks_status ks_bootstrap_run(ks_link *link, const ks_identity *identity, ks_role role,
                           const ks_link_parameters *parameters, const ks_random *random,
                           const char *pool_path, int replace, uint32_t timeout) {
    (void)link;
    (void)identity;
    (void)role;
    (void)parameters;
    (void)random;
    (void)pool_path;
    (void)replace;
    (void)timeout;
    return refuse();
}

ks_status ks_tls_open(ks_tls **out, int fd, int listening, const ks_identity *identity, uint32_t timeout,
                      int cancel_fd) {
    (void)fd;
    (void)listening;
    (void)identity;
    (void)timeout;
    (void)cancel_fd;
    *out = NULL;
    return refuse();
}

void ks_tls_close(ks_tls *tls) {
    (void)tls;
}

ks_status ks_tls_read(ks_tls *tls, uint8_t *to, size_t room, size_t *got) {
    (void)tls;
    (void)to;
    (void)room;
    *got = 0;
    return refuse();
}

ks_status ks_tls_write(ks_tls *tls, const uint8_t *from, size_t bytes, size_t *taken) {
    (void)tls;
    (void)from;
    (void)bytes;
    *taken = 0;
    return refuse();
}

void ks_tls_finish(ks_tls *tls) {
    (void)tls;
}
