/* SPDX-License-Identifier: Apache-2.0 */
/* Named links, and the parameters of a link by name. */
#ifndef KS_HOST_SIMULATOR_PRESETS_H
#define KS_HOST_SIMULATOR_PRESETS_H

#include "host/simulator/simulator.h"

/* A parameter (host/simulator/fields.def). */
typedef struct ks_sim_field {
    const char *name, *unit, *help;
    int kind;
    size_t offset;
} ks_sim_field;

enum {
    KS_SIM_FIELDS = 0
#define KS_SIM_FIELD(name, kind, member, unit, help) +1
#include "host/simulator/fields.def"
#undef KS_SIM_FIELD
};

/* In order; NULL past the last. */
const ks_sim_field *ks_sim_field_at(size_t index);
/* NULL when there is none of that name. */
const ks_sim_field *ks_sim_field_find(const char *name);
double ks_sim_field_get(const ks_sim_config *config, const ks_sim_field *field);
/* Detectors all get the same value. KS_ERR_ARGUMENT when the kind cannot hold it; the range is ks_sim_check's
 * affair. */
KS_MUST_CHECK ks_status ks_sim_field_set(ks_sim_config *config, const ks_sim_field *field, double value);

typedef struct ks_sim_value {
    const char *field;
    double value;
    const char *provenance; /* where it is from; begins with "assumed" or "memory" when no source was seen */
} ks_sim_value;

typedef struct ks_sim_preset {
    const char *name, *title;
    const ks_sim_value *values;
    size_t count;
} ks_sim_preset;

/* In order; name NULL past the last. */
ks_sim_preset ks_sim_preset_at(size_t index);
/* Defaults and then the preset. KS_ERR_ARGUMENT for an unknown name. */
KS_MUST_CHECK ks_status ks_sim_preset_load(ks_sim_config *config, const char *name);
/* Number of intensities from the probabilities: those up to the last above 0. To be called after fields were
 * set. */
void ks_sim_count_intensities(ks_sim_config *config);

#endif
