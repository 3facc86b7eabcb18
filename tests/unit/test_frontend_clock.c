/* SPDX-License-Identifier: Apache-2.0 */
/* The slot clock against the truth: every detection must carry its true slot, whatever happens to markers and
 * clocks. */
#include <criterion/criterion.h>

#include "tests/unit/frontend_bench.h"

static const ks_unit picosecond = {1, 1000000000000}, s15_unit = {1, 256000000000};

static bench_setup standard(void) {
    return (bench_setup){.clock_hz = 1e9,
                         .unit = {1, 1000000000000},
                         .marker_slots = 4000,
                         .slots = 4000000,
                         .click_probability = 0.02,
                         .jitter_ps = 40,
                         .marker_jitter_ps = 30,
                         .start_ticks = 123456789012345,
                         .seed = 1};
}

static bench_result run(const bench_setup *s, const bench *b) {
    ks_frontend_config c = bench_config(s);
    return bench_run(&c, b->events, b->n, 4096, 0, 7);
}

static void expect_all(const bench_setup *s, double most_lost) {
    bench b = bench_make(s);
    bench_result r = run(s, &b);
    cr_expect_eq(bench_wrong(&b, &r), 0, "%zu of %zu wrong", bench_wrong(&b, &r), r.n);
    cr_expect_geq((double)r.n, (1 - most_lost) * (double)b.clicks, "%zu of %zu", r.n, b.clicks);
    cr_expect(r.stats.locked && !r.stats.ambiguous);
    free(r.detections);
    bench_free(&b);
}

Test(frontend_clock, equal_clocks) {
    bench_setup s = standard();
    expect_all(&s, 0.001);
}

Test(frontend_clock, offsets_up_to_the_tolerance) {
    const double offsets[] = {-49e-6, -1e-6, 12e-6, 49e-6};
    for (int i = 0; i < 4; i++) {
        bench_setup s = standard();
        s.offset = offsets[i];
        expect_all(&s, 0.001);
        bench b = bench_make(&s);
        bench_result r = run(&s, &b);
        cr_expect_float_eq(r.stats.clock_offset, s.offset, 2e-7);
        cr_expect(r.stats.residual_ps > 20 && r.stats.residual_ps < 50, "%g", r.stats.residual_ps);
        cr_expect_eq(r.stats.markers, 1000);
        free(r.detections);
        bench_free(&b);
    }
}

Test(frontend_clock, units_and_clocks_of_real_devices) {
    bench_setup s = standard();
    s.unit = s15_unit; /* 3.9 ps */
    s.offset = 20e-6;
    expect_all(&s, 0.001);
    s.clock_hz = 80e6;
    s.unit = (ks_unit){81, 1000000000000}; /* a coarse tagger */
    s.jitter_ps = 500;
    s.marker_jitter_ps = 100;
    expect_all(&s, 0.001);
    s.unit = picosecond;
    s.clock_hz = 5e9;
    s.marker_slots = 100000;
    s.jitter_ps = s.marker_jitter_ps = 10;
    expect_all(&s, 0.08); /* four markers are a tenth of the run */
}

Test(frontend_clock, times_near_the_ends_of_their_range) {
    bench_setup s = standard();
    s.slots = 400000;
    s.start_ticks = -(INT64_C(1) << 62);
    expect_all(&s, 0.02);
    s.start_ticks = (INT64_C(1) << 62) - 7;
    expect_all(&s, 0.02);
}

Test(frontend_clock, drift) {
    bench_setup s = standard();
    s.marker_slots = 40000;
    s.slots = 40000000;
    s.click_probability = 0.001;
    s.drift = 1e-7;
    expect_all(&s, 0.01);
}

