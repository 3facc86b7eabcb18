/* SPDX-License-Identifier: Apache-2.0 */
/* Gate, delays, dead time, several clicks in a slot, sources that count slots or sync periods. */
#include <criterion/criterion.h>

#include "tests/unit/frontend_bench.h"

static bench_setup quiet(void) {
    return (bench_setup){
        .clock_hz = 1e9, .unit = {1, 1000000000000}, .marker_slots = 1000, .slots = 100000, .seed = 1};
}

/* A stream of markers, to which clicks are added by hand. */
typedef struct stream {
    ks_event events[4096];
    size_t n;
} stream;

static void add_click(stream *s, uint64_t slot, int64_t ps, uint32_t lanes, uint16_t flags) {
    s->events[s->n++] = (ks_event){.time = (int64_t)slot * 1000 + ps, .lanes = lanes, .flags = flags};
}

static bench_result play(ks_frontend_config *c, stream *s) {
    for (uint64_t m = 0; m < 100; m++)
        add_click(s, 1000 * m, 0, UINT32_C(1) << BENCH_MARKER, 0);
    qsort(s->events, s->n, sizeof *s->events, bench_compare);
    return bench_run(c, s->events, s->n, 100, 0, 3);
}

static ks_frontend_config plain_config(void) {
    bench_setup s = quiet();
    return bench_config(&s);
}

Test(frontend_gate, gate_is_centred_and_half_open) {
    ks_frontend_config c = plain_config();
    c.gate_ps = 200;
    stream s = {0};
    const int64_t offsets[] = {-101, -100, -99, 0, 99, 100, 101};
    for (uint64_t i = 0; i < 7; i++)
        add_click(&s, 5000 + 10 * i, offsets[i], 1, 0);
    bench_result r = play(&c, &s);
    /* 100 ps lie on the edge, which jitter of the measured clock may move by a fraction of a tick. */
    cr_expect(r.n >= 3 && r.n <= 5, "%zu", r.n);
    cr_expect_eq(r.stats.outside_gate + r.n, 7);
    for (size_t i = 0; i < r.n; i++)
        cr_expect(ks_detection_slot(r.detections[i]) >= 5010 && ks_detection_slot(r.detections[i]) <= 5050);
    free(r.detections);
}

Test(frontend_gate, whole_slot_without_gate) {
    ks_frontend_config c = plain_config();
    stream s = {0};
    add_click(&s, 5000, -499, 1, 0);
    add_click(&s, 5000, 501, 2, 0);
    bench_result r = play(&c, &s);
    cr_assert_eq(r.n, 2);
    cr_expect_eq(r.detections[0], ks_detection_make(5000, 0, 0, 0));
    cr_expect_eq(r.detections[1], ks_detection_make(5001, 0, 1, 0));
    free(r.detections);
}

Test(frontend_gate, delays_recentre_and_reorder) {
    ks_frontend_config c = plain_config();
    c.gate_ps = 100;
    c.lanes[0].delay_ps = 12345;
    c.lanes[1].delay_ps = -3000000; /* 3000 slots early */
    stream s = {0};
    add_click(&s, 8000, 12345, 1, 0);
    add_click(&s, 8001, -3000000, 2, 0);
    add_click(&s, 7999, 0, 4, 0);
    bench_result r = play(&c, &s);
    cr_assert_eq(r.n, 3);
    cr_expect_eq(r.detections[0], ks_detection_make(7999, 1, 0, 0));
    cr_expect_eq(r.detections[1], ks_detection_make(8000, 0, 0, 0));
    cr_expect_eq(r.detections[2], ks_detection_make(8001, 0, 1, 0));
    free(r.detections);
}

