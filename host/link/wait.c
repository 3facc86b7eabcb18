/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "host/link/socket.h"
#include "pipeline/status.h"

uint64_t ks_link_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

ks_status ks_socket_wait(int fd, short events, uint32_t timeout, int cancel_fd) {
    struct pollfd wait[2] = {{.fd = fd, .events = events}, {.fd = cancel_fd, .events = POLLIN}};
    uint64_t deadline = ks_link_now() + timeout;
    for (;;) {
        uint64_t now = ks_link_now();
        uint64_t left = timeout == UINT32_MAX ? 3600000 : now < deadline ? deadline - now : 0;
        int ready = poll(wait, 2, (int)(left < 3600000 ? left : 3600000));
        if (ready < 0 && errno != EINTR)
            return ks_fail(KS_ERR_IO, "poll: %s", strerror(errno));
        if (ready > 0 && wait[1].revents)
            return ks_fail(KS_ERR_INTERRUPTED, "stopped while waiting for the peer");
        if (ready > 0 && wait[0].revents)
            return KS_OK;
        if (ready == 0 && left == 0)
            return ks_fail(KS_ERR_EMPTY, "nothing happened within %u ms", timeout);
    }
}
