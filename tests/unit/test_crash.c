/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a link on simulated disks, killed at any write and at any message, and the connection cut:
 * no pad may ever serve two messages, no key may be delivered that the other end has not, and both ends must
 * always come together again. */
#include <criterion/criterion.h>

#include "pipeline/key_pool.h"
#include "pipeline/message.h"
#include "tests/unit/link_fixture.h"

enum { BLOCK = 1 << 16, BATCH = 8, MOST_TAGS = 4096 };

typedef struct seen_tag {
    uint8_t pad[KS_PAD_BYTES];
    uint64_t message; /* a digest of what was sent under it */
} seen_tag;

/* What outlives a process, and what an eavesdropper has seen. */
typedef struct world {
    fixture link;
    uint8_t *disk[2],
        *shadow[2]; /* as durable; every pad that ever stood there and was not overwritten by another */
    size_t disk_bytes;
    seen_tag *tags;
    size_t tag_count;
    uint64_t seed;
    int dead[2], cut;    /* killed; the connection carries nothing any more */
    int64_t events;      /* until something happens; below 0: never */
    int victims;         /* bit 0 Alice, bit 1 Bob; none: the connection breaks */
    int writes_are_safe; /* nobody dies in a write */
    unsigned pads_reused;
} world;

static uint64_t roll(world *w, uint64_t n) {
    w->seed = fixture_hash(w->seed);
    return w->seed % n;
}

static void strike(world *w) {
    w->cut = 1;
    for (int role = 0; role < 2; role++)
        w->dead[role] |= w->victims >> role & 1;
}

/* 1 when the moment has come with this event. */
static int strikes_now(world *w) {
    return w->events >= 0 && w->events-- == 0;
}

static world *world_of(const fixture_end *e) {
    return (world *)e->link; /* its first member */
}

static void remember_pads(world *w, int role, uint64_t offset, const uint8_t *data, size_t bytes) {
    static const uint8_t zero[KS_PAD_BYTES];
    for (size_t at = 0; offset >= KS_POOL_RING_OFFSET && at < bytes; at += KS_PAD_BYTES)
        if (memcmp(data + at, zero, KS_PAD_BYTES) != 0)
            memcpy(w->shadow[role] + offset + at, data + at, KS_PAD_BYTES);
}

/* A write and its fsync. A process that dies in it leaves nothing, all, or a part with rubbish behind. */
static ks_status disk_write(void *context, uint64_t offset, const uint8_t *data, size_t bytes) {
    const fixture_end *e = context;
    world *w = world_of(e);
    if (w->dead[e->role])
        return KS_ERR_IO;
    size_t written = bytes;
    if (!w->writes_are_safe && strikes_now(w)) {
        strike(w);
        if (w->dead[e->role])
            written = roll(w, 3) == 0 ? 0 : roll(w, 2) ? bytes : (size_t)roll(w, bytes);
    }
    memcpy(w->disk[e->role] + offset, data, written);
    remember_pads(w, e->role, offset, data, written / KS_PAD_BYTES * KS_PAD_BYTES);
    if (written < bytes)
        for (size_t i = written; i < bytes && i < written + 512; i++)
            w->disk[e->role][offset + i] = (uint8_t)roll(w, 256);
    return w->dead[e->role] ? KS_ERR_IO : KS_OK;
}

static uint64_t digest(const uint8_t *data, size_t bytes) {
    uint64_t d = bytes;
    for (size_t i = 0; i < bytes; i++)
        d = fixture_hash(d ^ data[i]);
    return d;
}

static void look_at_tag(world *w, int from, const uint8_t *message, size_t bytes) {
    uint64_t index = 0;
    for (int i = 7; i >= 0; i--)
        index = index << 8 | message[bytes - 24 + (size_t)i];
    const uint8_t *pad = w->shadow[from] + ks_pool_slot_offset(from, index);
    const uint64_t d = digest(message, bytes);
    for (size_t i = 0; i < w->tag_count; i++)
        if (memcmp(w->tags[i].pad, pad, KS_PAD_BYTES) == 0 && w->tags[i].message != d)
            w->pads_reused++;
    cr_assert_lt(w->tag_count, MOST_TAGS);
    memcpy(w->tags[w->tag_count].pad, pad, KS_PAD_BYTES);
    w->tags[w->tag_count++].message = d;
}

