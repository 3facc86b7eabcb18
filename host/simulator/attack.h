/* SPDX-License-Identifier: Apache-2.0 */
/* Eve's attacks: what she does to a slot, and what reaches Bob's detectors then. docs/simulator.md has the
 * model of each. */
#ifndef KS_HOST_SIMULATOR_ATTACK_H
#define KS_HOST_SIMULATOR_ATTACK_H

#include "host/simulator/model.h"
#include "kernels/kernels.h"

/* "pns", "pns:0.3": sets the attack and its strength (1 when none is given). -1: no such attack, or no
 * number. */
int ks_sim_attack_parse(ks_sim_config *config, const char *text);
/* NULL past the last. */
const char *ks_sim_attack_name(unsigned index);
KS_MUST_CHECK ks_status ks_sim_attack_check(const ks_sim_config *config);

/* Rows of the table that differ: mode 0 is a slot that Eve leaves alone. */
int ks_sim_attack_modes(const ks_sim_config *config);
/* A row of a mode other than 0, chances not yet relative to the brightest. */
void ks_sim_attack_row(ks_sim_row *row, const ks_sim_config *config, int mode, unsigned state, unsigned basis,
                       const ks_sim_channel *channel);

/* How Eve's choices of a slot are drawn, as states: intensity 0: she attacks it; her basis; her bit. */
ks_source ks_sim_attack_choices(const ks_sim_config *config);
/* Eve's part of `n` slots: Alice's states become those that reach Bob; the mode of each slot; how many bits
 * she knows of Alice's bit when both have chosen the same basis, whatever Bob sees. */
void ks_sim_attack_slots(const ks_sim_config *config, ks_state *alice, uint8_t *mode, float *known,
                         const ks_state *eve, size_t n);

#endif
