/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "host/devices/gpu/lane.h"
#include "pipeline/status.h"

enum { TILE = 64 };

ks_status ks_lane_transpose(ks_lane *lane, uint64_t *out, const uint64_t *in, size_t rows, size_t columns) {
    const size_t in_bytes = rows * ((columns + 63) / 64) * 8, out_bytes = columns * ((rows + 63) / 64) * 8;
    if (rows == 0 || columns == 0)
        return KS_OK;
    ks_gpu_memory *from, *to;
    void *host;
    KS_TRY(ks_lane_send(lane, 0, in, in_bytes, &from));
    KS_TRY(ks_lane_device(lane, 1, out_bytes, &to));
    KS_TRY(ks_lane_host(lane, 1, out_bytes, &host));
    const ks_gpu_arg args[] = {KS_GPU_MEMORY(to), KS_GPU_MEMORY(from), KS_GPU_U32((uint32_t)rows),
                               KS_GPU_U64(columns)};
    KS_TRY(ks_gpu_run(lane->queue,
                      &(ks_gpu_launch){.kernel = ks_gpu_transpose,
                                       .groups = (uint32_t)((columns + TILE - 1) / TILE),
                                       .groups_y = (uint32_t)((rows + TILE - 1) / TILE),
                                       .items = TILE},
                      args, 4));
    KS_TRY(ks_gpu_read(lane->queue, host, to, 0, out_bytes));
    KS_TRY(ks_gpu_finish(lane->queue));
    memcpy(out, host, out_bytes);
    return KS_OK;
}
