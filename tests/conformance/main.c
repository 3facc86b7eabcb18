/* SPDX-License-Identifier: Apache-2.0 */
/* conformance [--small] [--plugin FILE] [ROW|all [SEED]]: runs every variant of every row (or of one) that
 * this machine can run against its oracle; with --plugin the kernels of every device of that plugin (77: it
 * has no device here). */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keystill/plugin.h>

#include "tests/conformance/conformance.h"

typedef int case_fn(ks_any_fn *variant, ks_any_fn *oracle, uint64_t seed);

#define KS_KERNEL(name, unit, bytes, ops)                                                                    \
    static int run_##name(ks_any_fn *variant, ks_any_fn *oracle, uint64_t seed) {                            \
        return ks_conformance_##name((ks_k_##name##_fn *)variant, (ks_k_##name##_fn *)oracle, seed);         \
    }
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT

static case_fn *const cases[] = {
#define KS_KERNEL(name, unit, bytes, ops) run_##name,
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT
    NULL};

int ks_conformance_small;
static const char *only;              /* the row that is wanted; NULL: all */
static uint64_t first = 1, last = 12; /* seeds */
static int passed, failed, skipped;

/* Where the variant under test comes from: a device, or a level of the CPU. */
static struct {
    const ks_plugin *plugin;
    ks_device *device;
    ks_isa isa;
} origin;

ks_any_fn *ks_conformance_partner(const char *row) {
    if (origin.plugin)
        return origin.plugin->row(origin.device, row);
    for (int r = 0; r < ks_kernel_row_count(); r++)
        if (strcmp(ks_kernel_rows()[r].name, row) == 0)
            for (int isa = (int)origin.isa; isa >= KS_ISA_generic; isa--)
                if (ks_kernel_rows()[r].variants[isa])
                    return ks_kernel_rows()[r].variants[isa];
    return NULL;
}

ks_isa ks_conformance_isa(void) {
    return origin.isa;
}

static int wanted(const char *row) {
    return !only || strcmp(only, row) == 0;
}

/* One variant of row `r`, called `place`. device_failed: of the plugin, NULL for the CPU. */
static void run(int r, const char *place, ks_any_fn *variant, int (*device_failed)(void)) {
    const ks_kernel_row *row = &ks_kernel_rows()[r];
    uint64_t seed = first;
    const char *how = NULL;
    for (; seed <= last && !how; seed++) {
        if (cases[r](variant, row->variants[KS_ISA_ref], seed))
            how = "differs";
        if (device_failed && device_failed())
            how = "the device failed";
    }
    if (how)
        printf("%-24s %-10s FAILED (%s), seed %llu\n", row->name, place, how, (unsigned long long)seed - 1);
    else
        printf("%-24s %-10s ok\n", row->name, place);
    (void)fflush(stdout);
    passed += !how;
    failed += how != NULL;
}

static void cpu(void) {
    for (int r = 0; r < ks_kernel_row_count(); r++) {
        const ks_kernel_row *row = &ks_kernel_rows()[r];
        for (int isa = KS_ISA_generic; wanted(row->name) && isa < KS_ISA_COUNT; isa++) {
            if (!row->variants[isa])
                continue;
            origin.isa = (ks_isa)isa;
            if (isa <= (int)ks_isa_detect()) {
                run(r, ks_isa_name((ks_isa)isa), row->variants[isa], NULL);
                continue;
            }
            printf("%-24s %-10s unsupported on this machine\n", row->name, ks_isa_name((ks_isa)isa));
            skipped++;
        }
    }
}

static void device(const ks_plugin *plugin, size_t index) {
    char place[32];
    (void)snprintf(place, sizeof place, "%.16s:%zu", plugin->backend, index);
    ks_device_info info;
    ks_device *at = NULL;
    if (plugin->describe(&info, index) != KS_OK ||
        plugin->open(&at, index, &(ks_plugin_options){.struct_size = sizeof(ks_plugin_options)}) != KS_OK) {
        printf("%s FAILED: %s\n", place, plugin->reason());
        failed++;
        return;
    }
    printf("%s is %s, %s\n", place, info.name, info.driver);
    origin.plugin = plugin;
    origin.device = at;
    origin.isa = KS_ISA_ref;
    for (int r = 0; r < ks_kernel_row_count(); r++) {
        const char *name = ks_kernel_rows()[r].name;
        if (!wanted(name))
            continue;
        ks_any_fn *variant = plugin->row(at, name);
        if (variant)
            run(r, place, variant, plugin->device_failed);
        else
            printf("%-24s %-10s no kernel\n", name, place);
    }
    at->vtable->close(at);
}

/* 0, or 77 when there is nothing to test. */
static int plugin_devices(const char *path) {
    char *file = realpath(path, NULL);
    void *library = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *get = library ? dlsym(library, "ks_plugin_get") : NULL;
    free(file);
    if (!get) {
        const char *reason = dlerror();
        printf("%s: %s\n", path, reason ? reason : "no such file");
        failed++;
        return 0;
    }
    const ks_plugin *plugin = ((const ks_plugin *(*)(void))get)();
    if (plugin->abi_version != KS_PLUGIN_ABI || plugin->struct_size != sizeof *plugin) {
        printf("%s: of another Keystill\n", path);
        failed++;
        return 0;
    }
    size_t count = 0;
    if (plugin->enumerate(&count) != KS_OK || count == 0) {
        printf("skipped: no %s device: %s\n", plugin->backend, plugin->reason());
        return 77;
    }
    for (size_t i = 0; i < count; i++)
        device(plugin, i);
    return 0;
}

int main(int argc, char **argv) {
    const char *plugin = NULL;
    if (argc > 1 && strcmp(argv[1], "--small") == 0) {
        ks_conformance_small = 1;
        argv++;
        argc--;
    }
    if (argc > 2 && strcmp(argv[1], "--plugin") == 0) {
        plugin = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc > 1 && strcmp(argv[1], "all") != 0)
        only = argv[1];
    if (argc > 2)
        first = last = strtoull(argv[2], NULL, 0);
    int missing = 0;
    if (plugin)
        missing = plugin_devices(plugin);
    else
        cpu();
    if (missing)
        return missing;
    if (only && passed + failed == 0) {
        printf("no kernel of a row \"%s\"\n", only);
        return 2;
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0;
}
