/* SPDX-License-Identifier: Apache-2.0 */
/* The key pool: its rules, and a simulated disk that loses power at every byte of every write. */
#include <criterion/criterion.h>
#include <keystill/pool.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/key_pool.h"
#include "tests/conformance/conformance.h"

enum { PSK_PADS = 126, MAX_PADS = 20000 };

static uint8_t psk[KS_PSK_BYTES];
static uint8_t disk[KS_POOL_IMAGE_BYTES];

static void make_psk(uint64_t seed) {
    for (size_t i = 0; i < sizeof psk; i++)
        psk[i] = (uint8_t)ks_test_random(&seed);
}

static void make_disk(void) {
    size_t bytes = sizeof disk;
    make_psk(1);
    cr_assert_eq(ks_pool_image_from_psk(disk, &bytes, psk, sizeof psk), KS_OK);
    cr_assert_eq(bytes, sizeof disk);
}

static ks_pool *open_pool(uint32_t batch) {
    ks_pool *pool;
    cr_assert_eq(ks_pool_open(&pool, disk, sizeof disk, batch), KS_OK);
    return pool;
}

/* All writes that are due. */
static int store(ks_pool *pool) {
    ks_pool_write w;
    int count = 0;
    while (ks_pool_next_write(pool, &w)) {
        cr_assert_leq(w.offset + w.bytes, sizeof disk);
        memcpy(disk + w.offset, w.data, w.bytes);
        ks_pool_write_done(pool);
        count++;
    }
    return count;
}

static ks_status take(ks_pool *pool, ks_direction d, uint8_t pad[16], uint64_t *index) {
    ks_status status = ks_pool_take(pool, d, pad, index);
    if (status != KS_ERR_EMPTY)
        return status;
    cr_assert_gt(store(pool), 0);
    return ks_pool_take(pool, d, pad, index);
}

Test(key_pool, layout_of_the_pre_shared_key) {
    make_disk();
    ks_pool *pool = open_pool(10);
    cr_assert_arr_eq(ks_pool_hash_key(pool, KS_ALICE_TO_BOB), psk, 16);
    cr_assert_arr_eq(ks_pool_hash_key(pool, KS_BOB_TO_ALICE), psk + 16, 16);
    for (int d = 0; d < 2; d++)
        for (uint64_t i = 0; i < PSK_PADS; i++) {
            uint8_t pad[16];
            uint64_t index;
            cr_assert_eq(ks_pool_level(pool, (ks_direction)d), PSK_PADS - i);
            cr_assert_eq(take(pool, (ks_direction)d, pad, &index), KS_OK);
            cr_assert_eq(index, i);
            cr_assert_arr_eq(pad, psk + 64 + 16 * (PSK_PADS * (size_t)d + i), 16);
        }
    uint8_t pad[16];
    uint64_t index;
    cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_ERR_AUTH);
    ks_pool_close(pool);
}

Test(key_pool, nothing_is_handed_out_before_its_write_is_done) {
    make_disk();
    ks_pool *pool = open_pool(4);
    uint8_t pad[16];
    uint64_t index;
    ks_pool_write w;
    cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
    for (int copy = 0; copy < 2; copy++) {
        cr_assert(ks_pool_next_write(pool, &w));
        cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
        ks_pool_write_done(pool);
    }
    for (uint64_t i = 0; i < 4; i++)
        cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_OK);
    cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
    cr_assert_eq(ks_pool_take(pool, KS_BOB_TO_ALICE, pad, &index), KS_ERR_EMPTY);
    ks_pool_close(pool);
}

Test(key_pool, both_ends_derive_the_same_fingerprint_and_another_key_another_one) {
    uint8_t a[16], b[16];
    make_disk();
    ks_pool *pool = open_pool(1);
    ks_pool_fingerprint(pool, a);
    ks_pool_close(pool);
    cr_assert_eq(ks_pool_psk_fingerprint(b, psk, sizeof psk), KS_OK);
    cr_assert_arr_eq(a, b, 16);
    for (size_t i = 0; i < sizeof psk; i += 61) {
        psk[i] ^= 0x10;
        cr_assert_eq(ks_pool_psk_fingerprint(b, psk, sizeof psk), KS_OK);
        cr_assert_neq(memcmp(a, b, 16), 0, "byte %zu", i);
        psk[i] ^= 0x10;
    }
    memset(psk, 7, sizeof psk);
    cr_assert_eq(ks_pool_psk_fingerprint(b, psk, sizeof psk), KS_ERR_FORMAT);
    cr_assert_eq(ks_pool_psk_fingerprint(b, psk, 100), KS_ERR_FORMAT);
}