static int wire(fixture *f, int from, uint8_t **message, size_t *bytes) {
    world *w = (world *)f;
    const uint8_t type = (*message)[5];
    if (w->dead[from])
        return 0;
    if (type == KS_MSG_TAG_A || type == KS_MSG_TAG_B || type == KS_MSG_CONFIRM || type == KS_MSG_START)
        look_at_tag(w, from, *message, *bytes); /* it is out, whatever becomes of it */
    if (strikes_now(w))
        strike(w);
    return !w->cut;
}

static world *new_world(uint64_t seed) {
    world *w = calloc(1, sizeof *w);
    cr_assert_not_null(w);
    fixture_init(&w->link);
    w->link.parameters.block_slots = BLOCK;
    w->link.gap = 2;
    w->link.qber = 0.005;
    w->link.pool_target = 150; /* more than there is at first: most blocks refill */
    w->link.tap = wire;
    w->link.store = disk_write;
    w->seed = seed;
    w->events = -1;
    w->tags = calloc(MOST_TAGS, sizeof *w->tags);
    cr_assert_not_null(w->tags);
    for (int role = 0; role < 2; role++) {
        w->disk[role] = fixture_image(&w->disk_bytes, 7);
        w->shadow[role] = fixture_image(&w->disk_bytes, 7);
        cr_assert(w->disk[role] && w->shadow[role]);
    }
    return w;
}

static void boot(world *w, int role) {
    fixture_end *e = &w->link.end[role];
    cr_assert_eq(ks_pool_open(&e->pool, w->disk[role], w->disk_bytes, BATCH), KS_OK, "%s", ks_error_detail());
    e->closed = 0;
    cr_assert_eq(fixture_start_end(&w->link, role, 0), KS_OK, "%s", ks_error_detail());
    e->seed = fixture_hash(w->seed ^ (uint64_t)role); /* another process has other randomness */
}

static void halt(world *w, int role) {
    fixture_end *e = &w->link.end[role];
    ks_engine_destroy(e->engine);
    ks_device_close(e->device);
    ks_pool_close(e->pool);
    e->engine = NULL;
    e->pool = NULL;
}

static void connect_both(world *w) {
    w->cut = 0;
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(w->link.end[role].engine), KS_OK);
    fixture_settle(&w->link);
}

/* The dead rise again, from what is on their disks; the others notice that the connection broke. The next
 * misfortune comes after `events`. */
static void recover(world *w, int victims, int64_t events) {
    w->events = -1;
    for (int role = 0; role < 2; role++) {
        fixture_end *e = &w->link.end[role];
        if (w->dead[role]) {
            halt(w, role);
            w->dead[role] = 0;
            boot(w, role);
        } else {
            char reason[256];
            ks_engine_reason(e->engine, reason, sizeof reason);
            cr_assert(!e->closed || e->end == KS_OK, "end %d gave up: %s", role, reason);
            ks_engine_disconnected(e->engine);
        }
    }
    fixture_settle(&w->link);
    w->victims = victims;
    w->events = events;
    connect_both(w);
}

static void end_world(world *w) {
    for (int role = 0; role < 2; role++) {
        if (w->link.end[role].engine)
            halt(w, role);
        free(w->disk[role]);
        free(w->shadow[role]);
    }
    free(w->tags);
    free(w);
}

static void run_blocks(world *w, unsigned blocks) {
    const uint64_t next = w->link.slot / BLOCK + 1;
    fixture_run(&w->link, (next + blocks) * BLOCK);
}

static int has_key(const fixture_end *e, const fixture_key *key) {
    for (int i = 0; i < e->key_count; i++)
        if (memcmp(&e->keys[i], key, sizeof *key) == 0)
            return 1;
    return 0;
}

static int all_keys_of_alice_are_bobs(const world *w) {
    for (int i = 0; i < w->link.end[0].key_count; i++)
        if (!has_key(&w->link.end[1], &w->link.end[0].keys[i]))
            return 0;
    return 1;
}

