/* SPDX-License-Identifier: Apache-2.0 */
/* Several compute devices behind the face of one: frames of a job are shared out by measured speed, other
 * jobs go where they will be done first, and what a device cannot do or loses is done by the fallback, with
 * the same bits. */
#ifndef KEYSTILL_DEVICE_GROUP_H
#define KEYSTILL_DEVICE_GROUP_H

#include <stddef.h>
#include <keystill/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_GROUP_MEMBERS_MAX = 16, KS_GROUP_OPS = KS_OP_TOEPLITZ + 1 };

typedef struct ks_group_member {
    ks_device *device;
    double
        speed[KS_GROUP_OPS]; /* input bits a second by ks_op; 0: not known yet, learned from the first jobs */
} ks_group_member;

/* Called when a device failed, once a device, from any thread, with locks held: must only take note. */
typedef void ks_device_lost_fn(void *context, const ks_device *device);

/* Takes the members and the fallback over: they are closed with the group (and stay the caller's when this
 * fails). The fallback (NULL: none, failed jobs then end with their device's status) may be one of the
 * members. `lost` may be NULL. */
KS_API KS_MUST_CHECK ks_status ks_device_group_open(ks_device **out, const ks_group_member *members,
                                                    size_t count, ks_device *fallback,
                                                    ks_device_lost_fn *lost, void *context);

/* Speed of a member as measured so far, input bits a second; 0: nothing was measured. */
KS_API double ks_device_group_speed(ks_device *group, size_t member, ks_op op);

#ifdef __cplusplus
}
#endif
#endif
