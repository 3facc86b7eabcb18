/* SPDX-License-Identifier: Apache-2.0 */
/* The key ring as its users see it: order, identifiers, limits, recovery, hostile mappings, threads,
 * processes. */
#include <criterion/criterion.h>
#include <keystill/ring.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *new_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    return memory;
}

static ks_key_id id_of(uint32_t n) {
    ks_key_id id = {{0}};
    uint64_t mixed = (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    memcpy(id.bytes, &mixed, 8);
    memcpy(id.bytes + 12, &n, 4);
    return id;
}
static uint32_t number_of(const ks_key_id *id) {
    uint32_t n;
    memcpy(&n, id->bytes + 12, 4);
    return n;
}
static void key_of(uint32_t n, uint8_t *key, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        uint64_t mixed = ((uint64_t)n * 4096 + i + 1) * UINT64_C(0x9E3779B97F4A7C15);
        key[i] = (uint8_t)(1 + (mixed >> 40) % 255);
    }
}

typedef struct fixture {
    ks_ring_config config;
    size_t bytes;
    void *memory;
    ks_ring *writer, *reader;
} fixture;

static fixture open_ring(uint32_t slots, uint32_t key_bytes) {
    fixture f = {.config = {.slots = slots, .key_bytes = key_bytes, .link = "link"}};
    f.bytes = ks_ring_bytes(&f.config);
    f.memory = new_memory(f.bytes);
    uint32_t recovered = 99;
    cr_assert_eq(ks_ring_writer_attach(&f.writer, f.memory, f.bytes, &f.config, &recovered), KS_OK);
    cr_assert_eq(recovered, 0);
    cr_assert_eq(ks_ring_reader_attach(&f.reader, f.memory, f.bytes), KS_OK);
    return f;
}
static void close_ring(fixture *f) {
    ks_ring_detach(f->reader);
    ks_ring_detach(f->writer);
    cr_assert_eq(munmap(f->memory, f->bytes), 0);
}
static ks_status append(fixture *f, uint32_t n, uint32_t block) {
    uint8_t key[4096];
    ks_key_id id = id_of(n);
    key_of(n, key, f->config.key_bytes);
    return ks_ring_append(f->writer, &id, 7, block, key);
}
static void expect_take(fixture *f, uint32_t n) {
    uint8_t key[4096], expected[4096];
    ks_key_id id;
    cr_assert_eq(ks_ring_take(f->reader, &id, key, sizeof key), KS_OK, "%s", ks_error_detail());
    cr_assert_eq(number_of(&id), n);
    key_of(n, expected, f->config.key_bytes);
    cr_assert_eq(memcmp(key, expected, f->config.key_bytes), 0);
}
static void expect_empty(fixture *f) {
    uint8_t key[4096];
    ks_key_id id;
    cr_assert_eq(ks_ring_take(f->reader, &id, key, sizeof key), KS_ERR_EMPTY);
}

Test(ring, sizes_are_checked) {
    ks_ring_config bad[] = {{.slots = 0, .key_bytes = 32},
                            {.slots = (1u << 24) + 1, .key_bytes = 32},
                            {.slots = 1, .key_bytes = 0},
                            {.slots = 1, .key_bytes = 4097}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_ring_bytes(&bad[i]), 0);
    ks_ring_config largest = {.slots = 1u << 24, .key_bytes = 4096};
    cr_assert_eq(ks_ring_bytes(&largest), 4096 + ((size_t)8 << 24) + ((size_t)4160 << 24));
}

Test(ring, keys_come_in_order_and_once) {
    for (uint32_t key_bytes = 1; key_bytes < 80; key_bytes += 13) {
        fixture f = open_ring(5, key_bytes);
        for (uint32_t n = 0; n < 5; n++)
            cr_assert_eq(append(&f, n, 1), KS_OK);
        cr_assert_eq(append(&f, 5, 1), KS_ERR_FULL);
        cr_assert_eq(ks_ring_has_room(f.writer), 0);
        expect_empty(&f);
        ks_ring_confirm(f.writer, 7, 2);
        expect_empty(&f);
        ks_ring_confirm(f.writer, 7, 1);
        ks_ring_confirm(f.writer, 7, 1);
        for (uint32_t n = 0; n < 5; n++)
            expect_take(&f, n);
        expect_empty(&f);
        cr_assert_eq(ks_ring_has_room(f.writer), 1);
        close_ring(&f);
    }
}