Test(frontend_gate, histograms_show_where_each_lane_arrives) {
    ks_frontend_config c = plain_config();
    stream s = {0};
    for (uint64_t i = 0; i < 50; i++) {
        add_click(&s, 5000 + 10 * i, 8, 1, 0);
        add_click(&s, 5005 + 10 * i, 258, 2, 0); /* a quarter of a slot late: bin 32 + 16 */
    }
    bench_result r = play(&c, &s);
    cr_expect_eq(r.stats.histogram[32], 50);
    cr_expect_eq(r.stats.histogram[48], 50);
    free(r.detections);

    ks_frontend *f;
    uint64_t seed = 1, histogram[64], frontier;
    ks_random random = ks_random_seeded(&seed);
    cr_assert_eq(ks_frontend_create(&f, &c, &random), KS_OK);
    ks_detection out[200];
    size_t taken, count;
    cr_assert_eq(ks_frontend_push(f, s.events, s.n, &taken, out, 200, &count, &frontier), KS_OK);
    ks_frontend_get_histogram(f, 1, histogram);
    cr_expect_eq(histogram[48], 50);
    cr_expect_eq(histogram[32], 0);
    ks_frontend_destroy(f);
}

Test(frontend_gate, dead_time_of_any_click) {
    ks_frontend_config c = plain_config();
    c.dead_time_ps = 9500; /* 10 slots */
    c.gate_ps = 500;
    stream s = {0};
    add_click(&s, 5000, 0, 1, 0);
    add_click(&s, 5010, 0, 2, 0);   /* dead, and makes its own detector blind */
    add_click(&s, 5020, 0, 4, 0);   /* dead because of it */
    add_click(&s, 5031, 0, 8, 0);   /* live */
    add_click(&s, 5045, 400, 1, 0); /* outside the gate */
    add_click(&s, 5050, 0, 2, 0);   /* dead because of it */
    add_click(&s, 5061, 0, 4, 0);
    bench_result r = play(&c, &s);
    cr_assert_eq(r.n, 3);
    cr_expect_eq(r.detections[0], ks_detection_make(5000, 0, 0, 0));
    cr_expect_eq(r.detections[1], ks_detection_make(5031, 1, 1, 0));
    cr_expect_eq(r.detections[2], ks_detection_make(5061, 1, 0, 0));
    cr_expect_eq(r.stats.in_dead_time, 3);
    cr_expect_eq(r.stats.outside_gate, 1);
    free(r.detections);

    c.dead_time_rule = KS_DEAD_ACCEPTED;
    s.n = 0;
    add_click(&s, 5000, 0, 1, 0);
    add_click(&s, 5010, 0, 2, 0);
    add_click(&s, 5020, 0, 4, 0);
    add_click(&s, 5029, 400, 1, 0);
    add_click(&s, 5031, 0, 8, 0);
    r = play(&c, &s);
    cr_assert_eq(r.n, 3);
    cr_expect_eq(ks_detection_slot(r.detections[1]), 5020);
    cr_expect_eq(ks_detection_slot(r.detections[2]), 5031);
    free(r.detections);
}

/* A click outside the gate may be what made the detector of the other blind, or be blind because of it. */
Test(frontend_gate, a_slot_with_a_click_outside_the_gate_is_dead) {
    ks_frontend_config c = plain_config();
    c.gate_ps = 500;
    stream s = {0};
    add_click(&s, 5000, -400, 1, 0);
    add_click(&s, 5000, 0, 2, 0);
    c.dead_time_ps = 5000;
    bench_result r = play(&c, &s);
    cr_expect_eq(r.n, 0);
    cr_expect(r.stats.outside_gate == 1 && r.stats.in_dead_time == 1);
    free(r.detections);
    c.dead_time_rule = KS_DEAD_ACCEPTED;
    s.n = 0;
    add_click(&s, 5000, -400, 1, 0);
    add_click(&s, 5000, 0, 2, 0);
    r = play(&c, &s);
    cr_expect_eq(r.n, 1);
    free(r.detections);
}

