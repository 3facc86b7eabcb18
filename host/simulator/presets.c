/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/presets.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "pipeline/status.h"

enum { NUMBER, DETECTOR, WHOLE, FLAG };

#define OFFSET_NUMBER(member)   offsetof(ks_sim_config, member)
#define OFFSET_WHOLE(member)    offsetof(ks_sim_config, member)
#define OFFSET_FLAG(member)     offsetof(ks_sim_config, member)
#define OFFSET_DETECTOR(member) offsetof(ks_sim_detector, member)

static const ks_sim_field fields[] = {
#define KS_SIM_FIELD(name, kind, member, unit, help) {name, unit, help, kind, OFFSET_##kind(member)},
#include "host/simulator/fields.def"
#undef KS_SIM_FIELD
};

const ks_sim_field *ks_sim_field_at(size_t index) {
    return index < KS_SIM_FIELDS ? &fields[index] : NULL;
}

const ks_sim_field *ks_sim_field_find(const char *name) {
    for (size_t i = 0; i < KS_SIM_FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

double ks_sim_field_get(const ks_sim_config *config, const ks_sim_field *field) {
    const char *base = field->kind == DETECTOR ? (const char *)&config->detector[0] : (const char *)config;
    const void *member = base + field->offset;
    switch (field->kind) {
    case WHOLE:
        return (double)*(const uint64_t *)member;
    case FLAG:
        return *(const int *)member;
    default:
        return *(const double *)member;
    }
}

ks_status ks_sim_field_set(ks_sim_config *config, const ks_sim_field *field, double value) {
    void *member = (char *)config + field->offset;
    if ((field->kind == WHOLE && !(value >= 0 && value <= 0x1p53 && value == floor(value))) ||
        (field->kind == FLAG && value != 0 && value != 1))
        return ks_fail(KS_ERR_ARGUMENT, "simulator, %s: expected %s, got %g", field->name,
                       field->kind == FLAG ? "0 or 1" : "a whole number", value);
    if (field->kind == WHOLE)
        *(uint64_t *)member = (uint64_t)value;
    else if (field->kind == FLAG)
        *(int *)member = value != 0;
    else if (field->kind == NUMBER)
        *(double *)member = value;
    else
        for (int d = 0; d < KS_SIM_DETECTORS; d++)
            *(double *)((char *)&config->detector[d] + field->offset) = value;
    return KS_OK;
}

void ks_sim_count_intensities(ks_sim_config *config) {
    uint32_t count = KS_MAX_INTENSITIES;
    while (count > 1 && config->source.probability[count - 1] == 0)
        count--;
    config->source.intensities = count;
}

/* A row without a value heads a preset: its name and title. */
static const ks_sim_value rows[] = {
#define KS_SIM_PRESET(name, title)             {name, NAN, title},
#define KS_SIM_VALUE(field, value, provenance) {field, value, provenance},
#include "host/simulator/presets.def"
#undef KS_SIM_PRESET
#undef KS_SIM_VALUE
};

enum { ROWS = sizeof rows / sizeof *rows };

ks_sim_preset ks_sim_preset_at(size_t index) {
    ks_sim_preset preset = {NULL, NULL, NULL, 0};
    size_t heads = 0;
    for (size_t i = 0; i < ROWS; i++) {
        heads += isnan(rows[i].value) != 0;
        if (heads != index + 1)
            continue;
        if (isnan(rows[i].value))
            preset = (ks_sim_preset){rows[i].field, rows[i].provenance, &rows[i + 1], 0};
        else
            preset.count++;
    }
    return preset;
}

ks_status ks_sim_preset_load(ks_sim_config *config, const char *name) {
    ks_sim_defaults(config);
    for (size_t p = 0;; p++) {
        ks_sim_preset preset = ks_sim_preset_at(p);
        if (!preset.name)
            return ks_fail(KS_ERR_ARGUMENT, "there is no preset '%s'", name);
        if (strcmp(preset.name, name) != 0)
            continue;
        for (size_t i = 0; i < preset.count; i++) {
            const ks_sim_field *field = ks_sim_field_find(preset.values[i].field);
            if (!field)
                return ks_fail(KS_ERR_INTERNAL, "preset %s: there is no field '%s'", name,
                               preset.values[i].field);
            KS_TRY(ks_sim_field_set(config, field, preset.values[i].value));
        }
        ks_sim_count_intensities(config);
        return KS_OK;
    }
}
