/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin with two devices, of which the second cannot be described, and at most one fault. */
#include <keystill/plugin.h>

static const ks_device_vtable vtable = {
    .backend = "cuda",
    .struct_size = sizeof(ks_device_vtable),
#ifdef FAULT_VTABLE
    .abi_version = KS_BACKEND_ABI + 1,
#else
    .abi_version = KS_BACKEND_ABI,
#endif
};
static ks_device device = {.vtable = &vtable, .name = "tested"};

static ks_status enumerate(size_t *count) {
    *count = 2;
    return KS_OK;
}

static ks_status describe(ks_device_info *info, size_t index) {
    *info = (ks_device_info){.name = "tested", .flags = KS_DEVICE_GPU, .units = 7};
    return index == 0 ? KS_OK : KS_ERR_UNAVAILABLE;
}

static ks_status open_device(ks_device **out, size_t index, const ks_plugin_options *options) {
    *out = index == 0 && options->lanes != 99 ? &device : NULL;
    return *out ? KS_OK : KS_ERR_UNAVAILABLE;
}

static const char *reason(void) {
    return "switched off";
}

static const ks_plugin plugin = {
#ifdef FAULT_ABI
    .abi_version = KS_PLUGIN_ABI + 1,
#else
    .abi_version = KS_PLUGIN_ABI,
#endif
#ifdef FAULT_SIZE
    .struct_size = sizeof(ks_plugin) - 8,
#else
    .struct_size = sizeof(ks_plugin),
#endif
#ifdef FAULT_VERSION
    .version = "0.0.1-other",
#else
    .version = KS_VERSION_TEXT,
#endif
#ifdef FAULT_BACKEND
    .backend = "opencl",
#else
    .backend = "cuda",
#endif
    .enumerate = enumerate,
    .describe = describe,
    .open = open_device,
    .reason = reason};

#ifdef FAULT_SYMBOL
#define ks_plugin_get ks_plugin_other
const ks_plugin *ks_plugin_other(void);
#endif
__attribute__((visibility("default"))) const ks_plugin *ks_plugin_get(void) {
    return &plugin;
}
