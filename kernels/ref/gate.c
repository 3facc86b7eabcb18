/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_gate_fn ks_gate_ref;

size_t ks_gate_ref(ks_click *clicks, uint16_t *bins, const ks_event *events, size_t n, const ks_gate *gate) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        int lane = 0;
        while (lane < KS_LANES && !((events[i].lanes & gate->detectors) >> lane & 1))
            lane++;
        if (lane == KS_LANES)
            continue;
        unsigned __int128 ticks = (unsigned __int128)((__int128)events[i].time - gate->origin);
        unsigned __int128 travelled = 2 * (ticks * gate->rate >> gate->shift);
        __int128 position = (__int128)gate->phase + (__int128)travelled - (__int128)gate->delay[lane] * 65536;
        uint64_t slot = (uint64_t)(position >> 32) + gate->base;
        int64_t from_centre = (int64_t)(position & 0xFFFFFFFF) - (INT64_C(1) << 31);
        int inside = from_centre >= -(int64_t)gate->half_gate && from_centre < (int64_t)gate->half_gate;
        clicks[count] =
            slot << KS_DETECTION_SLOT_SHIFT | (inside ? 0u : (unsigned)KS_CLICK_OUTSIDE) | gate->code[lane];
        bins[count] =
            (uint16_t)(lane * KS_GATE_BINS + (int)((uint64_t)(position & 0xFFFFFFFF) * KS_GATE_BINS >> 32));
        count++;
    }
    return count;
}
