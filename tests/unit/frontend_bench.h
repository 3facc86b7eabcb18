/* SPDX-License-Identifier: Apache-2.0 */
/* A small optical bench for tests of the front end: true slots, two clocks, markers and clicks with
 * everything that goes wrong with them. */
#ifndef KS_TESTS_FRONTEND_BENCH_H
#define KS_TESTS_FRONTEND_BENCH_H

#include <keystill/entropy.h>
#include <keystill/frontend.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { BENCH_MARKER = 8 };

typedef struct bench_setup {
    double clock_hz, offset, drift; /* relative frequency offset of Bob, and its change a second */
    ks_unit unit;
    uint64_t marker_slots, slots;
    double click_probability, jitter_ps, marker_jitter_ps;
    double marker_loss, marker_spurious; /* chance a marker; spurious ones a marker period */
    int64_t start_ticks;
    uint64_t seed;
} bench_setup;

typedef struct bench {
    ks_event *events;
    size_t n, capacity;
    ks_detection *truth; /* one a click, in the order of events without markers */
    size_t clicks;
    double span_seconds;
} bench;

static inline double bench_uniform(uint64_t *seed) {
    return ((double)(ks_test_random(seed) >> 11) + 0.5) / 9007199254740992.0;
}
static inline double bench_normal(uint64_t *seed) {
    return sqrt(-2 * log(bench_uniform(seed))) * cos(6.283185307179586 * bench_uniform(seed));
}

/* Bob's ticks at a true time, rounded down; exact to far below a tick. */
static inline int64_t bench_ticks(const bench_setup *s, double seconds, double more_ps) {
    long double tick = (long double)s->unit.numerator / (long double)s->unit.denominator;
    long double t = (long double)seconds;
    long double local = t * (1 + (long double)s->offset) + (long double)s->drift * t * t / 2;
    return s->start_ticks + (int64_t)floorl((local + (long double)more_ps * 1e-12L) / tick + 0.5L);
}

static inline void bench_add(bench *b, ks_event event) {
    if (b->n == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 4096;
        b->events = realloc(b->events, b->capacity * sizeof *b->events);
        b->truth = realloc(b->truth, b->capacity * sizeof *b->truth);
    }
    b->events[b->n++] = event;
}

static inline int bench_compare(const void *a, const void *b) {
    const ks_event *x = a, *y = b;
    return x->time < y->time ? -1 : x->time > y->time;
}

static inline void bench_add_marker(bench *b, const bench_setup *s, uint64_t slot, uint64_t *seed) {
    double at = (double)slot / s->clock_hz, period = (double)s->marker_slots / s->clock_hz;
    if (bench_uniform(seed) >= s->marker_loss)
        bench_add(b, (ks_event){.time = bench_ticks(s, at, s->marker_jitter_ps * bench_normal(seed)),
                                .lanes = UINT32_C(1) << BENCH_MARKER});
    if (bench_uniform(seed) < s->marker_spurious)
        bench_add(b, (ks_event){.time = bench_ticks(s, at + bench_uniform(seed) * period, 0),
                                .lanes = UINT32_C(1) << BENCH_MARKER});
}

/* Four detectors, lane = 2 basis + bit; events sorted by time. truth is by slot and holds no slot twice. */
static inline bench bench_make(const bench_setup *s) {
    bench b = {0};
    uint64_t seed = s->seed;
    double slot_seconds = 1 / s->clock_hz;
    uint64_t click = 1, marker = 0;
    while (click < s->slots || marker < s->slots) {
        if (marker <= click) {
            bench_add_marker(&b, s, marker, &seed);
            marker += s->marker_slots;
            continue;
        }
        unsigned lane = (unsigned)(ks_test_random(&seed) % 4);
        double at = (double)click * slot_seconds;
        bench_add(&b, (ks_event){.time = bench_ticks(s, at, s->jitter_ps * bench_normal(&seed)),
                                 .lanes = UINT32_C(1) << lane});
        b.truth[b.clicks++] = ks_detection_make(click, lane >> 1, lane & 1, 0);
        click += 1 + (uint64_t)(-log(bench_uniform(&seed)) / s->click_probability);
    }
    qsort(b.events, b.n, sizeof *b.events, bench_compare);
    b.span_seconds = (double)s->slots * slot_seconds;
    return b;
}