Test(ring, order_holds_when_blocks_are_confirmed_out_of_order) {
    fixture f = open_ring(8, 32);
    for (uint32_t n = 0; n < 6; n++)
        cr_assert_eq(append(&f, n, n / 2), KS_OK);
    ks_ring_confirm(f.writer, 7, 1);
    expect_take(&f, 2);
    ks_ring_confirm(f.writer, 7, 0);
    expect_take(&f, 0);
    ks_ring_discard(f.writer, 7, 2);
    ks_ring_discard(f.writer, 7, 2);
    expect_take(&f, 1);
    expect_take(&f, 3);
    expect_empty(&f);
    cr_assert_eq(ks_ring_free_slots(f.writer), 8);
    close_ring(&f);
}

Test(ring, a_key_that_nobody_fetches_blocks_no_other) {
    fixture f = open_ring(4, 32);
    cr_assert_eq(append(&f, 0, 0), KS_OK);
    ks_ring_confirm(f.writer, 7, 0);
    uint8_t key[32];
    for (uint32_t n = 1; n < 50; n++) {
        ks_key_id id = id_of(n);
        cr_assert_eq(append(&f, n, n), KS_OK);
        ks_ring_confirm(f.writer, 7, n);
        cr_assert_eq(ks_ring_take_id(f.reader, &id, key, sizeof key), KS_OK);
    }
    expect_take(&f, 0);
    close_ring(&f);
}

Test(ring, by_identifier_in_any_order_and_never_again) {
    enum { N = 20000 };
    fixture f = open_ring(N, 16);
    for (uint32_t n = 0; n < N; n++)
        cr_assert_eq(append(&f, n, 0), KS_OK);
    uint8_t key[16], expected[16];
    ks_key_id id = id_of(3);
    cr_assert_eq(ks_ring_take_id(f.reader, &id, key, sizeof key), KS_ERR_EMPTY);
    ks_ring_confirm(f.writer, 7, 0);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t n = (uint32_t)(i * UINT64_C(7919) % N);
        id = id_of(n);
        cr_assert_eq(ks_ring_take_id(f.reader, &id, key, sizeof key), KS_OK);
        key_of(n, expected, sizeof expected);
        cr_assert_eq(memcmp(key, expected, sizeof key), 0);
        cr_assert_eq(ks_ring_take_id(f.reader, &id, key, sizeof key), KS_ERR_EMPTY);
    }
    expect_empty(&f);
    cr_assert_eq(ks_ring_take_id(f.reader, &id, key, 15), KS_ERR_ARGUMENT);
    close_ring(&f);
}

Test(ring, identifiers_that_collide_are_found_all_the_same) {
    enum { N = 300 };
    fixture f = open_ring(N, 8);
    uint8_t key[8];
    for (uint32_t n = 0; n < N; n++) {
        ks_key_id id = {{0}}; /* equal first halves xor rotated second halves: one hash for all */
        uint64_t second = n + 1, first = second << 31 | second >> 33;
        memcpy(id.bytes, &first, 8);
        memcpy(id.bytes + 8, &second, 8);
        key_of(n, key, 8);
        cr_assert_eq(ks_ring_append(f.writer, &id, 1, 1, key), KS_OK);
    }
    ks_ring_confirm(f.writer, 1, 1);
    for (uint32_t n = N; n-- > 0;) {
        ks_key_id id = {{0}};
        uint64_t second = n + 1, first = second << 31 | second >> 33;
        uint8_t expected[8];
        memcpy(id.bytes, &first, 8);
        memcpy(id.bytes + 8, &second, 8);
        key_of(n, expected, 8);
        cr_assert_eq(ks_ring_take_id(f.reader, &id, key, sizeof key), KS_OK);
        cr_assert_eq(memcmp(key, expected, 8), 0);
    }
    close_ring(&f);
}

Test(ring, more_keys_than_a_reader_remembers) {
    enum { N = 150000 };
    fixture f = open_ring(N, 1);
    for (uint32_t n = 0; n < N; n++)
        cr_assert_eq(append(&f, n, 0), KS_OK);
    ks_ring_confirm(f.writer, 7, 0);
    for (uint32_t n = 0; n < N; n++)
        expect_take(&f, n);
    expect_empty(&f);
    close_ring(&f);
}