Test(key_pool, a_pad_serves_once) {
    make_disk();
    ks_pool *pool = open_pool(64);
    uint8_t pad[16];
    cr_assert_eq(ks_pool_take_at(pool, KS_BOB_TO_ALICE, 5, pad), KS_ERR_EMPTY);
    store(pool);
    cr_assert_eq(ks_pool_take_at(pool, KS_BOB_TO_ALICE, 5, pad), KS_OK);
    cr_assert_arr_eq(pad, psk + 64 + 16 * (PSK_PADS + 5), 16);
    for (uint64_t i = 0; i <= 5; i++)
        cr_assert_eq(ks_pool_take_at(pool, KS_BOB_TO_ALICE, i, pad), KS_ERR_AUTH);
    cr_assert_eq(ks_pool_take_at(pool, KS_BOB_TO_ALICE, PSK_PADS, pad), KS_ERR_AUTH);
    cr_assert_eq(ks_pool_take_at(pool, KS_BOB_TO_ALICE, UINT64_MAX, pad), KS_ERR_AUTH);
    cr_assert_eq(ks_pool_position(pool, KS_BOB_TO_ALICE), 6);
    ks_pool_close(pool);
}

static void refill_bytes(uint8_t *key, size_t bytes, uint32_t epoch, uint32_t block) {
    uint64_t seed = (uint64_t)epoch << 32 | block;
    for (size_t i = 0; i < bytes; i++)
        key[i] = (uint8_t)ks_test_random(&seed);
}

Test(key_pool, refill_adds_once_and_in_order) {
    make_disk();
    ks_pool *pool = open_pool(200);
    uint8_t key[320], pad[16];
    uint64_t index;
    refill_bytes(key, sizeof key, 1, 9);
    for (int repeat = 0; repeat < 2; repeat++)
        cr_assert_eq(ks_pool_refill(pool, 1, 9, key, sizeof key), KS_OK);
    cr_assert_eq(ks_pool_end(pool, KS_ALICE_TO_BOB), PSK_PADS + 10);
    store(pool);
    ks_pool_close(pool);
    pool = open_pool(200);
    cr_assert_eq(ks_pool_refill(pool, 1, 9, key, sizeof key), KS_OK);
    cr_assert_eq(ks_pool_end(pool, KS_BOB_TO_ALICE), PSK_PADS + 10);
    for (int d = 0; d < 2; d++)
        for (uint64_t i = 0; i < PSK_PADS + 10; i++) {
            cr_assert_eq(take(pool, (ks_direction)d, pad, &index), KS_OK);
            if (i >= PSK_PADS)
                cr_assert_arr_eq(pad, key + 160 * d + 16 * (i - PSK_PADS), 16);
        }
    cr_assert_eq(ks_pool_refill(pool, 1, 10, key, 33), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_pool_refill(pool, 1, 10, key, 0), KS_ERR_ARGUMENT);
    ks_pool_close(pool);
}

Test(key_pool, repetition_is_remembered_beyond_the_history) {
    make_disk();
    ks_pool *pool = open_pool(1);
    uint8_t key[32] = {1};
    for (uint32_t block = 0; block < 3 * KS_POOL_HISTORY; block++)
        cr_assert_eq(ks_pool_refill(pool, 2, block, key, sizeof key), KS_OK);
    uint64_t end = ks_pool_end(pool, KS_ALICE_TO_BOB);
    cr_assert_eq(end, PSK_PADS + 3 * KS_POOL_HISTORY);
    for (uint32_t block = 0; block < 3 * KS_POOL_HISTORY; block++)
        cr_assert_eq(ks_pool_refill(pool, 2, block, key, sizeof key), KS_OK);
    cr_assert_eq(ks_pool_end(pool, KS_ALICE_TO_BOB), end);
    ks_pool_close(pool);
}

