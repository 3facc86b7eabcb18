/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_event_scan_fn ks_event_scan_ref;

size_t ks_event_scan_ref(const ks_event *events, size_t n, int64_t previous, const ks_event_filter *filter) {
    for (size_t i = 0; i < n; i++) {
        uint32_t detectors = 0;
        for (int lane = 0; lane < KS_LANES; lane++)
            detectors += (events[i].lanes & filter->detectors) >> lane & 1;
        if ((events[i].lanes & filter->special) != 0 || (events[i].flags & KS_EVENT_GAP) != 0 ||
            detectors > 1 || events[i].time < previous)
            return i;
        previous = events[i].time;
    }
    return n;
}
