/* SPDX-License-Identifier: Apache-2.0 */
/* The user's files about compute devices: ~/.cache/keystill, ~/.config/keystill/devices (or the XDG folders);
 * and KEYSTILL_PLUGINS, an absolute path. */
#ifndef KS_HOST_CLI_DEVICE_FILES_H
#define KS_HOST_CLI_DEVICE_FILES_H

#include <keystill/device_select.h>

enum { KS_DEVICE_PATH = 4096 };

typedef struct ks_device_files {
    char cache[KS_DEVICE_PATH], tuning[KS_DEVICE_PATH];
} ks_device_files;

/* Fills what *options leaves open; the options point into *files. */
void ks_device_files_find(ks_device_files *files, ks_select_options *options);
/* The folders above a file, as far as they are missing. `path` is the same afterwards. */
void ks_device_files_make_folders(char *path);

/* The one device BACKEND[:N], after its self-test; an exit code after saying why not, *out may then be open,
 * to be closed. */
int ks_device_open_named(ks_device **out, const char *text, uint32_t threads);

#endif