Test(key_pool, a_full_pool_takes_nothing_more) {
    make_disk();
    ks_pool *pool = open_pool(256);
    static uint8_t key[32 * 1024];
    uint8_t pad[16];
    uint64_t index;
    refill_bytes(key, sizeof key, 3, 3);
    for (uint32_t block = 1; block <= 3; block++)
        cr_assert_eq(ks_pool_refill(pool, 1, block, key, sizeof key), KS_OK);
    cr_assert_eq(ks_pool_refill(pool, 1, 4, key, sizeof key), KS_ERR_FULL);
    cr_assert_eq(ks_pool_end(pool, KS_ALICE_TO_BOB), PSK_PADS + 3 * 1024);
    for (int i = 0; i < PSK_PADS + 1024; i++)
        for (int d = 0; d < 2; d++)
            cr_assert_eq(take(pool, (ks_direction)d, pad, &index), KS_OK);
    cr_assert_eq(ks_pool_refill(pool, 1, 4, key, sizeof key), KS_OK);
    /* Through the end of the ring. */
    for (uint64_t i = PSK_PADS + 1024; i < PSK_PADS + 4096; i++) {
        cr_assert_eq(take(pool, KS_BOB_TO_ALICE, pad, &index), KS_OK);
        cr_assert_eq(index, i);
        cr_assert_arr_eq(pad, key + 16 * (1024 + (i - PSK_PADS) % 1024), 16);
    }
    ks_pool_close(pool);
}

Test(key_pool, used_pads_are_erased_from_storage) {
    make_disk();
    ks_pool *pool = open_pool(16);
    uint8_t pad[16];
    uint64_t index;
    for (int i = 0; i < 60; i++)
        cr_assert_eq(take(pool, KS_ALICE_TO_BOB, pad, &index), KS_OK);
    store(pool);
    size_t offset = (size_t)ks_pool_slot_offset(0, 0);
    for (size_t i = 0; i < 16 * 48; i++)
        cr_assert_eq(disk[offset + i], 0, "byte %zu", i);
    cr_assert_arr_eq(disk + offset + 16 * 64, psk + 64 + 16 * 64, 16, "live pads stay");
    ks_pool_close(pool);
}

Test(key_pool, truncation_forgets_the_refill) {
    make_disk();
    ks_pool *pool = open_pool(4);
    uint8_t key[64], other[64], pad[16];
    uint64_t index;
    refill_bytes(key, sizeof key, 1, 1);
    refill_bytes(other, sizeof other, 2, 1);
    cr_assert_eq(ks_pool_refill(pool, 1, 1, key, sizeof key), KS_OK);
    store(pool);
    for (int d = 0; d < 2; d++)
        cr_assert_eq(ks_pool_truncate(pool, (ks_direction)d, PSK_PADS), KS_OK);
    cr_assert_eq(ks_pool_refill(pool, 2, 1, other, sizeof other), KS_ERR_STATE);
    store(pool);
    cr_assert_eq(ks_pool_refill(pool, 2, 1, other, sizeof other), KS_OK);
    cr_assert_eq(ks_pool_refill(pool, 1, 1, key, sizeof key), KS_OK, "forgotten, so it adds again");
    cr_assert_eq(ks_pool_end(pool, KS_ALICE_TO_BOB), PSK_PADS + 4);
    cr_assert_eq(ks_pool_advance(pool, KS_ALICE_TO_BOB, PSK_PADS), KS_OK);
    cr_assert_eq(take(pool, KS_ALICE_TO_BOB, pad, &index), KS_OK);
    cr_assert_arr_eq(pad, other, 16);
    cr_assert_eq(ks_pool_truncate(pool, KS_ALICE_TO_BOB, 1000), KS_ERR_ARGUMENT);
    ks_pool_close(pool);
}

/* Indices of an old pool are large; giving up all of it takes no longer than a ring. */
Test(key_pool, giving_up_an_old_pool_is_quick) {
    make_disk();
    ks_pool_state state = {.sequence = 9};
    for (int d = 0; d < 2; d++) {
        state.reserved[d] = UINT64_C(1) << 61;
        state.end[d] = state.reserved[d] + 100;
    }
    ks_pool_encode_record(disk + KS_POOL_PAGE, &state);
    ks_pool *pool = open_pool(4);
    cr_assert_eq(ks_pool_level(pool, KS_BOB_TO_ALICE), 100);
    cr_assert_eq(ks_pool_truncate(pool, KS_BOB_TO_ALICE, 0), KS_OK);
    store(pool);
    cr_assert_eq(ks_pool_level(pool, KS_BOB_TO_ALICE), 0);
    cr_assert_eq(ks_pool_level(pool, KS_ALICE_TO_BOB), 100);
    ks_pool_close(pool);
}

