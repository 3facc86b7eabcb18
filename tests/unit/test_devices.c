/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <keystill/devices.h>

#include "host/devices/plugin_file.h"

enum { ROOM = 16 };

static ks_devices_options with(const char *plugins) {
    return (ks_devices_options){.struct_size = sizeof(ks_devices_options), .plugins = plugins};
}

/* A folder of its own for plugins, below the folder of temporary files. */
static void make_folder(char folder[64]) {
    (void)snprintf(folder, 64, "/tmp/keystill-devices-XXXXXX");
    cr_assert(mkdtemp(folder));
}

static void put(const char *folder, const char *name, const char *data, size_t bytes) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
    cr_assert(chmod(path, 0644) == 0);
}

static void drop(const char *folder, const char *name) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert(unlink(path) == 0);
}

/* Both calls refuse the CUDA plugin of this folder with `reason` in their text. */
static void refused(const char *folder, const char *reason) {
    ks_devices_options options = with(folder);
    const ks_plugin *plugin;
    ks_device *device;
    cr_assert_eq(ks_devices_plugin(&plugin, "cuda", &options), KS_ERR_UNAVAILABLE);
    cr_assert(strstr(ks_error_detail(), reason), "%s", ks_error_detail());
    cr_assert_eq(ks_devices_open(&device, "cuda", 0, &options), KS_ERR_UNAVAILABLE);
    cr_assert(!device && strstr(ks_error_detail(), reason), "%s", ks_error_detail());
    ks_device_entry entries[ROOM];
    size_t count;
    cr_assert_eq(ks_devices_list(entries, ROOM, &count, &options), KS_OK);
    cr_assert_eq(count, 3);
    cr_assert(strcmp(entries[1].backend, "cuda") == 0 && !entries[1].usable &&
              strstr(entries[1].reason, reason));
}

Test(devices, processor_is_first_and_every_backend_is_listed) {
    ks_device_entry entries[ROOM];
    size_t count, again;
    cr_assert_eq(ks_devices_list(entries, ROOM, &count, NULL), KS_OK);
    cr_assert(count >= 3 && count <= ROOM);
    cr_assert_str_eq(entries[0].backend, "cpu");
    cr_assert(entries[0].usable && entries[0].info.units && entries[0].info.memory &&
              entries[0].info.name[0]);
    int cuda = 0, opencl = 0;
    for (size_t i = 1; i < count; i++) {
        cuda += strcmp(entries[i].backend, "cuda") == 0;
        opencl += strcmp(entries[i].backend, "opencl") == 0;
        cr_assert(entries[i].usable == (entries[i].reason[0] == '\0'), "%s", entries[i].reason);
        cr_assert(entries[i].usable == (entries[i].info.name[0] != '\0'));
    }
    cr_assert(cuda && opencl);
    ks_device_entry one;
    cr_assert_eq(ks_devices_list(&one, 1, &again, NULL), KS_OK);
    cr_assert_eq(again, count);
    cr_assert_eq(ks_devices_list(NULL, 0, &again, NULL), KS_OK);
    cr_assert_eq(again, count);
}

Test(devices, names_and_arguments) {
    ks_device *device;
    size_t count;
    cr_assert_eq(ks_devices_open(&device, "cpu", 0, NULL), KS_OK);
    ks_device_close(device);
    cr_assert_eq(ks_devices_open(&device, "cpu", 1, NULL), KS_ERR_UNAVAILABLE);
    cr_assert_eq(ks_devices_open(&device, "gpu", 0, NULL), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_devices_open(&device, "../cuda", 0, NULL), KS_ERR_ARGUMENT);
    ks_devices_options options = with("plugins");
    cr_assert_eq(ks_devices_open(&device, "cuda", 0, &options), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_devices_list(NULL, 0, &count, &options), KS_ERR_ARGUMENT);
    options = with(NULL);
    options.struct_size--;
    cr_assert_eq(ks_devices_open(&device, "cpu", 0, &options), KS_ERR_ARGUMENT);
}

