/* SPDX-License-Identifier: Apache-2.0 */
/* Opening of the sockets below a link. */
#ifndef KS_HOST_LINK_SOCKET_H
#define KS_HOST_LINK_SOCKET_H

#include <stdint.h>
#include <keystill/link.h>

enum { KS_SPEC_LENGTH = 300 };

typedef struct ks_spec {
    int is_unix;
    char host[256]; /* or the path of a Unix socket; "": all addresses */
    char port[8];
} ks_spec;

ks_status ks_spec_parse(ks_spec *out, const char *text);

/* A connected, non-blocking socket; `peer` says to whom. */
ks_status ks_socket_connect(int *fd, char peer[KS_SPEC_LENGTH], const ks_spec *spec,
                            const ks_link_options *options);
ks_status ks_socket_accept(int *fd, char peer[KS_SPEC_LENGTH], const ks_spec *spec,
                           const ks_link_options *options);

/* Waits until `events` hold on `fd` (fd < 0: only for the time). KS_ERR_EMPTY: not within `timeout`;
 * KS_ERR_INTERRUPTED. timeout UINT32_MAX: for ever. */
ks_status ks_socket_wait(int fd, short events, uint32_t timeout, int cancel_fd);

uint64_t ks_link_now(void); /* monotonic milliseconds */

#endif