Test(key_pool, positions_only_rise) {
    make_disk();
    ks_pool *pool = open_pool(4);
    cr_assert_eq(ks_pool_advance(pool, KS_ALICE_TO_BOB, 20), KS_OK);
    cr_assert_eq(ks_pool_advance(pool, KS_ALICE_TO_BOB, 10), KS_OK);
    cr_assert_eq(ks_pool_position(pool, KS_ALICE_TO_BOB), 20);
    cr_assert_eq(ks_pool_advance(pool, KS_ALICE_TO_BOB, PSK_PADS + 1), KS_ERR_AUTH);
    cr_assert_eq(ks_pool_set_epoch(pool, 7), KS_OK);
    cr_assert_eq(ks_pool_set_epoch(pool, 3), KS_OK);
    cr_assert_eq(ks_pool_epoch(pool), 7);
    store(pool);
    ks_pool_close(pool);
    pool = open_pool(4);
    cr_assert_eq(ks_pool_epoch(pool), 7);
    cr_assert_eq(ks_pool_position(pool, KS_ALICE_TO_BOB), 20);
    ks_pool_close(pool);
}

Test(key_pool, damage_is_refused_or_harmless) {
    make_disk();
    ks_pool *pool = open_pool(8);
    uint8_t pad[16];
    uint64_t index;
    cr_assert_eq(take(pool, KS_ALICE_TO_BOB, pad, &index), KS_OK);
    ks_pool_close(pool);
    for (size_t at = 0; at < KS_POOL_RING_OFFSET; at += 7) {
        disk[at] ^= 0x40;
        ks_status status = ks_pool_open(&pool, disk, sizeof disk, 8);
        if (status == KS_OK) {
            cr_assert_eq(ks_pool_position(pool, KS_ALICE_TO_BOB), 8, "byte %zu: no pad comes back", at);
            ks_pool_close(pool);
        } else {
            cr_assert_eq(status, KS_ERR_FORMAT);
            cr_assert_lt(at, 80);
        }
        disk[at] ^= 0x40;
    }
    disk[KS_POOL_PAGE] ^= 1;
    disk[2 * KS_POOL_PAGE] ^= 1;
    cr_assert_eq(ks_pool_open(&pool, disk, sizeof disk, 8), KS_ERR_FORMAT);
    cr_assert_eq(ks_pool_open(&pool, disk, 100, 8), KS_ERR_FORMAT);
    cr_assert_eq(ks_pool_open(&pool, disk, sizeof disk, 0), KS_ERR_ARGUMENT);
}

/* ---- loss of power */

/* What the world has seen: the pads that were handed out, by index and by value, and what every index must
 * be. */
typedef struct world {
    uint8_t used[2][MAX_PADS];
    uint8_t expected[2][MAX_PADS][16];
    uint64_t ends[2];
    uint32_t epoch, block;
    uint32_t last_epoch;
    size_t last_pads; /* of refill (last_epoch, block) */
} world;

static world w;
static uint8_t seen[4 * MAX_PADS][16];
static size_t seen_count;

static void begin_world(void) {
    memset(&w, 0, sizeof w);
    seen_count = 0;
    make_disk();
    for (int d = 0; d < 2; d++) {
        memcpy(w.expected[d], psk + 64 + PSK_PADS * 16 * d, PSK_PADS * 16);
        w.ends[d] = PSK_PADS;
    }
}

static void use(int d, uint64_t index, const uint8_t pad[16]) {
    cr_assert_lt(index, MAX_PADS);
    cr_assert_eq(w.used[d][index], 0, "pad %llu of direction %d a second time", (unsigned long long)index, d);
    w.used[d][index] = 1;
    cr_assert_arr_eq(pad, w.expected[d][index], 16, "pad %llu of direction %d", (unsigned long long)index, d);
    for (size_t i = 0; i < seen_count; i++)
        cr_assert_neq(memcmp(seen[i], pad, 16), 0, "the same bits a second time");
    memcpy(seen[seen_count++], pad, 16);
}

/* Puts in the bits of the last refill, which adds them unless they are there. */
static void refill(ks_pool *pool) {
    uint8_t key[32 * 40];
    uint64_t end[2] = {ks_pool_end(pool, KS_ALICE_TO_BOB), ks_pool_end(pool, KS_BOB_TO_ALICE)};
    refill_bytes(key, 32 * w.last_pads, w.last_epoch, w.block);
    if (w.last_pads && ks_pool_refill(pool, w.last_epoch, w.block, key, 32 * w.last_pads) == KS_OK)
        for (int d = 0; d < 2; d++)
            if (ks_pool_end(pool, (ks_direction)d) > end[d])
                memcpy(w.expected[d][end[d]], key + (size_t)d * w.last_pads * 16, w.last_pads * 16);
}

