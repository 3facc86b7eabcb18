/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU driver (host/devices/gpu/driver.h) with kernels of its own, on every device there is. Exit code 77:
 * there is none. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/devices/gpu/driver.h"
#include "tests/conformance/conformance.h"

static int failures, small;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("line %d: %s (%s)\n", __LINE__, #condition, ks_error_detail());                           \
            failures++;                                                                                      \
        }                                                                                                    \
    } while (0)
#define DONE(call) CHECK((call) == KS_OK)

enum { N = 1000, ITEMS = 64, GROUPS = 16 };

static ks_gpu_memory *filled(ks_gpu *gpu, ks_gpu_queue *queue, const void *data, size_t bytes) {
    ks_gpu_memory *memory = NULL;
    DONE(ks_gpu_memory_create(&memory, gpu, bytes));
    if (memory && data)
        DONE(ks_gpu_write(queue, memory, 0, data, bytes));
    return memory;
}

/* ---- copies */

static void copies(ks_gpu *gpu, ks_gpu_queue *queue) {
    uint8_t want[777], got[777];
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof want; i++)
        want[i] = (uint8_t)(ks_test_random(&random) | 1);
    ks_gpu_memory *memory = filled(gpu, queue, want, sizeof want);
    CHECK(ks_gpu_memory_bytes(memory) == sizeof want);
    const struct {
        size_t offset, bytes;
    } zeroed[] = {{0, 1}, {3, 5}, {32, 64}, {100, 4}, {130, 2}, {700, 77}, {777, 0}};
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed; i++) {
        DONE(ks_gpu_zero(queue, memory, zeroed[i].offset, zeroed[i].bytes));
        memset(want + zeroed[i].offset, 0, zeroed[i].bytes);
    }
    DONE(ks_gpu_write(queue, memory, 200, "written", 7));
    memcpy(want + 200, "written", 7);
    memset(got, 0xA5, sizeof got);
    DONE(ks_gpu_read(queue, got, memory, 0, sizeof got));
    DONE(ks_gpu_finish(queue));
    CHECK(memcmp(got, want, sizeof got) == 0);
    memset(got, 0xA5, sizeof got);
    DONE(ks_gpu_read(queue, got + 1, memory, 201, 3));
    DONE(ks_gpu_finish(queue));
    CHECK(memcmp(got, "\xA5rit\xA5", 5) == 0);

    CHECK(ks_gpu_write(queue, memory, 778, want, 0) == KS_ERR_ARGUMENT);
    CHECK(ks_gpu_write(queue, memory, 770, want, 8) == KS_ERR_ARGUMENT);
    CHECK(ks_gpu_read(queue, got, memory, 1, SIZE_MAX) == KS_ERR_ARGUMENT);
    CHECK(ks_gpu_zero(queue, memory, SIZE_MAX, 2) == KS_ERR_ARGUMENT);
    ks_gpu_memory_destroy(memory);

    void *host = NULL;
    DONE(ks_gpu_host_create(&host, gpu, 5000));
    memset(host, 7, 5000);
    memory = filled(gpu, queue, host, 5000);
    DONE(ks_gpu_zero(queue, memory, 4999, 1));
    DONE(ks_gpu_read(queue, host, memory, 0, 5000));
    DONE(ks_gpu_finish(queue));
    CHECK(((uint8_t *)host)[4998] == 7 && ((uint8_t *)host)[4999] == 0);
    ks_gpu_memory_destroy(memory);
    ks_gpu_host_destroy(gpu, host, 5000);
    CHECK(ks_gpu_host_create(&host, gpu, 0) == KS_ERR_ARGUMENT);
}

/* ---- kernels */

