/* SPDX-License-Identifier: Apache-2.0 */
/* Named rings: names, locks, recovery from killed processes, removal. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <keystill/ring_host.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[64];
static const ks_ring_config config = {.slots = 16, .key_bytes = 32, .link = "map test"};

static void choose_name(void) {
    (void)snprintf(name, sizeof name, "test-%ld", (long)getpid());
}
static void remove_name(void) {
    ks_status status = ks_ring_map_remove(name);
    cr_assert(status == KS_OK || status == KS_ERR_EMPTY);
}
TestSuite(ring_map, .init = choose_name, .fini = remove_name);

static void put(ks_ring_map *map, uint8_t n) {
    ks_key_id id = {{n}};
    uint8_t key[32];
    memset(key, n, sizeof key);
    cr_assert_eq(ks_ring_append(ks_ring_map_ring(map), &id, 1, n, key), KS_OK);
    ks_ring_confirm(ks_ring_map_ring(map), 1, n);
}
static void expect(ks_ring_map *map, uint8_t n) {
    ks_key_id id;
    uint8_t key[32];
    cr_assert_eq(ks_ring_take(ks_ring_map_ring(map), &id, key, sizeof key), KS_OK);
    cr_assert(id.bytes[0] == n && key[0] == n && key[31] == n);
}

Test(ring_map, names_are_checked) {
    static const char *const bad[] = {
        "",     ".",    "..",
        ".x",   "a/b",  "a b",
        "../x", "\xff", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    ks_ring_map *map;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(ks_ring_map_create(&map, bad[i], &config, NULL), KS_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert_eq(ks_ring_map_open(&map, bad[i]), KS_ERR_ARGUMENT);
        cr_assert_null(map);
    }
    cr_assert_eq(ks_ring_map_open(&map, name), KS_ERR_EMPTY);
    cr_assert_eq(ks_ring_map_remove(name), KS_ERR_EMPTY);
}

Test(ring_map, keys_pass_and_the_writer_is_alone) {
    ks_ring_map *writer, *reader, *other;
    ks_ring_status status;
    cr_assert_eq(ks_ring_map_create(&writer, name, &config, NULL), KS_OK, "%s", ks_error_detail());
    cr_assert_eq(ks_ring_map_is_locked(writer), 1);
    cr_assert_eq(ks_ring_map_create(&other, name, &config, NULL), KS_ERR_STATE);
    cr_assert_eq(ks_ring_map_remove(name), KS_ERR_STATE);
    cr_assert_eq(ks_ring_map_open(&reader, name), KS_OK);
    put(writer, 1);
    put(writer, 2);
    expect(reader, 1);
    ks_ring_map_get_status(reader, &status);
    cr_assert_eq(status.writer_alive, 1);
    ks_ring_map_close(writer);
    ks_ring_map_get_status(reader, &status);
    cr_assert_eq(status.writer_alive, 0);
    uint32_t recovered;
    cr_assert_eq(ks_ring_map_create(&writer, name, &config, &recovered), KS_OK);
    cr_assert_eq(recovered, 1);
    expect(reader, 2);
    ks_ring_map_close(writer);
    ks_ring_map_close(NULL);
    cr_assert_eq(ks_ring_map_is_current(reader), 1);
    cr_assert_eq(ks_ring_map_remove(name), KS_OK);
    cr_assert_eq(ks_ring_map_is_current(reader), 0);
    ks_ring_map_close(reader);
}

Test(ring_map, another_size_is_refused_until_removed) {
    ks_ring_map *map;
    ks_ring_config larger = config;
    larger.slots = 5000;
    cr_assert_eq(ks_ring_map_create(&map, name, &config, NULL), KS_OK);
    ks_ring_map_close(map);
    cr_assert_eq(ks_ring_map_create(&map, name, &larger, NULL), KS_ERR_STATE);
    cr_assert_eq(ks_ring_map_remove(name), KS_OK);
    cr_assert_eq(ks_ring_map_create(&map, name, &larger, NULL), KS_OK);
    ks_ring_map_close(map);
}

Test(ring_map, others_must_not_be_able_to_read_it) {
    ks_ring_map *map;
    char path[128];
    (void)snprintf(path, sizeof path, "/keystill-%s", name);
    cr_assert_eq(ks_ring_map_create(&map, name, &config, NULL), KS_OK);
    ks_ring_map_close(map);
    int fd = shm_open(path, O_RDWR, 0);
    cr_assert_eq(fchmod(fd, 0644), 0);
    cr_assert_eq(ks_ring_map_open(&map, name), KS_ERR_IO);
    cr_assert_eq(ks_ring_map_create(&map, name, &config, NULL), KS_ERR_IO);
    cr_assert_eq(fchmod(fd, 0600), 0);
    cr_assert_eq(ftruncate(fd, 5000), 0);
    cr_assert_eq(ks_ring_map_open(&map, name), KS_ERR_FORMAT);
    cr_assert_eq(ks_ring_map_remove(name), KS_OK);
    close(fd);
}

/* The writer is killed with keys confirmed and not; the lock and the rest follow. */
Test(ring_map, a_killed_writer_is_succeeded) {
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        ks_ring_map *map;
        ks_key_id id = {{9}};
        uint8_t key[32] = {9};
        if (ks_ring_map_create(&map, name, &config, NULL) != KS_OK)
            _exit(1);
        put(map, 1);
        put(map, 2);
        if (ks_ring_append(ks_ring_map_ring(map), &id, 1, 9, key) != KS_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    ks_ring_map *map, *reader;
    cr_assert_eq(ks_ring_map_create(&map, name, &config, NULL), KS_ERR_STATE);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    uint32_t recovered;
    cr_assert_eq(ks_ring_map_create(&map, name, &config, &recovered), KS_OK);
    cr_assert_eq(recovered, 2);
    cr_assert_eq(ks_ring_map_open(&reader, name), KS_OK);
    expect(reader, 1);
    expect(reader, 2);
    cr_assert_eq(ks_ring_free_slots(ks_ring_map_ring(map)), config.slots);
    ks_ring_map_close(reader);
    ks_ring_map_close(map);
}
