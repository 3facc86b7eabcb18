/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices to compute on, and how fast they are. Part of libkeystill-host. docs/backends.md. */
#ifndef KEYSTILL_DEVICE_SELECT_H
#define KEYSTILL_DEVICE_SELECT_H

#include <keystill/device_group.h>
#include <keystill/devices.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_DEVICES_MAX = 64 };

typedef struct ks_select_options {
    ks_devices_options devices;
    const char *tuning;      /* file of measured speeds; NULL: none */
    ks_device_lost_fn *lost; /* see device_group.h */
    void *context;
} ks_select_options;

/* What to compute on: `choice` is auto, cpu, opencl[:n], cuda[:n], or several of the last three with commas
 * between them. auto takes the device that the tuning file says decodes fastest, without one the first
 * accelerator, without one the processor. Each device passes ks_device_selftest first (KS_ERR_UNAVAILABLE
 * otherwise; auto goes on without it). Anything but the processor alone is a group with the processor as
 * fallback. */
KS_API KS_MUST_CHECK ks_status ks_devices_select(ks_device **out, const char *choice,
                                                 const ks_select_options *options);

/* Speed of each operation on an open device, input bits a second, 0 where it is not offered. Takes a second
 * or two. */
KS_API KS_MUST_CHECK ks_status ks_devices_measure(double speed[KS_GROUP_OPS], ks_device *device);

/* The tuning file: speeds by device, replaced as a whole and atomically. KS_ERR_FORMAT names the line of a
 * damaged file. A file that does not exist (or is NULL) has no entries. */
typedef struct ks_tuning {
    char backend[16];
    uint32_t index;
    char name[128]; /* as in ks_device_info: a file about another machine's devices says nothing of ours */
    double speed[KS_GROUP_OPS];
} ks_tuning;
KS_API KS_MUST_CHECK ks_status ks_tuning_read(ks_tuning *entries, size_t room, size_t *count,
                                              const char *path);
KS_API KS_MUST_CHECK ks_status ks_tuning_write(const ks_tuning *entries, size_t count, const char *path);

#ifdef __cplusplus
}
#endif
#endif
