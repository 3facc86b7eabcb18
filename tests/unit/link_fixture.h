/* SPDX-License-Identifier: Apache-2.0 */
/* A whole link in memory for tests: two engines without threads, a made-up channel, a tap on the wire. */
#ifndef KS_TESTS_LINK_FIXTURE_H
#define KS_TESTS_LINK_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include <keystill/engine.h>
#include <keystill/entropy.h>
#include <keystill/secret.h>

enum { FIXTURE_KEYS = 8192, FIXTURE_REPORTS = 256 };

typedef struct fixture_key {
    ks_key_id id;
    uint8_t bytes[32];
} fixture_key;

typedef struct fixture fixture;

/* Called for every message before it is delivered: 0 drops it. It may be changed in place, or replaced by
 * another buffer of malloc. */
typedef int fixture_tap(fixture *f, int from, uint8_t **message, size_t *bytes);

typedef struct fixture_end {
    fixture *link;
    int role;
    ks_engine *engine;
    ks_device *device;
    ks_pool *pool;
    uint64_t seed;
    fixture_key keys[FIXTURE_KEYS];
    int key_count;
    ks_block_report reports[FIXTURE_REPORTS];
    int report_count;
    ks_status end;
    int closed;
} fixture_end;

struct fixture {
    fixture_end end[2];
    ks_link_parameters parameters;
    fixture_tap *tap;
    void *tap_context;
    uint64_t state_seed, channel_seed, slot;
    double qber;
    unsigned yield[3]; /* chance of a detection of each intensity, of 256 */
    int any_epsilon;   /* the link's life knows no bound */
    unsigned gap;      /* mean slots between candidates */
    uint64_t now;
    int live, survive_strangers;
    uint64_t pool_target;                                               /* 0: the default */
    void (*configure)(fixture *f, ks_session_config *config);           /* may be NULL */
    ks_status (*record)(void *context, const ks_engine_record *record); /* of the fixture_end */
    ks_status (*store)(void *end, uint64_t offset, const uint8_t *data, size_t bytes); /* may be NULL */
};

