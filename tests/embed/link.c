/* SPDX-License-Identifier: Apache-2.0 */
/* A whole link in one C program: two engines without threads, messages carried by hand, a made-up channel. */
#include <keystill/entropy.h>
#include <keystill/keystill.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALICE, BOB, BLOCKS = 2, KEYS = 1024 };

typedef struct end {
    ks_engine *engine;
    ks_pool *pool;
    uint64_t seed;
    uint8_t keys[KEYS][32];
    int count;
} end;

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}
/* Alice's state of a slot: a random bit, the test basis (1) once in four. */
static ks_state state_of(uint64_t slot) {
    uint64_t r = mix(slot + 1);
    return (ks_state)((r & 1) | ((r >> 8 & 3) == 0) << 1);
}
static ks_status give_states(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    (void)context;
    for (size_t i = 0; i < n; i++)
        out[i] = state_of(slots[i]);
    return KS_OK;
}
static void take_key(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    end *e = context;
    (void)id;
    if (e->count < KEYS)
        memcpy(e->keys[e->count++], key, bytes);
}
static void require(ks_status status) {
    if (status == KS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ks_status_name(status), ks_error_detail());
    exit(1);
}

static void start(end *e, ks_role role, ks_device *device) {
    static uint8_t psk[KS_PSK_BYTES] =
        "both ends share this"; /* of a real link: 4096 random bytes, kept secret */
    size_t bytes = 0;
    require(ks_pool_image_from_psk(NULL, &bytes, psk, sizeof psk));
    uint8_t *image = malloc(bytes);
    require(ks_pool_image_from_psk(image, &bytes, psk, sizeof psk));
    require(ks_pool_open(&e->pool, image, bytes, 16));
    free(image);

    ks_engine_config config;
    memset(&config, 0, sizeof config);
    ks_session_config_init(&config.session, role);
    config.session.link.block_slots = 1 << 19;
    config.session.link.source.intensities = 1; /* single photons */
    config.session.link.source.mean[0] = config.session.link.source.probability[0] = 1;
    config.session.link.receiver = (ks_receiver){0, 0, 1e-6, 0};
    config.session.link.basis_choice = KS_BASIS_ACTIVE;
    config.session.link.frame_log2 = 14;
    e->seed = 100 + (uint64_t)role;
    config.session.random = ks_random_seeded(&e->seed); /* a test: use ks_random_system() */
    config.session.pool = e->pool;
    config.device = device;
    config.context = e;
    config.states = give_states;
    config.on_key = take_key;
    require(ks_engine_create(&e->engine, &config));
    require(ks_engine_connected(e->engine));
}

/* Both ends work and messages go to and fro until nothing moves. */
static void settle(end ends[2]) {
    for (int moved = 1; moved;) {
        moved = 0;
        for (int from = ALICE; from <= BOB; from++) {
            uint8_t *message;
            size_t bytes;
            require(ks_engine_step(ends[from].engine));
            while (ks_engine_send(ends[from].engine, &message, &bytes) == KS_OK) {
                require(ks_engine_receive(ends[!from].engine, message, bytes));
                ks_engine_free(message);
                moved = 1;
            }
        }
    }
}

/* One slot in nine is detected, in a basis of Bob's choice, with 1.5 % errors where the bases agree. */
static ks_detection detect(uint64_t slot) {
    uint64_t r = mix(slot * 7 + 3);
    unsigned basis = (r >> 8 & 3) == 0, bit = r >> 10 & 1;
    if (basis == (unsigned)(state_of(slot) >> 1))
        bit = (state_of(slot) & 1) ^ ((r >> 20) % 1000 < 15);
    return ks_detection_make(slot, basis, bit, 0);
}

int main(void) {
    static end ends[2];
    ks_device *device;
    require(ks_device_open_cpu(&device, 0));
    start(&ends[ALICE], KS_ALICE, device);
    start(&ends[BOB], KS_BOB, device);
    settle(ends);
    for (uint64_t slot = 0; slot <= BLOCKS * (UINT64_C(1) << 19); slot += 9) {
        ks_detection detection = detect(slot);
        size_t taken = 0;
        while (taken == 0) {
            require(ks_engine_detections(ends[BOB].engine, &detection, 1, slot + 1, &taken));
            if (taken == 0 || slot % 1024 == 0)
                settle(ends);
        }
    }
    ks_engine_finish(ends[BOB].engine);
    settle(ends);
    int same = ends[ALICE].count > 0 && ends[ALICE].count == ends[BOB].count &&
               memcmp(ends[ALICE].keys, ends[BOB].keys, sizeof ends[BOB].keys) == 0;
    printf("%d keys, %s at both ends\n", ends[BOB].count, same ? "the same" : "NOT the same");
    for (int role = ALICE; role <= BOB; role++) {
        ks_engine_destroy(ends[role].engine);
        ks_pool_close(ends[role].pool);
    }
    ks_device_close(device);
    return !same;
}
