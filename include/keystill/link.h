/* SPDX-License-Identifier: Apache-2.0 */
/* Carries the messages of a session between two ends: TCP, Unix sockets, or a pair within one process. Part
 * of libkeystill-host. A message travels as its length (32 bits, little-endian) and its bytes. Nothing here
 * is trusted or secret: authentication is the session's.
 *
 * A link has no threads. One thread may send while another receives; ks_link_stop may be called from any
 * thread; the rest belongs to one. Times are milliseconds. */
#ifndef KEYSTILL_LINK_H
#define KEYSTILL_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_link ks_link;
struct ks_identity;

enum { KS_LINK_MESSAGE_LIMIT = 64 << 20 };

typedef struct ks_link_options {
    size_t message_limit;  /* largest message in either direction, 1..2^31; 0: KS_LINK_MESSAGE_LIMIT */
    uint32_t open_timeout; /* how long ks_link_open tries or waits; 0: for ever */
    uint32_t peer_timeout; /* a peer that acknowledges nothing, or stops inside a message, for so long is
                              dead; 0: 30 s */
    uint32_t heartbeat; /* ks_link_send and ks_link_flush put a sign of life on the wire when nothing was sent
                           for so long, and a peer that sends nothing at all for peer_timeout is dead: both
                           ends need it, and threads that call them more often. 0: silence is no fault */
    const struct ks_identity *tls; /* TLS 1.3 around the messages, both ends by their certificates
                                      (bootstrap.h), valid as long as the link; NULL: none */
    int cancel_fd; /* calls return KS_ERR_INTERRUPTED as long as it is readable (an eventfd); -1: none */
    void (*listening)(void *context,
                      const char *spec); /* told the address once a listener is open; may be NULL */
    void *context;
} ks_link_options;

/* Sets the defaults: no cancel_fd, no callback. */
KS_API void ks_link_options_init(ks_link_options *options);

/* Opens a connection. `spec` is tcp:HOST:PORT, tcp:[IPV6]:PORT or unix:PATH. With `listen` this end waits for
 * the other, otherwise it tries again and again with growing pauses, so that the ends may start in any order.
 * An empty HOST listens on all addresses, port 0 on any free one (see `listening`). Only one peer is accepted
 * and the listener is closed then. KS_ERR_ARGUMENT: malformed spec; KS_ERR_IO: the address cannot be used, or
 * nobody came in time; KS_ERR_PROTOCOL, KS_ERR_AUTH: somebody came, and the TLS handshake with him failed;
 * KS_ERR_INTERRUPTED. */
KS_API KS_MUST_CHECK ks_status ks_link_open(ks_link **out, const char *spec, int listen,
                                            const ks_link_options *options);

/* Two connected ends within this process. */
KS_API KS_MUST_CHECK ks_status ks_link_pair(ks_link **a, ks_link **b, const ks_link_options *options);

/* Hands a message to the transport. KS_ERR_FULL: there was no room within `timeout` and nothing was taken;
 * KS_OK: the message was taken (the link may keep a part of it until the next call of send, flush or close).
 * KS_ERR_LIMIT: larger than the limit. KS_ERR_CLOSED or KS_ERR_IO: the peer is gone. */
KS_API KS_MUST_CHECK ks_status ks_link_send(ks_link *link, const uint8_t *message, size_t bytes,
                                            uint32_t timeout);
/* Brings what send kept on its way, and a sign of life when one is due; KS_ERR_FULL after `timeout`. */
KS_API KS_MUST_CHECK ks_status ks_link_flush(ks_link *link, uint32_t timeout);

/* The next message, valid until the next call. KS_ERR_EMPTY: none within `timeout`. KS_ERR_CLOSED: the peer
 * closed in good order. KS_ERR_PROTOCOL: a length beyond the limit, refused before memory is taken for it.
 * KS_ERR_IO: the connection broke, or the peer stopped inside a message or, with a heartbeat, fell silent. */
KS_API KS_MUST_CHECK ks_status ks_link_receive(ks_link *link, const uint8_t **message, size_t *bytes,
                                               uint32_t timeout);

/* Makes calls in other threads, and all later ones, return KS_ERR_CLOSED. */
KS_API void ks_link_stop(ks_link *link);

/* Flushes and says goodbye within `timeout` (0: at once, without flushing), then frees; NULL is allowed. */
KS_API void ks_link_close(ks_link *link, uint32_t timeout);

/* Address of the peer, for messages. */
KS_API const char *ks_link_peer(const ks_link *link);

#ifdef __cplusplus
}
#endif
#endif
