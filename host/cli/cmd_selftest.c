/* SPDX-License-Identifier: Apache-2.0 */
/* keystill selftest: known answers on every instruction set of the processor and on every other device. */
#include <keystill/self_test.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/cli/device_files.h"
#include "kernels/kernels.h"

static int failures;

static void tell(const char *what, ks_status status, const char *detail) {
    failures += status != KS_OK;
    if (ks_cli_json)
        printf("{\"device\":\"%s\",\"self_test\":\"%s\"}\n", what, status == KS_OK ? "passed" : "failed");
    else
        printf("%-24s %s%s%s\n", what, status == KS_OK ? "passed" : "FAILED", status == KS_OK ? "" : ": ",
               status == KS_OK ? "" : detail);
}

static void test_processor(void) {
    const ks_isa best = ks_isa_detect();
    for (int isa = KS_ISA_generic; isa <= (int)best; isa++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cpu %s", ks_isa_name((ks_isa)isa));
        ks_device *device = NULL;
        ks_status status = ks_kernels_force(ks_isa_name((ks_isa)isa)) == 0 ? KS_OK : KS_ERR_UNAVAILABLE;
        if (status == KS_OK)
            status = ks_device_open_cpu(&device, 0);
        if (status == KS_OK)
            status = ks_device_selftest(device);
        if (status == KS_OK)
            status = ks_self_test();
        tell(name, status, ks_error_detail());
        ks_device_close(device);
    }
    (void)ks_kernels_force(NULL);
}

static void test_device(const ks_device_entry *entry, const ks_select_options *options) {
    char name[48];
    (void)snprintf(name, sizeof name, "%s:%zu", entry->backend, entry->index);
    ks_device *device;
    ks_status status = ks_devices_open(&device, entry->backend, entry->index, &options->devices);
    if (status == KS_OK) {
        status = ks_device_selftest(device);
        char detail[256];
        (void)snprintf(detail, sizeof detail, "%s", ks_error_detail());
        ks_device_close(device);
        tell(name, status, detail);
    } else {
        tell(name, status, ks_error_detail());
    }
}

int ks_cmd_selftest(int argc, char **argv) {
    const ks_option table[] = {{NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("selftest [options]", table, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest != argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected argument '%s'", argv[rest]);
    ks_select_options options = {.lost = NULL};
    ks_device_files files;
    ks_device_files_find(&files, &options);
    ks_device_entry *entries = calloc(KS_DEVICES_MAX, sizeof *entries);
    size_t count = 0;
    ks_status status =
        entries ? ks_devices_list(entries, KS_DEVICES_MAX, &count, &options.devices) : KS_ERR_MEMORY;
    if (status != KS_OK)
        return ks_cli_fail_status(status, "selftest");
    failures = 0;
    test_processor();
    for (size_t i = 1; i < count && i < KS_DEVICES_MAX; i++) {
        if (entries[i].usable)
            test_device(&entries[i], &options);
        else
            ks_cli_say(1, "%s: not tested: %s", entries[i].backend, entries[i].reason);
    }
    free(entries);
    return failures ? KS_EXIT_UNAVAILABLE : KS_EXIT_OK;
}
