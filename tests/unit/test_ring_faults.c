/* SPDX-License-Identifier: Apache-2.0 */
/* The ring under a hook at every store to shared memory. Kill: a child is killed before its k-th store, for
 * every k; what it leaves must still hold whole keys, each delivered at most once. Switch: at its k-th store
 * an operation is suspended and another actor runs a whole operation, for every k; then it goes on. This
 * program carries its own copy of the ring. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void at_store(void);
#define KS_RING_STORE_HOOK() at_store()
#include "pipeline/ring.c"
#include "pipeline/ring_index.c"
#include "pipeline/ring_reader.c"
#include "pipeline/ring_sweep.c"
#include "pipeline/ring_writer.c"

enum { SLOTS = 8, KEY_BYTES = 24, KEYS = 64 };

/* Shared with children. */
typedef struct board {
    uint32_t handed_out[KEYS]; /* deliveries that returned KS_OK */
    uint32_t finished;         /* the child came to its end */
} board;

static board *score;
static void *memory;
static size_t bytes;
static const ks_ring_config config = {.slots = SLOTS, .key_bytes = KEY_BYTES, .link = "faults"};

static long stores, stop_at;
static void (*on_stop)(void);

static void at_store(void) {
    if (stores++ == stop_at && on_stop) {
        void (*action)(void) = on_stop;
        on_stop = NULL;
        action();
    }
}
static void arm(long k, void (*action)(void)) {
    stores = 0;
    stop_at = k;
    on_stop = action;
}
static void die(void) {
    (void)raise(SIGKILL);
}

static void *share(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(p, MAP_FAILED);
    return p;
}

static void setup(void) {
    bytes = ks_ring_bytes(&config);
    memory = share(bytes);
    score = share(sizeof *score);
    on_stop = NULL;
}
static void teardown(void) {
    munmap(memory, bytes);
    munmap(score, sizeof *score);
}
static void reset(void) {
    memset(memory, 0, bytes);
    memset(score, 0, sizeof *score);
}
TestSuite(ring_faults, .init = setup, .fini = teardown, .timeout = 120);

static ks_ring *writer(void) {
    ks_ring *ring;
    cr_assert_eq(ks_ring_writer_attach(&ring, memory, bytes, &config, NULL), KS_OK, "%s", ks_error_detail());
    return ring;
}
static ks_ring *reader(void) {
    ks_ring *ring;
    cr_assert_eq(ks_ring_reader_attach(&ring, memory, bytes), KS_OK, "%s", ks_error_detail());
    return ring;
}

