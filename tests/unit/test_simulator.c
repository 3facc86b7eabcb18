/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the simulator against what its model says, by formulas written here. Seeds are fixed, so that
 * a result never changes; bounds are SIGMAS standard deviations, so that a right simulator with another seed
 * fails one comparison with probability 6e-7. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/simulator/presets.h"
#include "host/simulator/sampler.h"
#include "host/simulator/simulator.h"

static const double SIGMAS = 5;

#define NEAR(got, expected, sigma)                                                                           \
    cr_assert(fabs((got) - (expected)) <= SIGMAS * (sigma), "%s: %.9g, expected %.9g +- %.3g", #got,         \
              (double)(got), (double)(expected), (double)(sigma))

typedef struct recording {
    ks_event *events;
    ks_sim_truth *truth;
    size_t count;
    ks_sim_stats stats;
    ks_states *states;
} recording;

/* Runs to the end, asking for `chunk` events at a time. */
static recording record_in(const ks_sim_config *config, size_t chunk) {
    recording r = {0};
    ks_simulator *simulator;
    size_t capacity = 1 << 16, got;
    cr_assert_eq(ks_sim_alice_states(&r.states, config), KS_OK, "%s", ks_error_detail());
    cr_assert_eq(ks_simulator_create(&simulator, config, r.states), KS_OK, "%s", ks_error_detail());
    r.events = malloc(capacity * sizeof *r.events);
    r.truth = malloc(capacity * sizeof *r.truth);
    do {
        if (capacity - r.count < chunk) {
            capacity = 2 * capacity + chunk;
            r.events = realloc(r.events, capacity * sizeof *r.events);
            r.truth = realloc(r.truth, capacity * sizeof *r.truth);
        }
        cr_assert_eq(ks_simulator_run(simulator, r.events + r.count, r.truth + r.count, chunk, &got), KS_OK,
                     "%s", ks_error_detail());
        r.count += got;
    } while (got);
    ks_simulator_get_stats(simulator, &r.stats);
    ks_simulator_destroy(simulator);
    return r;
}

static recording record(const ks_sim_config *config) {
    return record_in(config, 10000);
}

static void forget(recording *r) {
    ks_states_destroy(r->states);
    free(r->events);
    free(r->truth);
}

static ks_state state_of(recording *r, uint64_t slot) {
    ks_state state;
    cr_assert_eq(ks_states_gather(r->states, &state, &slot, 1), KS_OK);
    return state;
}

/* A bright, noiseless, jitterless link: 1 GHz, two decoys. */
static ks_sim_config plain(void) {
    ks_sim_config config;
    ks_sim_defaults(&config);
    config.clock_hz = 1e9;
    config.source = (ks_source){3, {0.6, 0.2, 0.01}, {0.5, 0.3, 0.2}};
    config.alice_test_basis = 0.3;
    config.bob_test_basis = 0.4;
    config.misalignment[0] = 0.02;
    config.misalignment[1] = 0.05;
    config.extra_db = 6;
    config.marker_slots = 0;
    config.clock_offset_ps = 0;
    config.slots = 4000000;
    config.seed[0] = 1;
    return config;
}

/* Detections by basis and intensity, from slot events; double clicks are wrong half of the time already. */
typedef struct tally {
    double seen[2][3], wrong[2][3];
} tally;

static tally tally_sifted(recording *r) {
    tally t = {0};
    for (size_t i = 0; i < r->count; i++) {
        ks_detection d = ks_event_to_detection(&r->events[i]);
        ks_state state = state_of(r, ks_detection_slot(d));
        unsigned basis = (unsigned)(d >> 1 & 1), k = state >> KS_STATE_INTENSITY_SHIFT;
        if ((state >> 1 & 1) != basis)
            continue;
        t.seen[basis][k]++;
        t.wrong[basis][k] += (state & 1) != (d & 1);
    }
    return t;
}

/* Gain and error of a decoy-state link (Ma, Qi, Zhao, Lo, PRA 72, 012326, eqs. 6 to 11, with the error of
 * double clicks counted one half): two detectors see independent Poisson counts. */