Test(frontend_clock, missing_markers) {
    bench_setup s = standard();
    s.offset = 30e-6;
    s.marker_loss = 0.3;
    bench b = bench_make(&s);
    bench_result r = run(&s, &b);
    cr_expect_eq(r.n, r.stats.detections);
    /* Slot 0 is the first accepted marker: the first marker of all may have been lost. */
    if (r.stats.markers + r.stats.markers_missed == 1000)
        cr_expect_eq(bench_wrong(&b, &r), 0);
    cr_expect_gt(r.stats.markers_missed, 200);
    cr_expect_lt(r.stats.markers_missed, 400);
    cr_expect_gt((double)r.n, 0.98 * (double)b.clicks);
    free(r.detections);
    bench_free(&b);
}

/* A conditional filter: one marker in fifty is there. */
Test(frontend_clock, sparse_markers) {
    bench_setup s = standard();
    s.marker_slots = 400;
    s.offset = 10e-6;
    s.marker_loss = 0.98;
    s.marker_spurious = 0.002; /* one in ten of those that are there */
    bench b = bench_make(&s);
    bench_result r = run(&s, &b);
    /* Slot 0 is the first accepted marker; the difference is a whole number of markers. */
    uint64_t shift = 10000 - r.stats.markers - r.stats.markers_missed;
    cr_expect(r.stats.locked);
    cr_expect_gt((double)r.n, 0.9 * (double)b.clicks);
    size_t wrong = r.n;
    for (uint64_t first = 0; first <= shift && wrong; first++) {
        for (size_t i = 0; i < r.n; i++)
            r.detections[i] += first ? s.marker_slots << KS_DETECTION_SLOT_SHIFT : 0;
        wrong = bench_wrong(&b, &r);
    }
    cr_expect_eq(wrong, 0);
    free(r.detections);
    bench_free(&b);
}

Test(frontend_clock, spurious_markers) {
    bench_setup s = standard();
    s.offset = -30e-6;
    s.marker_spurious = 0.5;
    bench b = bench_make(&s);
    bench_result r = run(&s, &b);
    cr_expect_eq(bench_wrong(&b, &r), 0, "%zu wrong of %zu", bench_wrong(&b, &r), r.n);
    cr_expect_geq((double)r.n, 0.99 * (double)b.clicks);
    cr_expect(r.stats.markers_spurious > 400 && r.stats.markers_spurious < 600, "%llu",
              (unsigned long long)r.stats.markers_spurious);
    free(r.detections);
    bench_free(&b);
}

/* The window around a marker narrows to its measured jitter. */
Test(frontend_clock, the_window_follows_the_jitter) {
    bench_setup s = standard();
    s.marker_jitter_ps = 15;
    bench b = bench_make(&s);
    size_t shifted = 0;
    for (size_t i = b.n / 2; i < b.n && shifted < 3; i++)
        if (b.events[i].lanes == UINT32_C(1) << BENCH_MARKER && i % 5 == 0) {
            b.events[i].time += 400;
            shifted++;
        }
    qsort(b.events, b.n, sizeof *b.events, bench_compare);
    bench_result r = run(&s, &b);
    cr_expect_eq(shifted, 3);
    cr_expect_eq(r.stats.markers_spurious, 3);
    cr_expect_eq(r.stats.markers_missed, 3);
    cr_expect_eq(bench_wrong(&b, &r), 0);
    free(r.detections);
    bench_free(&b);
}

/* Removes the events of true slots [from, to); the next one gets the flag. */
static void cut(bench *b, const bench_setup *s, uint64_t from, uint64_t to, uint16_t flag) {
    int64_t first = bench_ticks(s, ((double)from - 0.5) / s->clock_hz, 0);
    int64_t last = bench_ticks(s, ((double)to - 0.5) / s->clock_hz, 0);
    size_t n = 0;
    int flagged = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->events[i].time >= first && b->events[i].time < last)
            continue;
        b->events[n] = b->events[i];
        if (b->events[i].time >= last && !flagged) {
            b->events[n].flags |= flag;
            flagged = 1;
        }
        n++;
    }
    b->n = n;
}