/* What an orderly end of the run must show. */
static void check_together(world *w, uint64_t seed) {
    fixture *f = &w->link;
    fixture_finish(f);
    for (int role = 0; role < 2; role++) {
        char reason[256];
        ks_engine_reason(f->end[role].engine, reason, sizeof reason);
        cr_expect(f->end[role].closed && f->end[role].end == KS_OK, "seed %llu, end %d: %s",
                  (unsigned long long)seed, role, reason);
    }
    for (int role = 0; role < 2; role++)
        cr_expect_eq(f->end[role].reports[f->end[role].report_count - 1].outcome, KS_OUTCOME_KEY,
                     "seed %llu: no key after the last restart", (unsigned long long)seed);
    cr_expect_eq(w->pads_reused, 0, "seed %llu: %u pads served twice", (unsigned long long)seed,
                 w->pads_reused);
    cr_expect(fixture_keys_agree(f), "seed %llu: different keys", (unsigned long long)seed);
    cr_expect(all_keys_of_alice_are_bobs(w), "seed %llu: a key at Alice alone", (unsigned long long)seed);
    for (int d = 0; d < 2; d++) {
        const uint64_t end = ks_pool_end(f->end[0].pool, (ks_direction)d);
        uint64_t from = 0;
        for (int role = 0; role < 2; role++) {
            const uint64_t at = ks_pool_position(f->end[role].pool, (ks_direction)d);
            from = at > from ? at : from;
        }
        cr_expect_eq(end, ks_pool_end(f->end[1].pool, (ks_direction)d), "seed %llu: pools end apart",
                     (unsigned long long)seed);
        for (; from < end; from++)
            cr_assert_eq(memcmp(w->shadow[0] + ks_pool_slot_offset(d, from),
                                w->shadow[1] + ks_pool_slot_offset(d, from), KS_PAD_BYTES),
                         0, "seed %llu: pad %llu differs", (unsigned long long)seed,
                         (unsigned long long)from);
    }
}

/* `victims`: who may die, as above. */
static world *misfortunes(uint64_t seed, int count, int victims, int writes_are_safe) {
    world *w = new_world(seed);
    w->writes_are_safe = writes_are_safe;
    for (int role = 0; role < 2; role++)
        boot(w, role);
    connect_both(w);
    run_blocks(w, 1); /* a level that many restarts may spend */
    for (int i = 0; i < count; i++) {
        const int in_greeting = roll(w, 3) == 0;
        if (!w->cut)
            run_blocks(w, (unsigned)roll(w, 3));
        strike(w);
        recover(w, (int)roll(w, 4) & victims, (int64_t)roll(w, in_greeting ? 8 : 80));
    }
    strike(w);
    recover(w, 0, -1);
    run_blocks(w, 2);
    check_together(w, seed);
    return w;
}

Test(crash, any_misfortune_is_survived, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 150; seed++)
        end_world(misfortunes(seed, 10, 3, 0));
}

Test(crash, a_bob_who_dies_between_his_writes_leaves_no_key_to_himself, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        world *w = misfortunes(seed, 10, 2, 1);
        cr_expect_eq(w->link.end[0].key_count, w->link.end[1].key_count, "seed %llu: %d keys and %d",
                     (unsigned long long)seed, w->link.end[0].key_count, w->link.end[1].key_count);
        end_world(w);
    }
}

/* ---- pools that went back in time, greetings that did */

static world *after_blocks(unsigned blocks) {
    world *w = new_world(1);
    for (int role = 0; role < 2; role++)
        boot(w, role);
    connect_both(w);
    run_blocks(w, blocks);
    return w;
}

static void shut_down(world *w) {
    fixture_finish(&w->link);
    for (int role = 0; role < 2; role++)
        halt(w, role);
}

/* `old` comes back on one disk: both ends must refuse, and the old pool must not send under any pad. */
static void restore(world *w, int role, const uint8_t *old) {
    memcpy(w->disk[role], old, w->disk_bytes);
    for (int r = 0; r < 2; r++)
        boot(w, r);
    const size_t tags = w->tag_count;
    connect_both(w);
    cr_expect_eq(w->tag_count, tags, "nothing was sent under a pad");
    for (int r = 0; r < 2; r++) {
        char reason[256];
        ks_engine_reason(w->link.end[r].engine, reason, sizeof reason);
        cr_expect_eq(w->link.end[r].end, KS_ERR_AUTH, "end %d", r);
        cr_expect(strstr(reason, "restored from a copy"), "end %d: %s", r, reason);
    }
}

Test(crash, a_restored_pool_is_refused_by_both_ends) {
    for (int role = 0; role < 2; role++) {
        world *w = after_blocks(1);
        shut_down(w);
        uint8_t *old = malloc(w->disk_bytes);
        cr_assert_not_null(old);
        memcpy(old, w->disk[role], w->disk_bytes);
        for (int r = 0; r < 2; r++)
            boot(w, r);
        connect_both(w); /* no block: the greeting alone makes the copy old */
        shut_down(w);
        restore(w, role, old);
        end_world(w);
        free(old);
    }
}

