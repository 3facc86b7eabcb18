/* SPDX-License-Identifier: Apache-2.0 */
#include <keystill/devices.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/devices/plugin_file.h"
#include "kernels/kernels.h"
#include "pipeline/status.h"

/* Backends that come as plugins, in the order of lists. */
static const char *const backends[] = {"cuda", "opencl"};
enum { BACKENDS = sizeof backends / sizeof *backends };

static ks_status check_options(const ks_devices_options *options) {
    if (options && options->struct_size != sizeof *options)
        return ks_fail(KS_ERR_ARGUMENT, "device options of %u bytes, not %zu", options->struct_size,
                       sizeof *options);
    return KS_OK;
}

ks_status ks_devices_plugin(const ks_plugin **out, const char *backend, const ks_devices_options *options) {
    *out = NULL;
    KS_TRY(check_options(options));
    size_t which = 0;
    while (which < BACKENDS && strcmp(backends[which], backend) != 0)
        which++;
    if (which == BACKENDS)
        return ks_fail(KS_ERR_ARGUMENT, "there is no backend \"%.40s\"", backend);
    char folder[PATH_MAX];
    KS_TRY(ks_plugin_folder(folder, sizeof folder, options ? options->plugins : NULL));
    return ks_plugin_load(out, folder, backend);
}

/* ---- open */

ks_status ks_devices_open(ks_device **out, const char *backend, size_t index,
                          const ks_devices_options *options) {
    *out = NULL;
    KS_TRY(check_options(options));
    if (strcmp(backend, "cpu") == 0) {
        if (index != 0)
            return ks_fail(KS_ERR_UNAVAILABLE, "cpu:%zu: the processor is cpu:0", index);
        return ks_device_open_cpu(out, options ? options->threads : 0);
    }
    const ks_plugin *plugin;
    ks_status status = ks_devices_plugin(&plugin, backend, options);
    if (status != KS_OK)
        return ks_fail_in(status, "%.16s", backend);
    ks_plugin_options own = {.struct_size = sizeof own};
    if (options) {
        own.lanes = options->lanes;
        own.cache = options->cache;
    }
    status = plugin->open(out, index, &own);
    if (status != KS_OK)
        return ks_fail(status, "%.16s:%zu: %.400s", backend, index, plugin->reason());
    const ks_device_vtable *vtable = (*out)->vtable;
    if (vtable->abi_version == KS_BACKEND_ABI && vtable->struct_size == sizeof *vtable)
        return KS_OK;
    *out = NULL; /* whose close could not be trusted either */
    return ks_fail(KS_ERR_UNAVAILABLE, "%.16s:%zu has device interface %u, this is %d", backend, index,
                   vtable->abi_version, KS_BACKEND_ABI);
}

/* ---- list */

typedef struct list {
    ks_device_entry *entries;
    size_t room, count;
} list;

static void add(list *to, const ks_device_entry *entry) {
    if (to->count < to->room)
        to->entries[to->count] = *entry;
    to->count++;
}

static ks_device_entry entry_of(const char *backend, size_t index) {
    ks_device_entry entry = {.index = index};
    (void)snprintf(entry.backend, sizeof entry.backend, "%.15s", backend);
    return entry;
}

static void add_unusable(list *to, const char *backend, size_t index, const char *reason) {
    ks_device_entry entry = entry_of(backend, index);
    (void)snprintf(entry.reason, sizeof entry.reason, "%.255s", reason);
    add(to, &entry);
}

/* "model name" of /proc/cpuinfo; otherwise `out` stays as it is. */
static void processor_name(char *out, size_t room) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        (void)snprintf(out, room, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (file)
        (void)fclose(file);
}

static void add_processor(list *to) {
    ks_device_entry entry = entry_of("cpu", 0);
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE),
               cores = sysconf(_SC_NPROCESSORS_ONLN);
    entry.usable = 1;
    entry.info.flags = KS_DEVICE_HOST | KS_DEVICE_UNIFIED;
    entry.info.units = cores > 0 ? (uint32_t)cores : 1;
    entry.info.memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    (void)snprintf(entry.info.name, sizeof entry.info.name, "processor");
    processor_name(entry.info.name, sizeof entry.info.name);
    (void)snprintf(entry.info.driver, sizeof entry.info.driver, "Keystill %s, %s kernels", ks_version(),
                   ks_isa_name(ks_kernels_get()->isa));
    add(to, &entry);
}

static void add_backend(list *to, const char *backend, const char *folder) {
    const ks_plugin *plugin;
    size_t devices = 0;
    if (ks_plugin_load(&plugin, folder, backend) != KS_OK) {
        add_unusable(to, backend, 0, ks_error_detail());
        return;
    }
    if (plugin->enumerate(&devices) != KS_OK) {
        add_unusable(to, backend, 0, plugin->reason());
        return;
    }
    if (devices == 0)
        add_unusable(to, backend, 0, "there is no device");
    for (size_t i = 0; i < devices; i++) {
        ks_device_entry entry = entry_of(backend, i);
        entry.usable = plugin->describe(&entry.info, i) == KS_OK;
        if (entry.usable)
            add(to, &entry);
        else
            add_unusable(to, backend, i, plugin->reason());
    }
}

ks_status ks_devices_list(ks_device_entry *entries, size_t room, size_t *count,
                          const ks_devices_options *options) {
    *count = 0;
    KS_TRY(check_options(options));
    char folder[PATH_MAX];
    KS_TRY(ks_plugin_folder(folder, sizeof folder, options ? options->plugins : NULL));
    list all = {.entries = entries, .room = room};
    add_processor(&all);
    for (size_t i = 0; i < BACKENDS; i++)
        add_backend(&all, backends[i], folder);
    *count = all.count;
    return KS_OK;
}
