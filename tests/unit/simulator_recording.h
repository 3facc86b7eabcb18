/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the simulator, kept for tests. Bounds are SIGMAS standard deviations. */
#ifndef KS_TESTS_SIMULATOR_RECORDING_H
#define KS_TESTS_SIMULATOR_RECORDING_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/simulator/simulator.h"

#define SIGMAS 5.0

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
static inline recording record_in(const ks_sim_config *config, size_t chunk) {
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

static inline recording record(const ks_sim_config *config) {
    return record_in(config, 10000);
}

static inline void forget(recording *r) {
    ks_states_destroy(r->states);
    free(r->events);
    free(r->truth);
}

static inline ks_state state_of(recording *r, uint64_t slot) {
    ks_state state;
    cr_assert_eq(ks_states_gather(r->states, &state, &slot, 1), KS_OK);
    return state;
}

/* A bright, noiseless, jitterless link: 1 GHz, two decoys. */
static inline ks_sim_config plain(void) {
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

#endif
