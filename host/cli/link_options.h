/* SPDX-License-Identifier: Apache-2.0 */
/* Options of every command that simulates a link: --preset and one option a parameter. */
#ifndef KS_HOST_CLI_LINK_OPTIONS_H
#define KS_HOST_CLI_LINK_OPTIONS_H

#include "host/cli/cli.h"
#include "host/simulator/presets.h"

/* Options that are no parameters, and six parameters that are options together. */
enum { KS_LINK_OPTIONS_OWN = 10, KS_LINK_FIELDS_LISTED = 6 };
enum { KS_LINK_OPTIONS = KS_SIM_FIELDS - KS_LINK_FIELDS_LISTED + KS_LINK_OPTIONS_OWN };

typedef struct ks_link_options {
    const char *preset, *mu, *probability, *attack;
    double misalignment;
    double seconds;
    uint64_t pulses, seed, threads;
    double number[KS_SIM_FIELDS]; /* NAN: not given */
    int flag[KS_SIM_FIELDS];      /* -1: not given */
    int list_presets;
} ks_link_options;

/* Writes KS_LINK_OPTIONS rows that fill in `options`; returns their number. The caller adds its
 * own and the end of the table. `preset` is the default one. */
size_t ks_link_options_table(ks_option *table, ks_link_options *options, const char *preset);

/* After parsing: the preset, then what was given. 0, or an exit code after saying why. */
int ks_link_options_apply(ks_sim_config *config, const ks_link_options *options);

/* Prints the presets to standard output; the exit code. */
int ks_link_options_list_presets(void);

#endif
