/* SPDX-License-Identifier: Apache-2.0 */
/* The one symbol that a plugin exports. */
#include <keystill/plugin.h>

#include "host/devices/gpu/device.h"
#include "pipeline/status.h"

static ks_status open_device(ks_device **out, size_t index, const ks_plugin_options *options) {
    if (options && options->struct_size != sizeof *options)
        return ks_fail(KS_ERR_ARGUMENT, "plugin options of %u bytes, not %zu", options->struct_size,
                       sizeof *options);
    return ks_gpu_device_open(out, index, options ? options->lanes : 0, options ? options->cache : NULL);
}

static const ks_plugin plugin = {.abi_version = KS_PLUGIN_ABI,
                                 .struct_size = sizeof(ks_plugin),
                                 .version = KS_VERSION_TEXT,
                                 .backend = ks_gpu_backend,
                                 .enumerate = ks_gpu_count,
                                 .describe = ks_gpu_describe,
                                 .open = open_device,
                                 .reason = ks_error_detail,
                                 .row = ks_gpu_row,
                                 .device_failed = ks_gpu_rows_failed};

const ks_plugin *ks_plugin_get(void) {
    return &plugin;
}
