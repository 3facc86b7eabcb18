/* SPDX-License-Identifier: Apache-2.0 */
/* The man in the middle: two listening sockets, both ends of a link connect to theirs, whole frames pass from
 * one to the other through a callback that may do with them what it likes. */
#ifndef KS_TESTS_MITM_RELAY_H
#define KS_TESTS_MITM_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "tests/mitm/ends.h"

enum { FRAME_PREFIX = 4 }; /* the link's length, before every message */

typedef struct relay relay;

/* One whole frame, prefix included, from an end (0 Alice, 1 Bob): passes it on with relay_send, or not. */
typedef void relay_tap(relay *r, int from, uint8_t *frame, size_t bytes);

typedef struct relay_buffer {
    uint8_t *data;
    size_t bytes, capacity;
} relay_buffer;

struct relay {
    int listener[2];
    uint16_t port[2];
    relay_tap *tap;
    void *context;
    /* of one session */
    int fd[2], ended[2];
    relay_buffer in[2], out[2]; /* from an end; to an end */
    int64_t hold_until[2];      /* ms: nothing is written to an end before */
    int cut;                    /* both connections are closed once what is queued is out */
};

int64_t relay_now(void); /* ms */
int relay_open(relay *r);
void relay_close(relay *r);
void relay_send(relay *r, int to, const uint8_t *bytes, size_t n);
/* Carries one session of ends that were started, until both processes have ended. `on_death` (may be NULL) is
 * called when one has ended while the other runs. -1: they had not ended after `limit_ms`, and were killed.
 */
int relay_run(relay *r, ends *e, int64_t limit_ms, void (*on_death)(ends *e));

#endif
