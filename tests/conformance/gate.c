/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

enum { EVENTS_MOST = 200, OUT = EVENTS_MOST + KS_GATE_ROOM + 2 };

static ks_gate draw_gate(uint64_t *seed) {
    uint64_t r = ks_test_random(seed);
    ks_gate gate = {.origin = (int64_t)ks_test_random(seed) >> 2,
                    .phase = (UINT64_C(65536) << 32) + (ks_test_random(seed) >> 24),
                    .base = ks_test_random(seed) >> 9,
                    .rate = (uint32_t)(r | UINT32_C(1) << 31),
                    .shift = 12 + (uint32_t)(r >> 40) % 30,
                    .half_gate = (uint32_t)(r >> 33),
                    .detectors = (uint32_t)ks_test_random(seed)};
    if (r >> 60 == 0)
        gate.half_gate = UINT32_C(1) << 31;
    for (int lane = 0; lane < KS_LANES; lane++) {
        gate.delay[lane] = (int32_t)ks_test_random(seed);
        gate.code[lane] = (uint32_t)ks_test_random(seed) & KS_CLICK_OUTCOME;
    }
    return gate;
}

static void draw_events(ks_event *events, size_t n, const ks_gate *gate, int all_detectors, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        uint64_t r = ks_test_random(seed);
        uint32_t one = UINT32_C(1) << r % 32, ignored = (uint32_t)(r >> 32) & ~gate->detectors;
        if (all_detectors)
            for (; !(one & gate->detectors); one = one << 1 | one >> 31)
                ;
        events[i] = (ks_event){.time = gate->origin + (int64_t)(ks_test_random(seed) >> 33),
                               .lanes = (one & gate->detectors) | ignored,
                               .flags = (uint16_t)(r >> 16),
                               .fine = (uint16_t)(r >> 48)};
    }
}

int ks_conformance_gate(ks_k_gate_fn *variant, ks_k_gate_fn *oracle, uint64_t seed) {
    ks_event events[EVENTS_MOST];
    for (unsigned turn = 0; turn < 200; turn++) {
        ks_gate gate = draw_gate(&seed);
        gate.detectors |= 1;
        size_t n = turn < 40 ? turn : ks_test_random(&seed) % EVENTS_MOST;
        draw_events(events, n, &gate, turn & 1, &seed);
        ks_click clicks[2][OUT];
        uint16_t bins[2][OUT];
        memset(clicks, 0x5A, sizeof clicks);
        memset(bins, 0x5A, sizeof bins);
        size_t got = variant(clicks[0] + 1, bins[0] + 1, events, n, &gate);
        size_t expected = oracle(clicks[1] + 1, bins[1] + 1, events, n, &gate);
        size_t end = 1 + n + KS_GATE_ROOM;
        if (got != expected || memcmp(clicks[0], clicks[1], (1 + expected) * sizeof **clicks) != 0 ||
            memcmp(bins[0], bins[1], (1 + expected) * sizeof **bins) != 0 ||
            memcmp(clicks[0] + end, clicks[1] + end, (OUT - end) * sizeof **clicks) != 0 ||
            memcmp(bins[0] + end, bins[1] + end, (OUT - end) * sizeof **bins) != 0) {
            fprintf(stderr, "gate: n = %zu: %zu clicks, expected %zu, or they differ\n", n, got, expected);
            return 1;
        }
    }
    return 0;
}
