/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KS_HOST_DEVICES_GPU_DEVICE_H
#define KS_HOST_DEVICES_GPU_DEVICE_H

#include "host/devices/gpu/lane.h"

enum { LANES_DEFAULT = 2, LANES_MAX = 16 };

/* lanes 0: LANES_DEFAULT. */
KS_MUST_CHECK ks_status ks_gpu_device_open(ks_device **out, size_t index, uint32_t lanes, const char *cache);
/* A lane beside those of the jobs, for one thread at a time. */
KS_MUST_CHECK ks_status ks_gpu_device_row_lane(ks_lane **out, ks_device *device);

/* Functions of the rows' types that compute on the device chosen last in this thread
 * (include/keystill/plugin.h). */
void (*ks_gpu_row(ks_device *device, const char *name))(void);
int ks_gpu_rows_failed(void);

#endif
