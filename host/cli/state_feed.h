/* SPDX-License-Identifier: Apache-2.0 */
/* Alice's input: states from a file or a pipe, asked for by the engine's thread while this one reads on. */
#ifndef KS_HOST_CLI_STATE_FEED_H
#define KS_HOST_CLI_STATE_FEED_H

#include <pthread.h>
#include <stdint.h>
#include <keystill/states.h>

#include "host/cli/event_feed.h"

typedef struct ks_state_feed {
    int fd, wake_fd;
    uint64_t window; /* most slots of a stream kept at a time */
    ks_feed_watch *watch;
    void *watch_context;
    /* Results. */
    ks_status status;
    char detail[512];
    uint64_t bytes;
    /* Private. */
    pthread_mutex_t lock; /* over `states` of a stream */
    ks_states *states;
    int stream;
    uint8_t *buffer;
    size_t have, capacity;
} ks_state_feed;

/* Opens the states: as much of packed states as their header needs, or the whole of a pattern or seed. 0, or
 * an exit code after saying why. */
int ks_state_feed_open(ks_state_feed *feed, const char *name);
/* Takes states that are there already; the feed owns them. */
void ks_state_feed_adopt(ks_state_feed *feed, ks_states *states);
const ks_states_header *ks_state_feed_header(const ks_state_feed *feed);
/* Reads packed states to their end; returns at once for a pattern or seed. KS_OK, KS_ERR_INTERRUPTED, or what
 * is in feed->status. */
ks_status ks_state_feed_run(ks_state_feed *feed);
/* Callbacks of the engine; `context` is the feed. */
ks_status ks_state_feed_gather(void *context, ks_state *out, const uint64_t *slots, size_t n);
void ks_state_feed_forget(void *context, uint64_t below_slot);
void ks_state_feed_close(ks_state_feed *feed);

#endif