static ks_key_id id_of(uint32_t n) {
    ks_key_id id = {{(uint8_t)n, 0x5a}};
    return id;
}
static void key_of(uint32_t n, uint8_t key[KEY_BYTES]) {
    for (uint32_t i = 0; i < KEY_BYTES; i++)
        key[i] =
            (uint8_t)(1 + ((uint64_t)(n * KEY_BYTES + i + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 40) % 255);
}
static ks_status append_key(ks_ring *ring, uint32_t n, uint32_t block) {
    uint8_t key[KEY_BYTES];
    ks_key_id id = id_of(n);
    key_of(n, key);
    return ks_ring_append(ring, &id, 1, block, key);
}
static void must_append(ks_ring *ring, uint32_t first, uint32_t count, uint32_t block) {
    for (uint32_t n = first; n < first + count; n++)
        cr_assert_eq(append_key(ring, n, block), KS_OK);
    ks_ring_confirm(ring, 1, block);
}

/* Counts a delivery; a key that is not whole ends everything. */
static void record(const ks_key_id *id, const uint8_t *key) {
    uint8_t expected[KEY_BYTES];
    uint32_t n = id->bytes[0];
    key_of(n, expected);
    if (n >= KEYS || id->bytes[1] != 0x5a || memcmp(key, expected, KEY_BYTES) != 0)
        abort();
    score->handed_out[n]++;
}
static int take_one(ks_ring *ring) {
    ks_key_id id;
    uint8_t key[KEY_BYTES];
    ks_status status = ks_ring_take(ring, &id, key, sizeof key);
    cr_assert(status == KS_OK || status == KS_ERR_EMPTY, "%s", ks_error_detail());
    if (status == KS_OK)
        record(&id, key);
    return status == KS_OK;
}
static uint32_t take_all(ks_ring *ring) {
    uint32_t count = 0;
    while (take_one(ring))
        count++;
    return count;
}
static int is_in_memory(uint32_t n) {
    uint8_t key[KEY_BYTES];
    key_of(n, key);
    for (int word = 0; word < KEY_BYTES; word += 8)
        if (memmem(memory, bytes, key + word, 8))
            return 1;
    return 0;
}
static void check_at_most_once(long k) {
    for (uint32_t n = 0; n < KEYS; n++)
        cr_assert_leq(score->handed_out[n], 1, "store %ld: key %u was delivered twice", k, n);
}

/* Runs `body` in a child that is killed before store k. Returns 1 when the child ended by itself. */
static int killed_at(long k, void (*body)(void)) {
    score->finished = 0;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        arm(k, die);
        body();
        score->finished = 1;
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(score->finished || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "store %ld: status %x",
              k, status);
    return (int)score->finished;
}

static void write_two_blocks(void) {
    ks_ring *ring;
    if (ks_ring_writer_attach(&ring, memory, bytes, &config, NULL) != KS_OK)
        abort();
    for (uint32_t n = 0; n < 5; n++)
        if (append_key(ring, n, n / 3) != KS_OK)
            abort();
    ks_ring_confirm(ring, 1, 0);
    ks_ring_heartbeat(ring, 1);
    ks_ring_discard(ring, 1, 1);
    ks_ring_detach(ring);
}

Test(ring_faults, a_writer_killed_at_any_store) {
    long k = 0;
    for (int finished = 0; !finished; k++) {
        reset();
        finished = killed_at(k, write_two_blocks);
        ks_ring *again = writer();
        ks_ring_reclaim(again);
        for (uint32_t n = 3; n < 5; n++)
            cr_assert_not(is_in_memory(n), "store %ld: key %u was never confirmed and is still there", k, n);
        must_append(again, 10, 2, 9);
        ks_ring *all = reader();
        uint32_t taken = take_all(all);
        cr_assert(taken >= 2 && taken <= 5, "store %ld: %u keys", k, taken);
        cr_assert(score->handed_out[10] == 1 && score->handed_out[11] == 1);
        cr_assert(score->handed_out[3] == 0 && score->handed_out[4] == 0);
        check_at_most_once(k);
        cr_assert_eq(ks_ring_free_slots(again), SLOTS, "store %ld", k);
        ks_ring_detach(all);
        ks_ring_detach(again);
    }
    cr_assert_gt(k, 60);
}

/* A writer that dies while it takes over what another dead writer left. */
Test(ring_faults, recovery_killed_at_any_store) {
    for (long first = 40; first < 75; first += 7) {
        int finished = 0;
        for (long k = 0; !finished; k++) {
            reset();
            (void)killed_at(first, write_two_blocks);
            finished = killed_at(k, write_two_blocks) || k > 200;
            ks_ring *again = writer(), *all = reader();
            ks_ring_reclaim(again);
            (void)take_all(all);
            cr_assert_eq(ks_ring_free_slots(again), SLOTS, "stores %ld %ld", first, k);
            for (uint32_t n = 3; n < 5; n++)
                cr_assert_eq(score->handed_out[n], 0);
            ks_ring_detach(all);
            ks_ring_detach(again);
        }
    }
}

static void read_three(void) {
    ks_ring *ring;
    ks_key_id id = id_of(4);
    uint8_t key[KEY_BYTES];
    if (ks_ring_reader_attach(&ring, memory, bytes) != KS_OK || !take_one(ring) || !take_one(ring))
        abort();
    if (ks_ring_take_id(ring, &id, key, sizeof key) != KS_OK)
        abort();
    record(&id, key);
    ks_ring_detach(ring);
}

Test(ring_faults, a_reader_killed_at_any_store) {
    long k = 0;
    for (int finished = 0; !finished; k++) {
        reset();
        ks_ring *to = writer();
        must_append(to, 0, 6, 1);
        finished = killed_at(k, read_three);
        ks_ring *rest = reader();
        uint32_t before = 0;
        for (uint32_t n = 0; n < KEYS; n++)
            before += score->handed_out[n];
        uint32_t after = take_all(rest);
        cr_assert(before + after >= 5 && before + after <= 6, "store %ld: more than the claimed key was lost",
                  k);
        check_at_most_once(k);
        ks_ring_reclaim(to);
        for (uint32_t n = 0; n < 6; n++)
            cr_assert_not(is_in_memory(n), "store %ld: key %u is still there", k, n);
        cr_assert_eq(ks_ring_free_slots(to), SLOTS);
        must_append(to, 20, SLOTS, 2);
        cr_assert_eq(take_all(rest), SLOTS);
        ks_ring_detach(rest);
        ks_ring_detach(to);
    }
    cr_assert_geq(k, 20);
}

/* Without anybody's knowledge of who lives: the writer's clock settles it. */
Test(ring_faults, the_heartbeat_settles_what_a_killed_reader_left) {
    const uint64_t second = UINT64_C(1000000000);
    for (long k = 0; k < 24; k++) {
        reset();
        ks_ring *to = writer();
        must_append(to, 0, 6, 1);
        (void)killed_at(k, read_three);
        ks_ring_status status;
        for (uint64_t t = 1; t <= 8; t++)
            ks_ring_heartbeat(to, t * second);
        ks_ring_get_status(to, &status, 0);
        cr_assert_eq(status.reserved, 0, "store %ld", k);
        cr_assert_leq(status.retired, 1);
        for (uint32_t n = 0; n < 6; n++)
            cr_assert(!score->handed_out[n] || !is_in_memory(n), "store %ld: key %u is still there", k, n);
        ks_ring *rest = reader();
        (void)take_all(rest);
        for (uint32_t n = 0; n < 6; n++)
            cr_assert_not(is_in_memory(n), "store %ld: key %u is still there", k, n);
        check_at_most_once(k);
        cr_assert_eq(ks_ring_free_slots(to), SLOTS - status.retired);
        ks_ring_detach(rest);
        ks_ring_detach(to);
    }
}

/* The other actors of the switching tests. */
static ks_ring *other_writer, *other_reader;

static void other_takes(void) {
    (void)take_one(other_reader);
}
static void other_takes_all(void) {
    (void)take_all(other_reader);
}
static void other_takes_by_id(void) {
    ks_key_id id = id_of(0);
    uint8_t key[KEY_BYTES];
    ks_status status = ks_ring_take_id(other_reader, &id, key, sizeof key);
    cr_assert(status == KS_OK || status == KS_ERR_EMPTY);
    if (status == KS_OK)
        record(&id, key);
}
static void other_wipes(void) {
    (void)ks_ring_wipe(other_reader);
}
static void other_revokes_and_refills(void) {
    const uint64_t second = UINT64_C(1000000000);
    for (uint64_t t = 1; t <= 8; t++)
        ks_ring_heartbeat(other_writer, t * second);
    uint32_t n = 40;
    while (append_key(other_writer, n, 5) == KS_OK)
        n++;
    ks_ring_confirm(other_writer, 1, 5);
}

/* A reader is stopped at any store of a take while the others do their worst. What is handed out is whole and
 * handed out once; what the others put in is not touched when it wakes up. */
Test(ring_faults, a_reader_suspended_at_any_store) {
    void (*const others[])(void) = {other_takes, other_takes_all, other_takes_by_id, other_wipes,
                                    other_revokes_and_refills};
    for (size_t who = 0; who < sizeof others / sizeof *others; who++) {
        int reached = 1;
        for (long k = 0; reached; k++) {
            reset();
            other_writer = writer();
            must_append(other_writer, 0, 3, 1);
            other_reader = reader();
            ks_ring *mine = reader();
            arm(k, others[who]);
            (void)take_one(mine);
            reached = on_stop == NULL;
            on_stop = NULL;
            (void)take_all(mine);
            check_at_most_once(k);
            uint32_t refilled = 0;
            for (uint32_t n = 40; n < 40 + SLOTS; n++)
                refilled += score->handed_out[n];
            cr_assert(who != 4 || !reached || refilled >= SLOTS - 3, "actor %zu, store %ld: %u", who, k,
                      refilled);
            for (uint32_t n = 0; n < KEYS; n++)
                cr_assert_not(is_in_memory(n), "actor %zu, store %ld: key %u is still there", who, k, n);
            ks_ring_detach(mine);
            ks_ring_detach(other_reader);
            ks_ring_detach(other_writer);
        }
    }
}

/* The writer is stopped at any store while readers take what is there. */
Test(ring_faults, a_writer_suspended_at_any_store) {
    void (*const others[])(void) = {other_takes_all, other_takes_by_id, other_wipes};
    for (size_t who = 0; who < sizeof others / sizeof *others; who++) {
        int reached = 1;
        for (long k = 0; reached; k++) {
            reset();
            other_writer = writer();
            other_reader = reader();
            must_append(other_writer, 1, SLOTS - 2, 1);
            arm(k, others[who]);
            for (uint32_t n = 20; n < 22; n++)
                cr_assert_eq(append_key(other_writer, n, 2), KS_OK);
            ks_ring_confirm(other_writer, 1, 2);
            ks_ring_heartbeat(other_writer, 5);
            reached = on_stop == NULL;
            on_stop = NULL;
            (void)take_all(other_reader);
            check_at_most_once(k);
            for (uint32_t n = 1; n < KEYS; n++) {
                int there = n < SLOTS - 1 || n == 20 || n == 21;
                cr_assert(others[who] == other_wipes || (int)score->handed_out[n] == there,
                          "actor %zu, store %ld: key %u", who, k, n);
                cr_assert_not(is_in_memory(n));
            }
            cr_assert_eq(ks_ring_free_slots(other_writer), SLOTS);
            ks_ring_detach(other_reader);
            ks_ring_detach(other_writer);
        }
    }
}
