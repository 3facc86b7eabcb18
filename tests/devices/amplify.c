/* SPDX-License-Identifier: Apache-2.0 */
/* amplify [--small] PLUGIN: Toeplitz jobs on every device of a plugin against the CPU's: sizes around every
 * border of the kernels, inputs with structure, garbage behind the last bit, n and m changing from job to
 * job; many jobs at once, which a device may compute as batches. --small: a few jobs at once, for
 * interpreters. 77: there is no device here. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keystill/amplify.h>
#include <keystill/plugin.h>

enum { GUARD = 4, KINDS = 6, SMALL_JOBS = 3 };

static uint64_t state = 1;

/* SplitMix64. */
static uint64_t draw(void) {
    uint64_t z = (state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* kind 0: random, 1: all ones, 2: period two, 3: a single bit, 4: zeros, 5: random with a sparse upper half.
 * What lies behind the last bit is garbage always. */
static uint64_t *words_of(size_t bits, int kind) {
    const size_t words = ks_toeplitz_words(bits);
    uint64_t *out = calloc(words + 1, 8);
    if (!out)
        return NULL;
    for (size_t i = 0; i < words; i++)
        out[i] = kind == 0 || (kind == 5 && i < words / 2) ? draw()
                 : kind == 1                               ? ~UINT64_C(0)
                 : kind == 2                               ? UINT64_C(0x5555555555555555)
                                                           : 0;
    if (kind == 3 && bits)
        out[bits / 3 / 64] |= UINT64_C(1) << bits / 3 % 64;
    if (bits % 64)
        out[words - 1] |= ~UINT64_C(0) << bits % 64;
    return out;
}

static int differs(ks_device *device, size_t n, size_t m, int key_kind, int seed_kind) {
    const size_t words = ks_toeplitz_words(m);
    uint64_t *key = words_of(n, key_kind), *seed = words_of(n - 1, seed_kind);
    uint64_t *out = malloc((words + 2 * GUARD) * 8), *want = malloc((words + 2 * GUARD) * 8);
    ks_toeplitz_plan *plan = NULL;
    int bad = !key || !seed || !out || !want ||
              ks_toeplitz_plan_create(&plan, n, m, KS_TOEPLITZ_MODIFIED, 1) != KS_OK;
    if (!bad) {
        memset(out, 0xa5, (words + 2 * GUARD) * 8);
        memset(want, 0xa5, (words + 2 * GUARD) * 8);
        ks_job job = {.op = KS_OP_TOEPLITZ, .as.toeplitz = {out + GUARD, key, seed, n, m}};
        bad = ks_toeplitz_apply(plan, want + GUARD, key, n, m, seed) != KS_OK ||
              device->vtable->submit(device, &job) != KS_OK;
        if (!bad)
            device->vtable->wait(device, &job);
        bad = bad || job.status != KS_OK || memcmp(out, want, (words + 2 * GUARD) * 8) != 0;
    }
    if (bad)
        printf("%s: hash from %zu to %zu bits, kinds %d and %d: wrong\n", device->name, n, m, key_kind,
               seed_kind);
    ks_toeplitz_plan_destroy(plan);
    free(key);
    free(seed);
    free(out);
    free(want);
    return bad;
}

/* `count` jobs submitted before the first is waited for, n and m around those given and some far from them.
 * Their number is above what a device takes in one batch when there are more than 64. */
static int batch_differs(ks_device *device, size_t count, size_t n, size_t m) {
    enum { MOST = 80 };
    static ks_job jobs[MOST];
    uint64_t *key[MOST], *seed[MOST], *out[MOST];
    int bad = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t own_n = i % 7 == 5 ? n / 2 + draw() % n : n - draw() % (n / 64),
                     own_m = i % 5 == 3 ? 1 + draw() % own_n : m - draw() % (m / 64);
        const size_t own = own_m < own_n ? own_m : own_n, words = ks_toeplitz_words(own);
        key[i] = words_of(own_n, (int)(draw() % KINDS));
        seed[i] = words_of(own_n - 1, (int)(draw() % KINDS));
        out[i] = malloc((words + 2 * GUARD) * 8);
        if (!key[i] || !seed[i] || !out[i])
            exit(2);
        memset(out[i], 0xa5, (words + 2 * GUARD) * 8);
        jobs[i] =
            (ks_job){.op = KS_OP_TOEPLITZ, .as.toeplitz = {out[i] + GUARD, key[i], seed[i], own_n, own}};
    }
    for (size_t i = 0; i < count; i++)
        if (device->vtable->submit(device, &jobs[i]) != KS_OK)
            exit(2);
    for (size_t i = 0; i < count; i++) {
        const size_t own_n = jobs[i].as.toeplitz.n, own = jobs[i].as.toeplitz.m,
                     words = ks_toeplitz_words(own);
        ks_toeplitz_plan *plan = NULL;
        uint64_t *want = malloc((words + 2 * GUARD) * 8);
        if (!want || ks_toeplitz_plan_create(&plan, own_n, own, KS_TOEPLITZ_MODIFIED, 1) != KS_OK)
            exit(2);
        device->vtable->wait(device, &jobs[i]);
        memset(want, 0xa5, (words + 2 * GUARD) * 8);
        const int wrong = ks_toeplitz_apply(plan, want + GUARD, key[i], own_n, own, seed[i]) != KS_OK ||
                          jobs[i].status != KS_OK || memcmp(out[i], want, (words + 2 * GUARD) * 8) != 0;
        if (wrong)
            printf("%s: job %zu of %zu, from %zu to %zu bits: wrong\n", device->name, i, count, own_n, own);
        bad += wrong;
        ks_toeplitz_plan_destroy(plan);
        free(key[i]);
        free(seed[i]);
        free(out[i]);
        free(want);
    }
    return bad;
}

static int device_differs(ks_device *device) {
    static const struct {
        size_t n, m;
    } fixed[] = {{1, 1},
                 {2, 1},
                 {2, 2},
                 {64, 64},
                 {65, 64},
                 {129, 1},
                 {1000, 999},
                 {5000, 2500},
                 {4096, 2048},
                 {65536, 32768},
                 {65600, 32800},
                 {66001, 33013},
                 {100000, 90001},
                 {600000, 40000},
                 {1 << 20, 1 << 19},
                 {(1 << 20) + 1, 1 << 19},
                 {(1 << 21) + 77, (1 << 20) + 5},
                 {(1 << 22) + 12345, 300001}};
    int bad = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        bad += differs(device, fixed[i].n, fixed[i].m, 0, 0);
    for (int i = 0; i < 40; i++) {
        const size_t n = 1 + draw() % 4200;
        bad += differs(device, n, 1 + draw() % n, (int)(draw() % KINDS), (int)(draw() % KINDS));
    }
    for (int i = 0; i < 12; i++) {
        const size_t n = 70000 + draw() % 300000;
        bad += differs(device, n, n / 4 + draw() % (n / 2), i % KINDS, i / 2 % KINDS);
    }
    bad += batch_differs(device, 80, 70000, 40000) + batch_differs(device, 10, 300000, 140000) +
           batch_differs(device, 6, 1 << 20, 1 << 19) + batch_differs(device, 5, 1 << 23, 1 << 22);
    bad += differs(device, (1 << 21) + 1001, 1 << 20, 1, 2) + differs(device, (1 << 21) + 64, 700000, 3, 0) +
           differs(device, (1 << 21) + 64, 1500000, 0, 3);
    return bad;
}

int main(int argc, char **argv) {
    const int small = argc > 2 && strcmp(argv[1], "--small") == 0;
    char *file = argc > 1 + small ? realpath(argv[1 + small], NULL) : NULL;
    void *library = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *get = library ? dlsym(library, "ks_plugin_get") : NULL;
    free(file);
    if (!get) {
        printf("usage: amplify [--small] PLUGIN\n");
        return 2;
    }
    const ks_plugin *plugin = ((const ks_plugin *(*)(void))get)();
    size_t count = 0;
    if (plugin->enumerate(&count) != KS_OK || count == 0) {
        printf("skipped: no %s device: %s\n", plugin->backend, plugin->reason());
        return 77;
    }
    int bad = 0;
    for (size_t i = 0; i < count; i++) {
        ks_device *device = NULL;
        const ks_plugin_options options = {.struct_size = sizeof options, .lanes = small ? 1 : 0};
        if (plugin->open(&device, i, &options) != KS_OK) {
            printf("device %zu: %s\n", i, plugin->reason());
            return 1;
        }
        printf("%s\n", device->name);
        bad += small ? batch_differs(device, SMALL_JOBS, 67000, 33500) : device_differs(device);
        device->vtable->close(device);
    }
    return bad != 0;
}
