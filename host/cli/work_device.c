/* SPDX-License-Identifier: Apache-2.0 */
/* --backend: where its files are, opening what was chosen, saying what became of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/cli/device_files.h"
#include "host/cli/session_options.h"

/* out = $variable/tail, or $HOME/fallback/tail; empty without either. */
static void place(char out[KS_DEVICE_PATH], const char *variable, const char *fallback, const char *tail) {
    const char *base = secure_getenv(variable), *home = secure_getenv("HOME");
    int n = -1;
    if (base && base[0] == '/')
        n = snprintf(out, KS_DEVICE_PATH, "%s/%s", base, tail);
    else if (home && home[0] == '/')
        n = snprintf(out, KS_DEVICE_PATH, "%s/%s/%s", home, fallback, tail);
    if (n < 0 || n >= KS_DEVICE_PATH)
        out[0] = 0;
}

void ks_device_files_find(ks_device_files *files, ks_select_options *options) {
    place(files->cache, "XDG_CACHE_HOME", ".cache", "keystill");
    place(files->tuning, "XDG_CONFIG_HOME", ".config", "keystill/devices");
    options->devices.struct_size = sizeof options->devices;
    options->devices.cache = files->cache[0] ? files->cache : NULL;
    options->devices.plugins = secure_getenv("KEYSTILL_PLUGINS");
    if (!options->tuning)
        options->tuning = files->tuning[0] ? files->tuning : NULL;
}

void ks_device_files_make_folders(char *path) {
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        (void)mkdir(path, 0700); /* what fails here fails again, and is told, when the file is opened */
        *slash = '/';
    }
}

/* BACKEND[:N] */
static int parse_device(char name[16], size_t *index, const char *text) {
    const size_t length = strcspn(text, ":");
    char *end;
    *index = 0;
    if (length == 0 || length >= 16)
        return 0;
    memcpy(name, text, length);
    name[length] = 0;
    if (!text[length])
        return 1;
    *index = strtoul(text + length + 1, &end, 10);
    return text[length + 1] >= '0' && text[length + 1] <= '9' && !*end;
}

int ks_device_open_named(ks_device **out, const char *text, uint32_t threads) {
    ks_select_options options = {.devices.threads = threads};
    ks_device_files files;
    char name[16];
    size_t index;
    *out = NULL;
    if (!parse_device(name, &index, text))
        return ks_cli_fail(KS_EXIT_USAGE, "--backend is cpu, opencl[:N] or cuda[:N], not '%s'", text);
    ks_device_files_find(&files, &options);
    ks_status status = ks_devices_open(out, name, index, &options.devices);
    if (status == KS_OK)
        status = ks_device_selftest(*out);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, text);
}

static void say_lost(void *context, const ks_device *device) {
    (void)context;
    ks_cli_say(0, "warning: %s failed and is given up: the processor does its work from here on",
               device->name);
}

int ks_work_open_device(ks_device **out, const ks_work_choice *choice) {
    ks_select_options options = {.devices.threads = (uint32_t)choice->threads, .lost = say_lost};
    ks_device_files files;
    ks_device_files_find(&files, &options);
    const char *named = choice->backend ? choice->backend : secure_getenv("KEYSTILL_BACKEND");
    ks_status status = ks_devices_select(out, named ? named : "auto", &options);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "backend");
    ks_cli_say(2, "computing on %s", (*out)->name);
    return 0;
}