/* `rows` rows of N words by one launch; 0 when right. */
static int words_once(ks_gpu *gpu, ks_gpu_queue *queue, uint32_t rows, uint64_t factor, uint32_t shift) {
    uint64_t in[N], *out = calloc((size_t)rows * N, 8), random = factor;
    for (int i = 0; i < N; i++)
        in[i] = ks_test_random(&random);
    ks_gpu_memory *to = filled(gpu, queue, NULL, (size_t)rows * N * 8),
                  *from = filled(gpu, queue, in, sizeof in);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(from), KS_GPU_U32(N), KS_GPU_U64(factor),
                               KS_GPU_U32(shift)};
    int bad = 0;
    if (ks_gpu_run(
            queue,
            &(ks_gpu_launch){.kernel = ks_test_words, .groups = GROUPS, .groups_y = rows, .items = ITEMS},
            args, 5) != KS_OK ||
        ks_gpu_read(queue, out, to, 0, (size_t)rows * N * 8) != KS_OK || ks_gpu_finish(queue) != KS_OK) {
        printf("%s\n", ks_error_detail());
        bad = 1;
    }
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < N; i++)
            bad |= out[row * N + i] != in[i] * factor + ((uint64_t)row << 32) + shift;
    ks_gpu_memory_destroy(to);
    ks_gpu_memory_destroy(from);
    free(out);
    return bad;
}

static void words(ks_gpu *gpu, ks_gpu_queue *queue) {
    CHECK(words_once(gpu, queue, 1, UINT64_C(0xFFFFFFFFFFFFFFFF), 0) == 0);
    const uint64_t before = ks_gpu_kernel_ns(queue);
    CHECK(words_once(gpu, queue, 7, UINT64_C(0x123456789ABCDEF1), UINT32_MAX) == 0);
    CHECK(ks_gpu_kernel_ns(queue) > before);
}

static void vectors(ks_gpu *gpu, ks_gpu_queue *queue) {
    uint32_t in[4 * ITEMS], out[4 * ITEMS], sizes[4];
    uint64_t random = 3;
    for (int i = 0; i < 4 * ITEMS; i++)
        in[i] = (uint32_t)ks_test_random(&random);
    ks_gpu_memory *to = filled(gpu, queue, NULL, sizeof out), *from = filled(gpu, queue, in, sizeof in),
                  *widths = filled(gpu, queue, NULL, sizeof sizes);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(from), KS_GPU_MEMORY(widths)};
    DONE(ks_gpu_run(
        queue, &(ks_gpu_launch){.kernel = ks_test_vectors, .groups = 2, .groups_y = 1, .items = ITEMS / 2},
        args, 3));
    DONE(ks_gpu_read(queue, out, to, 0, sizeof out));
    DONE(ks_gpu_read(queue, sizes, widths, 0, sizeof sizes));
    DONE(ks_gpu_finish(queue));
    int bad = 0;
    for (int i = 0; i < 4 * ITEMS; i++)
        bad |= out[i] != in[i / 4 * 4 + (i + 1) % 4];
    CHECK(!bad);
    CHECK(sizes[0] == 1 + 16 * 2 + 256 * 4 + 4096 * 8 && sizes[1] == sizes[0] && sizes[2] == 16);
    CHECK(sizes[3] == (uint32_t)-3);
    ks_gpu_memory_destroy(to);
    ks_gpu_memory_destroy(from);
    ks_gpu_memory_destroy(widths);
}

static void local(ks_gpu *gpu, ks_gpu_queue *queue, size_t local_bytes) {
    uint64_t in[GROUPS * ITEMS], out[GROUPS], random = 5;
    for (int i = 0; i < GROUPS * ITEMS; i++)
        in[i] = ks_test_random(&random) >> 32;
    ks_gpu_memory *to = filled(gpu, queue, NULL, sizeof out), *from = filled(gpu, queue, in, sizeof in);
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(from)};
    DONE(ks_gpu_run(queue,
                    &(ks_gpu_launch){.kernel = ks_test_local,
                                     .groups = GROUPS,
                                     .groups_y = 1,
                                     .items = ITEMS,
                                     .local_bytes = local_bytes},
                    args, 2));
    DONE(ks_gpu_read(queue, out, to, 0, sizeof out));
    DONE(ks_gpu_finish(queue));
    for (int g = 0; g < GROUPS; g++) {
        uint64_t sum = 0, ones = 0;
        for (int i = 0; i < ITEMS; i++) {
            sum += in[g * ITEMS + i];
            ones += (uint64_t)__builtin_popcountll(in[g * ITEMS + i]);
        }
        CHECK(out[g] == sum + (ones << 48));
    }
    ks_gpu_memory_destroy(to);
    ks_gpu_memory_destroy(from);
}

