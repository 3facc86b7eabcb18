/* SPDX-License-Identifier: Apache-2.0 */
/* Bob's input: bytes of a file or pipe to events, to detections, to the engine. */
#ifndef KS_HOST_CLI_EVENT_FEED_H
#define KS_HOST_CLI_EVENT_FEED_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/engine.h>
#include <keystill/frontend.h>
#include <keystill/random.h>
#include <keystill/reader.h>

/* Called between pieces of work and while waiting; nonzero ends the feeding. */
typedef int ks_feed_watch(void *context);

typedef struct ks_event_feed {
    int fd, wake_fd; /* wake_fd: readable when a signal came; -1: none */
    int live;        /* detections are dropped as long as no peer is there */
    ks_engine *engine;
    ks_random random;
    ks_frontend_config config;
    ks_feed_watch *watch;
    void *watch_context;
    /* Results. */
    ks_status status; /* KS_ERR_FORMAT: the input was malformed at some place; what was good before it has
                         been fed */
    char detail[512];
    uint64_t bytes, size; /* read; of the file, 0 for pipes */
    uint64_t frontier;    /* slots handed out */
    uint64_t dropped;     /* detections while no peer was there (live) */
    /* Private. */
    ks_reader *reader;
    ks_frontend *frontend;
    uint8_t *buffer;
    ks_event *events;
    ks_detection *detections;
} ks_event_feed;

/* 0, or an exit code after saying why. `feed` has its first part set, the rest zero. */
int ks_event_feed_open(ks_event_feed *feed, const ks_reader_options *options);
/* Feeds everything until the end of input, an error, or the watch says stop. KS_OK, KS_ERR_INTERRUPTED, or
 * what is in feed->status. */
ks_status ks_event_feed_run(ks_event_feed *feed);
const ks_reader_info *ks_event_feed_info(const ks_event_feed *feed);
void ks_event_feed_stats(const ks_event_feed *feed, ks_frontend_stats *stats);
/* Says what the reader and the front end saw: a JSON line with --json, else on stderr, faults always, the
 * rest when verbose. */
void ks_event_feed_tell(const ks_event_feed *feed);
void ks_event_feed_close(ks_event_feed *feed);

#endif
