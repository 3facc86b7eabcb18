/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/event_feed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"

enum { BUFFER_BYTES = 1 << 20, EVENTS = 1 << 16, WAIT_MS = 100 };

static ks_status keep_cause(ks_event_feed *feed, ks_status status) {
    feed->status = status;
    snprintf(feed->detail, sizeof feed->detail, "%s", ks_error_detail());
    return status;
}

int ks_event_feed_open(ks_event_feed *feed, const ks_reader_options *options) {
    struct stat info;
    if (fstat(feed->fd, &info) == 0 && S_ISREG(info.st_mode))
        feed->size = (uint64_t)info.st_size;
    ks_status status = ks_reader_create(&feed->reader, options);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "time tags");
    feed->buffer = malloc(BUFFER_BYTES);
    feed->events = malloc(EVENTS * sizeof *feed->events);
    feed->detections = malloc(EVENTS * sizeof *feed->detections);
    if (!feed->buffer || !feed->events || !feed->detections)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    return 0;
}

void ks_event_feed_close(ks_event_feed *feed) {
    ks_reader_destroy(feed->reader);
    ks_frontend_destroy(feed->frontend);
    if (feed->detections)
        ks_wipe(feed->detections, EVENTS * sizeof *feed->detections);
    if (feed->events)
        ks_wipe(feed->events, EVENTS * sizeof *feed->events);
    free(feed->buffer);
    free(feed->events);
    free(feed->detections);
    *feed = (ks_event_feed){.fd = -1};
}

const ks_reader_info *ks_event_feed_info(const ks_event_feed *feed) {
    return ks_reader_get_info(feed->reader);
}

void ks_event_feed_stats(const ks_event_feed *feed, ks_frontend_stats *stats) {
    memset(stats, 0, sizeof *stats);
    if (feed->frontend)
        ks_frontend_get_stats(feed->frontend, stats);
}

static int stopped(ks_event_feed *feed) {
    return feed->watch(feed->watch_context);
}

/* Hands detections to the engine, waiting for room. */
static ks_status give_detections(ks_event_feed *feed, size_t count, uint64_t frontier) {
    size_t given = 0;
    feed->frontier = frontier;
    for (;;) {
        size_t taken;
        ks_status status =
            ks_engine_detections(feed->engine, feed->detections + given, count - given, frontier, &taken);
        if (status != KS_OK)
            return keep_cause(feed, status);
        ks_wipe(feed->detections + given, taken * sizeof *feed->detections);
        given += taken;
        if (stopped(feed))
            return KS_ERR_INTERRUPTED;
        if (given == count)
            return KS_OK;
        if (taken == 0 && !(ks_engine_wait(feed->engine, KS_ENGINE_INPUT, WAIT_MS) & KS_ENGINE_INPUT) &&
            feed->live) {
            feed->dropped += count - given; /* live input never waits */
            ks_wipe(feed->detections + given, (count - given) * sizeof *feed->detections);
            return KS_OK;
        }
    }
}

/* The unit and kind of time are known once the reader has handed out events. */
static ks_status make_frontend(ks_event_feed *feed) {
    const ks_reader_info *info = ks_reader_get_info(feed->reader);
    feed->config.unit = info->unit;
    feed->config.fine_unit = info->fine_unit;
    feed->config.kind = info->kind;
    if (info->kind != KS_TIME_TAGS) /* sync periods and slots need no marker lane */
        for (int i = 0; i < KS_LANES; i++)
            if (feed->config.lanes[i].role == KS_LANE_MARKER || feed->config.lanes[i].role == KS_LANE_PPS)
                feed->config.lanes[i].role = KS_LANE_IGNORED;
    return ks_frontend_create(&feed->frontend, &feed->config, &feed->random);
}

static ks_status push_events(ks_event_feed *feed, size_t count) {
    if (count == 0)
        return KS_OK;
    if (!feed->frontend && make_frontend(feed) != KS_OK)
        return keep_cause(feed, KS_ERR_ARGUMENT);
    for (size_t pushed = 0; pushed < count;) {
        size_t taken, found;
        uint64_t frontier;
        ks_status status = ks_frontend_push(feed->frontend, feed->events + pushed, count - pushed, &taken,
                                            feed->detections, EVENTS, &found, &frontier);
        if (status != KS_OK)
            return keep_cause(feed, status);
        ks_wipe(feed->events + pushed, taken * sizeof *feed->events);
        pushed += taken;
        status = give_detections(feed, found, frontier);
        if (status != KS_OK)
            return status;
    }
    return KS_OK;
}

static ks_status feed_bytes(ks_event_feed *feed, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        size_t consumed, count;
        ks_status read = ks_reader_feed(feed->reader, feed->buffer + done, bytes - done, &consumed,
                                        feed->events, EVENTS, &count);
        if (read != KS_OK)
            keep_cause(feed, read);
        done += consumed;
        ks_status pushed = push_events(feed, count);
        if (pushed != KS_OK || read != KS_OK)
            return pushed != KS_OK ? pushed : read;
    }
    return KS_OK;
}

/* What the reader and the front end still hold. A malformed end is kept in feed->status. */
static ks_status drain(ks_event_feed *feed) {
    size_t count;
    uint64_t frontier;
    do {
        ks_status read = ks_reader_finish(feed->reader, feed->events, EVENTS, &count);
        if (read != KS_OK && feed->status == KS_OK)
            keep_cause(feed, read);
        ks_status pushed = push_events(feed, count);
        if (pushed != KS_OK)
            return pushed;
    } while (count > 0);
    do {
        count = 0;
        ks_status status =
            feed->frontend ? ks_frontend_finish(feed->frontend, feed->detections, EVENTS, &count, &frontier)
                           : KS_OK;
        if (status != KS_OK)
            return keep_cause(feed, status);
        if (count > 0)
            status = give_detections(feed, count, frontier);
        if (status != KS_OK)
            return status;
    } while (count > 0);
    return feed->status;
}

/* Reads what is there; *bytes 0 at the end of the input. */
static ks_status read_some(ks_event_feed *feed, size_t *bytes) {
    struct pollfd wait[2] = {{.fd = feed->fd, .events = POLLIN}, {.fd = feed->wake_fd, .events = POLLIN}};
    for (;;) {
        if (stopped(feed))
            return KS_ERR_INTERRUPTED;
        int ready = poll(wait, 2, WAIT_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR) || !wait[0].revents)
            continue;
        ssize_t length = read(feed->fd, feed->buffer, BUFFER_BYTES);
        if (length < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (length < 0) {
            snprintf(feed->detail, sizeof feed->detail, "reading: %s", strerror(errno));
            return feed->status = KS_ERR_IO;
        }
        *bytes = (size_t)length;
        feed->bytes += *bytes;
        return KS_OK;
    }
}

ks_status ks_event_feed_run(ks_event_feed *feed) {
    for (;;) {
        size_t bytes = 0;
        ks_status status = read_some(feed, &bytes);
        if (status == KS_OK && bytes == 0)
            return drain(feed);
        if (status == KS_OK)
            status = feed_bytes(feed, bytes);
        ks_wipe(feed->buffer, bytes); /* raw key, as everything above: it must not wait here for the next */
        ks_wipe_stack();
        if (status == KS_ERR_FORMAT) {
            status = drain(feed); /* what was good before the damage */
            return status == KS_OK ? KS_ERR_FORMAT : status;
        }
        if (status != KS_OK)
            return status;
    }
}
