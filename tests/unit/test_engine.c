/* SPDX-License-Identifier: Apache-2.0 */
/* Threaded engines: two of them share a device; carriers and the source of detections are threads of their
 * own. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/unit/link_fixture.h"

typedef struct carrier {
    ks_engine *from, *to;
} carrier;

static void *carry(void *context) {
    carrier *c = context;
    for (;;) {
        uint8_t *message;
        size_t bytes;
        ks_status status = ks_engine_send(c->from, &message, &bytes);
        if (status == KS_ERR_CLOSED)
            return NULL;
        if (status == KS_ERR_EMPTY) {
            (void)ks_engine_wait(c->from, KS_ENGINE_OUTPUT, 100);
            continue;
        }
        while ((status = ks_engine_receive(c->to, message, bytes)) == KS_ERR_FULL)
            (void)ks_engine_wait(c->to, KS_ENGINE_INBOX, 100);
        ks_engine_free(message);
    }
}

static ks_status start_threaded(fixture *f, int role, ks_device *device, size_t queue_bytes) {
    fixture_end *e = &f->end[role];
    e->link = f;
    e->role = role;
    e->seed = 7 + (uint64_t)role;
    ks_status status = fixture_pool(&e->pool, 1);
    ks_engine_config c = {.device = device,
                          .threaded = 1,
                          .context = e,
                          .inbox_bytes = queue_bytes,
                          .outbox_bytes = queue_bytes,
                          .states = fixture_states,
                          .on_key = fixture_on_key,
                          .on_report = fixture_on_report};
    ks_session_config_init(&c.session, (ks_role)role);
    c.session.link = f->parameters;
    c.session.random = ks_random_seeded(&e->seed);
    c.session.pool = e->pool;
    return status == KS_OK ? ks_engine_create(&e->engine, &c) : status;
}

static void feed(fixture *f, uint64_t end) {
    ks_engine *bob = f->end[KS_BOB].engine;
    ks_detection batch[1024];
    while (f->slot < end) {
        size_t n = 0;
        while (n < 1024 && f->slot < end)
            batch[n++] = fixture_detect(f);
        for (size_t at = 0; at < n;) {
            size_t taken;
            cr_assert_eq(ks_engine_detections(bob, batch + at, n - at, f->slot, &taken), KS_OK);
            at += taken;
            if (at < n)
                (void)ks_engine_wait(bob, KS_ENGINE_INPUT, 100);
        }
    }
}

/* Small queues, so that every kind of back-pressure is met. */
static void run(size_t queue_bytes) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert_not_null(f);
    fixture_init(f);
    ks_device *device;
    cr_assert_eq(ks_device_open_cpu(&device, 3), KS_OK);
    carrier carriers[2];
    pthread_t threads[2];
    for (int role = 0; role < 2; role++)
        cr_assert_eq(start_threaded(f, role, device, queue_bytes), KS_OK, "%s", ks_error_detail());
    for (int role = 0; role < 2; role++)
        cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
    for (int role = 0; role < 2; role++) {
        carriers[role] = (carrier){f->end[role].engine, f->end[1 - role].engine};
        cr_assert_eq(pthread_create(&threads[role], NULL, carry, &carriers[role]), 0);
    }
    feed(f, 5 << 19);
    ks_engine_finish(f->end[KS_BOB].engine);
    for (int role = 0; role < 2; role++)
        cr_assert_eq(pthread_join(threads[role], NULL), 0);
    for (int role = 0; role < 2; role++) {
        int closed;
        cr_expect_eq(ks_engine_status(f->end[role].engine, &closed), KS_OK);
        cr_expect(closed);
    }
    for (int role = 0; role < 2; role++)
        ks_engine_destroy(f->end[role].engine);
    cr_expect(fixture_keys_identical(f), "%d and %d keys", f->end[0].key_count, f->end[1].key_count);
    ks_device_close(device);
    for (int role = 0; role < 2; role++)
        ks_pool_close(f->end[role].pool);
    free(f);
}

Test(engine, threads_carry_a_link) {
    run(0);
}

Test(engine, small_queues_only_slow_it_down) {
    run(20000);
}

Test(engine, destroying_a_running_engine_is_safe) {
    for (int i = 0; i < 20; i++) {
        fixture *f = calloc(1, sizeof *f);
        cr_assert_not_null(f);
        fixture_init(f);
        ks_device *device;
        cr_assert_eq(ks_device_open_cpu(&device, 2), KS_OK);
        for (int role = 0; role < 2; role++)
            cr_assert_eq(start_threaded(f, role, device, 0), KS_OK);
        for (int role = 0; role < 2; role++)
            cr_assert_eq(ks_engine_connected(f->end[role].engine), KS_OK);
        size_t taken;
        for (int turn = 0; turn < 20 * i; turn++) {
            ks_detection d = fixture_detect(f);
            cr_assert_eq(ks_engine_detections(f->end[1].engine, &d, 1, f->slot, &taken), KS_OK);
            uint8_t *message;
            size_t bytes;
            for (int from = 0; from < 2; from++)
                while (ks_engine_send(f->end[from].engine, &message, &bytes) == KS_OK) {
                    cr_expect_eq(ks_engine_receive(f->end[1 - from].engine, message, bytes), KS_OK);
                    ks_engine_free(message);
                }
        }
        for (int role = 0; role < 2; role++)
            ks_engine_destroy(f->end[role].engine);
        ks_device_close(device);
        for (int role = 0; role < 2; role++)
            ks_pool_close(f->end[role].pool);
        free(f);
    }
}
