/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as the kernels read them. */
#ifndef KS_HOST_DEVICES_GPU_GRAPH_H
#define KS_HOST_DEVICES_GPU_GRAPH_H

#include "host/devices/gpu/lane.h"

/* Slots of a lane that hold the graph of a launch. */
enum { KS_SLOT_FIRST = 0, KS_SLOT_EDGES = 1 };

/* Sends first[rows + 1] and the edges as column << 16 | shift. */
KS_MUST_CHECK ks_status ks_lane_graph(ks_lane *lane, const ks_ldpc_lists *by_row, ks_gpu_memory **first,
                                      ks_gpu_memory **edges);
/* How far `count` tasks from `tasks` can be one batch with the first: same rate, size, real bits. */
size_t ks_lane_alike(const ks_frame_task *tasks, size_t count);

#endif
