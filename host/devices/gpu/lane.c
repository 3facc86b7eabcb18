/* SPDX-License-Identifier: Apache-2.0 */
#include "host/devices/gpu/lane.h"

#include <string.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

ks_status ks_lane_init(ks_lane *lane, ks_gpu *gpu) {
    memset(lane, 0, sizeof *lane);
    lane->gpu = gpu;
    ks_gpu_limits_of(&lane->limits, gpu);
    return ks_gpu_queue_create(&lane->queue, gpu);
}

void ks_lane_wipe(ks_lane *lane) {
    for (int i = 0; i < KS_LANE_SLOTS; i++) {
        ks_gpu_memory_destroy(lane->slot[i].device);
        if (lane->slot[i].host)
            ks_gpu_host_destroy(lane->gpu, lane->slot[i].host, lane->slot[i].host_bytes);
    }
    if (lane->queue)
        ks_gpu_queue_destroy(lane->queue);
    memset(lane, 0, sizeof *lane);
}

/* Room to grow, so that blocks of slightly different sizes do not allocate each time. */
static size_t roomy(size_t bytes) {
    const size_t page = 4096;
    return (bytes + bytes / 8 + page - 1) / page * page;
}

ks_status ks_lane_device(ks_lane *lane, unsigned slot, size_t bytes, ks_gpu_memory **out) {
    if (lane->slot[slot].device_bytes < bytes) {
        ks_gpu_memory_destroy(lane->slot[slot].device);
        lane->slot[slot].device = NULL;
        lane->slot[slot].device_bytes = 0;
        size_t room = roomy(bytes) <= lane->limits.allocation ? roomy(bytes) : bytes;
        KS_TRY(ks_gpu_memory_create(&lane->slot[slot].device, lane->gpu, room));
        lane->slot[slot].device_bytes = room;
    }
    if (lane->slot[slot].device_used < bytes)
        lane->slot[slot].device_used = bytes;
    *out = lane->slot[slot].device;
    return KS_OK;
}

ks_status ks_lane_host(ks_lane *lane, unsigned slot, size_t bytes, void **out) {
    if (lane->slot[slot].host_bytes < bytes) {
        if (lane->slot[slot].host)
            ks_gpu_host_destroy(lane->gpu, lane->slot[slot].host, lane->slot[slot].host_bytes);
        lane->slot[slot].host = NULL;
        lane->slot[slot].host_bytes = 0;
        KS_TRY(ks_gpu_host_create(&lane->slot[slot].host, lane->gpu, roomy(bytes)));
        lane->slot[slot].host_bytes = roomy(bytes);
    }
    if (lane->slot[slot].host_used < bytes)
        lane->slot[slot].host_used = bytes;
    *out = lane->slot[slot].host;
    return KS_OK;
}

ks_status ks_lane_send(ks_lane *lane, unsigned slot, const void *data, size_t bytes, ks_gpu_memory **out) {
    void *host;
    KS_TRY(ks_lane_host(lane, slot, bytes, &host));
    KS_TRY(ks_lane_device(lane, slot, bytes, out));
    memcpy(host, data, bytes);
    return ks_gpu_write(lane->queue, *out, 0, host, bytes);
}

ks_status ks_lane_settle(ks_lane *lane) {
    ks_status status = KS_OK;
    for (int i = 0; i < KS_LANE_SLOTS; i++)
        if (lane->slot[i].device && lane->slot[i].device_used) {
            ks_status zeroed = ks_gpu_zero(lane->queue, lane->slot[i].device, 0, lane->slot[i].device_used);
            status = status == KS_OK ? zeroed : status;
            lane->slot[i].device_used = 0;
        }
    ks_status finished = ks_gpu_finish(lane->queue);
    for (int i = 0; i < KS_LANE_SLOTS; i++)
        if (lane->slot[i].host && lane->slot[i].host_used) {
            ks_wipe(lane->slot[i].host, lane->slot[i].host_used);
            lane->slot[i].host_used = 0;
        }
    return status == KS_OK ? finished : status;
}

int ks_lane_supports(ks_op op) {
    return op == KS_OP_SYNDROME || op == KS_OP_DECODE || op == KS_OP_HASH || op == KS_OP_TOEPLITZ;
}
