/* SPDX-License-Identifier: Apache-2.0 */
/* The physics of one slot, in tables: which detectors click, given Alice's state and Bob's basis. */
#ifndef KS_HOST_SIMULATOR_MODEL_H
#define KS_HOST_SIMULATOR_MODEL_H

#include "host/simulator/simulator.h"

enum { KS_SIM_STATES = 16, KS_SIM_PATTERNS = 15, KS_SIM_MODES = 3 };

/* Sets of detectors that click together, as cumulative chances relative to the chance of the brightest row;
 * past the last one the candidate is dropped. `mask` has one bit a detector. */
typedef struct ks_sim_row {
    double total; /* the last of `cumulative` */
    double cumulative[KS_SIM_PATTERNS];
    float known[KS_SIM_PATTERNS]; /* what Eve knows by it, see ks_sim_truth */
    uint8_t mask[KS_SIM_PATTERNS];
    uint8_t patterns;
} ks_sim_row;

typedef struct ks_sim_table {
    ks_sim_row row[KS_SIM_MODES][2][KS_SIM_STATES]; /* [what Eve did][Bob's basis, 0 when passive][state] */
    double brightest;                               /* chance of any click of the brightest state */
} ks_sim_table;

int ks_sim_detectors(const ks_sim_config *config);
/* The channel at a moment: transmittance from Alice's output to the detectors' inputs, misalignment of either
 * basis. */
typedef struct ks_sim_channel {
    double transmittance;
    double misalignment[2];
} ks_sim_channel;

ks_sim_channel ks_sim_channel_at(const ks_sim_config *config, double seconds);
/* 0 when the channel is the same at all times. */
int ks_sim_channel_varies(const ks_sim_config *config);
/* Mean number of photons that a detector counts in a slot. A phase-randomised coherent pulse splits into
 * independent Poisson counts, so this is all that the photon-number distribution leaves to know. */
double ks_sim_mean_count(const ks_sim_config *config, unsigned state, unsigned basis, int detector,
                         const ks_sim_channel *channel);
void ks_sim_table_fill(ks_sim_table *table, const ks_sim_config *config, const ks_sim_channel *channel);
/* Dark and background counts a second of a detector, averaged over its gates. */
double ks_sim_dark_rate(const ks_sim_config *config, int detector);
double ks_sim_background_rate(const ks_sim_config *config, int detector);
/* Share of the time that detectors are open. */
double ks_sim_open(const ks_sim_config *config);

#endif
