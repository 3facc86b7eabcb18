/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of ks_device_selftest. */
#ifndef KS_PIPELINE_DEVICE_SELFTEST_H
#define KS_PIPELINE_DEVICE_SELFTEST_H

#include <keystill/backend.h>

/* Frames of an imported code; KS_OK too for a device that refuses such codes. */
KS_MUST_CHECK ks_status ks_selftest_imported_code(ks_device *device);

/* Submits, waits, and gives the status of the job. */
KS_MUST_CHECK ks_status ks_selftest_do(ks_device *device, ks_job *job);
ks_status ks_selftest_wrong(const char *what); /* KS_ERR_UNAVAILABLE */

#endif