static inline void bench_free(bench *b) {
    free(b->events);
    free(b->truth);
}

static inline ks_frontend_config bench_config(const bench_setup *s) {
    ks_frontend_config c = {.clock_hz = s->clock_hz,
                            .clock_tolerance = 50e-6,
                            .marker_slots = s->marker_slots,
                            .unit = s->unit,
                            .kind = KS_TIME_TAGS};
    for (unsigned lane = 0; lane < 4; lane++)
        c.lanes[lane] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(lane >> 1), .bit = (uint8_t)(lane & 1)};
    c.lanes[BENCH_MARKER].role = KS_LANE_MARKER;
    return c;
}

/* All events through a front end; pieces of `piece` events, outputs of `room` detections (0: large). */
typedef struct bench_result {
    ks_detection *detections;
    size_t n;
    ks_frontend_stats stats;
} bench_result;

static inline bench_result bench_run(const ks_frontend_config *config, const ks_event *events, size_t n,
                                     size_t piece, size_t room, uint64_t random_seed) {
    ks_frontend *f = NULL;
    ks_random random = ks_random_seeded(&random_seed);
    cr_assert_eq(ks_frontend_create(&f, config, &random), KS_OK, "%s", ks_error_detail());
    bench_result r = {.detections = malloc((32 * n + 1) * sizeof *r.detections)};
    uint64_t frontier = 0, before = 0, handed = 0;
    for (size_t done = 0; done < n;) {
        size_t give = n - done < piece ? n - done : piece, taken, count;
        cr_assert_eq(ks_frontend_push(f, events + done, give, &taken, r.detections + r.n,
                                      room ? room : 32 * n - r.n, &count, &frontier),
                     KS_OK, "%s", ks_error_detail());
        cr_assert(taken == give || (room && count == room));
        cr_assert_geq(frontier, before);
        for (size_t i = r.n; i < r.n + count; i++) {
            cr_assert(i == 0 || ks_detection_slot(r.detections[i]) > handed, "slots must increase");
            handed = ks_detection_slot(r.detections[i]);
            cr_assert_geq(handed, before, "a slot below the frontier");
        }
        before = frontier;
        r.n += count;
        done += taken;
    }
    size_t count;
    do {
        cr_assert_eq(
            ks_frontend_finish(f, r.detections + r.n, room ? room : 32 * n - r.n + 1, &count, &frontier),
            KS_OK);
        for (size_t i = r.n; i < r.n + count; i++) {
            cr_assert(i == 0 || ks_detection_slot(r.detections[i]) > handed);
            handed = ks_detection_slot(r.detections[i]);
        }
        r.n += count;
    } while (count);
    ks_frontend_get_stats(f, &r.stats);
    ks_frontend_destroy(f);
    const ks_frontend_stats *s = &r.stats;
    cr_assert_eq(s->detections, r.n);
    cr_assert_eq(s->clicks, s->before_lock + s->unlocked + s->late + s->outside_gate + s->in_dead_time +
                                s->merged + s->detections);
    return r;
}

/* How many detections are not in the truth (wrong slot, or wrong outcome), both sorted by slot. */
static inline size_t bench_wrong(const bench *b, const bench_result *r) {
    size_t wrong = 0, j = 0;
    for (size_t i = 0; i < r->n; i++) {
        while (j < b->clicks && ks_detection_slot(b->truth[j]) < ks_detection_slot(r->detections[i]))
            j++;
        wrong += j == b->clicks || b->truth[j] != r->detections[i];
    }
    return wrong;
}

#endif