Test(ring, list_names_the_oldest_and_takes_nothing) {
    fixture f = open_ring(10, 32);
    ks_key_id ids[10];
    size_t count = 9;
    cr_assert_eq(ks_ring_list(f.reader, ids, 10, &count), KS_OK);
    cr_assert_eq(count, 0);
    for (uint32_t n = 0; n < 10; n++)
        cr_assert_eq(append(&f, n, 0), KS_OK);
    ks_ring_confirm(f.writer, 7, 0);
    cr_assert_eq(ks_ring_list(f.reader, ids, 4, &count), KS_OK);
    cr_assert_eq(count, 4);
    for (uint32_t n = 0; n < 4; n++)
        cr_assert_eq(number_of(&ids[n]), n);
    cr_assert_eq(ks_ring_list(f.reader, ids, 10, &count), KS_OK);
    cr_assert_eq(count, 10);
    expect_take(&f, 0);
    close_ring(&f);
}

static int holds_bytes(const fixture *f, uint32_t n) {
    uint8_t key[4096];
    key_of(n, key, f->config.key_bytes);
    return memmem(f->memory, f->bytes, key, f->config.key_bytes) != NULL;
}

Test(ring, nothing_stays_of_keys_that_are_gone) {
    fixture f = open_ring(8, 32);
    for (uint32_t n = 0; n < 6; n++)
        cr_assert_eq(append(&f, n, n), KS_OK);
    for (uint32_t n = 0; n < 4; n++)
        ks_ring_confirm(f.writer, 7, n);
    cr_assert(holds_bytes(&f, 0) && holds_bytes(&f, 4));
    expect_take(&f, 0);
    ks_ring_discard(f.writer, 7, 4);
    cr_assert(!holds_bytes(&f, 0) && !holds_bytes(&f, 4));
    cr_assert_eq(ks_ring_wipe(f.reader), 3);
    for (uint32_t n = 1; n < 4; n++)
        cr_assert_not(holds_bytes(&f, n));
    ks_ring_status status;
    ks_ring_get_status(f.reader, &status, 0);
    cr_assert_eq(status.unconfirmed, 1);
    cr_assert_eq(status.confirmed, 0);
    cr_assert_eq(status.free, 7);
    cr_assert_eq(status.appended, 6);
    cr_assert_eq(status.delivered, 1);
    cr_assert_eq(status.wiped, 4);
    ks_ring_detach(f.writer);
    f.writer = NULL;
    cr_assert_not(holds_bytes(&f, 5));
    close_ring(&f);
}

Test(ring, a_new_writer_keeps_what_was_confirmed) {
    fixture f = open_ring(8, 32);
    f.config.notes = KS_RING_NOTE_TEST;
    for (uint32_t n = 0; n < 6; n++)
        cr_assert_eq(append(&f, n, n / 3), KS_OK);
    ks_ring_confirm(f.writer, 7, 0);
    ks_ring *second;
    uint32_t recovered;
    cr_assert_eq(ks_ring_writer_attach(&second, f.memory, f.bytes, &f.config, &recovered), KS_OK);
    cr_assert_eq(recovered, 3);
    cr_assert_not(holds_bytes(&f, 4));
    ks_ring *first = f.writer;
    f.writer = second;
    cr_assert_eq(append(&f, 10, 9), KS_OK);
    ks_ring_confirm(f.writer, 7, 9);
    for (uint32_t n = 0; n < 3; n++)
        expect_take(&f, n);
    expect_take(&f, 10);
    ks_ring_status status;
    ks_ring_get_status(f.reader, &status, 0);
    cr_assert_eq(status.notes, KS_RING_NOTE_TEST);
    ks_ring_detach(first);
    close_ring(&f);
}

Test(ring, another_configuration_is_refused) {
    fixture f = open_ring(8, 32);
    ks_ring *other;
    ks_ring_config config = f.config;
    config.link[0] ^= 1;
    cr_assert_eq(ks_ring_writer_attach(&other, f.memory, f.bytes, &config, NULL), KS_ERR_STATE);
    config = f.config;
    config.key_bytes = 31;
    cr_assert_eq(ks_ring_writer_attach(&other, f.memory, f.bytes, &config, NULL), KS_ERR_STATE);
    config.key_bytes = 4096;
    cr_assert_eq(ks_ring_writer_attach(&other, f.memory, f.bytes, &config, NULL), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ring_writer_attach(&other, (char *)f.memory + 8, f.bytes, &f.config, NULL),
                 KS_ERR_ARGUMENT);
    cr_assert_null(other);
    close_ring(&f);
}

Test(ring, a_reader_does_not_write) {
    fixture f = open_ring(2, 32);
    ks_key_id id = id_of(1);
    uint8_t key[32] = {1};
    cr_assert_eq(ks_ring_append(f.reader, &id, 1, 1, key), KS_ERR_STATE);
    close_ring(&f);
}

