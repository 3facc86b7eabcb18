/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/attack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/status.h"

static const char *const names[KS_SIM_ATTACKS] = {"none",       "intercept", "pns",
                                                  "basis-loss", "bright",    "time-shift"};

const char *ks_sim_attack_name(unsigned index) {
    return index < KS_SIM_ATTACKS ? names[index] : NULL;
}

int ks_sim_attack_parse(ks_sim_config *config, const char *text) {
    const size_t length = strcspn(text, ":");
    double strength = 1;
    if (text[length]) {
        char *end;
        strength = strtod(text + length + 1, &end);
        if (end == text + length + 1 || *end || !(strength >= 0 && strength <= 1))
            return -1;
    }
    for (unsigned i = 0; i < KS_SIM_ATTACKS; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            config->attack = (ks_sim_attack)i;
            config->strength = strength;
            return 0;
        }
    return -1;
}

ks_status ks_sim_attack_check(const ks_sim_config *config) {
    if (!(config->strength >= 0 && config->strength <= 1))
        return ks_fail(KS_ERR_ARGUMENT, "simulator, strength of the attack: expected 0 to 1, got %g",
                       config->strength);
    if (config->attack != KS_SIM_NO_ATTACK && config->intercepted > 0)
        return ks_fail(KS_ERR_ARGUMENT, "simulator, attack: one at a time");
    if (config->passive && config->attack > KS_SIM_INTERCEPT)
        return ks_fail(KS_ERR_ARGUMENT, "simulator, attack: '%s' is modelled for an active receiver",
                       names[config->attack]);
    return KS_OK;
}

int ks_sim_attack_modes(const ks_sim_config *config) {
    switch (config->attack) {
    case KS_SIM_SPLIT:
    case KS_SIM_BRIGHT:
        return 2;
    case KS_SIM_TIME_SHIFT:
        return 3;
    default:
        return 1;
    }
}

/* ---- rows */

static void add_pattern(ks_sim_row *row, unsigned mask, double chance, double known) {
    const unsigned at = row->patterns++;
    row->mask[at] = (uint8_t)mask;
    row->known[at] = (float)known;
    row->total += chance;
    row->cumulative[at] = row->total;
}

/* Chance of a pulse of `least` photons or more. */
static double chance_of_photons(double mean, int least) {
    return least == 1 ? -expm1(-mean) : -expm1(-mean) - mean * exp(-mean);
}

/* What Bob expects of an average pulse when nobody attacks. */
static double expected_gain(const ks_sim_config *config, const ks_sim_channel *channel) {
    double gain = 0;
    for (unsigned k = 0; k < config->source.intensities; k++) {
        double light = 0;
        for (int d = 0; d < 2; d++)
            light += ks_sim_mean_count(config, k << KS_STATE_INTENSITY_SHIFT, 1, d, channel);
        gain += config->source.probability[k] * -expm1(-light);
    }
    return gain;
}

/* The share of Eve's pulses (those where Alice's had `least` photons) that she lets arrive so that Bob counts
 * as many as ever; more than `most` she cannot. */
static double share_let_through(const ks_sim_config *config, const ks_sim_channel *channel, int least,
                                double most) {
    double hers = 0;
    for (unsigned k = 0; k < config->source.intensities; k++)
        hers += config->source.probability[k] * chance_of_photons(config->source.mean[k], least);
    return hers > 0 ? fmin(expected_gain(config, channel) / hers, most) : 0;
}

/* Photon-number splitting: of several photons she keeps one, whose bit she measures when the bases are
 * announced, and sends the rest on without loss; single photons she blocks. */
static void split_row(ks_sim_row *row, const ks_sim_config *config, unsigned state, unsigned basis,
                      const ks_sim_channel *channel) {
    const double arrival = pow(10, -config->receiver_db / 10) * config->detector[0].efficiency;
    const double chance = share_let_through(config, channel, 2, arrival) *
                          chance_of_photons(config->source.mean[state >> KS_STATE_INTENSITY_SHIFT], 2);
    const double wrong = (state >> 1 & 1) == basis ? channel->misalignment[basis] : 0.5;
    const unsigned right = 1u << (state & 1);
    add_pattern(row, right, chance * (1 - wrong), 1);
    add_pattern(row, right ^ 3, chance * wrong, 1);
}

