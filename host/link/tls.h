/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 over a connected socket. One thread may read while another writes. */
#ifndef KS_HOST_LINK_TLS_H
#define KS_HOST_LINK_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/bootstrap.h>
#include <keystill/link.h>

typedef struct ks_tls ks_tls;

/* Both ends show and judge certificates; the end that connected speaks first. Waits at most `timeout`. */
ks_status ks_tls_open(ks_tls **out, int fd, int listening, const ks_identity *identity, uint32_t timeout,
                      int cancel_fd);
void ks_tls_close(ks_tls *tls); /* NULL is allowed; the socket stays open */

/* What was read, 0: nothing now. KS_ERR_CLOSED: the peer closed in good order. */
ks_status ks_tls_read(ks_tls *tls, uint8_t *to, size_t room, size_t *got);
/* What was taken, 0: nothing now, and the same bytes have to come again first. */
ks_status ks_tls_write(ks_tls *tls, const uint8_t *from, size_t bytes, size_t *taken);
/* Tells the peer that nothing more comes. */
void ks_tls_finish(ks_tls *tls);

#endif