static void atomics(ks_gpu *gpu, ks_gpu_queue *queue) {
    enum { ALL = GROUPS * ITEMS };
    uint32_t counters[2], tickets[ALL], folded = 0;
    uint8_t seen[ALL] = {0};
    ks_gpu_memory *count = filled(gpu, queue, NULL, sizeof counters),
                  *drawn = filled(gpu, queue, NULL, sizeof tickets);
    DONE(ks_gpu_zero(queue, count, 0, sizeof counters));
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(count), KS_GPU_MEMORY(drawn)};
    DONE(ks_gpu_run(
        queue, &(ks_gpu_launch){.kernel = ks_test_atomics, .groups = GROUPS, .groups_y = 1, .items = ITEMS},
        args, 2));
    DONE(ks_gpu_read(queue, counters, count, 0, sizeof counters));
    DONE(ks_gpu_read(queue, tickets, drawn, 0, sizeof tickets));
    DONE(ks_gpu_finish(queue));
    for (uint32_t i = 0; i < ALL; i++) {
        folded ^= i * 2654435761u;
        if (tickets[i] < ALL)
            seen[tickets[i]]++;
    }
    int bad = 0;
    for (int i = 0; i < ALL; i++)
        bad |= seen[i] != 1;
    CHECK(!bad && counters[0] == ALL && counters[1] == folded);
    ks_gpu_memory_destroy(count);
    ks_gpu_memory_destroy(drawn);
}

static void table(ks_gpu *gpu, ks_gpu_queue *queue) {
    static const uint8_t constants[8] = {7, 1, 4, 0, 255, 128, 3, 9};
    uint64_t in[ITEMS], random = 9;
    uint8_t out[ITEMS];
    uint32_t number = 42, got = 0;
    for (int i = 0; i < ITEMS; i++)
        in[i] = i ? ks_test_random(&random) : UINT64_MAX;
    ks_gpu_memory *to = filled(gpu, queue, NULL, sizeof out), *from = filled(gpu, queue, in, sizeof in),
                  *one = filled(gpu, queue, &number, 4);
    DONE(ks_gpu_run(queue,
                    &(ks_gpu_launch){.kernel = ks_test_table, .groups = 1, .groups_y = 1, .items = ITEMS},
                    (const ks_gpu_arg[]){KS_GPU_MEMORY(to), KS_GPU_MEMORY(from)}, 2));
    DONE(ks_gpu_read(queue, out, to, 0, sizeof out));
    DONE(ks_gpu_finish(queue));
    for (int i = 0; i < ITEMS; i++)
        CHECK(out[i] == (constants[i % 8] ^ __builtin_popcountll(in[i])));
    const ks_gpu_launch launch = {.kernel = ks_test_none, .groups = 3, .groups_y = 1, .items = 1};
    for (int i = 0; i < 2; i++) {
        DONE(ks_gpu_run(queue, &launch,
                        (const ks_gpu_arg[]){KS_GPU_MEMORY(to), KS_GPU_MEMORY(i ? one : NULL)}, 2));
        DONE(ks_gpu_read(queue, &got, to, 0, 4));
        DONE(ks_gpu_finish(queue));
        CHECK(got == (i ? number : launch.groups));
    }
    ks_gpu_memory_destroy(to);
    ks_gpu_memory_destroy(from);
    ks_gpu_memory_destroy(one);
}

/* ---- limits and threads */

