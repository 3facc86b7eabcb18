/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of messages on a connected stream socket. */
#include <keystill/link.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/link/socket.h"
#include "host/link/tls.h"
#include "pipeline/status.h"

enum { HEADER = 4, FIRST_BODY = 1 << 16, DEFAULT_PEER_TIMEOUT = 30000 };

struct ks_link {
    int fd;
    ks_tls *tls; /* or NULL */
    ks_link_options options;
    char peer[KS_SPEC_LENGTH];
    atomic_int stopped;
    /* Sender: what is still to go of a message that was taken. */
    uint8_t *kept;
    size_t kept_bytes, kept_sent;
    uint64_t last_sent;
    /* Receiver: the message that is coming in. */
    uint8_t header[HEADER], *body;
    size_t header_have, body_bytes, body_have, body_capacity;
    uint64_t last_heard;
};

void ks_link_options_init(ks_link_options *options) {
    *options = (ks_link_options){
        .message_limit = KS_LINK_MESSAGE_LIMIT, .peer_timeout = DEFAULT_PEER_TIMEOUT, .cancel_fd = -1};
}

static ks_status new_link(ks_link **out, const ks_link_options *options) {
    ks_link *link = calloc(1, sizeof *link);
    if (!link)
        return ks_fail(KS_ERR_MEMORY, "no memory for a link");
    link->fd = -1;
    link->last_sent = link->last_heard = ks_link_now();
    link->options = *options;
    if (!link->options.message_limit)
        link->options.message_limit = KS_LINK_MESSAGE_LIMIT;
    if (!link->options.peer_timeout)
        link->options.peer_timeout = DEFAULT_PEER_TIMEOUT;
    if (link->options.message_limit > (size_t)1 << 31) {
        free(link);
        return ks_fail(KS_ERR_ARGUMENT, "message limit beyond 2^31");
    }
    *out = link;
    return KS_OK;
}

ks_status ks_link_open(ks_link **out, const char *spec, int listen, const ks_link_options *options) {
    ks_spec parsed;
    ks_link *link;
    *out = NULL;
    KS_TRY(ks_spec_parse(&parsed, spec));
    if (!listen && !parsed.is_unix && (!parsed.host[0] || strtoul(parsed.port, NULL, 10) == 0))
        return ks_fail(KS_ERR_ARGUMENT, "address '%.200s': connecting needs a host and a port other than 0",
                       spec);
    KS_TRY(new_link(&link, options));
    ks_status status =
        (listen ? ks_socket_accept : ks_socket_connect)(&link->fd, link->peer, &parsed, &link->options);
    if (status == KS_OK && link->options.tls)
        status = ks_tls_open(&link->tls, link->fd, listen, link->options.tls, link->options.peer_timeout,
                             link->options.cancel_fd);
    if (status != KS_OK) {
        if (link->fd >= 0)
            close(link->fd);
        free(link);
        return status;
    }
    link->last_sent = link->last_heard = ks_link_now(); /* opening may have taken its time */
    *out = link;
    return KS_OK;
}

