/* SPDX-License-Identifier: Apache-2.0 */
/* The bootstrap over a link, into a pool file. */
#include <stdio.h>
#include <unistd.h>
#include <keystill/bootstrap.h>
#include <keystill/storage.h>

#include "pipeline/status.h"

enum { REFUSAL_MS = 1000 };

static ks_status send_due(ks_bootstrap *b, ks_link *link, uint32_t timeout) {
    const uint8_t *message;
    size_t bytes;
    while (ks_bootstrap_next(b, &message, &bytes) == KS_OK) {
        ks_status status = ks_link_send(link, message, bytes, timeout);
        if (status == KS_OK)
            status = ks_link_flush(link, timeout);
        if (status != KS_OK)
            return status == KS_ERR_FULL ? ks_fail(KS_ERR_IO, "%s takes nothing", ks_link_peer(link))
                                         : status;
    }
    return KS_OK;
}

static ks_status receive_one(ks_bootstrap *b, ks_link *link, uint32_t timeout) {
    const uint8_t *message;
    size_t bytes;
    const ks_status status = ks_link_receive(link, &message, &bytes, timeout);
    if (status == KS_ERR_EMPTY)
        return ks_fail(KS_ERR_IO, "%s said nothing for %u ms in the bootstrap", ks_link_peer(link), timeout);
    if (status == KS_ERR_CLOSED)
        return ks_fail(KS_ERR_IO, "%s closed the connection in the middle of the bootstrap",
                       ks_link_peer(link));
    return status == KS_OK ? ks_bootstrap_receive(b, message, bytes) : status;
}

static ks_status make_pool(ks_bootstrap *b, const char *path, int replace) {
    const uint8_t *psk;
    KS_TRY(ks_bootstrap_secret(b, &psk));
    if (replace && access(path, F_OK) == 0)
        KS_TRY(ks_pool_file_erase(path));
    KS_TRY(ks_pool_file_create(path, psk));
    return ks_bootstrap_stored(b);
}

static ks_status exchange(ks_bootstrap *b, ks_link *link, const char *path, int replace, uint32_t timeout) {
    const uint8_t *psk;
    int made = 0;
    for (;;) {
        KS_TRY(send_due(b, link, timeout));
        if (ks_bootstrap_finished(b))
            return KS_OK;
        const ks_status status = receive_one(b, link, timeout);
        if (status != KS_OK)
            return made
                       ? ks_fail_in(
                             status,
                             "the pool %s was made, the peer's perhaps not: both need --new-pool again", path)
                       : status;
        if (ks_bootstrap_secret(b, &psk) == KS_OK) {
            KS_TRY(make_pool(b, path, replace));
            made = 1;
        }
    }
}

ks_status ks_bootstrap_run(ks_link *link, const ks_identity *identity, ks_role role,
                           const ks_link_parameters *parameters, const ks_random *random,
                           const char *pool_path, int replace, uint32_t timeout) {
    ks_bootstrap *b;
    if (!replace && access(pool_path, F_OK) == 0)
        return ks_fail(KS_ERR_STATE, "%s exists and is not replaced", pool_path);
    KS_TRY(ks_bootstrap_create(&b, identity, role, parameters, random));
    ks_status status = exchange(b, link, pool_path, replace, timeout);
    if (status != KS_OK) {
        char detail[512];
        snprintf(detail, sizeof detail, "%s", ks_error_detail());
        if (send_due(b, link, REFUSAL_MS) != KS_OK) /* the peer is gone as well */
            ks_link_stop(link);
        ks_fail(status, "%s", detail);
    }
    ks_bootstrap_destroy(b);
    return status;
}