static void check_gains(const ks_sim_config *config) {
    ks_sim_config slots = *config;
    slots.slot_events = 1;
    recording r = record(&slots);
    tally t = tally_sifted(&r);
    double transmittance = pow(10, -(config->extra_db + config->receiver_db) / 10);
    for (unsigned basis = 0; basis < 2; basis++)
        for (unsigned k = 0; k < 3; k++) {
            double alice = basis ? config->alice_test_basis : 1 - config->alice_test_basis;
            double bob = basis ? config->bob_test_basis : 1 - config->bob_test_basis;
            double light = config->source.mean[k] * transmittance * config->detector[0].efficiency;
            double e = config->misalignment[basis];
            double right = -expm1(-light * (1 - e)), wrong = -expm1(-light * e);
            double gain = right + wrong - right * wrong, error = wrong * (1 - right) + 0.5 * right * wrong;
            double n = (double)config->slots * config->source.probability[k] * alice * bob;
            NEAR(t.seen[basis][k], n * gain, sqrt(n * gain));
            NEAR(t.wrong[basis][k], n * error, sqrt(n * error) + 1e-9);
        }
    forget(&r);
}

Test(simulator, gains_and_errors_of_every_intensity_are_those_of_the_model) {
    ks_sim_config config = plain();
    check_gains(&config);
    config.extra_db = 0; /* nearly every bright pulse clicks, many doubly */
    config.misalignment[0] = 0.2;
    config.slots = 1000000;
    check_gains(&config);
    config.extra_db = 25;
    config.receiver_db = 2;
    config.detector[0].efficiency = config.detector[1].efficiency = 0.5;
    config.slots = 300000000;
    check_gains(&config);
}

Test(simulator, a_passive_receiver_splits_the_light_over_four_detectors) {
    ks_sim_config config = plain();
    config.passive = 1;
    config.detector[3].efficiency = 0.5;
    recording r = record(&config);
    double transmittance = pow(10, -0.6), expected[4] = {0}, seen[4] = {0};
    for (unsigned state = 0; state < 12; state++)
        for (unsigned d = 0; d < 4; d++) {
            unsigned arm = d >> 1;
            double sent = config.source.probability[state >> 2] * (state & 2 ? 0.3 : 0.7) / 2;
            double share = (state >> 1 & 1) != arm  ? 0.5
                           : (state & 1) == (d & 1) ? 1 - config.misalignment[arm]
                                                    : config.misalignment[arm];
            double light = config.source.mean[state >> 2] * transmittance * (arm ? 0.4 : 0.6) * share;
            expected[d] += (double)config.slots * sent * -expm1(-light * (d == 3 ? 0.5 : 1));
        }
    for (size_t i = 0; i < r.count; i++)
        seen[__builtin_ctz(r.events[i].lanes) - 1]++;
    for (int d = 0; d < 4; d++)
        NEAR(seen[d], expected[d], sqrt(expected[d]));
    forget(&r);
}

static unsigned basis_of(const ks_event *event) {
    return (unsigned)(__builtin_ctz(event->lanes) - 1) / 2;
}

Test(simulator, only_detectors_of_bobs_basis_click_in_a_slot) {
    ks_sim_config config = plain();
    config.extra_db = 0;
    config.slots = 300000;
    config.detector[0].dark_hz = config.detector[1].dark_hz = 1e7;
    recording r = record(&config);
    double test = 0, slots = 0;
    for (size_t i = 0; i < r.count; i++) {
        unsigned basis = basis_of(&r.events[i]);
        if (i && r.truth[i].slot == r.truth[i - 1].slot) {
            cr_assert_eq(basis, basis_of(&r.events[i - 1]));
            continue;
        }
        test += basis;
        slots++;
    }
    cr_assert_gt(r.stats.origin[KS_SIM_DARK], 1000);
    NEAR(test, 0.4 * slots, sqrt(slots * 0.4 * 0.6));
    forget(&r);
}

static ks_sim_config dark(double hz) {
    ks_sim_config config = plain();
    config.extra_db = 200;
    config.clock_hz = 1e8;
    config.slots = 100000000;
    config.detector[0].dark_hz = hz;
    config.detector[1].dark_hz = 2 * hz;
    return config;
}