static void refusals(ks_gpu *gpu, ks_gpu_queue *queue, const ks_gpu_limits *limits) {
    ks_gpu_memory *memory = NULL, *to = filled(gpu, queue, NULL, 64);
    CHECK(ks_gpu_memory_create(&memory, gpu, 0) == KS_ERR_LIMIT && !memory);
    CHECK(ks_gpu_memory_create(&memory, gpu, limits->allocation + 1) == KS_ERR_LIMIT && !memory);
    const ks_gpu_arg args[KS_GPU_ARGS_MAX + 1] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(NULL)};
    const ks_gpu_launch good = {.kernel = ks_test_none, .groups = 1, .groups_y = 1, .items = 1};
    ks_gpu_launch bad[6] = {good, good, good, good, good, good};
    bad[0].groups = 0;
    bad[1].groups_y = 0;
    bad[2].items = 0;
    bad[3].items = (uint32_t)limits->items + 1;
    bad[4].local_bytes = limits->local_bytes + 1;
    bad[5].kernel = KS_GPU_KERNELS;
    for (int i = 0; i < 6; i++)
        CHECK(ks_gpu_run(queue, &bad[i], args, 2) == KS_ERR_ARGUMENT);
    CHECK(ks_gpu_run(queue, &good, args, KS_GPU_ARGS_MAX + 1) == KS_ERR_ARGUMENT);
    DONE(ks_gpu_run(queue, &good, args, 2));
    DONE(ks_gpu_finish(queue));
    ks_gpu_memory_destroy(to);
    ks_gpu_memory_destroy(NULL);
    ks_gpu_queue_destroy(NULL);
    ks_gpu_host_destroy(gpu, NULL, 0);
}

typedef struct lane {
    ks_gpu *gpu;
    uint32_t number;
    int bad;
} lane;

static void *work(void *context) {
    lane *at = context;
    ks_gpu_queue *queue = NULL;
    if (ks_gpu_queue_create(&queue, at->gpu) != KS_OK) {
        at->bad = 1;
        return NULL;
    }
    for (uint32_t i = 0; i < 50; i++)
        at->bad |= words_once(at->gpu, queue, 1 + i % 3, UINT64_C(0x9E3779B97F4A7C15) * (at->number + 1), i);
    ks_gpu_queue_destroy(queue);
    return NULL;
}

static void threads(ks_gpu *gpu) {
    lane lanes[3];
    pthread_t thread[3];
    for (uint32_t i = 0; i < 3; i++) {
        lanes[i] = (lane){.gpu = gpu, .number = i};
        CHECK(pthread_create(&thread[i], NULL, work, &lanes[i]) == 0);
    }
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(thread[i], NULL);
        CHECK(!lanes[i].bad);
    }
}

/* ---- the cache of compiled programs */

/* The one file of a folder; empty when there is none. */
static void only_file(char *path, size_t room, const char *folder) {
    path[0] = '\0';
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            CHECK(path[0] == '\0');
            (void)snprintf(path, room, "%s/%s", folder, entry->d_name);
        }
    if (directory)
        (void)closedir(directory);
}

static ino_t inode(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? info.st_ino : 0;
}

static void works_with(size_t index, const char *folder) {
    ks_gpu *gpu = NULL;
    ks_gpu_queue *queue = NULL;
    DONE(ks_gpu_open(&gpu, index, folder));
    if (!gpu)
        return;
    DONE(ks_gpu_queue_create(&queue, gpu));
    CHECK(words_once(gpu, queue, 2, 12345, 6) == 0);
    ks_gpu_queue_destroy(queue);
    ks_gpu_close(gpu);
}

static void damage(const char *path, long at, int whence, int cut) {
    FILE *file = fopen(path, "r+b");
    CHECK(file != NULL);
    if (!file)
        return;
    CHECK(fseek(file, at, whence) == 0);
    int byte = fgetc(file);
    CHECK(fseek(file, at, whence) == 0);
    CHECK(cut ? ftruncate(fileno(file), ftell(file)) == 0 : fputc(byte ^ 1, file) != EOF);
    (void)fclose(file);
}

