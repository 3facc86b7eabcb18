/* SPDX-License-Identifier: Apache-2.0 */
#include "host/link/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pipeline/status.h"

enum { FIRST_PAUSE = 20, LONGEST_PAUSE = 1000, SOCKET_TYPE = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

typedef struct address {
    struct sockaddr_storage storage;
    socklen_t length;
} address;

/* One attempt: a connecting or listening socket, -1 with errno. */
typedef int attempt(const address *to, const ks_link_options *options);

static void describe(char text[KS_SPEC_LENGTH], const address *a) {
    char host[200], port[16];
    const struct sockaddr *any = (const struct sockaddr *)&a->storage;
    if (any->sa_family == AF_UNIX) {
        snprintf(text, KS_SPEC_LENGTH, "unix:%.200s", ((const struct sockaddr_un *)any)->sun_path);
        return;
    }
    if (getnameinfo(any, a->length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(text, KS_SPEC_LENGTH, "tcp:?");
    else
        snprintf(text, KS_SPEC_LENGTH, strchr(host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

static address unix_address(const ks_spec *spec) {
    address a = {.length = sizeof(struct sockaddr_un)};
    struct sockaddr_un *name = (struct sockaddr_un *)&a.storage;
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, spec->host, strnlen(spec->host, sizeof name->sun_path - 1));
    return a;
}

/* Tries every address of the spec; *error is the last one's. */
static int try_addresses(const ks_spec *spec, int passive, attempt *try_one, const ks_link_options *options,
                         address *used, char error[128]) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0}, *list = NULL;
    int fd = -1;
    if (spec->is_unix) {
        *used = unix_address(spec);
        fd = try_one(used, options);
        snprintf(error, 128, "%s", fd < 0 ? strerror(errno) : "");
        return fd;
    }
    int result = getaddrinfo(spec->host[0] ? spec->host : NULL, spec->port, &hints, &list);
    if (result) {
        snprintf(error, 128, "%s", gai_strerror(result));
        return -1;
    }
    for (const struct addrinfo *entry = list; entry && fd < 0; entry = entry->ai_next) {
        used->length = entry->ai_addrlen;
        memcpy(&used->storage, entry->ai_addr, entry->ai_addrlen);
        fd = try_one(used, options);
        snprintf(error, 128, "%s", fd < 0 ? strerror(errno) : "");
        if (fd < 0 && errno == ECANCELED)
            break;
    }
    freeaddrinfo(list);
    return fd;
}

static int close_keeping_errno(int fd) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int connect_once(const address *to, const ks_link_options *options) {
    int fd = socket(to->storage.ss_family, SOCKET_TYPE, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&to->storage, to->length) == 0)
        return fd;
    if (errno != EINPROGRESS)
        return close_keeping_errno(fd);
    uint32_t patience = options->open_timeout && options->open_timeout < 5000 ? options->open_timeout : 5000;
    ks_status status = ks_socket_wait(fd, POLLOUT, patience, options->cancel_fd);
    int error = 0;
    socklen_t size = sizeof error;
    if (status == KS_OK)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    else
        error = status == KS_ERR_INTERRUPTED ? ECANCELED : ETIMEDOUT;
    if (!error)
        return fd;
    errno = error;
    return close_keeping_errno(fd);
}

/* A socket file that nobody listens on was left by a dead process and may be replaced; anything else stays.
 */
static int remove_stale_socket(const address *at) {
    const char *path = ((const struct sockaddr_un *)&at->storage)->sun_path;
    struct stat info;
    if (lstat(path, &info) != 0)
        return 0;
    int probe = S_ISSOCK(info.st_mode) ? socket(AF_UNIX, SOCKET_TYPE, 0) : -1;
    int stale = probe >= 0 && connect(probe, (const struct sockaddr *)&at->storage, at->length) != 0 &&
                errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (stale)
        return unlink(path);
    errno = EADDRINUSE;
    return -1;
}

static int listen_once(const address *at, const ks_link_options *options) {
    (void)options;
    int one = 1, zero = 0, family = at->storage.ss_family;
    if (family == AF_UNIX && remove_stale_socket(at))
        return -1;
    int fd = socket(family, SOCKET_TYPE, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, (const struct sockaddr *)&at->storage, at->length) || listen(fd, 1))
        return close_keeping_errno(fd);
    return fd;
}

/* Small messages go at once; a peer that acknowledges nothing for peer_timeout is given up by the kernel. */
static void tune(int fd, const ks_link_options *options) {
    int one = 1, count = 3;
    unsigned timeout = options->peer_timeout;
    int seconds = (int)(timeout / 4000) > 0 ? (int)(timeout / 4000) : 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

ks_status ks_socket_connect(int *fd, char peer[KS_SPEC_LENGTH], const ks_spec *spec,
                            const ks_link_options *options) {
    uint64_t deadline = ks_link_now() + options->open_timeout;
    uint32_t pause = FIRST_PAUSE;
    address used = {.length = 0};
    char error[128];
    for (;;) {
        *fd = try_addresses(spec, 0, connect_once, options, &used, error);
        if (*fd >= 0)
            break;
        if (options->open_timeout && ks_link_now() >= deadline)
            return ks_fail(KS_ERR_IO, "nobody answers at %s%s%s within %u ms: %s", spec->host,
                           spec->is_unix ? "" : ":", spec->port, options->open_timeout, error);
        ks_status status = ks_socket_wait(-1, 0, pause, options->cancel_fd);
        if (status != KS_ERR_EMPTY)
            return status;
        pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
    }
    describe(peer, &used);
    if (!spec->is_unix)
        tune(*fd, options);
    return KS_OK;
}

static void announce(int listener, address *at, const ks_link_options *options) {
    char text[KS_SPEC_LENGTH];
    if (at->storage.ss_family != AF_UNIX)
        getsockname(listener, (struct sockaddr *)&at->storage, &at->length);
    describe(text, at);
    if (options->listening)
        options->listening(options->context, text);
}

static ks_status wait_for_peer(int *fd, address *from, int listener, const ks_link_options *options) {
    uint32_t patience = options->open_timeout ? options->open_timeout : UINT32_MAX;
    for (;;) {
        ks_status status = ks_socket_wait(listener, POLLIN, patience, options->cancel_fd);
        if (status == KS_ERR_EMPTY)
            return ks_fail(KS_ERR_IO, "nobody connected within %u ms", patience);
        if (status != KS_OK)
            return status;
        from->length = sizeof from->storage;
        *fd =
            accept4(listener, (struct sockaddr *)&from->storage, &from->length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd >= 0)
            return KS_OK;
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return ks_fail(KS_ERR_IO, "accept: %s", strerror(errno));
    }
}

ks_status ks_socket_accept(int *fd, char peer[KS_SPEC_LENGTH], const ks_spec *spec,
                           const ks_link_options *options) {
    address used = {.length = 0};
    char error[128];
    int listener = try_addresses(spec, 1, listen_once, options, &used, error);
    if (listener < 0)
        return ks_fail(KS_ERR_IO, "cannot listen at %s%s%s: %s", spec->host, spec->is_unix ? "" : ":",
                       spec->port, error);
    announce(listener, &used, options);
    ks_status status = wait_for_peer(fd, &used, listener, options);
    close(listener);
    if (spec->is_unix)
        unlink(spec->host);
    if (status != KS_OK)
        return status;
    if (spec->is_unix)
        snprintf(peer, KS_SPEC_LENGTH, "unix:%.200s", spec->host);
    else
        describe(peer, &used);
    if (!spec->is_unix)
        tune(*fd, options);
    return KS_OK;
}