ks_status ks_link_pair(ks_link **a, ks_link **b, const ks_link_options *options) {
    int fds[2];
    *a = *b = NULL;
    ks_status status = new_link(a, options);
    if (status == KS_OK)
        status = new_link(b, options);
    if (status == KS_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
        status = ks_fail(KS_ERR_IO, "socketpair: %s", strerror(errno));
    if (status != KS_OK) {
        free(*a);
        free(*b);
        *a = *b = NULL;
        return status;
    }
    (*a)->fd = fds[0];
    (*b)->fd = fds[1];
    strcpy((*a)->peer, "this process");
    strcpy((*b)->peer, "this process");
    return KS_OK;
}

const char *ks_link_peer(const ks_link *link) {
    return link->peer;
}

static ks_status broken(const ks_link *link, int error) {
    if (atomic_load(&link->stopped))
        return ks_fail(KS_ERR_CLOSED, "the link was closed");
    if (error == EPIPE || error == ECONNRESET)
        return ks_fail(KS_ERR_IO, "%s broke the connection: %s", link->peer, strerror(error));
    return ks_fail(KS_ERR_IO, "connection to %s: %s", link->peer, strerror(error));
}

/* Sends what is possible at once of up to two pieces; *sent bytes of it. */
static ks_status send_some(ks_link *link, struct iovec *pieces, size_t count, size_t *sent) {
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    ssize_t written = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    *sent = written > 0 ? (size_t)written : 0;
    if (written > 0)
        link->last_sent = ks_link_now();
    if (written >= 0 || errno == EAGAIN || errno == EINTR)
        return KS_OK;
    return broken(link, errno);
}

static ks_status wait_for_room(ks_link *link, uint64_t deadline) {
    uint64_t now = ks_link_now();
    ks_status status = ks_socket_wait(link->fd, POLLOUT, now < deadline ? (uint32_t)(deadline - now) : 0,
                                      link->options.cancel_fd);
    return status == KS_ERR_EMPTY ? ks_fail(KS_ERR_FULL, "%s takes nothing now", link->peer) : status;
}

/* Of a message that was taken. */
static ks_status send_kept(ks_link *link, size_t *sent) {
    struct iovec piece = {link->kept + link->kept_sent, link->kept_bytes - link->kept_sent};
    if (!link->tls)
        return send_some(link, &piece, 1, sent);
    const ks_status status = ks_tls_write(link->tls, piece.iov_base, piece.iov_len, sent);
    if (*sent)
        link->last_sent = ks_link_now();
    return status == KS_OK || !atomic_load(&link->stopped) ? status : broken(link, 0);
}

static ks_status flush_kept(ks_link *link, uint64_t deadline) {
    while (link->kept) {
        size_t sent;
        KS_TRY(send_kept(link, &sent));
        link->kept_sent += sent;
        if (link->kept_sent == link->kept_bytes) {
            free(link->kept);
            link->kept = NULL;
        } else {
            KS_TRY(wait_for_room(link, deadline));
        }
    }
    return KS_OK;
}

static ks_status keep_rest(ks_link *link, const uint8_t header[HEADER], const uint8_t *message, size_t bytes,
                           size_t sent) {
    size_t from_header = sent < HEADER ? HEADER - sent : 0;
    size_t body_sent = sent > HEADER ? sent - HEADER : 0;
    link->kept_bytes = from_header + bytes - body_sent;
    link->kept_sent = 0;
    link->kept = malloc(link->kept_bytes);
    if (!link->kept) {
        ks_link_stop(link); /* the stream holds a torn message now */
        return ks_fail(KS_ERR_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    memcpy(link->kept, header + HEADER - from_header, from_header);
    memcpy(link->kept + from_header, message + body_sent, bytes - body_sent);
    return KS_OK;
}

/* `bytes` 0: a sign of life. */
static ks_status send_frame(ks_link *link, const uint8_t *message, size_t bytes, uint64_t deadline) {
    const uint8_t header[HEADER] = {(uint8_t)bytes, (uint8_t)(bytes >> 8), (uint8_t)(bytes >> 16),
                                    (uint8_t)(bytes >> 24)};
    size_t done = 0;
    if (link->tls) { /* what TLS has begun to encrypt it has to be given again: the message is taken whole */
        KS_TRY(keep_rest(link, header, message, bytes, 0));
        const ks_status status = flush_kept(link, deadline);
        return status == KS_ERR_FULL ? KS_OK : status;
    }
    while (done < HEADER + bytes) {
        size_t in_header = done < HEADER ? done : HEADER, in_body = done - in_header, sent;
        struct iovec pieces[2] = {{(uint8_t *)(uintptr_t)header + in_header, HEADER - in_header},
                                  {(uint8_t *)(uintptr_t)message + in_body, bytes - in_body}};
        KS_TRY(send_some(link, pieces, 2, &sent));
        done += sent;
        if (done == HEADER + bytes)
            break;
        ks_status status = wait_for_room(link, deadline);
        if (status == KS_ERR_FULL && done > 0)
            return keep_rest(link, header, message, bytes, done);
        if (status != KS_OK)
            return status;
    }
    return KS_OK;
}

ks_status ks_link_send(ks_link *link, const uint8_t *message, size_t bytes, uint32_t timeout) {
    if (bytes == 0 || bytes > link->options.message_limit)
        return ks_fail(KS_ERR_LIMIT, "a message of %zu bytes; allowed are 1 to %zu", bytes,
                       link->options.message_limit);
    if (atomic_load(&link->stopped))
        return broken(link, 0);
    const uint64_t deadline = ks_link_now() + timeout;
    KS_TRY(flush_kept(link, deadline));
    return send_frame(link, message, bytes, deadline);
}

ks_status ks_link_flush(ks_link *link, uint32_t timeout) {
    const uint64_t now = ks_link_now();
    KS_TRY(flush_kept(link, now + timeout));
    if (!link->options.heartbeat || now - link->last_sent < link->options.heartbeat)
        return KS_OK;
    const ks_status status = send_frame(link, NULL, 0, now);
    return status == KS_ERR_FULL ? KS_OK : status; /* what fills the socket is a sign of life as well */
}

/* Reads what is there now, at most `room` bytes; *got may be 0 when nothing is. */
static ks_status receive_some(ks_link *link, uint8_t *to, size_t room, size_t *got) {
    ssize_t length;
    if (link->tls) {
        const ks_status status = ks_tls_read(link->tls, to, room, got);
        length = status == KS_ERR_CLOSED ? 0 : (ssize_t)*got;
        if (status != KS_ERR_CLOSED && (status != KS_OK || *got == 0))
            return status == KS_OK || !atomic_load(&link->stopped) ? status : broken(link, 0);
    } else {
        length = recv(link->fd, to, room, 0);
    }
    *got = length > 0 ? (size_t)length : 0;
    if (length > 0)
        link->last_heard = ks_link_now();
    if (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)))
        return KS_OK;
    if (length < 0)
        return broken(link, errno);
    if (atomic_load(&link->stopped))
        return broken(link, 0);
    if (link->header_have == 0)
        return ks_fail(KS_ERR_CLOSED, "%s closed the connection", link->peer);
    if (link->header_have < HEADER)
        return ks_fail(KS_ERR_IO, "%s closed the connection inside the length of a message (%zu of %d bytes)",
                       link->peer, link->header_have, HEADER);
    return ks_fail(KS_ERR_IO, "%s closed the connection inside a message (%zu of %zu bytes)", link->peer,
                   link->body_have, link->body_bytes);
}

static ks_status accept_length(ks_link *link) {
    size_t bytes = (size_t)link->header[0] | (size_t)link->header[1] << 8 | (size_t)link->header[2] << 16 |
                   (size_t)link->header[3] << 24;
    if (bytes > link->options.message_limit)
        return ks_fail(
            KS_ERR_PROTOCOL,
            "%s announced a message of %zu bytes (%02x %02x %02x %02x); at most %zu expected: this "
            "is no Keystill peer",
            link->peer, bytes, link->header[0], link->header[1], link->header[2], link->header[3],
            link->options.message_limit);
    link->body_bytes = bytes;
    link->body_have = 0;
    return KS_OK;
}

/* Memory follows what has come in, so that an announced length alone costs nothing. */
static ks_status make_room(ks_link *link) {
    if (link->body_have < link->body_capacity)
        return KS_OK;
    size_t capacity = link->body_capacity ? link->body_capacity * 2 : FIRST_BODY;
    uint8_t *larger = realloc(link->body, capacity);
    if (!larger)
        return ks_fail(KS_ERR_MEMORY, "no memory for a message of %zu bytes", link->body_bytes);
    link->body = larger;
    link->body_capacity = capacity;
    return KS_OK;
}

/* Advances the incoming message by what is there; *got 0: nothing was. */
static ks_status advance(ks_link *link, size_t *got) {
    if (link->header_have < HEADER) {
        KS_TRY(receive_some(link, link->header + link->header_have, HEADER - link->header_have, got));
        link->header_have += *got;
        return link->header_have == HEADER ? accept_length(link) : KS_OK;
    }
    KS_TRY(make_room(link));
    size_t room = link->body_capacity - link->body_have, missing = link->body_bytes - link->body_have;
    KS_TRY(receive_some(link, link->body + link->body_have, room < missing ? room : missing, got));
    link->body_have += *got;
    return KS_OK;
}

static ks_status wait_for_bytes(ks_link *link, uint64_t deadline) {
    const int inside = link->header_have > 0, expected = inside || link->options.heartbeat;
    uint64_t now = ks_link_now();
    if (expected && now - link->last_heard >= link->options.peer_timeout)
        return ks_fail(KS_ERR_IO,
                       inside ? "%s stopped inside a message for %u ms" : "%s gave no sign of life for %u ms",
                       link->peer, link->options.peer_timeout);
    uint64_t stall = expected ? link->last_heard + link->options.peer_timeout : UINT64_MAX;
    uint64_t until = deadline < stall ? deadline : stall;
    ks_status status =
        ks_socket_wait(link->fd, POLLIN, now < until ? (uint32_t)(until - now) : 0, link->options.cancel_fd);
    if (status == KS_ERR_EMPTY && until < deadline)
        return KS_OK; /* the next look finds the peer stalled */
    return status;
}

ks_status ks_link_receive(ks_link *link, const uint8_t **message, size_t *bytes, uint32_t timeout) {
    uint64_t deadline = ks_link_now() + timeout;
    for (;;) {
        size_t got;
        if (atomic_load(&link->stopped))
            return broken(link, 0);
        KS_TRY(advance(link, &got));
        if (link->header_have == HEADER && link->body_bytes == 0) {
            link->header_have = 0; /* a sign of life; a flood of them must not hold us beyond the deadline */
            if (ks_link_now() > deadline)
                return ks_fail(KS_ERR_EMPTY, "only signs of life within %u ms", timeout);
            continue;
        }
        if (link->header_have == HEADER && link->body_have == link->body_bytes) {
            *message = link->body;
            *bytes = link->body_bytes;
            link->header_have = 0;
            return KS_OK;
        }
        if (got == 0)
            KS_TRY(wait_for_bytes(link, deadline));
    }
}

void ks_link_stop(ks_link *link) {
    atomic_store(&link->stopped, 1);
    shutdown(link->fd, SHUT_RDWR);
}

/* Our side is finished; data of the peer is read away until it finishes too, so that the kernel does not
 * answer it with a reset that would destroy what we sent last. */
static void say_goodbye(ks_link *link, uint32_t timeout) {
    uint8_t scrap[4096];
    uint64_t deadline = ks_link_now() + timeout;
    if (ks_link_flush(link, timeout) != KS_OK)
        return;
    if (link->tls)
        ks_tls_finish(link->tls);
    if (shutdown(link->fd, SHUT_WR) != 0)
        return;
    for (;;) {
        ssize_t got = recv(link->fd, scrap, sizeof scrap, 0);
        uint64_t now = ks_link_now();
        if (got == 0 || now >= deadline || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
        if (got < 0 &&
            ks_socket_wait(link->fd, POLLIN, (uint32_t)(deadline - now), link->options.cancel_fd) != KS_OK)
            return;
    }
}

void ks_link_close(ks_link *link, uint32_t timeout) {
    if (!link)
        return;
    if (timeout && !atomic_load(&link->stopped))
        say_goodbye(link, timeout);
    ks_tls_close(link->tls);
    close(link->fd);
    free(link->kept);
    free(link->body);
    free(link);
}
