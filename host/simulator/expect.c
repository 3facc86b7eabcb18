/* SPDX-License-Identifier: Apache-2.0 */
/* What a link is expected to give, from the same model but without drawing anything. */
#include <math.h>

#include "host/simulator/model.h"
#include "pipeline/status.h"

/* Share of noise and afterpulses that falls into Bob's software gate, of which photons are taken not to miss
 * any. */
static double accepted_noise(const ks_sim_config *config) {
    double open = config->gate_ps > 0 ? config->gate_ps : 1e12 / config->clock_hz;
    return config->accept_gate_ps > 0 ? fmin(config->accept_gate_ps / open, 1) : 1;
}

/* Chance of no click in the detector of (basis, bit), given the state that reaches it. */
static double chance_of_none(const ks_sim_config *config, unsigned state, unsigned basis, unsigned bit,
                             const ks_sim_channel *channel) {
    int d = config->passive ? (int)(2 * basis + bit) : (int)bit;
    double noise = (ks_sim_dark_rate(config, d) + ks_sim_background_rate(config, d)) / config->clock_hz;
    return exp(-ks_sim_mean_count(config, state, basis, d, channel) - noise * accepted_noise(config));
}

/* Adds `weight` times the chances of a detection and of a bit other than `sent`, when `state` reaches Bob and
 * his basis is `basis`. */
static void add_chances(const ks_sim_config *config, unsigned state, unsigned basis, unsigned sent,
                        double weight, const ks_sim_channel *channel, double *gain, double *wrong) {
    double right = 1 - chance_of_none(config, state, basis, sent, channel);
    double other = 1 - chance_of_none(config, state, basis, sent ^ 1, channel);
    *gain += weight * (right + other - right * other);
    *wrong += weight * (other * (1 - right) + 0.5 * other * right);
}

/* Chances of a detection and of a wrong bit in a slot of intensity k where both chose `basis`. Whoever
 * measures in the other basis, which is half of what is intercepted, sends on one of its states at random. */
static void slot_chances(const ks_sim_config *config, unsigned k, unsigned basis,
                         const ks_sim_channel *channel, double *gain, double *wrong) {
    double spoilt = 0.5 * config->intercepted;
    *gain = *wrong = 0;
    for (unsigned sent = 0; sent < 2; sent++)
        for (unsigned bit = 0; bit < 2; bit++) {
            unsigned base = k << KS_STATE_INTENSITY_SHIFT | bit;
            if (bit == sent)
                add_chances(config, base | basis << 1, basis, sent, 0.5 * (1 - spoilt), channel, gain, wrong);
            add_chances(config, base | (basis ^ 1) << 1, basis, sent, 0.25 * spoilt, channel, gain, wrong);
        }
}

/* Afterpulses a click, those outside the gates and in dead time excluded; a wrong bit in half of the cases.
 */
static double afterpulses(const ks_sim_config *config) {
    const ks_sim_detector *d = &config->detector[0];
    double sum = 0;
    for (int i = 0; i < 2; i++)
        if (d->afterpulse[i] > 0)
            sum += d->afterpulse[i] * exp(-d->dead_ps / d->afterpulse_tau_ps[i]);
    return sum * ks_sim_open(config) * accepted_noise(config);
}

static void expect_basis(ks_sim_expectation *out, const ks_sim_config *config, unsigned basis,
                         const ks_sim_channel *channel) {
    double alice = basis ? config->alice_test_basis : 1 - config->alice_test_basis;
    double bob = basis ? config->bob_test_basis : 1 - config->bob_test_basis;
    double gain = 0, wrong = 0;
    for (unsigned k = 0; k < config->source.intensities; k++) {
        double detected, mistaken;
        slot_chances(config, k, basis, channel, &detected, &mistaken);
        out->gain[basis][k] = detected;
        out->error[basis][k] = detected > 0 ? mistaken / detected : 0;
        gain += config->source.probability[k] * detected;
        wrong += config->source.probability[k] * mistaken;
    }
    double after = afterpulses(config);
    out->qber[basis] = gain > 0 ? (wrong / gain + 0.5 * after) / (1 + after) : 0;
    out->sifted_hz[basis] = config->clock_hz * alice * (config->passive ? 1 : bob) * gain;
}

static double basis_chance(double test_basis, unsigned basis) {
    return basis ? test_basis : 1 - test_basis;
}

/* Clicks of photons in a slot, summed over detectors. */
static double mean_clicks(const ks_sim_config *config, unsigned state, const ks_sim_channel *channel) {
    double sum = 0;
    for (unsigned basis = 0; basis < 2; basis++) {
        double bob = config->passive ? 0.5 : basis_chance(config->bob_test_basis, basis);
        for (int d = 0; d < ks_sim_detectors(config); d++)
            sum += bob * -expm1(-ks_sim_mean_count(config, state, basis, d, channel));
    }
    return sum;
}

ks_status ks_sim_expect(ks_sim_expectation *out, const ks_sim_config *config) {
    *out = (ks_sim_expectation){0};
    KS_TRY(ks_sim_check(config));
    const ks_sim_channel now = ks_sim_channel_at(config, 0), *channel = &now;
    for (unsigned basis = 0; basis < 2; basis++)
        expect_basis(out, config, basis, channel);
    for (unsigned state = 0; state < 4 * config->source.intensities; state++) {
        double chance = 0.5 * basis_chance(config->alice_test_basis, state >> 1 & 1) *
                        config->source.probability[state >> KS_STATE_INTENSITY_SHIFT];
        out->clicks_hz += config->clock_hz * chance * mean_clicks(config, state, channel);
    }
    for (int d = 0; d < ks_sim_detectors(config); d++)
        out->clicks_hz += ks_sim_dark_rate(config, d) + ks_sim_background_rate(config, d);
    return KS_OK;
}