Test(simulator, dark_and_background_counts_are_poissonian_and_uniform_in_time) {
    ks_sim_config config = dark(40000);
    config.background_hz = 100000;
    config.detector[1].efficiency = 0.5;
    recording r = record(&config);
    double seen[2] = {0}, bins[10] = {0};
    for (size_t i = 0; i < r.count; i++) {
        seen[(__builtin_ctz(r.events[i].lanes) - 1) & 1]++;
        bins[r.events[i].time % 10000 / 1000]++;
    }
    NEAR(seen[0], 40000 + 50000, sqrt(90000));
    NEAR(seen[1], 80000 + 25000, sqrt(105000));
    NEAR((double)r.stats.origin[KS_SIM_DARK], 120000, sqrt(120000));
    NEAR((double)r.stats.origin[KS_SIM_BACKGROUND], 75000, sqrt(75000));
    for (int b = 0; b < 10; b++)
        NEAR(bins[b], 19500, sqrt(19500));
    forget(&r);
}

Test(simulator, gated_detectors_are_dark_outside_their_gates) {
    ks_sim_config config = dark(400000);
    config.gate_ps = 2000;
    recording r = record(&config);
    NEAR((double)r.count, 240000, sqrt(240000));
    for (size_t i = 0; i < r.count; i++) {
        int64_t offset = r.events[i].time - (int64_t)r.truth[i].slot * 10000;
        cr_assert(offset >= -1000 && offset <= 1000, "offset %lld", (long long)offset);
    }
    forget(&r);
}

/* Clicks of a Poisson process of rate r with non-paralysable dead time t: mean T / (1/r + t), variance
 * T (1/r)^2 / (1/r + t)^3 (renewal theory, large T). */
Test(simulator, dead_time_is_not_prolonged_by_lost_clicks) {
    ks_sim_config config = dark(1e6);
    config.slots = 50000000;
    config.detector[0].dead_ps = 2e6;
    config.detector[1].dead_ps = 1e5;
    recording r = record(&config);
    int64_t last[2] = {INT64_MIN / 2, INT64_MIN / 2};
    double seen[2] = {0};
    for (size_t i = 0; i < r.count; i++) {
        int d = (__builtin_ctz(r.events[i].lanes) - 1) & 1;
        cr_assert_geq(r.events[i].time - last[d], (int64_t)config.detector[d].dead_ps - 1);
        last[d] = r.events[i].time;
        seen[d]++;
    }
    for (int d = 0; d < 2; d++) {
        double gap = 1 / config.detector[d].dark_hz, cycle = gap + 1e-12 * config.detector[d].dead_ps;
        NEAR(seen[d], 0.5 / cycle, sqrt(0.5 * gap * gap / pow(cycle, 3)));
    }
    NEAR((double)(r.count + r.stats.dead), 1.5e6, sqrt(1.5e6));
    forget(&r);
}

Test(simulator, pixels_are_dead_one_by_one_and_common_dead_time_holds_all) {
    ks_sim_config config = dark(4e6);
    config.slots = 10000000;
    config.detector[1].dark_hz = 0;
    config.detector[0].dead_ps = 2e6;
    config.detector[0].pixels = 8;
    recording r = record(&config);
    double gap = 2e-6, cycle = gap + 2e-6; /* a pixel sees an eighth of 4 MHz */
    NEAR((double)r.count, 8 * 0.1 / cycle, sqrt(8 * 0.1 * gap * gap / pow(cycle, 3)));
    forget(&r);
    config.common_dead_time = 1;
    r = record(&config);
    gap = 0.25e-6, cycle = gap + 2e-6;
    NEAR((double)r.count, 0.1 / cycle, sqrt(0.1 * gap * gap / pow(cycle, 3)));
    forget(&r);
}

/* Few clicks, far apart: a click leaves p exp(-dead/tau) afterpulses of each kind, and each of those leaves
 * its own. */
