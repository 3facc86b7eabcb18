/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/attack.h"

#include <math.h>

int ks_sim_detectors(const ks_sim_config *config) {
    return config->passive ? 4 : 2;
}

int ks_sim_channel_varies(const ks_sim_config *config) {
    return config->fade_db > 0 || config->rotation_deg_s != 0;
}

ks_sim_channel ks_sim_channel_at(const ks_sim_config *config, double seconds) {
    double db = config->distance_km * config->fibre_db_km + config->extra_db + config->receiver_db;
    double turned = config->rotation_deg_s * seconds * M_PI / 180;
    ks_sim_channel channel;
    if (config->fade_db > 0)
        db += config->fade_db * 0.5 * (1 - cos(2 * M_PI * seconds / config->fade_period_s));
    channel.transmittance = pow(10, -db / 10);
    for (int basis = 0; basis < 2; basis++) {
        double wrong = config->misalignment[basis];
        channel.misalignment[basis] = turned == 0 ? wrong : pow(sin(asin(sqrt(wrong)) + turned), 2);
    }
    return channel;
}

double ks_sim_open(const ks_sim_config *config) {
    return config->gate_ps > 0 ? config->gate_ps * 1e-12 * config->clock_hz : 1;
}

double ks_sim_dark_rate(const ks_sim_config *config, int detector) {
    return config->detector[detector].dark_hz * ks_sim_open(config);
}

/* Unpolarised light: half to each detector of a basis. */
double ks_sim_background_rate(const ks_sim_config *config, int detector) {
    double share = 0.5;
    if (config->passive)
        share *= detector >> 1 ? config->bob_test_basis : 1 - config->bob_test_basis;
    return config->background_hz * share * config->detector[detector].efficiency * ks_sim_open(config);
}

/* Share of the light of `state` that reaches the detector of (basis, bit) when all of it enters that basis.
 */
static double share_of_light(const ks_sim_channel *channel, unsigned state, unsigned basis, unsigned bit) {
    if ((state >> 1 & 1) != basis)
        return 0.5;
    double wrong = channel->misalignment[basis];
    return (state & 1) == bit ? 1 - wrong : wrong;
}

double ks_sim_mean_count(const ks_sim_config *config, unsigned state, unsigned basis, int detector,
                         const ks_sim_channel *channel) {
    unsigned k = state >> KS_STATE_INTENSITY_SHIFT;
    if (k >= config->source.intensities)
        return 0;
    double light = config->source.mean[k] * channel->transmittance * config->detector[detector].efficiency;
    if (config->attack == KS_SIM_BASIS_LOSS && basis == 1)
        light *= 1 - config->strength;
    if (!config->passive)
        return light * share_of_light(channel, state, basis, (unsigned)detector);
    unsigned arm = (unsigned)detector >> 1;
    light *= arm ? config->bob_test_basis : 1 - config->bob_test_basis;
    return light * share_of_light(channel, state, arm, (unsigned)detector & 1);
}

static double chance_of_any(const ks_sim_config *config, unsigned state, unsigned basis,
                            const ks_sim_channel *channel) {
    double mean = 0;
    for (int d = 0; d < ks_sim_detectors(config); d++)
        mean += ks_sim_mean_count(config, state, basis, d, channel);
    return -expm1(-mean);
}

static void fill_row(ks_sim_row *row, const ks_sim_config *config, unsigned state, unsigned basis,
                     const ks_sim_channel *channel, double brightest) {
    int detectors = ks_sim_detectors(config);
    double click[KS_SIM_DETECTORS], chance[KS_SIM_PATTERNS];
    for (int d = 0; d < detectors; d++)
        click[d] = -expm1(-ks_sim_mean_count(config, state, basis, d, channel));
    row->patterns = 0;
    for (unsigned mask = 1; mask < 1u << detectors; mask++) {
        double p = 1;
        for (int d = 0; d < detectors; d++)
            p *= mask >> d & 1 ? click[d] : 1 - click[d];
        unsigned at = row->patterns++; /* likeliest first */
        for (; at > 0 && chance[at - 1] < p; at--) {
            chance[at] = chance[at - 1];
            row->mask[at] = row->mask[at - 1];
        }
        chance[at] = p;
        row->mask[at] = (uint8_t)mask;
    }
    double sum = 0;
    for (unsigned i = 0; i < row->patterns; i++) {
        sum += chance[i];
        row->cumulative[i] = brightest > 0 ? sum / brightest : 0;
    }
    row->total = row->cumulative[row->patterns - 1];
}

static void fill_attacked(ks_sim_table *table, const ks_sim_config *config, const ks_sim_channel *channel) {
    for (int mode = 1; mode < ks_sim_attack_modes(config); mode++)
        for (unsigned basis = 0; basis < 2; basis++)
            for (unsigned state = 0; state < KS_SIM_STATES; state++) {
                ks_sim_row *row = &table->row[mode][basis][state];
                ks_sim_attack_row(row, config, mode, state, basis, channel);
                table->brightest = fmax(table->brightest, row->total);
            }
}

static void make_relative(ks_sim_row *row, double brightest) {
    for (unsigned i = 0; i < row->patterns; i++)
        row->cumulative[i] = brightest > 0 ? row->cumulative[i] / brightest : 0;
    row->total = row->cumulative[row->patterns - 1];
}

void ks_sim_table_fill(ks_sim_table *table, const ks_sim_config *config, const ks_sim_channel *channel) {
    unsigned bases = config->passive ? 1 : 2;
    table->brightest = 0;
    for (unsigned basis = 0; basis < bases; basis++)
        for (unsigned state = 0; state < KS_SIM_STATES; state++)
            table->brightest = fmax(table->brightest, chance_of_any(config, state, basis, channel));
    fill_attacked(table, config, channel);
    for (unsigned basis = 0; basis < bases; basis++)
        for (unsigned state = 0; state < KS_SIM_STATES; state++) {
            fill_row(&table->row[0][basis][state], config, state, basis, channel, table->brightest);
            for (int mode = 1; mode < ks_sim_attack_modes(config); mode++)
                make_relative(&table->row[mode][basis][state], table->brightest);
        }
}