/* Bright light of the state that she measured: one detector in her basis, both in the other one. */
static void bright_row(ks_sim_row *row, const ks_sim_config *config, unsigned state, unsigned basis,
                       const ks_sim_channel *channel) {
    const double chance = share_let_through(config, channel, 1, 1) *
                          chance_of_photons(config->source.mean[state >> KS_STATE_INTENSITY_SHIFT], 1);
    add_pattern(row, (state >> 1 & 1) == basis ? 1u << (state & 1) : 3u, chance, 0);
}

static double entropy(double p) {
    return p > 0 && p < 1 ? -p * log2(p) - (1 - p) * log2(1 - p) : 0;
}

/* She moves the pulse to a time at which one detector is less efficient: of a bit that arrives she knows
 * which value is the likelier. */
static void shifted_row(ks_sim_row *row, const ks_sim_config *config, int mode, unsigned state,
                        unsigned basis, const ks_sim_channel *channel) {
    ks_sim_config shifted = *config;
    shifted.detector[mode - 1].efficiency *= 1 - config->strength;
    double click[2];
    for (int d = 0; d < 2; d++)
        click[d] = -expm1(-ks_sim_mean_count(&shifted, state, basis, d, channel));
    const double known = 1 - entropy((1 - config->strength) / (2 - config->strength));
    add_pattern(row, 1, click[0] * (1 - click[1]), known);
    add_pattern(row, 2, click[1] * (1 - click[0]), known);
    add_pattern(row, 3, click[0] * click[1], known);
}

void ks_sim_attack_row(ks_sim_row *row, const ks_sim_config *config, int mode, unsigned state, unsigned basis,
                       const ks_sim_channel *channel) {
    *row = (ks_sim_row){.patterns = 0};
    if (state >> KS_STATE_INTENSITY_SHIFT >= config->source.intensities)
        add_pattern(row, 1, 0, 0);
    else if (config->attack == KS_SIM_SPLIT)
        split_row(row, config, state, basis, channel);
    else if (config->attack == KS_SIM_BRIGHT)
        bright_row(row, config, state, basis, channel);
    else
        shifted_row(row, config, mode, state, basis, channel);
}

/* ---- slots */

ks_source ks_sim_attack_choices(const ks_sim_config *config) {
    double share = config->intercepted;
    if (config->attack == KS_SIM_TIME_SHIFT)
        share = 1; /* its strength is how much it shifts */
    else if (config->attack != KS_SIM_NO_ATTACK && config->attack != KS_SIM_BASIS_LOSS)
        share = config->strength;
    return (ks_source){.intensities = 2, .probability = {share, 1 - share}};
}

/* She measures in a basis of her choice and sends on what she saw: in Alice's basis the bit, in the other one
 * a chance. */
static void measure(ks_state *alice, float *known, ks_state eve) {
    if ((eve ^ *alice) & KS_STATE_BASIS)
        *alice = (ks_state)((*alice & ~3) | (eve & 3));
    else
        *known = 1;
}

void ks_sim_attack_slots(const ks_sim_config *config, ks_state *alice, uint8_t *mode, float *known,
                         const ks_state *eve, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (eve[i] >> KS_STATE_INTENSITY_SHIFT != 0)
            continue;
        switch (config->attack) {
        case KS_SIM_SPLIT:
            mode[i] = 1;
            break;
        case KS_SIM_TIME_SHIFT:
            mode[i] = (uint8_t)(1 + (eve[i] & 1));
            break;
        case KS_SIM_BRIGHT:
            mode[i] = 1;
            measure(&alice[i], &known[i], eve[i]);
            break;
        default:
            measure(&alice[i], &known[i], eve[i]);
        }
    }
}