static inline uint64_t fixture_hash(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* Alice's state of a slot: basis 1 with probability 1/4, intensities 5/8, 2/8, 1/8 of those that exist. */
static inline ks_state fixture_state(const fixture *f, uint64_t slot) {
    uint64_t r = fixture_hash(f->state_seed ^ slot * 3);
    unsigned u = r >> 16 & 7, have = f->parameters.source.intensities;
    unsigned intensity = u < 5 || have < 2 ? 0 : u < 7 || have < 3 ? 1 : 2;
    const unsigned basis = (r >> 8 & 3) == 0;
    return (ks_state)((r & 1) | basis << 1 | intensity << KS_STATE_INTENSITY_SHIFT);
}

static inline ks_status fixture_states(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    const fixture_end *e = context;
    for (size_t i = 0; i < n; i++)
        out[i] = fixture_state(e->link, slots[i]);
    return KS_OK;
}

/* The next detection of the channel. */
static inline ks_detection fixture_detect(fixture *f) {
    for (;;) {
        uint64_t r = f->channel_seed = fixture_hash(f->channel_seed);
        f->slot += 1 + r % (2 * f->gap - 1);
        ks_state state = fixture_state(f, f->slot);
        r = f->channel_seed = fixture_hash(f->channel_seed);
        if ((r & 255) >= f->yield[state >> KS_STATE_INTENSITY_SHIFT])
            continue;
        unsigned basis = (r >> 8 & 3) == 0, bit = r >> 10 & 1;
        if (basis == (unsigned)(state >> 1 & 1))
            bit = (state & 1) ^ ((double)(r >> 20 & 0xfffff) < f->qber * 0x100000);
        return ks_detection_make(f->slot, basis, bit, 0);
    }
}

static inline void fixture_on_key(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    fixture_end *e = context;
    if (e->key_count < FIXTURE_KEYS && bytes == 32) {
        e->keys[e->key_count].id = *id;
        memcpy(e->keys[e->key_count++].bytes, key, bytes);
    }
}

static inline void fixture_on_report(void *context, const ks_block_report *report) {
    fixture_end *e = context;
    if (e->report_count < FIXTURE_REPORTS)
        e->reports[e->report_count++] = *report;
}

static inline uint64_t fixture_now(void *context) {
    const fixture_end *e = context;
    return e->link->now;
}

/* The image of a pool from a pre-shared key made of one byte; to be freed. NULL: no memory. */
static inline uint8_t *fixture_image(size_t *bytes, uint8_t secret) {
    uint8_t psk[KS_PSK_BYTES];
    for (size_t i = 0; i < sizeof psk; i++)
        psk[i] = (uint8_t)fixture_hash(secret * 10007 + i);
    *bytes = 0;
    ks_status status = ks_pool_image_from_psk(NULL, bytes, psk, sizeof psk);
    uint8_t *image = status == KS_OK ? malloc(*bytes) : NULL;
    if (image && ks_pool_image_from_psk(image, bytes, psk, sizeof psk) == KS_OK)
        return image;
    free(image);
    return NULL;
}

static inline ks_status fixture_pool(ks_pool **out, uint8_t secret) {
    size_t bytes;
    uint8_t *image = fixture_image(&bytes, secret);
    ks_status status = image ? ks_pool_open(out, image, bytes, 16) : KS_ERR_MEMORY;
    free(image);
    return status;
}

/* Single photons, blocks of 2^19 slots with about 33000 sifted and 3700 test bits. Change f->parameters
 * before fixture_start. */
static inline void fixture_init(fixture *f) {
    memset(f, 0, sizeof *f);
    ks_session_config config;
    ks_session_config_init(&config, KS_ALICE);
    f->parameters = config.link;
    f->parameters.block_slots = 1 << 19;
    f->parameters.source = (ks_source){.intensities = 1, .mean = {1}, .probability = {1}};
    f->parameters.receiver = (ks_receiver){.dark_probability = 1e-6};
    f->parameters.basis_choice = KS_BASIS_ACTIVE;
    f->parameters.frame_log2 = 14;
    f->state_seed = 11;
    f->channel_seed = 12;
    f->qber = 0.015;
    f->yield[0] = f->yield[1] = f->yield[2] = 256;
    f->gap = 9;
}

static inline ks_status fixture_start_end(fixture *f, int role, uint8_t secret) {
    fixture_end *e = &f->end[role];
    e->link = f;
    e->role = role;
    e->seed = 100 + (uint64_t)role;
    ks_engine_config c = {.context = e,
                          .states = fixture_states,
                          .store = f->store,
                          .on_key = fixture_on_key,
                          .on_report = fixture_on_report,
                          .record = f->record,
                          .now = fixture_now};
    ks_session_config_init(&c.session, (ks_role)role);
    c.session.link = f->parameters;
    c.session.live = f->live;
    if (f->any_epsilon)
        c.session.epsilon_life = 0;
    c.session.survive_strangers = f->survive_strangers;
    if (f->pool_target)
        c.session.pool_target = f->pool_target;
    if (f->configure)
        f->configure(f, &c.session);
    c.session.random = ks_random_seeded(&e->seed);
    ks_status status = ks_device_open_cpu(&e->device, 0);
    if (status == KS_OK && !e->pool)
        status = fixture_pool(&e->pool, secret);
    c.session.pool = e->pool;
    c.device = e->device;
    if (status == KS_OK)
        status = ks_engine_create(&e->engine, &c);
    return status;
}

static inline ks_status fixture_start(fixture *f) {
    for (int role = 0; role < 2; role++) {
        ks_status status = fixture_start_end(f, role, 1);
        if (status == KS_OK)
            status = ks_engine_connected(f->end[role].engine);
        if (status != KS_OK)
            return status;
    }
    return KS_OK;
}

static inline void fixture_stop(fixture *f) {
    for (int role = 0; role < 2; role++) {
        ks_engine_destroy(f->end[role].engine);
        ks_device_close(f->end[role].device);
        ks_pool_close(f->end[role].pool);
    }
}

/* Lets both ends work and carries messages until nothing moves any more. */
static inline void fixture_settle(fixture *f) {
    for (int moved = 1; moved;) {
        moved = 0;
        for (int from = 0; from < 2; from++) {
            fixture_end *e = &f->end[from];
            if (!e->closed) {
                e->end = ks_engine_step(e->engine);
                (void)ks_engine_status(e->engine, &e->closed);
            }
            uint8_t *message;
            size_t bytes;
            while (ks_engine_send(e->engine, &message, &bytes) == KS_OK) {
                moved = 1;
                if (!f->tap || f->tap(f, from, &message, &bytes)) {
                    ks_status received = ks_engine_receive(f->end[1 - from].engine, message, bytes);
                    (void)received; /* a closed end takes nothing more */
                }
                free(message);
            }
        }
        f->now += 1000000;
    }
}

/* Detections up to slot `end`, then everything they set in motion. */
static inline void fixture_run(fixture *f, uint64_t end) {
    ks_detection batch[2048];
    while (f->slot < end && !f->end[KS_BOB].closed) {
        size_t n = 0;
        while (n < 2048 && f->slot < end) {
            ks_detection d = fixture_detect(f);
            if (ks_detection_slot(d) < end)
                batch[n++] = d;
        }
        const uint64_t frontier = f->slot < end ? f->slot : end;
        for (size_t at = 0; !f->end[KS_BOB].closed;) {
            size_t taken = 0;
            if (ks_engine_detections(f->end[KS_BOB].engine, batch + at, n - at, frontier, &taken) != KS_OK)
                return;
            at += taken;
            fixture_settle(f);
            if (at == n)
                break;
        }
    }
}

static inline void fixture_finish(fixture *f) {
    ks_engine_finish(f->end[KS_BOB].engine);
    fixture_settle(f);
}

/* 1 when every key that both ends delivered under one identifier is the same key, and identifiers are unique.
 */
static inline int fixture_keys_agree(const fixture *f) {
    const fixture_end *a = &f->end[0], *b = &f->end[1];
    for (int i = 0; i < a->key_count; i++)
        for (int j = 0; j < b->key_count; j++)
            if (memcmp(&a->keys[i].id, &b->keys[j].id, sizeof a->keys[i].id) == 0 &&
                memcmp(a->keys[i].bytes, b->keys[j].bytes, 32) != 0)
                return 0;
    return 1;
}

static inline int fixture_keys_identical(const fixture *f) {
    const fixture_end *a = &f->end[0], *b = &f->end[1];
    return a->key_count == b->key_count && a->key_count > 0 &&
           memcmp(a->keys, b->keys, (size_t)a->key_count * sizeof *a->keys) == 0;
}

#endif