/* A random operation; what it needs to write is left due. */
static void operate(ks_pool *pool, uint64_t *random) {
    uint8_t pad[16];
    uint64_t index, choice = ks_test_random(random) % 10;
    int d = (int)(ks_test_random(random) % 2);
    uint64_t position = ks_pool_position(pool, (ks_direction)d);
    if (choice < 5) {
        if (ks_pool_take(pool, (ks_direction)d, pad, &index) == KS_OK)
            use(d, index, pad);
    } else if (choice < 7) {
        index = position + ks_test_random(random) % 3;
        if (ks_pool_take_at(pool, (ks_direction)d, index, pad) == KS_OK)
            use(d, index, pad);
    } else if (choice < 9) {
        w.last_epoch = w.epoch;
        w.block++;
        w.last_pads = 1 + ks_test_random(random) % 40;
        refill(pool);
    } else if (ks_test_random(random) % 4 == 0) {
        uint64_t end = ks_pool_end(pool, (ks_direction)d), cut = ks_test_random(random) % 30;
        cr_assert_eq(ks_pool_truncate(pool, (ks_direction)d, end > cut ? end - cut : 0), KS_OK);
    } else {
        ks_status status = ks_pool_advance(pool, (ks_direction)d, position + ks_test_random(random) % 9);
        cr_assert(status == KS_OK || status == KS_ERR_AUTH);
    }
}

/* A write that is cut after `whole` bytes; the sector where it stops may hold anything. */
static void torn_write(const ks_pool_write *write, size_t whole, uint64_t *random) {
    memcpy(disk + write->offset, write->data, whole);
    size_t garbage = write->bytes - whole < 64 ? write->bytes - whole : 64;
    if (ks_test_random(random) & 1)
        for (size_t i = 0; i < garbage; i++)
            disk[write->offset + whole + i] = (uint8_t)ks_test_random(random);
}

/* Runs operations; on the write number `crash_at` power goes after `prefix` of its bytes. Returns 0 when it
 * never came. */
static int live(uint64_t seed, int operations, int crash_at, size_t prefix) {
    uint64_t random = seed;
    ks_pool *pool = open_pool(1 + (uint32_t)(seed % 9));
    cr_assert_eq(ks_pool_set_epoch(pool, ++w.epoch), KS_OK);
    int writes = 0, died = 0;
    if (seed & 1)
        refill(pool); /* a repetition after the crash */
    for (int i = 0; i < operations && !died; i++) {
        operate(pool, &random);
        ks_pool_write write;
        while (!died && ks_test_random(&random) % 8 && ks_pool_next_write(pool, &write)) {
            if (writes++ == crash_at) {
                torn_write(&write, prefix < write.bytes ? prefix : write.bytes, &random);
                died = 1;
            } else {
                if (ks_test_random(&random) % 4 == 0)
                    operate(pool, &random); /* while the write is under way */
                memcpy(disk + write.offset, write.data, write.bytes);
                ks_pool_write_done(pool);
            }
        }
    }
    ks_pool_close(pool);
    return died;
}

/* Pads that were not durable are lost with the refill; the world's idea of an index follows what is stored.
 * The bits of a lost refill may not come back, which `use` checks by value. */
Test(key_pool, power_lost_at_every_write) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        begin_world();
        for (int crash = 0; crash < 60; crash++) {
            static const size_t prefixes[] = {0,   1,   15,   16,   17,   100,  511,
                                              512, 513, 1024, 2000, 2047, 2048, 4096};
            size_t prefix = prefixes[(seed * 7 + (uint64_t)crash) % 14];
            (void)live(seed * 1000 + (uint64_t)crash, 60, crash % 23, prefix);
        }
    }
}

/* One write, every prefix. */
Test(key_pool, power_lost_at_every_byte) {
    static uint8_t before[KS_POOL_IMAGE_BYTES];
    static world world_before;
    begin_world();
    (void)live(77, 60, -1, 0);
    memcpy(before, disk, sizeof disk);
    world_before = w;
    size_t seen_before = seen_count;
    for (int write = 0; write < 6; write++)
        for (size_t prefix = 0; prefix <= KS_POOL_RECORD_BYTES; prefix += prefix < 48 ? 1 : 37) {
            memcpy(disk, before, sizeof disk);
            w = world_before;
            seen_count = seen_before;
            (void)live(78, 40, write, prefix);
            (void)live(79, 20, 1, prefix);
            (void)live(80, 20, -1, 0);
        }
}
