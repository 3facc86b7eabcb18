/* SPDX-License-Identifier: Apache-2.0 */
/* From the simulator through Bob's front end: what comes out is what the truth says, for links that are hard
 * in different ways. */
#include <criterion/criterion.h>
#include <keystill/entropy.h>
#include <math.h>
#include <stdlib.h>

#include "host/simulator/presets.h"

enum { CHUNK = 5000 };

typedef struct outcome {
    uint64_t photons;                /* tags of photons after the first marker */
    uint64_t detections, right_slot; /* detections whose slot, basis and bit some tag has */
    double sifted[2], wrong[2];
    ks_frontend_stats stats;
} outcome;

typedef struct bench {
    const ks_sim_config *config;
    ks_states *states;
    ks_simulator *simulator;
    ks_frontend *frontend;
    uint8_t *clicks; /* lanes by slot */
    outcome out;
} bench;

/* Takes chunks of events from the simulator; 0 at the end. */
static size_t next_events(bench *b, ks_event *events, size_t capacity) {
    static ks_sim_truth truth[CHUNK];
    size_t n = 0;
    cr_assert_eq(ks_simulator_run(b->simulator, events, truth, capacity, &n), KS_OK);
    for (size_t i = 0; i < n; i++)
        if (truth[i].origin < KS_SIM_MARKER) {
            b->clicks[truth[i].slot] |= (uint8_t)events[i].lanes;
            b->out.photons += truth[i].origin == KS_SIM_PHOTON;
        }
    return n;
}

static void check_detections(bench *b, const ks_detection *detections, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t slot = ks_detection_slot(detections[i]);
        unsigned basis = (unsigned)(detections[i] >> 1 & 1);
        ks_state state = 0;
        b->out.detections++;
        if (slot >= b->config->slots)
            continue;
        b->out.right_slot += b->clicks[slot] >> (1 + (detections[i] & 3)) & 1;
        cr_assert_eq(ks_states_gather(b->states, &state, &slot, 1), KS_OK);
        if ((state >> 1 & 1) != basis)
            continue;
        b->out.sifted[basis]++;
        b->out.wrong[basis] += (state & 1) != (detections[i] & 1);
    }
}

static void run(bench *b) {
    static ks_event events[CHUNK];
    static ks_detection detections[CHUNK];
    uint64_t frontier = 0;
    size_t count = 0, taken = 0;
    for (size_t n; (n = next_events(b, events, CHUNK)) != 0;)
        for (size_t at = 0; at < n; at += taken) {
            cr_assert_eq(ks_frontend_push(b->frontend, events + at, n - at, &taken, detections, CHUNK, &count,
                                          &frontier),
                         KS_OK, "%s", ks_error_detail());
            check_detections(b, detections, count);
        }
    do {
        cr_assert_eq(ks_frontend_finish(b->frontend, detections, CHUNK, &count, &frontier), KS_OK);
        check_detections(b, detections, count);
    } while (count);
}

static outcome front_end(const ks_sim_config *config) {
    bench b = {.config = config, .clicks = calloc(config->slots + 1, 1)};
    ks_frontend_config front;
    uint64_t random_state = 1;
    ks_random random = ks_random_seeded(&random_state);
    ks_sim_frontend_config(&front, config);
    cr_assert_eq(ks_sim_alice_states(&b.states, config), KS_OK);
    cr_assert_eq(ks_simulator_create(&b.simulator, config, b.states), KS_OK);
    cr_assert_eq(ks_frontend_create(&b.frontend, &front, &random), KS_OK, "%s", ks_error_detail());
    run(&b);
    ks_frontend_get_stats(b.frontend, &b.out.stats);
    ks_frontend_destroy(b.frontend);
    ks_simulator_destroy(b.simulator);
    ks_states_destroy(b.states);
    free(b.clicks);
    return b.out;
}

/* Nearly all photons come out, in their slots, with the expected error rate (five standard deviations; what
 * the jitter's tail carries out of the gate or into a neighbour is below 1 %). */
static void check_link(const ks_sim_config *config) {
    ks_sim_expectation expected;
    outcome o = front_end(config);
    cr_assert_eq(ks_sim_expect(&expected, config), KS_OK);
    cr_assert(o.stats.locked);
    cr_assert_gt((double)o.right_slot, 0.999 * (double)o.detections, "%llu of %llu",
                 (unsigned long long)o.right_slot, (unsigned long long)o.detections);
    cr_assert_gt((double)o.detections, 0.95 * (double)o.photons, "%llu of %llu",
                 (unsigned long long)o.detections, (unsigned long long)o.photons);
    for (int b = 0; b < 2; b++) {
        double q = o.wrong[b] / o.sifted[b], sigma = sqrt(expected.qber[b] / o.sifted[b]);
        cr_assert(fabs(q - expected.qber[b]) < 5 * sigma + 0.001, "basis %d: %g, expected %g", b, q,
                  expected.qber[b]);
    }
    cr_assert(fabs(o.stats.clock_offset - 1e-6 * config->drift_ppm) < 0.1e-6, "%g", o.stats.clock_offset);
}

static ks_sim_config metro(void) {
    ks_sim_config config;
    cr_assert_eq(ks_sim_preset_load(&config, "metro-10km"), KS_OK);
    config.slots = 20000000;
    return config;
}

Test(simulated_frontend, a_metropolitan_link) {
    ks_sim_config config = metro();
    check_link(&config);
}

Test(simulated_frontend, many_markers_missing_and_some_invented) {
    ks_sim_config config = metro();
    config.marker_missed = 0.2;
    config.marker_spurious_hz = 500;
    check_link(&config);
}

Test(simulated_frontend, a_fast_clock_far_off) {
    ks_sim_config config = metro();
    config.clock_hz = 1e9;
    config.extra_db = 10;
    config.drift_ppm = -35;
    config.walk_ppb = 20;
    config.accept_gate_ps = 600;
    config.slots = 200000000;
    check_link(&config);
}

Test(simulated_frontend, noisy_detectors_in_a_passive_receiver) {
    ks_sim_config config = metro();
    config.passive = 1;
    config.background_hz = 1e5;
    for (int d = 0; d < 4; d++) {
        config.detector[d].dark_hz = 20000;
        config.detector[d].skew_ps = 1300 * d;
    }
    config.accept_dead_ps = 0;
    config.detector[0].dead_ps = config.detector[1].dead_ps = config.detector[2].dead_ps =
        config.detector[3].dead_ps = 0;
    config.extra_db = 10;
    check_link(&config);
}
