/* SPDX-License-Identifier: Apache-2.0 */
/* kill PROGRAM KILLER quick|long: keystill alice, keystill bob and both are killed before and after every
 * fsync and every message they send (quick: some of them), then started again with the same pools and rings.
 * Of every case: no pad serves two messages on the wire, no key differs, Alice delivers none that Bob has
 * not, every key that was confirmed when the processes died is delivered, and the second session gives keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/message.h"
#include "tests/mitm/relay.h"

enum {
    MOST_TAGS = 256,
    LANES = 4,
    LIMIT_MS = 20000,
    TAIL = 24 /* a tag message ends with pad index and tag */
};

typedef struct seen_tag {
    int from;
    uint64_t index, digest;
} seen_tag;

typedef struct killing {
    ends ends;
    relay relay;
    seen_tag tags[MOST_TAGS];
    size_t tag_count;
    long at; /* of the case */
    const char *when;
    int victim;    /* who carries the killer */
    int both;      /* the other end is killed when the victim has died; else the connection breaks for it */
    long calls[2]; /* of an undisturbed session */
    const char *killer;
    unsigned lane, index, cases, failures, survived;
    size_t keys, only_bob;
} killing;

static void complain(killing *k, const char *what) {
    char words[2][256];
    for (int role = 0; role < 2; role++)
        ends_last_words(&k->ends, role, words[role], sizeof words[role]);
    fprintf(stderr, "FAILED: %s: killed %s (%s) %s call %ld; alice %d \"%s\", bob %d \"%s\"\n", what,
            k->both ? "both" : "one", k->victim ? "bob" : "alice", k->when, k->at, k->ends.code[0], words[0],
            k->ends.code[1], words[1]);
    k->failures++;
}

/* ---- the wire: what an eavesdropper sees of the pads */

static uint64_t digest(const uint8_t *data, size_t bytes) {
    uint64_t d = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++)
        d = (d ^ data[i]) * UINT64_C(1099511628211);
    return d;
}

static int is_tagged(unsigned type) {
    return type == KS_MSG_TAG_A || type == KS_MSG_TAG_B || type == KS_MSG_CONFIRM || type == KS_MSG_START;
}

static void remember_tag(killing *k, int from, const uint8_t *message, size_t bytes) {
    seen_tag tag = {.from = from, .digest = digest(message, bytes)};
    for (int i = 7; i >= 0; i--)
        tag.index = tag.index << 8 | message[bytes - TAIL + (size_t)i];
    for (size_t i = 0; i < k->tag_count; i++)
        if (k->tags[i].from == from && k->tags[i].index == tag.index && k->tags[i].digest != tag.digest)
            complain(k, "A PAD SERVED TWO MESSAGES");
    if (k->tag_count < MOST_TAGS)
        k->tags[k->tag_count++] = tag;
    else
        complain(k, "more tags than expected");
}

static void tap(relay *r, int from, uint8_t *frame, size_t bytes) {
    killing *k = r->context;
    if (bytes >= FRAME_PREFIX + KS_MESSAGE_HEADER + TAIL && is_tagged(frame[FRAME_PREFIX + 5]))
        remember_tag(k, from, frame + FRAME_PREFIX, bytes - FRAME_PREFIX);
    relay_send(r, 1 - from, frame, bytes);
}

/* ---- a case */

static void kill_other(ends *e) {
    ends_kill(e, 0);
    ends_kill(e, 1);
}

static void run_session(killing *k, char *const *of_alice, char *const *of_bob, void (*on_death)(ends *)) {
    if (ends_start(&k->ends, 0, k->relay.port[0], of_alice) ||
        ends_start(&k->ends, 1, k->relay.port[1], of_bob))
        exit(1);
    if (relay_run(&k->relay, &k->ends, LIMIT_MS, on_death))
        complain(k, "it hangs");
}

static void compare(killing *k) {
    size_t only[2];
    if (ends_take(&k->ends))
        complain(k, "keys cannot be taken");
    if (ends_compare(&k->ends, only))
        complain(k, "KEYS DIFFER");
    if (only[0])
        complain(k, "Alice delivered keys that Bob has not");
    k->only_bob = only[1];
}

