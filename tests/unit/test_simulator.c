/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the simulator against what its model says, by formulas written here. Seeds are fixed, so that
 * a result never changes; bounds are SIGMAS standard deviations, so that a right simulator with another seed
 * fails one comparison with probability 6e-7. */
#include "tests/unit/simulator_recording.h"

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

/* A photon that turns by an angle goes to the wrong detector with the square of its sine. */
Test(simulator, misalignment_turns_with_time) {
    ks_sim_config config = plain();
    config.rotation_deg_s = 30 / 0.02; /* 30 degrees in the 20 ms of the run */
    config.misalignment[0] = config.misalignment[1] = 0;
    config.slots = 20000000;
    config.extra_db = 20;
    config.slot_events = 1;
    recording r = record(&config);
    double sifted[2] = {0}, wrong[2] = {0};
    for (size_t i = 0; i < r.count; i++) {
        ks_detection d = ks_event_to_detection(&r.events[i]);
        uint64_t slot = ks_detection_slot(d);
        ks_state state = state_of(&r, slot);
        if ((state >> 1 & 1) != (d >> 1 & 1) || (slot >= 1000000 && slot < 19000000))
            continue;
        sifted[slot >= 19000000]++;
        wrong[slot >= 19000000] += (state & 1) != (d & 1);
    }
    for (int end = 0; end < 2; end++) {
        double angle = (end ? 29.25 : 0.75) * M_PI / 180, e = pow(sin(angle), 2);
        NEAR(wrong[end], e * sifted[end], sqrt(e * sifted[end]) + 0.002 * sifted[end]);
    }
    forget(&r);
}

/* Intercept and resend: a quarter of the intercepted bits is wrong (Bennett and Brassard 1984), besides what
 * would be. */
Test(simulator, eve_leaves_errors) {
    ks_sim_config config = plain();
    config.intercepted = 0.4;
    config.extra_db = 20; /* few double clicks */
    config.slots = 40000000;
    config.slot_events = 1;
    recording r = record(&config);
    tally t = tally_sifted(&r);
    ks_sim_expectation expected;
    cr_assert_eq(ks_sim_expect(&expected, &config), KS_OK);
    for (int b = 0; b < 2; b++) {
        double sifted = t.seen[b][0] + t.seen[b][1] + t.seen[b][2], e = config.misalignment[b];
        double wrong = t.wrong[b][0] + t.wrong[b][1] + t.wrong[b][2], q = 0.8 * e + 0.2 * 0.5;
        NEAR(wrong, q * sifted, sqrt(q * sifted) + 0.001 * sifted);
        NEAR(wrong, expected.qber[b] * sifted, sqrt(q * sifted));
        NEAR(sifted, expected.sifted_hz[b] * 0.04, sqrt(sifted));
    }
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
