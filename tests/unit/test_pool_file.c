/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <keystill/entropy.h>
#include <keystill/storage.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64], psk_path[128], pool_path[128], other_path[128];

static void enter(void) {
    strcpy(directory, "/tmp/keystill-test-XXXXXX");
    cr_assert(mkdtemp(directory));
    snprintf(psk_path, sizeof psk_path, "%s/psk", directory);
    snprintf(pool_path, sizeof pool_path, "%s/pool", directory);
    snprintf(other_path, sizeof other_path, "%s/other", directory);
}

static void leave(void) {
    unlink(psk_path);
    unlink(pool_path);
    unlink(other_path);
    cr_assert_eq(rmdir(directory), 0, "something half-written was left behind");
}

TestSuite(pool_file, .init = enter, .fini = leave);

static void make_pool(void) {
    uint8_t psk[KS_PSK_BYTES];
    uint64_t seed = 4;
    ks_random random = ks_random_seeded(&seed);
    cr_assert_eq(ks_psk_create(psk_path, &random), KS_OK);
    cr_assert_eq(ks_psk_read(psk, psk_path), KS_OK);
    cr_assert_eq(ks_pool_file_create(pool_path, psk), KS_OK);
}

static ks_pool_file *open_pool(void) {
    ks_pool_file *file;
    cr_assert_eq(ks_pool_file_open(&file, pool_path, 8), KS_OK, "%s", ks_error_detail());
    return file;
}

Test(pool_file, created_privately_and_never_replaced) {
    (void)umask(0);
    make_pool();
    struct stat info;
    cr_assert_eq(stat(psk_path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    cr_assert_eq(info.st_size, KS_PSK_BYTES);
    cr_assert_eq(stat(pool_path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    uint8_t before[KS_PSK_BYTES], after[KS_PSK_BYTES];
    cr_assert_eq(ks_psk_read(before, psk_path), KS_OK);
    ks_random random = ks_random_system();
    cr_assert_eq(ks_psk_create(psk_path, &random), KS_ERR_STATE);
    cr_assert_eq(ks_pool_file_create(pool_path, before), KS_ERR_STATE);
    cr_assert_eq(ks_psk_read(after, psk_path), KS_OK);
    cr_assert_arr_eq(before, after, KS_PSK_BYTES);
}

Test(pool_file, pads_used_stay_used) {
    make_pool();
    for (uint64_t life = 0; life < 5; life++) {
        ks_pool_file *file = open_pool();
        uint8_t pad[16];
        uint64_t index;
        ks_pool *pool = ks_pool_file_pool(file);
        cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
        cr_assert_eq(ks_pool_file_sync(file), KS_OK);
        cr_assert_eq(ks_pool_take(pool, KS_ALICE_TO_BOB, pad, &index), KS_OK);
        cr_assert_eq(index, 8 * life);
        ks_pool_file_close(file);
    }
}

Test(pool_file, one_user_at_a_time) {
    make_pool();
    ks_pool_file *file = open_pool(), *second;
    cr_assert_eq(ks_pool_file_open(&second, pool_path, 8), KS_ERR_STATE);
    cr_assert_null(second);
    ks_pool_file_close(file);
    ks_pool_file_close(open_pool());
}

Test(pool_file, refuses_files_that_others_reach) {
    make_pool();
    ks_pool_file *file;
    uint8_t psk[KS_PSK_BYTES];
    cr_assert_eq(chmod(pool_path, 0640), 0);
    cr_assert_eq(ks_pool_file_open(&file, pool_path, 8), KS_ERR_SECURITY);
    cr_assert_eq(chmod(psk_path, 0604), 0);
    cr_assert_eq(ks_psk_read(psk, psk_path), KS_ERR_SECURITY);
    cr_assert_eq(chmod(psk_path, 0600), 0);
    cr_assert_eq(symlink(psk_path, other_path), 0);
    cr_assert_eq(ks_psk_read(psk, other_path), KS_ERR_SECURITY);
    cr_assert_eq(ks_psk_read(psk, "/dev/zero"), KS_ERR_SECURITY);
    cr_assert_eq(ks_psk_read(psk, directory), KS_ERR_SECURITY);
}

Test(pool_file, refuses_files_of_another_kind) {
    make_pool();
    ks_pool_file *file;
    uint8_t psk[KS_PSK_BYTES];
    cr_assert_eq(ks_pool_file_open(&file, psk_path, 8), KS_ERR_FORMAT);
    cr_assert_eq(truncate(psk_path, 4095), 0);
    cr_assert_eq(ks_psk_read(psk, psk_path), KS_ERR_FORMAT);
    cr_assert_eq(ks_pool_file_open(&file, other_path, 8), KS_ERR_IO);
    int fd = open(pool_path, O_WRONLY);
    cr_assert_eq(pwrite(fd, "damage", 6, 20), 6);
    close(fd);
    cr_assert_eq(ks_pool_file_open(&file, pool_path, 8), KS_ERR_FORMAT);
    cr_assert(strstr(ks_error_detail(), "checksum"), "%s", ks_error_detail());
}

/* A full disk: nothing half-written stays, and a pool that failed hands out nothing more. */
Test(pool_file, full_disk) {
    make_pool();
    ks_pool_file *file = open_pool();
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ks_random random = ks_random_system();
    cr_assert_eq(ks_psk_create(other_path, &random), KS_ERR_IO);
    cr_assert_neq(access(other_path, F_OK), 0);
    uint8_t pad[16];
    uint64_t index;
    cr_assert_eq(ks_pool_take(ks_pool_file_pool(file), KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
    cr_assert_eq(ks_pool_file_sync(file), KS_ERR_IO);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(ks_pool_file_sync(file), KS_ERR_IO, "a failed file is not trusted again");
    cr_assert_eq(ks_pool_take(ks_pool_file_pool(file), KS_ALICE_TO_BOB, pad, &index), KS_ERR_EMPTY);
    ks_pool_file_close(file);
    ks_pool_file_close(open_pool());
}

/* Killed at any moment: reopening works and positions never go back. */
Test(pool_file, killed) {
    make_pool();
    uint64_t highest = 0;
    for (useconds_t life = 0; life < 12; life++) {
        int channel[2];
        cr_assert_eq(pipe(channel), 0);
        pid_t child = fork();
        if (child == 0) {
            ks_pool_file *file;
            uint8_t pad[16];
            uint64_t index = 0;
            if (ks_pool_file_open(&file, pool_path, 2) != KS_OK)
                _exit(1);
            for (;;) {
                ks_status status = ks_pool_take(ks_pool_file_pool(file), KS_BOB_TO_ALICE, pad, &index);
                if (status == KS_OK && write(channel[1], &index, sizeof index) != sizeof index)
                    _exit(2);
                if (status == KS_ERR_AUTH || (status == KS_ERR_EMPTY && ks_pool_file_sync(file) != KS_OK))
                    _exit(0);
            }
        }
        usleep(500 + 700 * life);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(channel[1]);
        uint64_t index;
        while (read(channel[0], &index, sizeof index) == sizeof index) {
            cr_assert_geq(index, highest, "pad %llu twice", (unsigned long long)index);
            highest = index + 1;
        }
        close(channel[0]);
    }
    ks_pool_file_close(open_pool());
}