static void run_case(killing *k) {
    char at[32], when[32], preload[256];
    snprintf(at, sizeof at, "KILL_AT=%ld", k->at);
    snprintf(when, sizeof when, "KILL_WHEN=%s", k->when);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", k->killer);
    char *const armed[] = {preload, at, when, NULL};
    if (ends_renew(&k->ends))
        exit(1);
    k->tag_count = 0;
    k->cases++;
    run_session(k, k->victim ? NULL : armed, k->victim ? armed : NULL, k->both ? kill_other : NULL);
    k->survived += k->ends.code[k->victim] != 137;
    if (ends_look(&k->ends))
        complain(k, "a ring cannot be read");
    if (k->at % 2) /* applications take what is there before the ends are back, or after */
        compare(k);
    const size_t before = k->ends.keys[0].count;
    run_session(k, NULL, NULL, NULL);
    compare(k);
    if (k->ends.code[0] || k->ends.code[1] || k->ends.keys[0].count <= before)
        complain(k, "the ends do not go on");
    if (ends_debris(&k->ends))
        complain(k, "secrets stay in a half-made file");
    if (ends_missing(&k->ends))
        complain(k, "A CONFIRMED KEY IS LOST");
    k->keys += k->ends.keys[0].count;
}

/* How many calls an undisturbed session makes. */
static int count_calls(killing *k) {
    char count[2][256], preload[256];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", k->killer);
    for (int role = 0; role < 2; role++)
        snprintf(count[role], sizeof count[role], "KILL_COUNT=%s/count.%d", k->ends.directory, role);
    char *const of_alice[] = {preload, count[0], NULL}, *const of_bob[] = {preload, count[1], NULL};
    run_session(k, of_alice, of_bob, NULL);
    compare(k);
    for (int role = 0; role < 2; role++) {
        const char *path = strchr(count[role], '=') + 1;
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%ld", &k->calls[role]) != 1)
            k->calls[role] = 0;
        if (f)
            fclose(f);
        (void)unlink(path);
    }
    if (k->calls[0] < 20 || k->calls[1] < 20) {
        fprintf(stderr, "the killer saw %ld calls of alice and %ld of bob: is it preloaded?\n", k->calls[0],
                k->calls[1]);
        return -1;
    }
    return 0;
}

static void run_all(killing *k, int all) {
    static const char *const whens[] = {"before", "after"};
    const long step = all ? 1 : 2;
    for (int kind = 0; kind < 8; kind++) {
        k->victim = kind & 1;
        k->both = kind >> 1 & 1;
        k->when = whens[kind >> 2];
        for (k->at = 1 + kind % step; k->at <= k->calls[k->victim]; k->at += step)
            if (k->index++ % LANES == k->lane)
                run_case(k);
    }
}

static int run_lane(killing *k, const char *program, int all) {
    k->relay.tap = tap;
    k->relay.context = k;
    int failed = ends_open(&k->ends, program) || relay_open(&k->relay) || count_calls(k);
    if (!failed) {
        run_all(k, all);
        printf("%u cases, in %u nobody died; %ld and %ld calls; %zu keys alike; %u failures\n", k->cases,
               k->survived, k->calls[0], k->calls[1], k->keys, k->failures);
        failed = k->failures != 0 || k->cases == 0 || k->survived > k->cases / 5;
    }
    relay_close(&k->relay);
    ends_close(&k->ends);
    return failed;
}

int main(int argc, char **argv) {
    static killing k = {.ends = {.answer_timeout = "15", .misalignment = "0.005"}};
    int failed = 0, status;
    if (argc < 4) {
        fprintf(stderr, "usage: kill PROGRAM KILLER quick|long\n");
        return 2;
    }
    k.killer = argv[2];
    for (k.lane = 0; k.lane < LANES; k.lane++) {
        const pid_t pid = fork();
        if (pid == 0)
            return run_lane(&k, argv[1], strcmp(argv[3], "long") == 0);
        failed |= pid < 0;
    }
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
