/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults and checks of a link's configuration, and what follows from it for others. */
#include <math.h>
#include <string.h>

#include "host/formats/states_image.h"
#include "host/simulator/attack.h"
#include "host/simulator/sampler.h"
#include "host/simulator/simulator.h"
#include "pipeline/status.h"

void ks_sim_defaults(ks_sim_config *config) {
    *config = (ks_sim_config){.clock_hz = 1e8,
                              .source = {1, {0.5}, {1}},
                              .alice_test_basis = 0.5,
                              .bob_test_basis = 0.5,
                              .fibre_db_km = 0.2,
                              .delay_ps_km = 4.9e6, /* group index 1.468 */
                              .fade_period_s = 1,
                              .clock_offset_ps = 1e9,
                              .marker_slots = 4000,
                              .detector_lane = {1, 2, 3, 4},
                              .marker_lane = 5,
                              .pps_lane = 6,
                              .unit = {1, UINT64_C(1000000000000)}};
    for (int d = 0; d < KS_SIM_DETECTORS; d++)
        config->detector[d] = (ks_sim_detector){.efficiency = 1, .pixels = 1};
}

static ks_status within(double value, double least, double most, const char *name) {
    if (value >= least && value <= most)
        return KS_OK;
    return ks_fail(KS_ERR_ARGUMENT, "simulator, %s: expected %g to %g, got %g", name, least, most, value);
}

static ks_status check_detector(const ks_sim_detector *detector) {
    KS_TRY(within(detector->efficiency, 0, 1, "efficiency"));
    KS_TRY(within(detector->dark_hz, 0, 1e9, "dark counts in Hz"));
    KS_TRY(within(detector->skew_ps, -1e6, 1e6, "skew in ps"));
    KS_TRY(within(detector->dead_ps, 0, 1e12, "dead time in ps"));
    KS_TRY(within(detector->pixels, 1, KS_SIM_PIXELS, "pixels"));
    KS_TRY(within(detector->jitter_ps, 0, 1e6, "jitter in ps"));
    KS_TRY(within(detector->tail, 0, 1, "share of the jitter's tail"));
    KS_TRY(within(detector->tail_ps, 0, 1e6, "tail of the jitter in ps"));
    for (int i = 0; i < 2; i++) {
        KS_TRY(within(detector->afterpulse[i], 0, 0.5, "afterpulse probability"));
        KS_TRY(within(detector->afterpulse_tau_ps[i], 0, 1e12, "afterpulse time constant in ps"));
    }
    return detector->pixels == floor(detector->pixels)
               ? KS_OK
               : ks_fail(KS_ERR_ARGUMENT, "simulator, pixels: expected a whole number, got %g",
                         detector->pixels);
}

static ks_status check_channel(const ks_sim_config *config) {
    KS_TRY(within(config->distance_km, 0, 1e6, "distance in km"));
    KS_TRY(within(config->fibre_db_km, 0, 100, "fibre loss in dB/km"));
    KS_TRY(within(config->extra_db, 0, 200, "extra loss in dB"));
    KS_TRY(within(config->receiver_db, 0, 200, "receiver loss in dB"));
    KS_TRY(within(config->fade_db, 0, 100, "fade in dB"));
    KS_TRY(within(config->fade_period_s, 1e-3, 1e9, "fade period in s"));
    KS_TRY(within(config->rotation_deg_s, -1e6, 1e6, "rotation in deg/s"));
    KS_TRY(within(config->intercepted, 0, 1, "share of intercepted slots"));
    KS_TRY(within(config->background_hz, 0, 1e12, "background in Hz"));
    KS_TRY(within(config->delay_ps_km, 0, 1e9, "delay in ps/km"));
    for (int basis = 0; basis < 2; basis++)
        KS_TRY(within(config->misalignment[basis], 0, 1, "misalignment"));
    return KS_OK;
}

