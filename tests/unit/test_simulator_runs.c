/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the simulator as such: the same whatever the chunks and threads, in order, refused when
 * misconfigured; presets; variates. */
#include "host/simulator/presets.h"
#include "host/simulator/sampler.h"
#include "tests/unit/simulator_recording.h"

/* Everything at once. */
static ks_sim_config rich(void) {
    ks_sim_config config = plain();
    for (int d = 0; d < 4; d++)
        config.detector[d] = (ks_sim_detector){.efficiency = 0.5,
                                               .dark_hz = 2e5,
                                               .skew_ps = 900 * d,
                                               .dead_ps = 2e4,
                                               .pixels = 1 + d,
                                               .afterpulse = {0.02, 0.05},
                                               .afterpulse_tau_ps = {1e5, 3e6},
                                               .jitter_ps = 300,
                                               .tail = 0.1,
                                               .tail_ps = 400};
    config.background_hz = 1e5;
    config.drift_ppm = 3;
    config.walk_ppb = 10;
    config.fade_db = 3;
    config.fade_period_s = 0.002;

    config.rotation_deg_s = 100;
    config.intercepted = 0.1;
    config.marker_slots = 3333;
    config.marker_missed = 0.01;
    config.marker_spurious_hz = 1e4;
    config.marker_jitter_ps = 10;
    config.pps = 1;
    config.slots = 2000000;
    return config;
}

static void same(const recording *a, const recording *b, size_t n) {
    cr_assert_geq(a->count, n);
    cr_assert_geq(b->count, n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(a->events[i].time, b->events[i].time, "event %zu", i);
        cr_assert_eq(a->events[i].lanes, b->events[i].lanes);
        cr_assert_eq(a->events[i].fine, b->events[i].fine);
        cr_assert_eq(a->truth[i].slot, b->truth[i].slot);
        cr_assert_eq(a->truth[i].origin, b->truth[i].origin);
    }
}

Test(simulator, results_do_not_depend_on_chunks_or_threads) {
    for (int kind = 0; kind < 3; kind++) {
        ks_sim_config config = rich();
        config.passive = kind == 1;
        config.slot_events = kind == 2;
        recording all = record(&config), pieces = record_in(&config, 7);
        cr_assert_gt(all.count, 10000);
        cr_assert_eq(all.count, pieces.count);
        same(&all, &pieces, all.count);
        for (unsigned threads = 1; threads < 4; threads += 2) {
            config.threads = threads;
            recording threaded = record_in(&config, 1000);
            cr_assert_eq(all.count, threaded.count);
            same(&all, &threaded, all.count);
            forget(&threaded);
        }
        config.seed[0]++;
        recording other = record(&config);
        size_t equal = 0;
        for (size_t i = 0; i < 1000; i++)
            equal += all.events[i].time == other.events[i].time;
        cr_assert_lt(equal, 500);
        forget(&other);
        forget(&pieces);
        forget(&all);
    }
}

Test(simulator, a_shorter_run_is_the_beginning_of_a_longer_one) {
    ks_sim_config config = rich();
    recording longer = record(&config);
    config.slots = 1234567;
    recording shorter = record(&config);
    size_t n = 0; /* events that nothing behind the shorter run's end can overtake */
    while (n < shorter.count && shorter.truth[n].slot + 200 < config.slots)
        n++;
    cr_assert_gt(n, 5000);
    same(&longer, &shorter, n);
    forget(&shorter);
    forget(&longer);
}

Test(simulator, events_come_in_order_and_name_their_slot) {
    ks_sim_config config = rich();
    config.walk_ppb = 0;
    recording r = record(&config);
    for (size_t i = 0; i < r.count; i++) {
        if (i)
            cr_assert_leq(r.events[i - 1].time, r.events[i].time);
        cr_assert_lt(r.truth[i].slot, config.slots);
        if (r.truth[i].origin < KS_SIM_MARKER)
            cr_assert(fabs((double)r.events[i].time / (1 + 3e-6) - 1000 * (double)r.truth[i].slot) <
                      500 + 3 * 900 + 8 * 300 + 40 * 400 + 2);
    }
    uint64_t sum = 0;
    for (int o = 0; o < KS_SIM_ORIGINS; o++) {
        cr_assert_gt(r.stats.origin[o], 0, "origin %d", o);
        sum += r.stats.origin[o];
    }
    cr_assert_eq(sum, r.count);
    forget(&r);
}

Test(simulator, slot_events_are_the_same_clicks_without_their_times) {
    ks_sim_config config = rich();
    config.extra_db = 1; /* doubles, too */
    config.marker_slots = 0;
    config.marker_spurious_hz = 0;
    config.pps = 0;
    recording tags = record(&config);
    config.slot_events = 1;
    recording slots = record(&config);
    static uint8_t lanes[2000000];
    for (size_t i = 0; i < tags.count; i++)
        lanes[tags.truth[i].slot] |= (uint8_t)tags.events[i].lanes;
    size_t doubles = 0;
    for (size_t i = 0; i < slots.count; i++) {
        ks_detection d = ks_event_to_detection(&slots.events[i]);
        uint8_t seen = lanes[ks_detection_slot(d)];
        if (i)
            cr_assert_gt(slots.events[i].time, slots.events[i - 1].time);
        cr_assert(seen >> (1 + (d & 3)) & 1, "slot %llu", (unsigned long long)ks_detection_slot(d));
        cr_assert_eq(d >> 2 & 1, __builtin_popcount(seen) > 1);
        doubles += d >> 2 & 1;
        lanes[ks_detection_slot(d)] = 0;
    }
    cr_assert_gt(doubles, 100);
    for (size_t i = 0; i < sizeof lanes; i++)
        cr_assert_eq(lanes[i], 0);
    forget(&slots);
    forget(&tags);
}

