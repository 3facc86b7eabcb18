/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one end of a link: engine, connection, progress, the order of stopping, the exit code. */
#ifndef KS_HOST_CLI_SESSION_END_H
#define KS_HOST_CLI_SESSION_END_H

#include <keystill/audit.h>
#include <keystill/engine.h>

#include "host/cli/carrier.h"
#include "host/cli/session_keys.h"
#include "host/cli/session_report.h"
#include "host/cli/state_feed.h"

typedef struct ks_session_end {
    ks_engine *engine;
    ks_carrier carrier;
    ks_session_report report;
    ks_keys *keys;         /* pool and ring; NULL: nothing is stored, and keys go to on_key */
    ks_state_feed *states; /* Alice's */
    ks_audit *audit;       /* NULL: none */
    void (*on_key)(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes);
    void *key_context;
    /* What the input knows about itself, for the progress line. */
    uint64_t (*clicks)(const void *input);
    double (*share_done)(const void *input);
    uint64_t (*dropped)(const void *input); /* detections for want of a peer */
    const void *input;
    /* Private: when it was last done, 0: never. */
    _Atomic int64_t beat_ms, ring_ms, shown_ms;
    atomic_int told_full;
} ks_session_end;

/* Starts engine and connection with the parts named above. 0 or an exit code. */
int ks_session_end_start(ks_session_end *end, const ks_session_config *session, ks_device *device);

/* A ks_feed_watch (`context` is the end): shows progress; nonzero when the input should stop: a signal came,
 * the engine closed, or the connection was lost for good. */
int ks_session_end_watch(void *context);

/* Input is over: `finish` asks the engine to bring what is in flight to its end. Waits until engine and
 * connection are done; after a signal at most a few seconds. */
void ks_session_end_wait(ks_session_end *end, int finish);

/* Joins, prints the report and gives the exit code. `input`: what became of the input, `detail` explains it.
 */
int ks_session_end_conclude(ks_session_end *end, ks_status input, const char *detail);
void ks_session_end_destroy(ks_session_end *end);

#endif
