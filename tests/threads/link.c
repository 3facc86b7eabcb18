/* SPDX-License-Identifier: Apache-2.0 */
/* A link whose two engines have threads, a device with workers, a ring at either end: keys are the same and
 * no data race is seen by the thread sanitizer. */
#include <keystill/entropy.h>
#include <keystill/keystill.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 3, SLOTS = 4096 };
#define BLOCK_SLOTS (UINT64_C(1) << 19)

typedef struct end {
    ks_engine *engine;
    ks_pool *pool;
    void *memory;
    ks_ring *writer, *reader;
    uint64_t seed;
    struct end *peer;
} end;

static atomic_int failed;

static void require(ks_status status) {
    if (status == KS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ks_status_name(status), ks_error_detail());
    exit(1);
}
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}
static ks_state state_of(uint64_t slot) {
    uint64_t r = mix(slot + 1);
    return (ks_state)((r & 1) | (uint64_t)((r >> 8 & 3) == 0) << 1);
}
static ks_status give_states(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    (void)context;
    for (size_t i = 0; i < n; i++)
        out[i] = state_of(slots[i]);
    return KS_OK;
}
static ks_detection detect(uint64_t slot) {
    uint64_t r = mix(slot * 7 + 3);
    unsigned basis = (r >> 8 & 3) == 0, bit = r >> 10 & 1;
    if (basis == (unsigned)(state_of(slot) >> 1))
        bit = (state_of(slot) & 1u) ^ ((r >> 20) % 1000 < 15);
    return ks_detection_make(slot, basis, bit, 0);
}

static void open_pool(end *e) {
    static uint8_t psk[KS_PSK_BYTES] = "both ends share this";
    size_t bytes = 0;
    require(ks_pool_image_from_psk(NULL, &bytes, psk, sizeof psk));
    uint8_t *image = malloc(bytes);
    require(ks_pool_image_from_psk(image, &bytes, psk, sizeof psk));
    require(ks_pool_open(&e->pool, image, bytes, 16));
    free(image);
}

static void start(end *e, ks_role role, ks_device *device) {
    const ks_ring_config ring = {.slots = SLOTS, .key_bytes = 32};
    e->memory = mmap(NULL, ks_ring_bytes(&ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(ks_ring_writer_attach(&e->writer, e->memory, ks_ring_bytes(&ring), &ring, NULL));
    require(ks_ring_reader_attach(&e->reader, e->memory, ks_ring_bytes(&ring)));
    open_pool(e);
    ks_engine_config config = {
        .device = device, .threaded = 1, .ring = e->writer, .context = e, .states = give_states};
    ks_session_config_init(&config.session, role);
    config.session.link.block_slots = BLOCK_SLOTS;
    config.session.link.source = (ks_source){.intensities = 1, .mean = {1}, .probability = {1}};
    config.session.link.receiver = (ks_receiver){.dark_probability = 1e-6};
    config.session.link.basis_choice = KS_BASIS_ACTIVE;
    config.session.link.frame_log2 = 14;
    e->seed = 100 + (uint64_t)role;
    config.session.random = ks_random_seeded(&e->seed);
    config.session.pool = e->pool;
    require(ks_engine_create(&e->engine, &config));
    require(ks_engine_connected(e->engine));
}

/* Carries the messages of one end, in a thread of its own. */
static void *carry(void *context) {
    end *e = context;
    uint8_t *message;
    size_t bytes;
    for (;;) {
        ks_status status = ks_engine_send(e->engine, &message, &bytes);
        if (status == KS_ERR_EMPTY) {
            ks_engine_wait(e->engine, KS_ENGINE_OUTPUT | KS_ENGINE_CLOSED, 20);
            continue;
        }
        if (status != KS_OK)
            return NULL;
        while ((status = ks_engine_receive(e->peer->engine, message, bytes)) == KS_ERR_FULL)
            ks_engine_wait(e->peer->engine, KS_ENGINE_INBOX, 20);
        if (status != KS_OK && status != KS_ERR_CLOSED)
            atomic_store(&failed, 1);
        ks_engine_free(message);
    }
}

static void feed(end *bob) {
    for (uint64_t slot = 0; slot <= BLOCKS * BLOCK_SLOTS; slot += 9) {
        ks_detection detection = detect(slot);
        for (size_t taken = 0; taken == 0;) {
            ks_status status = ks_engine_detections(bob->engine, &detection, 1, slot + 1, &taken);
            if (status != KS_ERR_STATE) /* the peer has not answered yet */
                require(status);
            if (taken == 0)
                ks_engine_wait(bob->engine, KS_ENGINE_INPUT, 5);
        }
    }
    ks_engine_finish(bob->engine);
}

static int same_keys(end ends[2]) {
    ks_key_id id;
    uint8_t ours[32], theirs[32];
    int count = 0;
    for (; ks_ring_take(ends[0].reader, &id, ours, sizeof ours) == KS_OK; count++)
        if (ks_ring_take_id(ends[1].reader, &id, theirs, sizeof theirs) != KS_OK ||
            memcmp(ours, theirs, sizeof ours) != 0)
            return 0;
    printf("%d keys at both ends\n", count);
    return count > 0 && ks_ring_take(ends[1].reader, &id, theirs, sizeof theirs) == KS_ERR_EMPTY;
}

int main(void) {
    static end ends[2];
    pthread_t carriers[2];
    ks_device *device;
    require(ks_device_open_cpu(&device, 2));
    for (int role = 0; role < 2; role++) {
        ends[role].peer = &ends[!role];
        start(&ends[role], (ks_role)role, device);
    }
    for (int role = 0; role < 2; role++)
        if (pthread_create(&carriers[role], NULL, carry, &ends[role]) != 0)
            return 1;
    feed(&ends[KS_BOB]);
    for (int role = 0; role < 2; role++)
        (void)pthread_join(carriers[role], NULL);
    int good = same_keys(ends) && !atomic_load(&failed);
    for (int role = 0; role < 2; role++) {
        ks_engine_destroy(ends[role].engine);
        ks_ring_detach(ends[role].reader);
        ks_ring_detach(ends[role].writer);
        ks_pool_close(ends[role].pool);
    }
    ks_device_close(device);
    return !good;
}
