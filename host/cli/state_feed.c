/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/state_feed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"

enum { BUFFER_BYTES = 1 << 20, IMAGE_MOST = 1 << 26, WAIT_MS = 100, WINDOW_MS = 2, MAGIC = 4 };

static ks_status keep_cause(ks_state_feed *feed, ks_status status) {
    feed->status = status;
    snprintf(feed->detail, sizeof feed->detail, "%s", ks_error_detail());
    return status;
}

static int stopped(ks_state_feed *feed) {
    return ks_cli_interrupted() || (feed->watch && feed->watch(feed->watch_context));
}

/* Reads what is there behind the first `have` bytes of the buffer; *got 0 at the end. */
static ks_status read_some(ks_state_feed *feed, size_t *got) {
    struct pollfd wait[2] = {{.fd = feed->fd, .events = POLLIN}, {.fd = feed->wake_fd, .events = POLLIN}};
    for (;;) {
        if (stopped(feed))
            return KS_ERR_INTERRUPTED;
        int ready = poll(wait, 2, WAIT_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR) || !wait[0].revents)
            continue;
        ssize_t length = read(feed->fd, feed->buffer + feed->have, feed->capacity - feed->have);
        if (length < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (length < 0) {
            snprintf(feed->detail, sizeof feed->detail, "reading: %s", strerror(errno));
            return feed->status = KS_ERR_IO;
        }
        *got = (size_t)length;
        feed->have += *got;
        feed->bytes += *got;
        return KS_OK;
    }
}

/* Takes what is in the buffer into the stream as far as its window has room. */
static ks_status feed_buffer(ks_state_feed *feed, size_t *consumed) {
    pthread_mutex_lock(&feed->lock);
    ks_status status = ks_states_feed(feed->states, feed->buffer, feed->have, consumed);
    pthread_mutex_unlock(&feed->lock);
    if (status != KS_OK)
        return keep_cause(feed, status);
    feed->have -= *consumed;
    memmove(feed->buffer, feed->buffer + *consumed, feed->have);
    ks_wipe(feed->buffer + feed->have, *consumed);
    return KS_OK;
}

static ks_status end_stream(ks_state_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    ks_status status = ks_states_end(feed->states);
    pthread_mutex_unlock(&feed->lock);
    return status == KS_OK ? KS_OK : keep_cause(feed, status);
}

ks_status ks_state_feed_run(ks_state_feed *feed) {
    int ended = 0;
    while (feed->stream) {
        size_t got = 0, consumed = 0;
        ks_status status = KS_OK;
        if (!ended && feed->have < feed->capacity) {
            status = read_some(feed, &got);
            ended = status == KS_OK && got == 0;
        }
        if (status == KS_OK)
            status = feed_buffer(feed, &consumed);
        if (status == KS_ERR_FORMAT)
            (void)end_stream(feed); /* what came stays usable; nothing follows */
        if (status != KS_OK)
            return status;
        if (ended && feed->have == 0)
            return end_stream(feed);
        if (stopped(feed))
            return KS_ERR_INTERRUPTED;
        if (consumed == 0) /* the window is full */
            nanosleep(&(struct timespec){0, WINDOW_MS * 1000000}, NULL);
    }
    return KS_OK;
}

/* Packed states: as a stream, until the header is complete. */
static ks_status open_stream(ks_state_feed *feed) {
    ks_status status = ks_states_from_stream(&feed->states, feed->window);
    feed->stream = 1;
    while (status == KS_OK) {
        size_t consumed, got;
        status = feed_buffer(feed, &consumed);
        if (status != KS_OK || ks_states_get_header(feed->states))
            return status;
        status = read_some(feed, &got);
        if (status == KS_OK && got == 0)
            return end_stream(feed);
    }
    return feed->status == KS_OK ? keep_cause(feed, status) : status;
}

static ks_status grow_buffer(ks_state_feed *feed) {
    if (feed->capacity == IMAGE_MOST) {
        snprintf(feed->detail, sizeof feed->detail, "a pattern of more than %d bytes", IMAGE_MOST);
        return feed->status = KS_ERR_FORMAT;
    }
    uint8_t *larger = malloc(feed->capacity * 2);
    if (!larger) {
        snprintf(feed->detail, sizeof feed->detail, "out of memory");
        return feed->status = KS_ERR_MEMORY;
    }
    memcpy(larger, feed->buffer, feed->have);
    ks_wipe(feed->buffer, feed->capacity);
    free(feed->buffer);
    feed->buffer = larger;
    feed->capacity *= 2;
    return KS_OK;
}

/* A pattern or a seed: the whole image. What begins like neither is refused before it is read to its end. */
static ks_status open_image(ks_state_feed *feed) {
    const int known = memcmp(feed->buffer, "QSP1", MAGIC) == 0 || memcmp(feed->buffer, "QSS1", MAGIC) == 0;
    ks_status status = KS_OK;
    for (size_t got = 1; known && status == KS_OK && got > 0;) {
        if (feed->have == feed->capacity)
            status = grow_buffer(feed);
        if (status == KS_OK)
            status = read_some(feed, &got);
    }
    if (status != KS_OK)
        return status;
    status = ks_states_open(&feed->states, feed->buffer, feed->have);
    ks_wipe(feed->buffer, feed->have);
    return status == KS_OK ? KS_OK : keep_cause(feed, status);
}

int ks_state_feed_open(ks_state_feed *feed, const char *name) {
    size_t got = 1;
    ks_status status = KS_OK;
    pthread_mutex_init(&feed->lock, NULL);
    feed->buffer = malloc(BUFFER_BYTES);
    feed->capacity = BUFFER_BYTES;
    if (!feed->buffer)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    while (status == KS_OK && got > 0 && feed->have < MAGIC)
        status = read_some(feed, &got);
    if (status == KS_OK)
        status = feed->have >= MAGIC && memcmp(feed->buffer, "QST1", MAGIC) == 0 ? open_stream(feed)
                                                                                 : open_image(feed);
    if (status == KS_OK)
        return 0;
    if (status == KS_ERR_INTERRUPTED)
        return KS_EXIT_INTERRUPTED;
    return ks_cli_fail(ks_cli_exit_code(status), "%s: %s", name, feed->detail);
}

void ks_state_feed_adopt(ks_state_feed *feed, ks_states *states) {
    pthread_mutex_init(&feed->lock, NULL);
    feed->states = states;
}

const ks_states_header *ks_state_feed_header(const ks_state_feed *feed) {
    return ks_states_get_header(feed->states);
}

ks_status ks_state_feed_gather(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    ks_state_feed *feed = context;
    pthread_mutex_lock(&feed->lock);
    ks_status status = ks_states_gather(feed->states, out, slots, n);
    pthread_mutex_unlock(&feed->lock);
    return status;
}

void ks_state_feed_forget(void *context, uint64_t below_slot) {
    ks_state_feed *feed = context;
    pthread_mutex_lock(&feed->lock);
    ks_states_forget(feed->states, below_slot);
    pthread_mutex_unlock(&feed->lock);
}

void ks_state_feed_close(ks_state_feed *feed) {
    if (!feed->buffer && !feed->states)
        return;
    ks_states_destroy(feed->states);
    if (feed->buffer)
        ks_wipe(feed->buffer, feed->capacity);
    free(feed->buffer);
    pthread_mutex_destroy(&feed->lock);
    *feed = (ks_state_feed){.fd = -1};
}
