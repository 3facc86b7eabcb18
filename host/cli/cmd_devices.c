/* SPDX-License-Identifier: Apache-2.0 */
/* keystill devices: what this machine can compute on, whether it computes right, and how fast. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"
#include "host/cli/device_files.h"

typedef struct finding {
    const ks_device_entry *entry;
    int usable, measured;
    char reason[256];
    double speed[KS_GROUP_OPS];
} finding;

static const struct {
    ks_op op;
    const char *name;
} ops[] = {{KS_OP_SYNDROME, "syndrome"},
           {KS_OP_DECODE, "decode"},
           {KS_OP_HASH, "hash"},
           {KS_OP_TOEPLITZ, "toeplitz"}};

static void examine(finding *f, const ks_device_entry *entry, int measure, const ks_select_options *options) {
    memset(f, 0, sizeof *f);
    f->entry = entry;
    (void)snprintf(f->reason, sizeof f->reason, "%s", entry->reason);
    if (!entry->usable)
        return;
    ks_device *device;
    ks_status status = ks_devices_open(&device, entry->backend, entry->index, &options->devices);
    if (status == KS_OK) {
        status = ks_device_selftest(device);
        if (status == KS_OK && measure) {
            status = ks_devices_measure(f->speed, device);
            f->measured = status == KS_OK;
        }
        if (status != KS_OK)
            (void)snprintf(f->reason, sizeof f->reason, "%s", ks_error_detail());
        ks_device_close(device);
    } else {
        (void)snprintf(f->reason, sizeof f->reason, "%s", ks_error_detail());
    }
    f->usable = status == KS_OK;
}

static void print_text(const finding *f) {
    const ks_device_entry *e = f->entry;
    if (!e->usable) {
        printf("%-10s  unusable: %s\n", e->backend, f->reason);
        return;
    }
    char label[32];
    (void)snprintf(label, sizeof label, e->index || strcmp(e->backend, "cpu") != 0 ? "%s:%zu" : "%s",
                   e->backend, e->index);
    printf("%-10s  %s, %u units, %.1f GiB%s%s\n", label, e->info.name, e->info.units,
           (double)e->info.memory / (1024.0 * 1024 * 1024), e->info.driver[0] ? ", " : "", e->info.driver);
    printf("%-10s  %s%s\n", "", f->usable ? "self-test passed" : "unusable: ", f->usable ? "" : f->reason);
    for (size_t i = 0; f->measured && i < sizeof ops / sizeof *ops; i++)
        if (f->speed[ops[i].op] > 0)
            printf("%-10s  %-9s %10.1f Mbit/s\n", "", ops[i].name, f->speed[ops[i].op] * 1e-6);
}

static void print_json(const finding *f) {
    const ks_device_entry *e = f->entry;
    json_t *object =
        json_pack("{s:s, s:i, s:b}", "backend", e->backend, "index", (int)e->index, "usable", f->usable);
    if (e->usable) {
        (void)json_object_set_new(object, "name", json_string(e->info.name));
        (void)json_object_set_new(object, "driver", json_string(e->info.driver));
        (void)json_object_set_new(object, "units", json_integer((json_int_t)e->info.units));
        (void)json_object_set_new(object, "memory_bytes", json_integer((json_int_t)e->info.memory));
        (void)json_object_set_new(object, "accelerator", json_boolean(e->info.flags & KS_DEVICE_GPU));
        (void)json_object_set_new(object, "self_test", json_string(f->usable ? "passed" : "failed"));
    }
    if (f->reason[0])
        (void)json_object_set_new(object, "reason", json_string(f->reason));
    for (size_t i = 0; f->measured && i < sizeof ops / sizeof *ops; i++)
        if (f->speed[ops[i].op] > 0) {
            char key[32];
            (void)snprintf(key, sizeof key, "%s_bits_per_second", ops[i].name);
            (void)json_object_set_new(object, key, json_real(f->speed[ops[i].op]));
        }
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text)
        puts(text);
    free(text);
    json_decref(object);
}

static int write_tuning(const finding *findings, size_t count, const char *path) {
    ks_tuning *tunings = calloc(count, sizeof *tunings);
    size_t used = 0;
    for (size_t i = 0; tunings && i < count; i++)
        if (findings[i].measured) {
            ks_tuning *t = &tunings[used++];
            memcpy(t->backend, findings[i].entry->backend, sizeof t->backend);
            t->index = (uint32_t)findings[i].entry->index;
            memcpy(t->name, findings[i].entry->info.name, sizeof t->name);
            memcpy(t->speed, findings[i].speed, sizeof t->speed);
        }
    ks_status status = tunings ? ks_tuning_write(tunings, used, path) : KS_ERR_MEMORY;
    free(tunings);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "tuning file");
    ks_cli_say(1, "speeds of %zu devices kept for --backend auto", used);
    return KS_EXIT_OK;
}

int ks_cmd_devices(int argc, char **argv) {
    int tune = 0, rest;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = cores > 0 ? (uint64_t)cores : 1;
    ks_select_options options = {0};
    const ks_option table[] = {
        {"tune", 0, KS_OPTION_FLAG, &tune, NULL,
         "measure every device and keep its speeds for --backend auto", NULL},
        {"tuning", 0, KS_OPTION_TEXT, &options.tuning, "FILE",
         "the file of speeds (~/.config/keystill/devices)", NULL},
        {"threads", 't', KS_OPTION_U64, &threads, "N", "threads of the processor (one a core)", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("devices [options]", table, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest != argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected argument '%s'", argv[rest]);
    if (threads < 1 || threads > 1024)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads: 1 to 1024");
    options.devices.threads = (uint32_t)threads;
    ks_device_files files;
    ks_device_files_find(&files, &options);
    ks_device_entry *entries = calloc(KS_DEVICES_MAX, sizeof *entries);
    finding *findings = calloc(KS_DEVICES_MAX, sizeof *findings);
    size_t count = 0;
    ks_status status = entries && findings
                           ? ks_devices_list(entries, KS_DEVICES_MAX, &count, &options.devices)
                           : KS_ERR_MEMORY;
    count = count < KS_DEVICES_MAX ? count : KS_DEVICES_MAX;
    for (size_t i = 0; i < count && status == KS_OK; i++) {
        examine(&findings[i], &entries[i], tune, &options);
        (ks_cli_json ? print_json : print_text)(&findings[i]);
    }
    code = status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "devices");
    if (code == KS_EXIT_OK && tune && !options.tuning)
        code = ks_cli_fail(KS_EXIT_USAGE, "--tuning FILE is needed where there is no home folder");
    if (code == KS_EXIT_OK && tune) {
        ks_device_files_make_folders(files.tuning);
        code = write_tuning(findings, count, options.tuning);
    }
    free(entries);
    free(findings);
    return code;
}
