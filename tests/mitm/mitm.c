/* SPDX-License-Identifier: Apache-2.0 */
/* mitm PROGRAM quick|long [SEED]: somebody between keystill alice and keystill bob changes, drops, repeats,
 * reorders, reflects, replays, cuts and delays messages, one attack a session. Whatever is done: both ends
 * deliver identical keys under identical identifiers or none, Alice none that Bob has not, both end in
 * bounded time with an exit code and a reason, and the next undisturbed session gives keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/message.h"
#include "tests/mitm/relay.h"

typedef enum kind {
    NOTHING,
    FLIP, /* one bit of one byte, the link's length included */
    DROP, /* this message alone */
    DUPLICATE,
    REORDER,             /* after the next one of its direction */
    REFLECT,             /* back to who sent it, and on */
    REPLAY_BLOCK,        /* in its place one of its type from an earlier block */
    REPLAY_BLOCK_FITTED, /* the same with the header of the one it replaces */
    REPLAY_SESSION,      /* one of its type from an earlier session */
    REPLAY_SESSION_FITTED,
    SHORTEN, /* two thirds of it, well framed */
    BREAK,   /* half of its frame, then the connection is cut */
    DELAY,
    LOSE, /* it and all that follows: the connection is cut */
    MUTE, /* it and all that follows both ways, but the connection stands */
    KINDS
} kind;

static const char *const kind_names[KINDS] = {"nothing",
                                              "flip",
                                              "drop",
                                              "duplicate",
                                              "reorder",
                                              "reflect",
                                              "replay block",
                                              "replay block, header fitted",
                                              "replay session",
                                              "replay session, header fitted",
                                              "shorten",
                                              "break",
                                              "delay",
                                              "lose",
                                              "mute"};

enum { TYPES = 32, MOST_FRAMES = 512, DELAY_MS = 60, LIMIT_MS = 20000, OFTEN = 8, LANES = 4 };

typedef struct frame {
    uint8_t *data;
    size_t bytes;
    int from;
} frame;

typedef struct recording {
    frame item[MOST_FRAMES];
    unsigned count;
} recording;

typedef struct attack {
    kind kind;
    int from;
    unsigned type, nth; /* the nth message of its type from that end */
    size_t offset;      /* of FLIP: taken modulo the length of the frame */
    uint8_t mask;
} attack;

typedef struct man {
    ends ends;
    relay relay;
    recording now, before; /* this session; the last one without an attack */
    unsigned seen[2][TYPES];
    attack attack;
    int happened;
    frame held; /* REORDER */
    int mute;
    unsigned lane, index, cases, failures, unreached;
    size_t only_bob, all_only_bob, keys; /* of this pool; in all */
    uint64_t random;
} man;

