/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins as files: where they are, and whether they may be loaded. */
#ifndef KS_HOST_DEVICES_PLUGIN_FILE_H
#define KS_HOST_DEVICES_PLUGIN_FILE_H

#include <stddef.h>
#include <keystill/plugin.h>
#include <keystill/status.h>

/* The folder of include/keystill/devices.h; `chosen` may be NULL. */
ks_status ks_plugin_folder(char *out, size_t room, const char *chosen);

/* Loads keystill-<backend>.so of a folder and checks that it is of this Keystill. KS_ERR_UNAVAILABLE with the
 * reason. */
ks_status ks_plugin_load(const ks_plugin **out, const char *folder, const char *backend);

#endif