Test(simulator, afterpulses_follow_both_exponentials_and_dead_time_takes_its_share) {
    ks_sim_config config = dark(200);
    config.slots = 40000000000;
    config.detector[0].dead_ps = 1e6;
    config.detector[0].afterpulse[0] = 0.3;
    config.detector[0].afterpulse_tau_ps[0] = 1e6;
    config.detector[0].afterpulse[1] = 0.1;
    config.detector[0].afterpulse_tau_ps[1] = 5e6;
    recording r = record(&config);
    double p = 0.3 * exp(-1) + 0.1 * exp(-0.2), delay = 0, after = 0;
    double clicks = (double)r.stats.lane[1] + (double)r.stats.lane[3];
    int64_t last = 0;
    for (size_t i = 0; i < r.count; i++) {
        if (!(r.events[i].lanes & (2 | 8)))
            continue;
        if (r.truth[i].origin == KS_SIM_AFTERPULSE) {
            delay += (double)(r.events[i].time - last);
            after++;
        }
        last = r.events[i].time;
    }
    NEAR(after, clicks * p, sqrt(clicks * p * (1 + p)));
    /* Mean delay: dead time and then either exponential; a few clicks leave two, of which the second is
     * measured from the first, which shortens the mean by less than 1 %. */
    double mean = 1e6 + (0.3 * exp(-1) * 1e6 + 0.1 * exp(-0.2) * 5e6) / p;
    cr_assert(fabs(delay / after - mean) < 0.03 * mean, "%g of %g", delay / after, mean);
    forget(&r);
}

Test(simulator, jitter_has_its_mean_variance_and_tail) {
    ks_sim_config config = plain();
    config.slots = 10000000;
    config.clock_hz = 1e8;
    config.pulse_ps = 30;
    config.detector[0] = (ks_sim_detector){.efficiency = 1, .pixels = 1, .skew_ps = 250, .jitter_ps = 40};
    config.detector[1] = config.detector[0];
    config.detector[1].skew_ps = -70;
    config.detector[1].tail = 0.2;
    config.detector[1].tail_ps = 300;
    recording r = record(&config);
    double n[2] = {0}, sum[2] = {0}, square[2] = {0};
    for (size_t i = 0; i < r.count; i++) {
        int d = (__builtin_ctz(r.events[i].lanes) - 1) & 1;
        double lag = (double)(r.events[i].time - (int64_t)r.truth[i].slot * 10000);
        n[d]++;
        sum[d] += lag;
        square[d] += lag * lag;
    }
    double mean[2] = {250, -70 + 0.2 * 300}, variance[2] = {2500, 2500 + 2 * 0.2 * 9e4 - 3600};
    for (int d = 0; d < 2; d++) {
        variance[d] += 1.0 / 12; /* rounding to 1 ps */
        NEAR(sum[d] / n[d], mean[d], sqrt(variance[d] / n[d]));
        double kurtosis = d ? 20 : 3; /* of the tailed mixture: below 20 */
        NEAR(square[d] / n[d] - pow(sum[d] / n[d], 2), variance[d],
             variance[d] * sqrt((kurtosis - 1) / n[d]));
    }
    forget(&r);
}

Test(simulator, bobs_clock_has_offset_delay_and_drift) {
    ks_sim_config config = plain();
    config.clock_hz = 312.5e6;
    config.distance_km = 10;
    config.clock_offset_ps = 123456789;
    config.drift_ppm = 7.5;
    config.marker_slots = 1000;
    config.slots = 312500000;
    config.extra_db = 60;
    recording r = record(&config);
    uint64_t markers = 0;
    for (size_t i = 0; i < r.count; i++) {
        double time = 123456789 + 10 * 4.9e6 + (double)r.truth[i].slot * 3200 * (1 + 7.5e-6);
        cr_assert(fabs((double)r.events[i].time - time) <= 1, "slot %llu",
                  (unsigned long long)r.truth[i].slot);
        markers += r.truth[i].origin == KS_SIM_MARKER;
    }
    cr_assert_eq(markers, 312500);
    forget(&r);
}