Test(frontend_clock, gaps_keep_the_numbers) {
    const uint64_t lengths[] = {100, 5000, 100000, 1500000};
    for (int i = 0; i < 4; i++)
        for (uint16_t flag = 0; flag < 2; flag++) {
            bench_setup s = standard();
            s.offset = 40e-6;
            bench b = bench_make(&s);
            cut(&b, &s, 2000123, 2000123 + lengths[i], flag);
            bench_result r = run(&s, &b);
            cr_expect_eq(bench_wrong(&b, &r), 0, "gap of %llu slots", (unsigned long long)lengths[i]);
            cr_expect_gt((double)r.n, 0.99 * (1 - (double)lengths[i] / 4e6) * (double)b.clicks - 100);
            cr_expect(r.stats.locked);
            /* Without the flag the clock is good enough to be predicted over the hole. */
            cr_expect_eq(r.stats.relocks, flag);
            free(r.detections);
            bench_free(&b);
        }
}

/* After a gap so long that the number of lost markers is open, nothing may be handed out until it is known.
 */
Test(frontend_clock, long_gaps_never_misnumber) {
    for (int i = 0; i < 6; i++) {
        bench_setup s = standard();
        s.marker_slots = 100;
        s.slots = 2000000;
        s.click_probability = 0.01;
        s.seed = (uint64_t)i;
        s.offset = 25e-6;
        bench b = bench_make(&s);
        size_t third = b.n / 3;
        /* Bob's clock goes on for 1, 10, ... seconds without an event, with a frequency that changed
         * meanwhile. */
        double seconds = pow(10, i - 2), change = 3e-9;
        uint64_t lost = (uint64_t)(seconds * s.clock_hz) / s.marker_slots * s.marker_slots;
        int64_t shift = (int64_t)llround((double)lost * 1000 * (1 + s.offset + change));
        for (size_t k = third; k < b.n; k++)
            b.events[k].time += shift;
        size_t lost_from = 0;
        for (size_t k = 0; k < third; k++)
            lost_from += b.events[k].lanes != UINT32_C(1) << BENCH_MARKER;
        for (size_t k = lost_from; k < b.clicks; k++)
            b.truth[k] += lost << KS_DETECTION_SLOT_SHIFT;
        bench_result r = run(&s, &b);
        cr_expect_eq(bench_wrong(&b, &r), 0, "gap of %g s: %zu of %zu wrong", seconds, bench_wrong(&b, &r),
                     r.n);
        cr_expect(r.stats.ambiguous == !r.stats.locked);
        /* 0.1 s of 100 ns markers is still beyond doubt; what comes later may be or not. */
        cr_expect(i > 1 || r.stats.locked);
        if (r.stats.ambiguous)
            cr_expect_gt(r.stats.unlocked, b.clicks / 2);
        free(r.detections);
        bench_free(&b);
    }
}

/* The marker's phase jumps by a third of its period: no slot number can be trusted any more. */
Test(frontend_clock, a_phase_jump_stops_the_numbers) {
    bench_setup s = standard();
    bench b = bench_make(&s);
    size_t half = b.n / 2;
    for (size_t i = half; i < b.n; i++)
        b.events[i].time += 1333333;
    bench_result r = run(&s, &b);
    cr_expect(r.stats.ambiguous && !r.stats.locked);
    size_t kept = bench_wrong(&b, &r);
    cr_expect_leq(kept, 1000, "%zu", kept); /* predicted while the first markers were missing */
    cr_expect_lt(r.n, b.clicks / 2 + 1500);
    free(r.detections);
    bench_free(&b);
}