Test(frontend_gate, dead_time_follows_a_gap) {
    ks_frontend_config c = plain_config();
    c.dead_time_ps = 20000;
    stream s = {0};
    add_click(&s, 4990, 0, 1, 0);
    add_click(&s, 5030, 0, 1, KS_EVENT_GAP); /* what was lost may have been a click */
    add_click(&s, 6005, 0, 2, 0);            /* the marker at 6000 certifies the clock again */
    bench_result r = play(&c, &s);
    cr_assert_eq(r.n, 2);
    cr_expect_eq(ks_detection_slot(r.detections[1]), 6005);
    cr_expect_eq(r.stats.unlocked, 1);
    cr_expect_eq(r.stats.relocks, 1);
    free(r.detections);
    s.n = 0;
    add_click(&s, 5995, 0, 1, KS_EVENT_GAP);
    add_click(&s, 6010, 0, 2, 0); /* within the dead time of whatever was lost */
    add_click(&s, 6040, 0, 4, 0);
    r = play(&c, &s);
    cr_assert_eq(r.n, 1);
    cr_expect_eq(ks_detection_slot(r.detections[0]), 6040);
    cr_expect_eq(r.stats.in_dead_time, 1);
    free(r.detections);
}

Test(frontend_gate, several_clicks_in_a_slot) {
    ks_frontend_config c = plain_config();
    stream s = {0};
    add_click(&s, 5000, -100, 1, 0); /* the same detector twice */
    add_click(&s, 5000, 100, 1, 0);
    add_click(&s, 5010, 0, 3, 0);   /* both bits in one record */
    add_click(&s, 5020, -10, 4, 0); /* both bits in two records */
    add_click(&s, 5020, 10, 8, 0);
    add_click(&s, 5030, 0, 9, 0); /* both bases */
    add_click(&s, 5040, 0, 15, 0);
    bench_result r = play(&c, &s);
    cr_assert_eq(r.n, 5);
    cr_expect_eq(r.detections[0], ks_detection_make(5000, 0, 0, 0));
    cr_expect_eq(r.detections[1] | KS_DETECTION_BIT, ks_detection_make(5010, 0, 1, 1));
    cr_expect_eq(r.detections[2] | KS_DETECTION_BIT, ks_detection_make(5020, 1, 1, 1));
    cr_expect_eq(r.detections[3] | 3, ks_detection_make(5030, 1, 1, 1));
    cr_expect_eq(r.detections[4] | 3, ks_detection_make(5040, 1, 1, 1));
    cr_expect_eq(r.stats.doubles, 2);
    cr_expect_eq(r.stats.cross_doubles, 2);
    cr_expect_eq(r.stats.merged, 1 + 1 + 1 + 1 + 3);
    free(r.detections);
}

/* False alarm below 1e-6: five standard deviations. */
Test(frontend_gate, drawn_outcomes_are_fair) {
    enum { N = 40000 };
    ks_frontend_config c = {.clock_hz = 1e9, .kind = KS_TIME_SLOTS};
    for (unsigned lane = 0; lane < 4; lane++)
        c.lanes[lane] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(lane >> 1), .bit = (uint8_t)(lane & 1)};
    static ks_event events[N];
    for (int i = 0; i < N; i++)
        events[i] = (ks_event){.time = 10 * i, .lanes = i % 2 ? 3 : 6};
    bench_result r = bench_run(&c, events, N, 1000, 0, 12345);
    int same[2] = {0}, cross[4] = {0}, pairs[2] = {0};
    for (int i = 0; i < N; i++) {
        unsigned outcome = r.detections[i] & 3;
        if (i % 2)
            same[outcome]++;
        else
            cross[outcome]++;
        if (i > 1)
            pairs[(r.detections[i] ^ r.detections[i - 2]) & 1]++;
    }
    cr_expect_lt(abs(same[0] - N / 4), 5 * sqrt(N / 8.0));
    cr_expect_lt(abs(pairs[0] - pairs[1]), 5 * sqrt(N));
    for (int k = 0; k < 4; k++)
        cr_expect_lt(abs(cross[k] - N / 8), 5 * sqrt(N / 2 * 3 / 16.0));
    free(r.detections);
}

