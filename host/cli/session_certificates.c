/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_certificates.h"

#include "host/cli/carrier.h"

#include <stdio.h>

enum { GOODBYE_MS = 1000 };

int ks_certificates_open(ks_identity **out, const ks_identity_files *files) {
    *out = NULL;
    if (!files->certificate && !files->private_key && !files->peer_certificate && !files->peer_ca &&
        !files->peer_name)
        return 0;
    ks_status status = ks_identity_open(out, files);
    if (status == KS_ERR_ARGUMENT)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "certificates: %s (--certificate, --private-key, --peer-certificate or "
                           "--peer-ca with --peer-name)",
                           ks_error_detail());
    return status == KS_OK ? 0 : ks_cli_fail_status(status, "certificates");
}

/* One connection; `detail` explains. *stranger: somebody came, and it was not the peer. */
static ks_status attempt(int *stranger, char detail[512], const ks_identity *identity,
                         const ks_peer_choice *peer, const ks_session_config *session, const char *path,
                         const ks_link_options *options) {
    const char *spec = peer->listen ? peer->listen : peer->connect;
    ks_link *link;
    *stranger = 0;
    ks_status status = ks_link_open(&link, spec, peer->listen != NULL, options);
    if (status != KS_OK) {
        *stranger = status == KS_ERR_PROTOCOL || status == KS_ERR_AUTH;
        snprintf(detail, 512, "%s", ks_error_detail());
        return status;
    }
    status = ks_bootstrap_run(link, identity, session->role, &session->link, &session->random, path, 1,
                              options->peer_timeout);
    *stranger = status == KS_ERR_PROTOCOL || status == KS_ERR_AUTH || status == KS_ERR_IO;
    snprintf(detail, 512, "%s", ks_error_detail());
    ks_link_close(link, GOODBYE_MS);
    return status;
}

int ks_certificates_make_pool(const ks_identity *identity, const ks_peer_choice *peer,
                              const ks_session_config *session, const char *path, int cancel_fd) {
    ks_link_options options;
    char detail[512];
    int stranger;
    ks_carrier_link_options(&options, peer);
    options.cancel_fd = cancel_fd;
    options.open_timeout = (uint32_t)(peer->connect_timeout * 1000);
    ks_cli_say(1, "making the authentication pool %s by certificates (%s)", path,
               ks_identity_algorithms(identity));
    ks_status status;
    while ((status = attempt(&stranger, detail, identity, peer, session, path, &options)) != KS_OK &&
           stranger && ks_carrier_survives_strangers(peer))
        ks_cli_say(1, "no peer: %s; waiting for the peer", detail);
    if (status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(status), "certificates: %s", detail);
    ks_cli_say(1, "the pool is made; the certificates have served");
    return 0;
}