Test(frontend_clock, pps) {
    bench_setup s = standard();
    s.clock_hz = 1e6;
    s.marker_slots = 1000000;
    s.slots = 8000000;
    s.click_probability = 0.01;
    s.marker_jitter_ps = 1000;
    s.jitter_ps = 10000;
    s.offset = 20e-6;
    bench b = bench_make(&s);
    ks_frontend_config c = bench_config(&s);
    c.lanes[BENCH_MARKER].role = KS_LANE_PPS;
    c.marker_slots = 0;
    const size_t holds[] = {0, 1000};
    for (int i = 0; i < 2; i++) {
        c.hold_events = holds[i];
        bench_result r = bench_run(&c, b.events, b.n, 4096, 0, 7);
        cr_expect_eq(bench_wrong(&b, &r), 0, "%zu of %zu wrong", bench_wrong(&b, &r), r.n);
        cr_expect_gt((double)r.n, 0.6 * (double)b.clicks, "%zu of %zu", r.n, b.clicks);
        free(r.detections);
    }
    bench_free(&b);
}

/* A tagger on a distributed clock: a gigahertz source is followed from second to second by prediction. */
Test(frontend_clock, pps_of_a_gigahertz_source) {
    bench_setup s = standard();
    s.marker_slots = 1000000000;
    s.slots = UINT64_C(12000000000);
    s.click_probability = 2e-6;
    s.marker_jitter_ps = 30;
    s.offset = 3e-6;
    bench b = bench_make(&s);
    ks_frontend_config c = bench_config(&s);
    c.lanes[BENCH_MARKER].role = KS_LANE_PPS;
    c.hold_events = 500;
    bench_result r = bench_run(&c, b.events, b.n, 4096, 0, 7);
    cr_expect_eq(bench_wrong(&b, &r), 0, "%zu of %zu wrong", bench_wrong(&b, &r), r.n);
    cr_expect_gt((double)r.n, 0.5 * (double)b.clicks, "%zu of %zu", r.n, b.clicks);
    free(r.detections);
    bench_free(&b);
}

Test(frontend_clock, cutting_and_room_make_no_difference) {
    bench_setup s = standard();
    s.slots = 1000000;
    s.marker_loss = 0.05;
    s.marker_spurious = 0.05;
    s.jitter_ps = 200;
    bench b = bench_make(&s);
    ks_frontend_config c = bench_config(&s);
    c.gate_ps = 500;
    c.dead_time_ps = 20000;
    for (int lane = 0; lane < 4; lane++)
        c.lanes[lane].delay_ps = 700 * lane;
    cut(&b, &s, 300000, 500000, KS_EVENT_GAP);
    bench_result whole = bench_run(&c, b.events, b.n, b.n, 0, 7);
    cr_expect_gt(whole.n, 1000);
    const size_t pieces[] = {1, 2, 7, 100, 4096};
    for (int i = 0; i < 5; i++) {
        bench_result r = bench_run(&c, b.events, b.n, pieces[i], i == 3 ? 5 : 0, 7);
        cr_expect_eq(r.n, whole.n);
        cr_expect_eq(memcmp(r.detections, whole.detections, r.n * sizeof *r.detections), 0);
        cr_expect_eq(memcmp(&r.stats, &whole.stats, sizeof r.stats), 0);
        free(r.detections);
    }
    free(whole.detections);
    bench_free(&b);
}

/* All instruction sets decide alike. */
Test(frontend_clock, every_instruction_set_gives_the_same) {
    bench_setup s = standard();
    s.slots = 400000;
    bench b = bench_make(&s);
    ks_frontend_config c = bench_config(&s);
    c.gate_ps = 100;
    bench_result first = {0};
    for (int isa = KS_ISA_ref; isa <= (int)ks_isa_detect(); isa++) {
        cr_assert_eq(ks_kernels_force(ks_isa_name((ks_isa)isa)), 0);
        bench_result r = bench_run(&c, b.events, b.n, 4096, 0, 7);
        if (isa == KS_ISA_ref) {
            first = r;
            continue;
        }
        cr_expect_eq(r.n, first.n);
        cr_expect_eq(memcmp(r.detections, first.detections, r.n * sizeof *r.detections), 0);
        free(r.detections);
    }
    cr_assert_eq(ks_kernels_force(NULL), 0);
    free(first.detections);
    bench_free(&b);
}
