/* SPDX-License-Identifier: Apache-2.0 */
/* What a link is expected to give, from the same model but without drawing anything. */
#include <math.h>

#include "host/simulator/model.h"
#include "pipeline/status.h"

/* Share of noise and afterpulses that falls into Bob's software gate, of which photons are taken not to miss any. */
static double accepted_noise(const ks_sim_config *config) {
    double open = config->gate_ps > 0 ? config->gate_ps : 1e12 / config->clock_hz;
    return config->accept_gate_ps > 0 ? fmin(config->accept_gate_ps / open, 1) : 1;
}

/* Chance of a detection and of a wrong bit in a slot where both chose `basis`. */
static void slot_chances(const ks_sim_config *config, unsigned state, unsigned basis, double transmittance,
                         double *gain, double *wrong) {
    double none[2];
    for (unsigned bit = 0; bit < 2; bit++) {
        int d = config->passive ? (int)(2 * basis + bit) : (int)bit;
        double noise = (ks_sim_dark_rate(config, d) + ks_sim_background_rate(config, d)) / config->clock_hz;
        noise *= accepted_noise(config);
        none[bit] = exp(-ks_sim_mean_count(config, state, basis, d, transmittance) - noise);
    }
    double right = 1 - none[state & 1], other = 1 - none[~state & 1];
    *gain = 1 - none[0] * none[1];
    *wrong = other * (1 - right) + 0.5 * other * right;
}

/* Afterpulses a click, those outside the gates and in dead time excluded; a wrong bit in half of the cases. */
static double afterpulses(const ks_sim_config *config) {
    const ks_sim_detector *d = &config->detector[0];
    double sum = 0;
    for (int i = 0; i < 2; i++)
        if (d->afterpulse[i] > 0)
            sum += d->afterpulse[i] * exp(-d->dead_ps / d->afterpulse_tau_ps[i]);
    return sum * ks_sim_open(config) * accepted_noise(config);
}

static void expect_basis(ks_sim_expectation *out, const ks_sim_config *config, unsigned basis,
                         double transmittance) {
    double alice = basis ? config->alice_test_basis : 1 - config->alice_test_basis;
    double bob = basis ? config->bob_test_basis : 1 - config->bob_test_basis;
    double gain = 0, wrong = 0;
    for (unsigned k = 0; k < config->source.intensities; k++) {
        double g[2], w[2];
        for (unsigned bit = 0; bit < 2; bit++)
            slot_chances(config, k << KS_STATE_INTENSITY_SHIFT | basis << 1 | bit, basis, transmittance,
                         &g[bit], &w[bit]);
        out->gain[basis][k] = 0.5 * (g[0] + g[1]);
        out->error[basis][k] = out->gain[basis][k] > 0 ? 0.5 * (w[0] + w[1]) / out->gain[basis][k] : 0;
        gain += config->source.probability[k] * out->gain[basis][k];
        wrong += config->source.probability[k] * 0.5 * (w[0] + w[1]);
    }
    double after = afterpulses(config);
    out->qber[basis] = gain > 0 ? (wrong / gain + 0.5 * after) / (1 + after) : 0;
    out->sifted_hz[basis] = config->clock_hz * alice * (config->passive ? 1 : bob) * gain;
}

static double basis_chance(double test_basis, unsigned basis) {
    return basis ? test_basis : 1 - test_basis;
}

/* Clicks of photons in a slot, summed over detectors. */
static double mean_clicks(const ks_sim_config *config, unsigned state, double transmittance) {
    double sum = 0;
    for (unsigned basis = 0; basis < 2; basis++) {
        double bob = config->passive ? 0.5 : basis_chance(config->bob_test_basis, basis);
        for (int d = 0; d < ks_sim_detectors(config); d++)
            sum += bob * -expm1(-ks_sim_mean_count(config, state, basis, d, transmittance));
    }
    return sum;
}

ks_status ks_sim_expect(ks_sim_expectation *out, const ks_sim_config *config) {
    *out = (ks_sim_expectation){0};
    KS_TRY(ks_sim_check(config));
    double transmittance = ks_sim_transmittance(config, 0);
    for (unsigned basis = 0; basis < 2; basis++)
        expect_basis(out, config, basis, transmittance);
    for (unsigned state = 0; state < 4 * config->source.intensities; state++) {
        double chance = 0.5 * basis_chance(config->alice_test_basis, state >> 1 & 1) *
                        config->source.probability[state >> KS_STATE_INTENSITY_SHIFT];
        out->clicks_hz += config->clock_hz * chance * mean_clicks(config, state, transmittance);
    }
    for (int d = 0; d < ks_sim_detectors(config); d++)
        out->clicks_hz += ks_sim_dark_rate(config, d) + ks_sim_background_rate(config, d);
    return KS_OK;
}
