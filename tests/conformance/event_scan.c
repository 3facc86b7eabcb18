/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

enum { EVENTS_MOST = 200 };

/* Plain events in order; some share their time. */
static void draw_plain(ks_event *events, size_t n, int64_t start, const ks_event_filter *filter,
                       uint64_t *seed) {
    int64_t time = start;
    for (size_t i = 0; i < n; i++) {
        uint64_t r = ks_test_random(seed);
        uint32_t one = UINT32_C(1) << r % 32;
        uint32_t ignored = (uint32_t)(r >> 32) & ~filter->detectors & ~filter->special;
        time += (int64_t)(r >> 8 & 3);
        events[i] = (ks_event){.time = time,
                               .lanes = (one & filter->detectors & ~filter->special) | ignored,
                               .flags = (uint16_t)((r >> 16) & ~(uint64_t)KS_EVENT_GAP),
                               .fine = (uint16_t)(r >> 40)};
    }
}

static void spoil(ks_event *event, const ks_event_filter *filter, int64_t previous, uint64_t r) {
    switch (r % 4) {
    case 0:
        event->lanes |= filter->special;
        break;
    case 1:
        event->flags |= KS_EVENT_GAP;
        break;
    case 2:
        event->lanes |= filter->detectors;
        break;
    default:
        event->time = previous - 1;
    }
}

int ks_conformance_event_scan(ks_k_event_scan_fn *variant, ks_k_event_scan_fn *oracle, uint64_t seed) {
    ks_event events[EVENTS_MOST];
    for (unsigned turn = 0; turn < 400; turn++) {
        ks_event_filter filter = {.special =
                                      (uint32_t)ks_test_random(&seed) & (uint32_t)ks_test_random(&seed),
                                  .detectors = (uint32_t)ks_test_random(&seed)};
        filter.detectors &= ~filter.special;
        size_t n = turn < 40 ? turn : ks_test_random(&seed) % EVENTS_MOST;
        int64_t start = (int64_t)ks_test_random(&seed) >> 2;
        draw_plain(events, n, start, &filter, &seed);
        if (n && turn % 8) {
            size_t at = ks_test_random(&seed) % n;
            spoil(&events[at], &filter, at ? events[at - 1].time : start, ks_test_random(&seed));
        }
        size_t got = variant(events, n, start, &filter), expected = oracle(events, n, start, &filter);
        if (got != expected) {
            fprintf(stderr, "event_scan: n = %zu: %zu, expected %zu\n", n, got, expected);
            return 1;
        }
    }
    return 0;
}