Test(frontend_gate, steps_back_are_dropped) {
    ks_frontend_config c = plain_config();
    stream s = {0};
    add_click(&s, 5000, 0, 1, 0);
    add_click(&s, 5020, 0, 2, 0);
    for (uint64_t m = 0; m < 100; m++)
        add_click(&s, 1000 * m, 0, UINT32_C(1) << BENCH_MARKER, 0);
    qsort(s.events, s.n, sizeof *s.events, bench_compare);
    for (size_t i = 0; i < s.n; i++)
        if (s.events[i].time == 5020000)
            s.events[i].time = 4999000;
    bench_result r = bench_run(&c, s.events, s.n, 1000, 0, 3);
    cr_assert_eq(r.n, 1);
    cr_expect_eq(r.stats.backsteps, 1);
    cr_expect_eq(r.stats.events, s.n);
    free(r.detections);
}

/* ---- against a model: slot by slot ---- */

typedef struct model {
    uint64_t dead;
    ks_dead_rule rule;
    int64_t last; /* slot of the last click that counts */
} model;

/* One slot with the clicks `lanes`; 1 when it gives a detection. */
static int model_slot(model *m, int64_t slot) {
    int live = m->last < 0 || slot - m->last > (int64_t)m->dead;
    if (live || m->rule == KS_DEAD_ANY_CLICK)
        m->last = slot;
    return live;
}

static void against_model(uint64_t seed, uint64_t dead, double density, ks_dead_rule rule) {
    enum { N = 20000 };
    static ks_event events[N];
    ks_frontend_config c = {
        .clock_hz = 1e9, .kind = KS_TIME_SLOTS, .dead_time_ps = (double)dead * 1000, .dead_time_rule = rule};
    for (unsigned lane = 0; lane < 4; lane++)
        c.lanes[lane] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(lane >> 1), .bit = (uint8_t)(lane & 1)};
    int64_t slot = 0;
    for (int i = 0; i < N; i++) {
        slot += (int64_t)(-log(bench_uniform(&seed)) / density);
        events[i] = (ks_event){.time = slot, .lanes = UINT32_C(1) << ks_test_random(&seed) % 4};
    }
    bench_result r = bench_run(&c, events, N, 777, 0, 1);
    model m = {.dead = dead, .rule = rule, .last = -1};
    size_t k = 0;
    for (int i = 0, j; i < N; i = j) {
        uint32_t lanes = 0;
        for (j = i; j < N && events[j].time == events[i].time; j++)
            lanes |= events[j].lanes;
        if (!model_slot(&m, events[i].time))
            continue;
        cr_assert_lt(k, r.n);
        cr_assert_eq(ks_detection_slot(r.detections[k]), (uint64_t)events[i].time);
        int several = (lanes & (lanes - 1)) != 0;
        cr_assert_eq((r.detections[k] & KS_DETECTION_DOUBLE) != 0, several);
        if (!several)
            cr_assert_eq(r.detections[k] & 3, (uint64_t)__builtin_ctz(lanes));
        k++;
    }
    cr_assert_eq(k, r.n);
    free(r.detections);
}

Test(frontend_gate, dead_time_and_doubles_against_a_model) {
    const uint64_t deads[] = {0, 1, 3, 50};
    const double densities[] = {0.9, 0.2, 0.01};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 3; j++)
            for (int rule = KS_DEAD_ANY_CLICK; rule <= KS_DEAD_ACCEPTED; rule++)
                against_model(i * 3 + j, deads[i], densities[j], (ks_dead_rule)rule);
}

/* ---- sources that count ---- */

Test(frontend_gate, slot_sources_pass_through) {
    ks_frontend_config c = {.clock_hz = 1e9, .kind = KS_TIME_SLOTS};
    for (unsigned lane = 0; lane < 4; lane++)
        c.lanes[lane] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(lane >> 1), .bit = (uint8_t)(lane & 1)};
    const ks_event events[] = {{.time = 0, .lanes = 1},
                               {.time = 7, .lanes = 8, .fine = 7}, /* drawn at random by the source */
                               {.time = INT64_C(1) << 50, .lanes = 2},
                               {.time = -5, .lanes = 2},
                               {.time = INT64_MAX, .lanes = 2}};
    bench_result r = bench_run(&c, events, 5, 5, 0, 1);
    cr_assert_eq(r.n, 3);
    cr_expect_eq(r.detections[0], ks_detection_make(0, 0, 0, 0));
    cr_expect_eq(r.detections[1], ks_detection_make(7, 1, 1, 1));
    cr_expect_eq(r.detections[2], ks_detection_make(UINT64_C(1) << 50, 0, 1, 0));
    cr_expect_eq(r.stats.impossible + r.stats.backsteps, 2);
    free(r.detections);
}