Test(ring, heartbeat_tells_life) {
    const uint64_t second = UINT64_C(1000000000);
    fixture f = open_ring(2, 32);
    ks_ring_status status;
    ks_ring_get_status(f.reader, &status, 5 * second);
    cr_assert_eq(status.writer_alive, 0);
    ks_ring_heartbeat(f.writer, 100 * second);
    ks_ring_get_status(f.reader, &status, 101 * second);
    cr_assert_eq(status.writer_alive, 1);
    ks_ring_get_status(f.reader, &status, 104 * second);
    cr_assert_eq(status.writer_alive, 0);
    ks_ring_heartbeat(f.writer, 104 * second);
    ks_ring_detach(f.writer);
    f.writer = NULL;
    ks_ring_get_status(f.reader, &status, 104 * second);
    cr_assert_eq(status.writer_alive, 0);
    close_ring(&f);
}

Test(ring, not_yet_created_is_empty_and_damage_is_malformed) {
    fixture f = open_ring(3, 32);
    ks_ring *reader;
    void *blank = new_memory(f.bytes);
    cr_assert_eq(ks_ring_reader_attach(&reader, blank, f.bytes), KS_ERR_EMPTY);
    cr_assert_eq(ks_ring_reader_attach(&reader, f.memory, 100), KS_ERR_FORMAT);
    cr_assert_eq(ks_ring_reader_attach(&reader, f.memory, f.bytes - 4096), KS_ERR_FORMAT);
    static const size_t fields[] = {0, 12, 17, 21, 24, 52, 4096};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        memcpy(blank, f.memory, f.bytes);
        ((uint8_t *)blank)[fields[i]] ^= 0x3f;
        cr_assert_eq(ks_ring_reader_attach(&reader, blank, f.bytes), KS_ERR_FORMAT, "field %zu", fields[i]);
        cr_assert_null(reader);
    }
    munmap(blank, f.bytes);
    close_ring(&f);
}

Test(ring, a_damaged_key_is_destroyed_not_delivered) {
    fixture f = open_ring(3, 32);
    cr_assert_eq(append(&f, 0, 0), KS_OK);
    cr_assert_eq(append(&f, 1, 0), KS_OK);
    ks_ring_confirm(f.writer, 7, 0);
    uint8_t expected[32], key[32];
    ks_key_id id;
    key_of(0, expected, 32);
    uint8_t *there = memmem(f.memory, f.bytes, expected, 32);
    there[5] ^= 1;
    cr_assert_eq(ks_ring_take(f.reader, &id, key, sizeof key), KS_ERR_FORMAT);
    expect_take(&f, 1);
    expect_empty(&f);
    close_ring(&f);
}

/* A mapping full of noise behind a good header, changed while it is in use. */
Test(ring, hostile_mappings_do_no_harm) {
    fixture f = open_ring(64, 32);
    uint64_t random = 12345;
    for (int round = 0; round < 3000; round++) {
        uint64_t *words = f.memory;
        for (int i = 0; i < 40; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            size_t place = 16 + (size_t)(random >> 33) % (f.bytes / 8 - 16);
            words[place] = random & 1 ? random >> 3 : (random >> 20 & 0xff) << 8 | (random >> 40) % 9;
        }
        uint8_t key[32];
        ks_key_id id = id_of((uint32_t)round), ids[64];
        size_t count;
        ks_status status;
        status = ks_ring_take(f.reader, &id, key, sizeof key);
        cr_assert(status == KS_OK || status == KS_ERR_EMPTY || status == KS_ERR_FORMAT);
        status = ks_ring_take_id(f.reader, &id, key, sizeof key);
        cr_assert(status == KS_OK || status == KS_ERR_EMPTY || status == KS_ERR_FORMAT);
        cr_assert_eq(ks_ring_list(f.reader, ids, 64, &count), KS_OK);
        cr_assert_leq(count, 64);
        status = append(&f, (uint32_t)round, (uint32_t)round);
        cr_assert(status == KS_OK || status == KS_ERR_FULL);
        ks_ring_confirm(f.writer, 7, (uint32_t)round);
        ks_ring_heartbeat(f.writer, (uint64_t)round * 2000000000u);
        ks_ring *again;
        if (ks_ring_reader_attach(&again, f.memory, f.bytes) == KS_OK)
            ks_ring_detach(again);
    }
    close_ring(&f);
}