Test(crash, a_pool_made_again_from_the_pre_shared_key_is_refused) {
    world *w = after_blocks(2);
    shut_down(w);
    size_t bytes;
    uint8_t *fresh = fixture_image(&bytes, 7);
    cr_assert_not_null(fresh);
    restore(w, KS_BOB, fresh);
    free(fresh);
    end_world(w);
}

Test(crash, a_copy_taken_while_the_link_ran_is_refused_by_what_came_after) {
    world *w = after_blocks(1);
    uint8_t *old = malloc(w->disk_bytes);
    cr_assert_not_null(old);
    memcpy(old, w->disk[KS_ALICE], w->disk_bytes);
    run_blocks(w, 2 * BATCH); /* more tags than a batch covers */
    shut_down(w);
    restore(w, KS_ALICE, old);
    free(old);
    end_world(w);
}

typedef struct record {
    uint8_t *message[2];
    size_t bytes[2];
    int count;
} record;

static int record_greeting(fixture *f, int from, uint8_t **message, size_t *bytes) {
    record *r = f->tap_context;
    const uint8_t type = (*message)[5];
    if (from == KS_BOB && r->count < 2 && (type == KS_MSG_HELLO || type == KS_MSG_START)) {
        r->message[r->count] = malloc(*bytes);
        cr_assert_not_null(r->message[r->count]);
        memcpy(r->message[r->count], *message, *bytes);
        r->bytes[r->count++] = *bytes;
    }
    return 1;
}

Test(crash, an_old_greeting_played_again_changes_nothing) {
    record r = {0};
    world *w = new_world(1);
    w->link.tap = record_greeting;
    w->link.tap_context = &r;
    for (int role = 0; role < 2; role++)
        boot(w, role);
    connect_both(w);
    run_blocks(w, 1);
    cr_assert_eq(r.count, 2);
    for (int role = 0; role < 2; role++)
        ks_engine_disconnected(w->link.end[role].engine);
    fixture_settle(&w->link);
    fixture_end *alice = &w->link.end[KS_ALICE];
    const uint32_t epoch = ks_pool_epoch(alice->pool);
    const uint64_t end = ks_pool_end(alice->pool, KS_BOB_TO_ALICE);
    const uint64_t at = ks_pool_position(alice->pool, KS_BOB_TO_ALICE);
    cr_assert_eq(ks_engine_connected(alice->engine), KS_OK);
    cr_assert_eq(ks_engine_receive(alice->engine, r.message[0], r.bytes[0]), KS_OK);
    cr_expect_eq(ks_engine_step(alice->engine), KS_ERR_AUTH);
    cr_expect_neq(ks_engine_receive(alice->engine, r.message[1], r.bytes[1]), KS_OK);
    cr_expect_eq(ks_pool_epoch(alice->pool), epoch);
    cr_expect_eq(ks_pool_end(alice->pool, KS_BOB_TO_ALICE), end);
    cr_expect_eq(ks_pool_position(alice->pool, KS_BOB_TO_ALICE), at);
    for (int i = 0; i < 2; i++)
        free(r.message[i]);
    end_world(w);
}

/* A greeting with another position, end or epoch, as somebody in the middle might make it. */
static int forge_greeting(fixture *f, int from, uint8_t **message, size_t *bytes) {
    const int *field = f->tap_context;
    (void)bytes;
    if ((*message)[5] == KS_MSG_HELLO && from == KS_BOB)
        (*message)[KS_MESSAGE_HEADER + 40 + *field] ^= 3;
    return 1;
}

Test(crash, a_forged_greeting_is_not_believed) {
    for (int field = 0; field < 48; field += 4) { /* epoch, next block, positions and ends, what is proven */
        world *w = new_world(1);
        w->link.tap = forge_greeting;
        w->link.tap_context = &field;
        for (int role = 0; role < 2; role++)
            boot(w, role);
        fixture_end *alice = &w->link.end[KS_ALICE];
        const uint64_t end = ks_pool_end(alice->pool, KS_BOB_TO_ALICE);
        connect_both(w);
        cr_expect_neq(alice->end, KS_OK, "field %d", field);
        cr_expect_eq(ks_pool_epoch(alice->pool), 0, "field %d", field);
        cr_expect_eq(ks_pool_end(alice->pool, KS_BOB_TO_ALICE), end, "field %d", field);
        end_world(w);
    }
}
