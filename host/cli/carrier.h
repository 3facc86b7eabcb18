/* SPDX-License-Identifier: Apache-2.0 */
/* Carries the messages of an engine over a link, in two threads: one opens the connection, receives and
 * reconnects, the other sends. */
#ifndef KS_HOST_CLI_CARRIER_H
#define KS_HOST_CLI_CARRIER_H

#include <pthread.h>
#include <stdatomic.h>
#include <keystill/engine.h>
#include <keystill/link.h>

#include "host/cli/session_options.h"

typedef struct ks_carrier {
    ks_engine *engine;   /* borrowed */
    ks_peer_choice peer; /* how to reach the other end ... */
    ks_link *ready;      /* ... or a link that is open already, which is closed at the end */
    /* Private from here. */
    int cancel_fd, started, has_lock;
    atomic_int cancelled, sender_stop, sender_over;
    int opened; /* the last time somebody came or was there */
    pthread_t thread;
    ks_link *link;
    char cause[512];      /* of the carrying thread: why the connection ended */
    pthread_mutex_t lock; /* over what follows */
    int over;
    ks_status status;
    char detail[512];
} ks_carrier;

/* How long a peer may say nothing, take nothing, or not come to the end of the greeting: milliseconds. */
uint32_t ks_carrier_patience(const ks_peer_choice *peer);
/* Options of a link to the peer, but for the time it may take to open and what cancels it. */
void ks_carrier_link_options(ks_link_options *options, const ks_peer_choice *peer);
/* 1: whoever connects and turns out to be no peer is dropped, and the next one is waited for. */
int ks_carrier_survives_strangers(const ks_peer_choice *peer);
/* Starts carrying; `engine` and `peer` or `ready` are set by the caller, the rest is zero. 0, or an exit code
 * after saying why. */
int ks_carrier_start(ks_carrier *carrier);
/* 1 when nothing is carried any more; *status why: KS_OK after the engine closed and all it had to say was
 * sent. `detail` (512 bytes) explains. */
int ks_carrier_over(ks_carrier *carrier, ks_status *status, char *detail);
/* Gives up whatever it is waiting for. */
void ks_carrier_cancel(ks_carrier *carrier);
/* Waits for the threads; ks_carrier_over still answers. */
void ks_carrier_join(ks_carrier *carrier);
/* Cancels and joins what still runs. */
void ks_carrier_destroy(ks_carrier *carrier);

#endif
