/* SPDX-License-Identifier: Apache-2.0 */
/* keystill alice and keystill bob as processes of a test: a small link, their pools and rings, the keys they
 * delivered. Pools and rings stay from one session to the next, as they do on a real link. */
#ifndef KS_TESTS_MITM_ENDS_H
#define KS_TESTS_MITM_ENDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <keystill/ring.h>

enum { ENDS_KEY = 16, ENDS_BLOCKS = 3 };

typedef struct end_key {
    ks_key_id id;
    uint8_t bytes[ENDS_KEY];
} end_key;

/* All that one end ever delivered, sorted by identifier. */
typedef struct end_keys {
    end_key *item;
    size_t count, capacity;
} end_keys;

typedef struct ends {
    const char *program;
    char directory[128];
    char ring[2][64];
    const char *answer_timeout; /* seconds */
    char misalignment[16];
    pid_t pid[2]; /* 0: not running */
    int code[2];  /* exit code, 128 + signal when killed by one */
    end_keys keys[2];
    ks_key_id *confirmed[2]; /* as ends_look saw them */
    size_t confirmed_count[2];
} ends;

/* Makes the files of a link. 0, or -1 after saying why. */
int ends_open(ends *e, const char *program);
/* Starts one end, which connects to `port`; `environment`: "NAME=value" strings, NULL at the end, or NULL. */
int ends_start(ends *e, int role, uint16_t port, char *const *environment);
/* Collects who has ended; how many still run. */
int ends_running(ends *e);
void ends_kill(ends *e, int role);
/* Takes all confirmed keys out of both rings. -1: a ring gave an identifier twice, or could not be read. */
int ends_take(ends *e);
/* Notes which confirmed keys lie in the rings. 0, or -1 when a ring cannot be read. */
int ends_look(ends *e);
/* How many of these were not delivered since. */
size_t ends_missing(const ends *e);
/* Keys under one identifier that differ; *only[role]: keys that only that end has. */
size_t ends_compare(const ends *e, size_t only[2]);
/* Half-made files that killed processes left, where the file system knows files without a name (0 where not).
 */
size_t ends_debris(const ends *e);
/* The last line that an end said. */
void ends_last_words(const ends *e, int role, char *out, size_t capacity);
/* New pools from a new pre-shared key, no rings. */
int ends_renew(ends *e);
void ends_close(ends *e);

#endif
