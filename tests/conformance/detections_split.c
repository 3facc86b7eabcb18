/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

int ks_conformance_detections_split(ks_k_detections_split_fn *variant, ks_k_detections_split_fn *oracle,
                                    uint64_t seed) {
    static ks_detection detections[BITS_MOST];
    static uint64_t slots[2][BITS_MOST + 2];
    for (unsigned turn = 0; turn < BITS_TURNS; turn++) {
        size_t n = bits_length(turn, &seed);
        for (size_t i = 0; i < n; i++)
            detections[i] = ks_test_random(&seed);
        bits_guarded basis[2], bit[2];
        memset(slots, 0x5A, sizeof slots);
        variant(slots[0] + 1, bits_open(&basis[0]), bits_open(&bit[0]), detections, n);
        oracle(slots[1] + 1, bits_open(&basis[1]), bits_open(&bit[1]), detections, n);
        if (memcmp(slots[0], slots[1], sizeof slots[0]) != 0 ||
            memcmp(&basis[0], &basis[1], sizeof basis[0]) != 0 ||
            memcmp(&bit[0], &bit[1], sizeof bit[0]) != 0) {
            fprintf(stderr, "detections_split: n = %zu differs\n", n);
            return 1;
        }
    }
    return 0;
}