Test(frontend_gate, sync_periods) {
    /* 80 MHz pulses, sync every 8, fine unit 25 ps: 500 units a slot. */
    ks_frontend_config c = {.clock_hz = 80e6,
                            .marker_slots = 8,
                            .kind = KS_TIME_SYNC,
                            .gate_ps = 2000,
                            .unit = {1, 10000000},
                            .fine_unit = {25, 1000000000000}};
    for (unsigned lane = 0; lane < 4; lane++)
        c.lanes[lane] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(lane >> 1), .bit = (uint8_t)(lane & 1)};
    c.lanes[3].delay_ps = 12500;
    enum { N = 5000 };
    static ks_event events[N];
    static ks_detection truth[N];
    uint64_t seed = 8, sync = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t r = ks_test_random(&seed), slot = r % 7;
        sync += 1 + (i % 1000 == 0 ? UINT64_C(1) << 40 : r >> 10 & 255);
        unsigned lane = r >> 32 & 3;
        int jitter = (int)(r >> 40 & 63) - 32;
        uint64_t fine = 500 * (slot + (lane == 3));
        if ((int64_t)fine + jitter < 0)
            jitter = 0;
        events[i] = (ks_event){
            .time = (int64_t)sync, .lanes = UINT32_C(1) << lane, .fine = (uint16_t)((int64_t)fine + jitter)};
        truth[i] = ks_detection_make(sync * 8 + slot, lane >> 1, lane & 1, 0);
    }
    for (size_t piece = 1; piece <= N; piece *= 17) {
        bench_result r = bench_run(&c, events, N, piece, 0, 1);
        cr_assert_eq(r.n, N);
        cr_assert_eq(memcmp(r.detections, truth, sizeof truth), 0);
        free(r.detections);
    }
    /* Clicks of one period may come in any order. */
    const ks_event swapped[] = {{.time = 5, .lanes = 1, .fine = 1500}, {.time = 5, .lanes = 2, .fine = 500}};
    bench_result r = bench_run(&c, swapped, 2, 2, 0, 1);
    cr_assert_eq(r.n, 2);
    cr_expect_eq(r.detections[0], ks_detection_make(41, 0, 1, 0));
    cr_expect_eq(r.detections[1], ks_detection_make(43, 0, 0, 0));
    free(r.detections);
}

/* ---- contract ---- */

static void refuse(const ks_frontend_config *c, const char *why) {
    ks_frontend *f = (ks_frontend *)1;
    uint64_t seed = 1;
    ks_random random = ks_random_seeded(&seed);
    cr_expect_eq(ks_frontend_create(&f, c, &random), KS_ERR_ARGUMENT, "%s", why);
    cr_expect_null(f);
    cr_expect(strstr(ks_error_detail(), why) != NULL, "'%s' in '%s'", why, ks_error_detail());
}

Test(frontend_gate, bad_configurations_are_refused) {
    const ks_frontend_config good = plain_config();
    ks_frontend_config c;
#define REFUSE(change, why) (c = good, (change), refuse(&c, why))
    REFUSE(c.clock_hz = 0, "clock_hz");
    REFUSE(c.clock_hz = NAN, "clock_hz");
    REFUSE(c.clock_tolerance = -1, "clock_tolerance");
    REFUSE(c.gate_ps = -1, "gate_ps");
    REFUSE(c.gate_ps = INFINITY, "gate_ps");
    REFUSE(c.dead_time_ps = NAN, "dead_time_ps");
    REFUSE(c.dead_time_rule = (ks_dead_rule)2, "dead_time_rule");
    REFUSE(c.marker_slots = 0, "marker_slots");
    REFUSE(c.unit.denominator = 0, "unit");
    REFUSE(c.unit.denominator = 1000, "longer than a slot");
    REFUSE(c.lanes[0].delay_ps = INT64_C(40000000), "lane 0");
    REFUSE(c.lanes[2].bit = 2, "lane 2");
    REFUSE(c.lanes[5].role = (ks_lane_role)9, "lane 5");
    REFUSE(c.lanes[BENCH_MARKER].role = KS_LANE_IGNORED, "one lane of markers");
    REFUSE(c.lanes[9].role = KS_LANE_MARKER, "one lane of markers");
    REFUSE(memset(c.lanes, 0, sizeof c.lanes), "detector");
    REFUSE(c.kind = (ks_time_kind)7, "kind");
    REFUSE((c.kind = KS_TIME_SYNC, c.marker_slots = 100000), "sync period");
    REFUSE(c.kind = KS_TIME_SYNC, "fine_unit");
    REFUSE((c.clock_hz = 1.5, c.lanes[BENCH_MARKER].role = KS_LANE_PPS), "whole number");
#undef REFUSE
}