Test(devices, a_plugin_that_fits) {
    ks_devices_options options = with(TEST_PLUGINS "/NONE");
    ks_device_entry entries[ROOM];
    size_t count;
    ks_device *device;
    cr_assert_eq(ks_devices_list(entries, ROOM, &count, &options), KS_OK);
    cr_assert_eq(count, 4);
    cr_assert(entries[1].usable && entries[1].info.units == 7 && entries[1].index == 0);
    cr_assert(!entries[2].usable && entries[2].index == 1 && strcmp(entries[2].reason, "switched off") == 0);
    cr_assert(strcmp(entries[3].backend, "opencl") == 0 && strstr(entries[3].reason, "not installed"));
    cr_assert_eq(ks_devices_open(&device, "cuda", 0, &options), KS_OK);
    cr_assert_str_eq(device->name, "tested");
    options.lanes = 99;
    cr_assert_eq(ks_devices_open(&device, "cuda", 0, &options), KS_ERR_UNAVAILABLE);
    cr_assert_str_eq(ks_error_detail(), "cuda:0: switched off");
}

Test(devices, plugins_that_do_not_fit) {
    refused(TEST_PLUGINS "/ABI", "interface");
    refused(TEST_PLUGINS "/SIZE", "interface");
    refused(TEST_PLUGINS "/VERSION", "0.0.1-other");
    refused(TEST_PLUGINS "/BACKEND", "calls itself opencl");
    refused(TEST_PLUGINS "/SYMBOL", "no Keystill plugin");
    ks_devices_options options = with(TEST_PLUGINS "/VTABLE");
    ks_device *device;
    cr_assert_eq(ks_devices_open(&device, "cuda", 0, &options), KS_ERR_UNAVAILABLE);
    cr_assert(!device && strstr(ks_error_detail(), "device interface"));
}

Test(devices, folders_and_files_that_others_may_write) {
    char folder[64];
    make_folder(folder);
    refused(folder, "not installed");
    put(folder, "keystill-cuda.so", "no object", 9);
    refused(folder, "keystill-cuda.so");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/keystill-cuda.so", folder);
    cr_assert(chmod(path, 0664) == 0);
    refused(folder, "mode 664");
    cr_assert(chmod(path, 0644) == 0 && chmod(folder, 0777) == 0);
    refused(folder, "mode 777");
    cr_assert(chmod(folder, 0700) == 0);
    drop(folder, "keystill-cuda.so");
    cr_assert(mkdir(path, 0700) == 0);
    refused(folder, "no regular file");
    cr_assert(rmdir(path) == 0);
    if (geteuid() == 0) {
        cr_assert(chown(folder, 12345, 12345) == 0);
        refused(folder, "user 12345");
    }
    cr_assert(rmdir(folder) == 0);
    refused(folder, "not installed");
}

/* Programs of the build tree, which this is, use its plugins; nobody is asked for the way. */
Test(devices, folder_of_the_build_tree) {
    char folder[512], tree[512];
    cr_assert(chdir("/") == 0);
    cr_assert_eq(ks_plugin_folder(folder, sizeof folder, NULL), KS_OK);
    cr_assert(folder[0] == '/' && strstr(folder, "/plugins"));
    ssize_t length = readlink("/proc/self/exe", tree, sizeof tree - 1);
    cr_assert(length > 0);
    cr_assert(strncmp(folder, tree, strlen(folder) - strlen("plugins")) == 0);
    cr_assert_eq(ks_plugin_folder(folder, 8, NULL), KS_ERR_LIMIT);
    cr_assert_eq(ks_plugin_folder(folder, sizeof folder, ""), KS_ERR_ARGUMENT);
}

/* The verification tag of a device of each backend here is that of the processor. */
Test(devices, hashes_alike_on_every_device) {
    static uint64_t bits[3000];
    for (int i = 0; i < 3000; i++)
        bits[i] = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15);
    const uint8_t key[16] = "a key of a test";
    ks_device_entry entries[ROOM];
    size_t count;
    uint8_t want[16], got[16];
    cr_assert_eq(ks_devices_list(entries, ROOM, &count, NULL), KS_OK);
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].usable)
            continue;
        ks_device *device;
        cr_assert_eq(ks_devices_open(&device, entries[i].backend, entries[i].index, NULL), KS_OK, "%s",
                     ks_error_detail());
        ks_job job = {.op = KS_OP_HASH,
                      .as.hash = {.tag = i ? got : want, .key = key, .bits = bits, .n = 191999}};
        cr_assert_eq(ks_device_submit(device, &job), KS_OK);
        ks_device_wait(device, &job);
        cr_assert_eq(job.status, KS_OK);
        cr_assert(i == 0 || memcmp(want, got, 16) == 0, "%s", device->name);
        ks_device_close(device);
    }
}