Test(simulator, the_clock_walks_as_far_as_configured) {
    double sum = 0;
    enum { RUNS = 60 };
    for (int i = 0; i < RUNS; i++) {
        ks_sim_config config = plain();
        config.clock_hz = 1e8;
        config.extra_db = 200;
        config.pps = 1;
        config.walk_ppb = 100;
        config.slots = 1000000001;
        config.seed[1] = (uint8_t)i;
        recording r = record(&config);
        cr_assert_eq(r.count, 11);
        /* phase after 10 s of a frequency walk: variance walk^2 t^3 / 3 */
        double error = (double)r.events[10].time - (double)r.events[0].time - 1e13;
        sum += pow(error * 1e-12 / (100e-9 * sqrt(1000.0 / 3)), 2);
        forget(&r);
    }
    NEAR(sum, RUNS, sqrt(2.0 * RUNS));
}

Test(simulator, markers_are_missed_and_invented_but_never_the_first) {
    ks_sim_config config = plain();
    config.extra_db = 200;
    config.marker_slots = 500;
    config.marker_missed = 0.4;
    config.marker_spurious_hz = 1e6;
    config.marker_jitter_ps = 20;
    config.slots = 50000000;
    recording r = record(&config);
    cr_assert_eq(r.truth[0].origin, KS_SIM_MARKER);
    cr_assert_eq(r.truth[0].slot, 0);
    cr_assert_eq(r.stats.origin[KS_SIM_MARKER] + r.stats.markers_missed, 100000);
    NEAR((double)r.stats.markers_missed, 40000, sqrt(100000 * 0.4 * 0.6));
    NEAR((double)r.stats.origin[KS_SIM_SPURIOUS], 50000, sqrt(50000));
    config.marker_missed = 1;
    recording only_first = record(&config);
    cr_assert_eq(only_first.stats.origin[KS_SIM_MARKER], 1);
    forget(&only_first);
    forget(&r);
}

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

Test(simulator, a_fade_follows_its_cosine) {
    ks_sim_config config = plain();
    config.fade_db = 10;
    config.fade_period_s = 0.02;
    config.extra_db = 20;
    config.slots = 20000000;
    recording r = record(&config);
    double early = 0, middle = 0, mean = 0.5 * 0.6 + 0.3 * 0.2 + 0.2 * 0.01;
    for (size_t i = 0; i < r.count; i++) {
        early += r.truth[i].slot < 1000000;
        middle += r.truth[i].slot >= 9500000 && r.truth[i].slot < 10500000;
    }
    double bright =
        1e6 * mean * 0.01; /* linear to 1 % at 20 dB; the cosine's mean over the window below 1 % */
    cr_assert(early > 0.9 * bright && early < bright + 5 * sqrt(bright), "%g of %g", early, bright);
    NEAR(middle, 0.1 * bright, sqrt(0.1 * bright) + 0.003 * bright);
    forget(&r);
}

Test(simulator, expectations_agree_with_a_run) {
    ks_sim_config config = plain();
    config.detector[0].dark_hz = config.detector[1].dark_hz = 5e6;
    config.background_hz = 1e6;
    config.slot_events = 1;
    ks_sim_expectation expected;
    cr_assert_eq(ks_sim_expect(&expected, &config), KS_OK);
    recording r = record(&config);
    tally t = tally_sifted(&r);
    double seconds = (double)config.slots / config.clock_hz, clicks = 0;
    for (int b = 0; b < 2; b++) {
        double seen = 0, wrong = 0;
        for (int k = 0; k < 3; k++) {
            seen += t.seen[b][k];
            wrong += t.wrong[b][k];
            double n = expected.error[b][k] * t.seen[b][k];
            NEAR(t.wrong[b][k], n, sqrt(n));
        }
        NEAR(seen, expected.sifted_hz[b] * seconds, sqrt(seen));
        NEAR(wrong / seen, expected.qber[b], sqrt(expected.qber[b] / seen));
    }
    for (int o = 0; o < KS_SIM_MARKER; o++)
        clicks += (double)r.stats.origin[o];
    NEAR(clicks, expected.clicks_hz * seconds, sqrt(clicks));
    forget(&r);
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