static ks_status no_randomness(void *context, uint8_t *out, size_t bytes) {
    (void)context, (void)out, (void)bytes;
    return KS_ERR_UNAVAILABLE;
}

Test(frontend_gate, without_randomness_it_stops) {
    ks_frontend_config c = {.clock_hz = 1e9, .kind = KS_TIME_SLOTS};
    c.lanes[0] = (ks_lane){.role = KS_LANE_DETECTOR};
    c.lanes[1] = (ks_lane){.role = KS_LANE_DETECTOR, .bit = 1};
    const ks_random random = {.fill = no_randomness};
    ks_frontend *f;
    cr_assert_eq(ks_frontend_create(&f, &c, &random), KS_OK);
    const ks_event events[] = {{.time = 1, .lanes = 3}, {.time = 2, .lanes = 1}, {.time = 3, .lanes = 1}};
    ks_detection out[3];
    size_t taken, count;
    uint64_t frontier;
    cr_expect_eq(ks_frontend_push(f, events, 3, &taken, out, 3, &count, &frontier), KS_ERR_UNAVAILABLE);
    cr_expect_eq(count, 0);
    cr_expect_eq(ks_frontend_push(f, events, 3, &taken, out, 3, &count, &frontier), KS_ERR_STATE);
    cr_expect_eq(ks_frontend_finish(f, out, 3, &count, &frontier), KS_ERR_STATE);
    ks_frontend_destroy(f);
    ks_frontend_destroy(NULL);
}

/* Times, lanes, flags and order at random: the invariants that bench_run checks must hold. */
Test(frontend_gate, rubbish_keeps_the_promises) {
    enum { N = 3000 };
    static ks_event events[N];
    for (uint64_t seed = 1; seed < 40; seed++) {
        uint64_t state = seed;
        int64_t time = 0;
        for (int i = 0; i < N; i++) {
            uint64_t r = ks_test_random(&state);
            int big = r % 50 == 0;
            time += big ? (int64_t)(ks_test_random(&state) >> (8 + r / 64 % 40)) : (int64_t)(r >> 50);
            if (time < 0)
                time = INT64_MIN / 2;
            events[i] = (ks_event){.time = r % 97 == 0 ? (int64_t)ks_test_random(&state) : time,
                                   .lanes = (uint32_t)(r >> 8) & (uint32_t)(r >> 16) & 0x11F,
                                   .flags = (uint16_t)(r % 61 == 0),
                                   .fine = (uint16_t)(r >> 24)};
        }
        ks_frontend_config c = plain_config();
        c.hold_events = seed % 3 ? 50 : 0;
        c.dead_time_ps = 3000;
        c.marker_slots = 20;
        c.lanes[1].delay_ps = 900;
        c.kind = (ks_time_kind)(seed % 3);
        c.fine_unit = (ks_unit){1, 1000000000000};
        bench_result whole = bench_run(&c, events, N, N, 0, 5);
        bench_result pieces = bench_run(&c, events, N, 13, 0, 5);
        cr_expect_eq(whole.n, pieces.n);
        cr_expect_eq(memcmp(whole.detections, pieces.detections, whole.n * sizeof *whole.detections), 0);
        free(whole.detections);
        free(pieces.detections);
    }
}
