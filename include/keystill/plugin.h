/* SPDX-License-Identifier: Apache-2.0 */
/* What a compute plugin offers: a shared object named keystill-<backend>.so in the plugin folder, with one
 * exported symbol, ks_plugin_get. A plugin needs no symbol of its host. It links nothing that may be missing
 * on a machine: what it needs of a driver it loads at run time, and says in plain words why it cannot be used
 * where that fails. */
#ifndef KEYSTILL_PLUGIN_H
#define KEYSTILL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_PLUGIN_ABI = 1 };

enum ks_device_flag {
    KS_DEVICE_GPU = 1,    /* an accelerator: considered by automatic choice */
    KS_DEVICE_HOST = 2,   /* runs on the cores of this machine */
    KS_DEVICE_UNIFIED = 4 /* shares the host's memory */
};

typedef struct ks_device_info {
    char name[128];  /* as the driver calls it */
    char driver[96]; /* platform and version */
    uint64_t memory; /* bytes of device memory */
    uint32_t units;  /* compute units (multiprocessors) */
    uint32_t flags;  /* ks_device_flag */
} ks_device_info;

typedef struct ks_plugin_options {
    uint32_t struct_size; /* sizeof(ks_plugin_options) */
    uint32_t lanes;       /* batches in flight at once; 0: the plugin's choice, at least two */
    const char *cache;    /* folder for compiled programs; NULL: keep none. Created when missing */
} ks_plugin_options;

typedef struct ks_plugin {
    uint32_t abi_version; /* KS_PLUGIN_ABI */
    uint32_t struct_size; /* sizeof(ks_plugin) */
    const char *version;  /* of the Keystill it was built from: code numbers belong to a version */
    const char *backend;  /* "opencl", "cuda" */
    /* How many devices there are; KS_ERR_UNAVAILABLE without a driver. Thread-safe, like all of these. */
    ks_status (*enumerate)(size_t *count);
    ks_status (*describe)(ks_device_info *info, size_t index);
    ks_status (*open)(ks_device **out, size_t index, const ks_plugin_options *options);
    /* Reason of the last failure in this thread, valid until its next call. */
    const char *(*reason)(void);
    /* For conformance: a function of the row's type that computes on `device` for the calling thread until
     * its next call of this; NULL when the device has no kernel for the row. A device error in such a
     * function makes `device_failed` of the next call non-zero. */
    void (*(*row)(ks_device *device, const char *name))(void);
    int (*device_failed)(void);
} ks_plugin;

KS_API const ks_plugin *ks_plugin_get(void);

#ifdef __cplusplus
}
#endif
#endif