static void cache(size_t index) {
    char folder[] = "/tmp/keystill-driver-XXXXXX", below[64], path[512], again[512];
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(below, sizeof below, "%s/cache", folder);
    works_with(index, below);
    only_file(path, sizeof path, below);
    if (path[0]) { /* drivers that compile at run time */
        struct stat info;
        CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
        CHECK(stat(below, &info) == 0 && (info.st_mode & 0777) == 0700);
        ino_t first = inode(path);
        works_with(index, below);
        CHECK(inode(path) == first); /* used, not made anew */
        const struct {
            long at;
            int whence, cut;
        } faults[] = {
            {0, SEEK_SET, 0}, {20, SEEK_SET, 0}, {-1, SEEK_END, 0}, {-9, SEEK_END, 1}, {10, SEEK_SET, 1}};
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
            char kept[600];
            (void)snprintf(kept, sizeof kept, "%s/kept", folder); /* its inode stays in use */
            damage(path, faults[i].at, faults[i].whence, faults[i].cut);
            CHECK(link(path, kept) == 0);
            works_with(index, below);
            only_file(again, sizeof again, below);
            CHECK(strcmp(path, again) == 0 && inode(path) != inode(kept));
            CHECK(unlink(kept) == 0);
        }
        CHECK(unlink(path) == 0 && chmod(below, 0777) == 0);
        works_with(index, below);
        only_file(again, sizeof again, below);
        CHECK(again[0] == '\0'); /* others could have written there */
        CHECK(rmdir(below) == 0);
    }
    works_with(index, "/dev/null/no/folder");
    CHECK(rmdir(folder) == 0);
}

static void device(size_t index) {
    ks_device_info info;
    DONE(ks_gpu_describe(&info, index));
    printf("%s:%zu %s (%s), %u units, %llu MiB, flags %u\n", ks_gpu_backend, index, info.name, info.driver,
           info.units, (unsigned long long)(info.memory >> 20), info.flags);
    ks_gpu *gpu = NULL;
    DONE(ks_gpu_open(&gpu, index, NULL));
    if (!gpu)
        return;
    ks_gpu_limits limits;
    ks_gpu_limits_of(&limits, gpu);
    printf("  %zu bytes of local memory, %zu items, pieces of %zu MiB\n", limits.local_bytes, limits.items,
           limits.allocation >> 20);
    CHECK(limits.items >= ITEMS && limits.local_bytes >= 16384 && limits.units && limits.flags == info.flags);
    ks_gpu_queue *queue = NULL;
    DONE(ks_gpu_queue_create(&queue, gpu));
    DONE(ks_gpu_finish(queue));
    CHECK(ks_gpu_kernel_ns(queue) == 0);
    copies(gpu, queue);
    words(gpu, queue);
    vectors(gpu, queue);
    local(gpu, queue, ITEMS * 8);
    local(gpu, queue, limits.local_bytes - 1024); /* the kernel has some of its own */
    atomics(gpu, queue);
    table(gpu, queue);
    refusals(gpu, queue, &limits);
    if (!small)
        threads(gpu);
    ks_gpu_queue_destroy(queue);
    ks_gpu_close(gpu);
    if (!small)
        cache(index);
}

int main(int argc, char **argv) {
    small = argc > 1 && strcmp(argv[1], "--small") == 0;
    size_t count = 0;
    ks_gpu *gpu = NULL;
    ks_device_info info;
    ks_status status = ks_gpu_count(&count);
    if (status != KS_OK || count == 0) {
        CHECK(status == KS_ERR_UNAVAILABLE && ks_error_detail()[0] != '\0');
        printf("no %s device: %s\n", ks_gpu_backend, ks_error_detail());
        CHECK(ks_gpu_open(&gpu, 0, NULL) == KS_ERR_UNAVAILABLE && !gpu);
        return failures ? 1 : 77;
    }
    CHECK(ks_gpu_describe(&info, count) == KS_ERR_UNAVAILABLE);
    CHECK(ks_gpu_open(&gpu, count, NULL) == KS_ERR_UNAVAILABLE && !gpu);
    ks_gpu_close(NULL);
    for (size_t i = 0; i < count; i++)
        device(i);
    printf("%d failures\n", failures);
    return failures != 0;
}
