/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/mitm/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t relay_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int relay_open(relay *r) {
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        r->fd[i] = -1;
        r->listener[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (r->listener[i] < 0 || bind(r->listener[i], (struct sockaddr *)&address, length) ||
            listen(r->listener[i], 4) || getsockname(r->listener[i], (struct sockaddr *)&address, &length)) {
            perror("socket");
            return -1;
        }
        r->port[i] = ntohs(address.sin_port);
    }
    return 0;
}

void relay_close(relay *r) {
    for (int i = 0; i < 2; i++) {
        close(r->listener[i]);
        free(r->in[i].data);
        free(r->out[i].data);
    }
}

static void append(relay_buffer *b, const uint8_t *bytes, size_t n) {
    if (b->bytes + n > b->capacity) {
        size_t capacity = 2 * (b->bytes + n);
        uint8_t *data = realloc(b->data, capacity);
        if (!data) {
            perror("memory");
            exit(1);
        }
        b->data = data;
        b->capacity = capacity;
    }
    memcpy(b->data + b->bytes, bytes, n);
    b->bytes += n;
}

static void remove_front(relay_buffer *b, size_t n) {
    memmove(b->data, b->data + n, b->bytes - n);
    b->bytes -= n;
}

void relay_send(relay *r, int to, const uint8_t *bytes, size_t n) {
    append(&r->out[to], bytes, n);
}

/* Takes whole frames out of what has come in. The ends are honest: their lengths are true. */
static void cut_frames(relay *r, int from) {
    relay_buffer *b = &r->in[from];
    while (b->bytes >= FRAME_PREFIX) {
        const uint32_t length = (uint32_t)b->data[0] | (uint32_t)b->data[1] << 8 |
                                (uint32_t)b->data[2] << 16 | (uint32_t)b->data[3] << 24;
        if (b->bytes - FRAME_PREFIX < length)
            return;
        r->tap(r, from, b->data, FRAME_PREFIX + length);
        remove_front(b, FRAME_PREFIX + length);
    }
}

static void end_side(relay *r, int i) {
    r->ended[i] = 1;
    r->out[i].bytes = 0;
}

static void read_side(relay *r, int i) {
    uint8_t chunk[65536];
    ssize_t got = recv(r->fd[i], chunk, sizeof chunk, 0);
    if (got > 0) {
        append(&r->in[i], chunk, (size_t)got);
        cut_frames(r, i);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        end_side(r, i);
    }
}

static void write_side(relay *r, int i) {
    relay_buffer *b = &r->out[i];
    if (b->bytes == 0 || r->fd[i] < 0 || relay_now() < r->hold_until[i])
        return;
    ssize_t put = send(r->fd[i], b->data, b->bytes, MSG_NOSIGNAL);
    if (put > 0)
        remove_front(b, (size_t)put);
    else if (put < 0 && errno != EAGAIN && errno != EINTR)
        end_side(r, i);
}

static void close_side(relay *r, int i) {
    if (r->fd[i] >= 0)
        close(r->fd[i]);
    r->fd[i] = -1;
}

static void accept_sides(relay *r) {
    const int one = 1;
    for (int i = 0; i < 2; i++) {
        if (r->fd[i] >= 0 || r->ended[i])
            continue;
        r->fd[i] = accept4(r->listener[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (r->fd[i] >= 0)
            (void)setsockopt(r->fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
}

/* A connection that one end gave up, or that the attack cuts, ends for the other too when it has read all. */
static void pass_on_ends(relay *r) {
    for (int i = 0; i < 2; i++) {
        const int over = r->cut || r->ended[1 - i];
        if (r->fd[i] >= 0 && (r->ended[i] || (over && r->out[i].bytes == 0))) {
            close_side(r, i);
            r->ended[i] = 1;
        }
    }
}

static void step(relay *r) {
    struct pollfd wait[4];
    for (int i = 0; i < 2; i++) {
        const int pending = r->out[i].bytes && relay_now() >= r->hold_until[i];
        wait[i] = (struct pollfd){.fd = r->fd[i], .events = (short)(POLLIN | (pending ? POLLOUT : 0))};
        wait[2 + i] =
            (struct pollfd){.fd = r->fd[i] < 0 && !r->ended[i] ? r->listener[i] : -1, .events = POLLIN};
    }
    (void)poll(wait, 4, 2);
    accept_sides(r);
    for (int i = 0; i < 2; i++)
        if (r->fd[i] >= 0 && wait[i].revents & (POLLIN | POLLHUP | POLLERR))
            read_side(r, i);
    for (int i = 0; i < 2; i++)
        write_side(r, i);
    pass_on_ends(r);
}

/* Connections that nobody took any more. */
static void drain(relay *r) {
    for (int i = 0; i < 2; i++)
        for (int fd; (fd = accept4(r->listener[i], NULL, NULL, SOCK_CLOEXEC)) >= 0;)
            close(fd);
}

int relay_run(relay *r, ends *e, int64_t limit_ms, void (*on_death)(ends *e)) {
    const int64_t end = relay_now() + limit_ms;
    int result = 0, running;
    for (int i = 0; i < 2; i++) {
        r->in[i].bytes = r->out[i].bytes = 0;
        r->ended[i] = 0;
        r->hold_until[i] = 0;
    }
    r->cut = 0;
    while ((running = ends_running(e)) != 0) {
        for (int i = 0; i < 2; i++)
            r->ended[i] |= e->pid[i] == 0 && r->fd[i] < 0; /* it ended without ever connecting */
        step(r);
        if (running == 1 && on_death)
            on_death(e);
        if (relay_now() > end) {
            result = -1;
            ends_kill(e, 0);
            ends_kill(e, 1);
        }
    }
    close_side(r, 0);
    close_side(r, 1);
    drain(r);
    return result;
}
