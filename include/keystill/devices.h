/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can compute with: the processor, and the devices of plugins (plugin.h) that are
 * installed. In libkeystill-host.
 *
 * A plugin is a file keystill-<backend>.so. Its folder is the one that the caller names; else, for a program
 * in the tree where Keystill was built, plugins/ of that tree; else lib/keystill beside the folder of the
 * running program, as `make install` laid it out; else the folder of that name which was fixed at build.
 * Programs with more rights than their user (setuid) look only into the last. The current directory and the
 * environment play no part. A folder or plugin that others than its owner may write, or that belongs neither
 * to root nor to this user, is refused, and so is a plugin of another version. Plugins stay loaded. */
#ifndef KEYSTILL_DEVICES_H
#define KEYSTILL_DEVICES_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/backend.h>
#include <keystill/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero but the size is a good choice; so is NULL instead of a pointer to it. */
typedef struct ks_devices_options {
    uint32_t struct_size; /* sizeof(ks_devices_options) */
    uint32_t threads;     /* of the CPU; 0: work is done inside poll and wait (ks_device_open_cpu) */
    uint32_t lanes;       /* batches in flight on a device of a plugin; 0: the plugin's choice */
    const char *plugins;  /* absolute path of the plugin folder; NULL: as above */
    const char
        *cache; /* folder for compiled programs, made when missing; NULL: they are compiled at every start */
} ks_devices_options;

/* A device, or a backend that cannot be used at all. */
typedef struct ks_device_entry {
    char backend[16];    /* "cpu", "opencl", "cuda" */
    size_t index;        /* of the device within its backend */
    int usable;          /* it was found; opening it may still fail */
    char reason[256];    /* why not usable; else empty */
    ks_device_info info; /* of a usable device */
} ks_device_entry;

/* Everything there is, the processor first: *count entries, of which the first `room` are written. Each
 * backend that is known has at least one entry. */
KS_API KS_MUST_CHECK ks_status ks_devices_list(ks_device_entry *entries, size_t room, size_t *count,
                                               const ks_devices_options *options);

/* Opens a device for the calls of backend.h. KS_ERR_ARGUMENT: no backend of this name; KS_ERR_UNAVAILABLE: it
 * or the device is not usable here, and ks_error_detail says why. Nothing is proved about its results: see
 * ks_devices_plugin. */
KS_API KS_MUST_CHECK ks_status ks_devices_open(ks_device **out, const char *backend, size_t index,
                                               const ks_devices_options *options);

/* The plugin of a backend other than "cpu", valid as long as the process: for conformance of its kernels. */
KS_API KS_MUST_CHECK ks_status ks_devices_plugin(const ks_plugin **out, const char *backend,
                                                 const ks_devices_options *options);

#ifdef __cplusplus
}
#endif
#endif
