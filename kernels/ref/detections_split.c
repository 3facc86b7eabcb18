/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_detections_split_fn ks_detections_split_ref;

void ks_detections_split_ref(uint64_t *slots, uint64_t *basis, uint64_t *bit, const ks_detection *detections,
                             size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0)
            basis[i / 64] = bit[i / 64] = 0;
        slots[i] = ks_detection_slot(detections[i]);
        if (detections[i] & KS_DETECTION_BIT)
            bit[i / 64] |= UINT64_C(1) << i % 64;
        if (detections[i] & KS_DETECTION_BASIS)
            basis[i / 64] |= UINT64_C(1) << i % 64;
    }
}
