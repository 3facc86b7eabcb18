/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

enum { CLICKS_MOST = 300, OUT = CLICKS_MOST + KS_GATE_ROOM + 2 };

int ks_conformance_dead_time(ks_k_dead_time_fn *variant, ks_k_dead_time_fn *oracle, uint64_t seed) {
    ks_click clicks[CLICKS_MOST];
    ks_detection out[2][OUT];
    for (unsigned turn = 0; turn < 300; turn++) {
        size_t n = turn < 40 ? turn : ks_test_random(&seed) % CLICKS_MOST;
        uint64_t bias = ks_test_random(&seed) % 1000, slot = bias + ks_test_random(&seed) % 1000, r;
        uint64_t step = 1 + ks_test_random(&seed) % 20, first = slot;
        for (size_t i = 0; i < n; i++) {
            r = ks_test_random(&seed);
            clicks[i] = slot << KS_DETECTION_SLOT_SHIFT | (r & (r >> 32 & 3 ? 7 : 0x87));
            slot += 1 + (r >> 40) % step - (turn % 3 == 0 && r % 100 == 0 && i % 7 == 0 ? 1 : 0);
        }
        uint64_t blocked = turn % 4 ? first + ks_test_random(&seed) % 30 : 0,
                 dead = ks_test_random(&seed) % 25;
        memset(out, 0x5A, sizeof out);
        ks_settled got = variant(out[0] + 1, clicks, n, blocked, dead, bias);
        ks_settled expected = oracle(out[1] + 1, clicks, n, blocked, dead, bias);
        size_t end = 1 + n + KS_GATE_ROOM;
        if (memcmp(&got, &expected, sizeof got) != 0 ||
            memcmp(out[0], out[1], (1 + expected.accepted) * sizeof **out) != 0 ||
            memcmp(out[0] + end, out[1] + end, (OUT - end) * sizeof **out) != 0) {
            fprintf(stderr, "dead_time: n = %zu: %zu taken, %zu accepted; expected %zu, %zu\n", n, got.taken,
                    got.accepted, expected.taken, expected.accepted);
            return 1;
        }
    }
    return 0;
}