Test(simulator, bad_configurations_are_named) {
    ks_sim_config good = plain(), bad[14];
    ks_states *states;
    ks_simulator *simulator;
    for (int i = 0; i < 14; i++)
        bad[i] = good;
    bad[0].clock_hz = 0;
    bad[1].source.probability[0] = 0.6;
    bad[2].detector[1].efficiency = 1.1;
    bad[3].detector[0].pixels = 2.5;
    bad[4].misalignment[1] = NAN;
    bad[5].marker_lane = 3;
    bad[6].pps_lane = 40;
    bad[7].unit.denominator = 0;
    bad[8].gate_ps = 1001;
    bad[9].bob_test_basis = -0.1;
    bad[10].drift_ppm = INFINITY;
    bad[11].detector[0].pixels = 33;
    bad[12].source.intensities = 0;
    bad[13].detector[0].afterpulse[1] = 2;
    cr_assert_eq(ks_sim_alice_states(&states, &good), KS_OK);
    for (int i = 0; i < 14; i++)
        cr_assert_eq(ks_simulator_create(&simulator, &bad[i], states), KS_ERR_ARGUMENT, "case %d", i);
    good.slots++;
    cr_assert_eq(ks_simulator_create(&simulator, &good, states), KS_ERR_ARGUMENT);
    good.slots = 0;
    cr_assert_eq(ks_simulator_create(&simulator, &good, states), KS_ERR_ARGUMENT);
    ks_states_destroy(states);
}

Test(sampler, variates_have_the_moments_of_their_distributions) {
    enum { N = 4000000 };
    static ks_ziggurats tables;
    ks_ziggurats_init(&tables);
    uint8_t seed[32] = {9};
    ks_sampler sampler = ks_sampler_make(seed, KS_STREAM_SIGNAL, 0);
    double normal[5] = {0}, exponential[3] = {0}, normal_far = 0, exponential_far = 0;
    for (int i = 0; i < N; i++) {
        double z = ks_sampler_normal(&sampler, &tables), e = ks_sampler_exponential(&sampler, &tables);
        for (int p = 1; p < 5; p++)
            normal[p] += pow(z, p);
        exponential[1] += e;
        exponential[2] += e * e;
        normal_far += fabs(z) > 3.7;
        exponential_far += e > 7.8;
    }
    NEAR(normal[1], 0, sqrt(N));
    NEAR(normal[2], N, sqrt(2.0 * N));
    NEAR(normal[3], 0, sqrt(15.0 * N));
    NEAR(normal[4], 3.0 * N, sqrt(96.0 * N));
    NEAR(exponential[1], N, sqrt(N));
    NEAR(exponential[2], 2.0 * N, sqrt(20.0 * N));
    NEAR(normal_far, N * erfc(3.7 / sqrt(2)), sqrt(N * erfc(3.7 / sqrt(2))));
    NEAR(exponential_far, N * exp(-7.8), sqrt(N * exp(-7.8)));
}

Test(presets, each_is_a_link_that_runs_with_known_provenance) {
    static const char *const expected[] = {"metro-10km", "metro-50km",       "kiwi-80M-apd", "padova-50M",
                                           "rusca-ref",  "unige-2.5G-snspd", "ustc-625M",    "geneva-2.5G",
                                           "sat-100M",   "toshiba-1G-sdapd", "gys"};
    size_t presets = 0;
    for (ks_sim_preset p; (p = ks_sim_preset_at(presets)).name; presets++) {
        ks_sim_config config;
        cr_assert_eq(ks_sim_preset_load(&config, p.name), KS_OK, "%s", ks_error_detail());
        for (size_t i = 0; i < p.count; i++) {
            const ks_sim_field *field = ks_sim_field_find(p.values[i].field);
            cr_assert_eq(ks_sim_field_get(&config, field), p.values[i].value, "%s %s", p.name, field->name);
            cr_assert_gt(strlen(p.values[i].provenance), 4);
        }
        config.slots = (uint64_t)(config.clock_hz / 200);
        recording r = record(&config);
        cr_assert_gt(r.stats.origin[KS_SIM_MARKER], 0, "%s", p.name);
        ks_sim_expectation e;
        cr_assert_eq(ks_sim_expect(&e, &config), KS_OK);
        cr_assert(e.qber[0] > 0.001 && e.qber[0] < 0.08, "%s: %g", p.name, e.qber[0]);
        forget(&r);
    }
    cr_assert_eq(presets, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < presets; i++) {
        ks_sim_config config;
        cr_assert_eq(ks_sim_preset_load(&config, expected[i]), KS_OK, "%s", expected[i]);
    }
    ks_sim_config config;
    cr_assert_eq(ks_sim_preset_load(&config, "no-such"), KS_ERR_ARGUMENT);
}

Test(presets, fields_refuse_what_they_cannot_hold) {
    ks_sim_config config;
    ks_sim_defaults(&config);
    cr_assert_eq(ks_sim_field_set(&config, ks_sim_field_find("marker-slots"), 1.5), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_sim_field_set(&config, ks_sim_field_find("marker-slots"), -1), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_sim_field_set(&config, ks_sim_field_find("passive"), 2), KS_ERR_ARGUMENT);
    cr_assert_null(ks_sim_field_find("no-such"));
    cr_assert_eq(ks_sim_field_set(&config, ks_sim_field_find("efficiency"), 0.25), KS_OK);
    cr_assert_eq(config.detector[3].efficiency, 0.25);
}