static ks_status check_times(const ks_sim_config *config) {
    KS_TRY(within(config->pulse_ps, 0, 1e6, "pulse width in ps"));
    KS_TRY(within(config->gate_ps, 0, 1e12 / config->clock_hz, "gate in ps"));
    KS_TRY(within(config->clock_offset_ps, -1e18, 1e18, "clock offset in ps"));
    KS_TRY(within(config->drift_ppm, -1000, 1000, "clock drift in ppm"));
    KS_TRY(within(config->walk_ppb, 0, 1e6, "random walk of the clock in ppb"));
    KS_TRY(within(config->marker_jitter_ps, 0, 1e6, "jitter of the markers in ps"));
    KS_TRY(within(config->marker_missed, 0, 1, "share of missed markers"));
    KS_TRY(within(config->marker_spurious_hz, 0, 1e9, "spurious markers in Hz"));
    if (config->unit.numerator == 0 || config->unit.denominator == 0)
        return ks_fail(KS_ERR_ARGUMENT, "simulator, unit: expected a positive number of seconds");
    double tick_ps = 1e12 * (double)config->unit.numerator / (double)config->unit.denominator;
    return within(tick_ps, 1e-3, 1e9, "unit in ps");
}

static ks_status check_lanes(const ks_sim_config *config) {
    const uint8_t lanes[] = {config->detector_lane[0], config->detector_lane[1], config->detector_lane[2],
                             config->detector_lane[3], config->marker_lane,      config->pps_lane};
    uint32_t seen = 0;
    for (size_t i = 0; i < sizeof lanes; i++) {
        KS_TRY(within(lanes[i], 0, KS_LANES - 1, "lane"));
        if (seen >> lanes[i] & 1)
            return ks_fail(KS_ERR_ARGUMENT, "simulator, lanes: lane %u is used twice", lanes[i]);
        seen |= UINT32_C(1) << lanes[i];
    }
    return KS_OK;
}

ks_status ks_sim_check(const ks_sim_config *config) {
    uint8_t seed[32];
    ks_states_image image = {.kind = KS_STATES_SEEDED, .test_basis = config->alice_test_basis};
    ks_sim_alice_seed(&image.header, seed, config);
    if (ks_states_image_check(&image) != KS_OK)
        return ks_fail_in(KS_ERR_ARGUMENT, "simulator, source");
    KS_TRY(within(config->bob_test_basis, 0, 1, "Bob's probability of the test basis"));
    KS_TRY(check_channel(config));
    KS_TRY(ks_sim_attack_check(config));
    for (int d = 0; d < (config->passive ? 4 : 2); d++)
        KS_TRY(check_detector(&config->detector[d]));
    KS_TRY(check_times(config));
    return check_lanes(config);
}

void ks_sim_alice_seed(ks_states_header *header, uint8_t seed[32], const ks_sim_config *config) {
    uint64_t words[4];
    *header = (ks_states_header){
        .slots = config->slots, .clock_hz = config->clock_hz, .source = config->source, .test_only = 1};
    ks_stream_seed(words, config->seed, KS_STREAM_ALICE, 0);
    for (int i = 0; i < 32; i++)
        seed[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
}

ks_status ks_sim_alice_states(ks_states **out, const ks_sim_config *config) {
    ks_states_header header;
    uint8_t seed[32];
    ks_sim_alice_seed(&header, seed, config);
    return ks_states_from_seed(out, &header, seed, config->alice_test_basis);
}

void ks_sim_frontend_config(ks_frontend_config *out, const ks_sim_config *config) {
    *out = (ks_frontend_config){.clock_hz = config->clock_hz,
                                .clock_tolerance = 1e-6 * (50 + fabs(config->drift_ppm)),
                                .marker_slots = config->marker_slots,
                                .gate_ps = config->accept_gate_ps,
                                .dead_time_ps = config->accept_dead_ps,
                                .unit = config->unit,
                                .kind = config->slot_events ? KS_TIME_SLOTS : KS_TIME_TAGS};
    for (unsigned d = 0; d < KS_SIM_DETECTORS; d++) {
        const ks_sim_detector *detector = &config->detector[config->passive ? d : d & 1];
        out->lanes[config->detector_lane[d]] = (ks_lane){.role = KS_LANE_DETECTOR,
                                                         .basis = (uint8_t)(d >> 1),
                                                         .bit = (uint8_t)(d & 1),
                                                         .delay_ps = (int64_t)detector->skew_ps};
    }
    if (config->marker_slots)
        out->lanes[config->marker_lane].role = KS_LANE_MARKER;
    if (config->pps)
        out->lanes[config->pps_lane].role = KS_LANE_PPS;
}
