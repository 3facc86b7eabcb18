/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_dead_time_fn ks_dead_time_ref;

ks_settled ks_dead_time_ref(ks_detection *out, const ks_click *clicks, size_t n, uint64_t blocked,
                            uint64_t dead, uint64_t bias) {
    ks_settled result = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        uint64_t slot = clicks[i] >> KS_DETECTION_SLOT_SHIFT;
        if (i + 1 < n && clicks[i + 1] >> KS_DETECTION_SLOT_SHIFT == slot)
            break;
        int outside = (clicks[i] & KS_CLICK_OUTSIDE) != 0;
        if (!outside && slot > blocked) {
            uint64_t kept = clicks[i] & KS_CLICK_KEPT;
            out[result.accepted++] = (slot - bias) * 256 + kept;
        }
        if (slot + dead > blocked)
            blocked = slot + dead;
        result.outside += (size_t)outside;
        result.taken++;
    }
    return result;
}