enum { STRESS_KEYS = 20000, STRESS_READERS = 4 };

typedef struct stress {
    void *memory;
    size_t bytes;
    _Atomic uint32_t taken[STRESS_KEYS];
    _Atomic uint32_t total, bad;
} stress;

static void stress_read(stress *s, int by_id) {
    ks_ring *ring;
    if (ks_ring_reader_attach(&ring, s->memory, s->bytes) != KS_OK) {
        s->bad++;
        return;
    }
    uint8_t key[32], expected[32];
    ks_key_id id, ids[16];
    while (s->total < STRESS_KEYS) {
        size_t count = 0;
        ks_status status = KS_ERR_EMPTY;
        if (!by_id) {
            status = ks_ring_take(ring, &id, key, sizeof key);
        } else if (ks_ring_list(ring, ids, 16, &count) == KS_OK && count) {
            id = ids[count - 1];
            status = ks_ring_take_id(ring, &id, key, sizeof key);
        }
        if (status == KS_ERR_EMPTY) {
            usleep(50);
            continue;
        }
        uint32_t n = number_of(&id);
        key_of(n, expected, sizeof expected);
        if (status != KS_OK || n >= STRESS_KEYS || memcmp(key, expected, sizeof key) != 0)
            s->bad++;
        else
            s->taken[n]++;
        s->total++;
    }
    ks_ring_detach(ring);
}

static void stress_write(fixture *f, stress *s) {
    uint32_t n = 0, block = 0;
    while (n < STRESS_KEYS) {
        uint32_t first = n;
        while (n < STRESS_KEYS && n - first < 17 && append(f, n, block) == KS_OK)
            n++;
        ks_ring_confirm(f->writer, 7, block++);
        if (n == first)
            usleep(50);
    }
    while (s->total < STRESS_KEYS)
        usleep(100);
}

static void check_stress(stress *s) {
    cr_assert_eq(s->bad, 0);
    for (uint32_t n = 0; n < STRESS_KEYS; n++)
        cr_assert_eq(s->taken[n], 1, "key %u was delivered %u times", n, s->taken[n]);
}

static void *stress_thread(void *context) {
    static _Atomic int serial;
    stress_read(context, serial++ % 2);
    return NULL;
}

Test(ring, threads_share_it, .timeout = 120) {
    fixture f = open_ring(256, 32);
    stress *s = new_memory(sizeof *s);
    s->memory = f.memory;
    s->bytes = f.bytes;
    pthread_t threads[STRESS_READERS];
    for (int i = 0; i < STRESS_READERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, stress_thread, s), 0);
    stress_write(&f, s);
    for (int i = 0; i < STRESS_READERS; i++)
        pthread_join(threads[i], NULL);
    check_stress(s);
    munmap(s, sizeof *s);
    close_ring(&f);
}

Test(ring, processes_share_it, .timeout = 120) {
    fixture f = open_ring(256, 32);
    stress *s = new_memory(sizeof *s);
    s->memory = f.memory;
    s->bytes = f.bytes;
    pid_t children[STRESS_READERS];
    for (int i = 0; i < STRESS_READERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            stress_read(s, i % 2);
            _exit(0);
        }
    }
    stress_write(&f, s);
    for (int i = 0; i < STRESS_READERS; i++) {
        int status;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_assert_eq(status, 0);
    }
    check_stress(s);
    munmap(s, sizeof *s);
    close_ring(&f);
}

Test(key_id, text_and_back) {
    ks_key_id id, back;
    char text[37];
    for (int i = 0; i < 16; i++)
        id.bytes[i] = (uint8_t)(17 * i + 3);
    ks_key_id_format(text, &id);
    cr_assert_str_eq(text, "03142536-4758-697a-8b9c-adbecfe0f102");
    cr_assert_eq(ks_key_id_parse(&back, text), KS_OK);
    cr_assert_eq(memcmp(&id, &back, sizeof id), 0);
    cr_assert_eq(ks_key_id_parse(&back, "03142536-4758-697A-8B9C-ADBECFE0F102"), KS_OK);
    cr_assert_eq(memcmp(&id, &back, sizeof id), 0);
    static const char *const bad[] = {"", "03142536", "03142536-4758-697a-8b9c-adbecfe0f1022",
                                      "03142536-4758-697a-8b9c-adbecfe0f10g",
                                      "0314253604758-697a-8b9c-adbecfe0f102"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_key_id_parse(&back, bad[i]), KS_ERR_FORMAT, "%s", bad[i]);
}