static uint64_t next_random(man *m) {
    uint64_t x = m->random += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* ---- recordings */

static frame copy_frame(int from, const uint8_t *data, size_t bytes) {
    frame f = {.data = malloc(bytes), .bytes = bytes, .from = from};
    if (!f.data)
        exit(1);
    memcpy(f.data, data, bytes);
    return f;
}

static void forget(recording *r) {
    while (r->count)
        free(r->item[--r->count].data);
}

static unsigned type_of(const frame *f) {
    return f->bytes > FRAME_PREFIX + 5 ? f->data[FRAME_PREFIX + 5] : 0;
}

/* The nth frame of a type from one end; NULL when there are fewer. */
static const frame *find(const recording *r, int from, unsigned type, unsigned nth) {
    for (unsigned i = 0; i < r->count; i++)
        if (r->item[i].from == from && type_of(&r->item[i]) == type && nth-- == 0)
            return &r->item[i];
    return NULL;
}

/* ---- the attacks */

/* `old` in place of the message: as it is, or with session, epoch, block and numbers of the one it replaces.
 */
static void replay(man *m, const frame *old, const uint8_t *instead_of, int fitted) {
    if (!old) {
        m->happened = 0;
        relay_send(&m->relay, 1 - m->attack.from, instead_of, FRAME_PREFIX + KS_MESSAGE_HEADER);
        m->relay.cut = 1;
        return;
    }
    frame copy = copy_frame(old->from, old->data, old->bytes);
    if (fitted && copy.bytes >= FRAME_PREFIX + KS_MESSAGE_HEADER)
        memcpy(copy.data + FRAME_PREFIX + 8, instead_of + FRAME_PREFIX + 8, 24);
    relay_send(&m->relay, 1 - copy.from, copy.data, copy.bytes);
    free(copy.data);
}

static void put_length(uint8_t *frame_data, size_t bytes) {
    for (int i = 0; i < FRAME_PREFIX; i++)
        frame_data[i] = (uint8_t)((bytes - FRAME_PREFIX) >> (8 * i));
}

static void strike(man *m, uint8_t *data, size_t bytes) {
    relay *r = &m->relay;
    const attack *a = &m->attack;
    const int to = 1 - a->from;
    m->happened = 1;
    switch (a->kind) {
    case FLIP:
        data[a->offset % bytes] ^= a->mask;
        relay_send(r, to, data, bytes);
        break;
    case DUPLICATE:
        relay_send(r, to, data, bytes);
        relay_send(r, to, data, bytes);
        break;
    case REORDER:
        m->held = copy_frame(a->from, data, bytes);
        break;
    case REFLECT:
        relay_send(r, a->from, data, bytes);
        relay_send(r, to, data, bytes);
        break;
    case REPLAY_BLOCK:
    case REPLAY_BLOCK_FITTED:
        replay(m, find(&m->now, a->from, a->type, 0), data, a->kind == REPLAY_BLOCK_FITTED);
        break;
    case REPLAY_SESSION:
    case REPLAY_SESSION_FITTED:
        replay(m, find(&m->before, a->from, a->type, a->nth), data, a->kind == REPLAY_SESSION_FITTED);
        break;
    case SHORTEN:
        bytes = FRAME_PREFIX + (bytes - FRAME_PREFIX) * 2 / 3;
        put_length(data, bytes);
        relay_send(r, to, data, bytes);
        break;
    case BREAK:
        relay_send(r, to, data, bytes / 2);
        r->cut = 1;
        break;
    case DELAY:
        r->hold_until[to] = relay_now() + DELAY_MS;
        relay_send(r, to, data, bytes);
        break;
    case LOSE:
        r->cut = 1;
        break;
    case MUTE:
        m->mute = 1;
        break;
    case NOTHING:
    case DROP:
    case KINDS:
        break;
    }
}

static void tap(relay *r, int from, uint8_t *data, size_t bytes) {
    man *m = r->context;
    if (r->cut || m->mute)
        return;
    const frame f = {.data = data, .bytes = bytes, .from = from};
    const unsigned type = type_of(&f) % TYPES, nth = m->seen[from][type]++;
    if (m->now.count < MOST_FRAMES)
        m->now.item[m->now.count++] = copy_frame(from, data, bytes);
    const attack *a = &m->attack;
    if (a->kind != NOTHING && a->from == from && a->type == type && a->nth == nth) {
        strike(m, data, bytes);
        return;
    }
    relay_send(r, 1 - from, data, bytes);
    if (m->held.data && m->held.from == from) {
        relay_send(r, 1 - from, m->held.data, m->held.bytes);
        free(m->held.data);
        m->held = (frame){.data = NULL};
    }
}

/* ---- one session and its verdict */

static void complain(man *m, const char *what) {
    const attack *a = &m->attack;
    char words[2][256];
    for (int role = 0; role < 2; role++)
        ends_last_words(&m->ends, role, words[role], sizeof words[role]);
    fprintf(stderr, "FAILED: %s: %s of %s %u from %s, byte %zu xor %02x; alice %d \"%s\", bob %d \"%s\"\n",
            what, kind_names[a->kind], ks_message_type_name(a->type), a->nth, a->from ? "bob" : "alice",
            a->offset, a->mask, m->ends.code[0], words[0], m->ends.code[1], words[1]);
    m->failures++;
}

static void judge_codes(man *m) {
    char words[256];
    for (int role = 0; role < 2; role++) {
        const int code = m->ends.code[role];
        ends_last_words(&m->ends, role, words, sizeof words);
        if (code != 0 && code != 1 && code != 3 && code != 4)
            complain(m, "an unreasonable exit code");
        else if (code != 0 && !strchr(words, ':'))
            complain(m, "no reason is given");
    }
}

static void run_session(man *m, const attack *a) {
    size_t only[2];
    m->attack = *a;
    m->happened = m->mute = 0;
    memset(m->seen, 0, sizeof m->seen);
    forget(&m->now);
    /* What must succeed has time, however slow the machine is; what was taken away does not come. */
    m->ends.answer_timeout = a->kind == NOTHING || a->kind == DELAY ? "15" : "0.4";
    for (int role = 0; role < 2; role++)
        if (ends_start(&m->ends, role, m->relay.port[role], NULL))
            exit(1);
    if (relay_run(&m->relay, &m->ends, LIMIT_MS, NULL))
        complain(m, "it hangs");
    free(m->held.data);
    m->held = (frame){.data = NULL};
    judge_codes(m);
    if (ends_take(&m->ends))
        complain(m, "keys cannot be taken");
    if (ends_compare(&m->ends, only))
        complain(m, "KEYS DIFFER");
    if (only[0])
        complain(m, "Alice delivered keys that Bob has not");
    m->only_bob = only[1];
}

/* Nothing is done: both must get the same keys, whatever went before. */
static void run_honest(man *m) {
    const size_t before = m->ends.keys[0].count, only_before = m->only_bob;
    run_session(m, &(attack){.kind = NOTHING});
    if (m->ends.code[0] || m->ends.code[1] || m->ends.keys[0].count <= before || m->only_bob > only_before)
        complain(m, "an undisturbed session gives no keys, or others");
    forget(&m->before);
    m->before = m->now;
    m->now.count = 0;
}

/* Attacks cost pads, and only undisturbed sessions bring new ones: now and then all begins anew. */
static void renew(man *m) {
    run_honest(m);
    m->keys += m->ends.keys[0].count;
    m->all_only_bob += m->only_bob;
    m->only_bob = 0;
    if (ends_renew(&m->ends))
        exit(1);
    run_honest(m);
}

/* The lanes share the attacks among them. */
static void run_attack(man *m, const attack *a) {
    if (m->index++ % LANES != m->lane)
        return;
    if (++m->cases % OFTEN == 0)
        renew(m);
    const size_t before = m->ends.keys[0].count;
    run_session(m, a);
    m->unreached += !m->happened;
    if (a->kind == DELAY && (m->ends.code[0] || m->ends.code[1] || m->ends.keys[0].count == before))
        complain(m, "a mere delay costs the keys");
}

/* ---- which attacks */

/* Bytes of a frame where something else begins: the link's length, each field of the header, the payload. */
static const size_t places[] = {0, 3, 4, 8, 9, 10, 11, 12, 20, 24, 28, 32, 36, 40, 44, 48};

static void flip_some(man *m, attack a, size_t bytes, size_t how_many) {
    const size_t known = sizeof places / sizeof *places;
    a.kind = FLIP;
    for (size_t i = 0; i < how_many; i++) {
        const uint64_t r = next_random(m);
        a.mask = (uint8_t)(1u << (r & 7));
        a.offset = i == 0 ? bytes - 1 : i % 2 ? places[(r >> 8) % known] : (size_t)((r >> 8) % bytes);
        run_attack(m, &a);
    }
}

static void flip_all(man *m, attack a, size_t bytes) {
    a.kind = FLIP;
    for (a.offset = 0; a.offset < bytes; a.offset++) {
        a.mask = (uint8_t)(1u << (next_random(m) & 7));
        run_attack(m, &a);
    }
}

static void attack_type(man *m, int from, unsigned type, unsigned count, int all) {
    const frame *sample = find(&m->before, from, type, 0);
    const size_t bytes = sample ? sample->bytes : 0;
    attack a = {.from = from, .type = type};
    for (a.kind = DROP; a.kind < KINDS; a.kind++) {
        const int needs_older = a.kind == REPLAY_BLOCK || a.kind == REPLAY_BLOCK_FITTED;
        if (needs_older && count < 2)
            continue;
        a.nth = needs_older ? count - 1 : (unsigned)(next_random(m) % count);
        for (unsigned nth = 0; all && nth < count && !needs_older; nth++) {
            a.nth = nth;
            run_attack(m, &a);
        }
        if (!all || needs_older)
            run_attack(m, &a);
    }
    a.nth = (unsigned)(next_random(m) % count);
    if (all)
        flip_all(m, a, bytes);
    else
        flip_some(m, a, bytes, 5);
}

static void attack_all(man *m, int all) {
    unsigned counts[2][TYPES];
    memcpy(counts, m->seen, sizeof counts);
    for (int from = 0; from < 2; from++)
        for (unsigned type = 1; type < TYPES; type++)
            if (counts[from][type])
                attack_type(m, from, type, counts[from][type], all);
}

static int run_lane(man *m, const char *program, int all) {
    m->relay.tap = tap;
    m->relay.context = m;
    int failed = ends_open(&m->ends, program) || relay_open(&m->relay);
    if (!failed) {
        run_honest(m);
        if (m->failures == 0)
            attack_all(m, all);
        renew(m);
        printf("%u attacks, %u of them did not come to pass; %zu keys alike, %zu more at Bob alone; %u "
               "failures\n",
               m->cases, m->unreached, m->keys, m->all_only_bob, m->failures);
        failed = m->failures != 0 || m->cases == 0 || m->unreached > m->cases / 10;
    }
    forget(&m->now);
    forget(&m->before);
    relay_close(&m->relay);
    ends_close(&m->ends);
    return failed;
}

int main(int argc, char **argv) {
    static man m = {.ends = {.misalignment = "0.02"}};
    int failed = 0, status;
    if (argc < 3) {
        fprintf(stderr, "usage: mitm PROGRAM quick|long [SEED]\n");
        return 2;
    }
    m.random = argc > 3 ? strtoull(argv[3], NULL, 0) : 20261121;
    for (m.lane = 0; m.lane < LANES; m.lane++) {
        const pid_t pid = fork();
        if (pid == 0)
            return run_lane(&m, argv[1], strcmp(argv[2], "long") == 0);
        failed |= pid < 0;
    }
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
