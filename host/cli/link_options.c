/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/link_options.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/values.h"
#include "host/simulator/attack.h"
#include "host/simulator/presets.h"

/* Parameters that --mu and --probability set. */
static int is_listed(const char *name) {
    return strncmp(name, "mu-", 3) == 0 || strncmp(name, "probability-", 12) == 0;
}

static int is_flag(const ks_sim_field *field) {
    return strcmp(field->unit, "0|1") == 0;
}

static ks_option option(const char *name, ks_option_kind kind, void *out, const char *argument,
                        const char *help) {
    return (ks_option){.name = name, .kind = kind, .out = out, .argument = argument, .help = help};
}

size_t ks_link_options_table(ks_option *table, ks_link_options *o, const char *preset) {
    *o = (ks_link_options){.preset = preset, .misalignment = NAN, .seconds = NAN, .seed = 1};
    size_t n = 0;
    table[n++] = option("preset", KS_OPTION_TEXT, &o->preset, "NAME", "a known link; see --list-presets");
    table[n++] =
        option("list-presets", KS_OPTION_FLAG, &o->list_presets, NULL, "print presets with their sources");
    table[n++] = option("seconds", KS_OPTION_NUMBER, &o->seconds, "S", "how long; default 1");
    table[n++] = option("pulses", KS_OPTION_U64, &o->pulses, "N", "how many pulses, instead of --seconds");
    table[n++] = option("seed", KS_OPTION_U64, &o->seed, "S", "the same seed, the same link; default 1");
    table[n++] =
        option("sim-threads", KS_OPTION_U64, &o->threads, "N", "threads that simulate besides the main one");
    table[n++] = option("mu", KS_OPTION_TEXT, &o->mu, "A[,B[,C]]", "mean photon numbers, falling");
    table[n++] = option("probability", KS_OPTION_TEXT, &o->probability, "P[,Q[,R]]", "their chances");
    table[n++] = option("misalignment", KS_OPTION_NUMBER, &o->misalignment, "P", "of both bases");
    table[n++] = option("attack", KS_OPTION_TEXT, &o->attack, "NAME[:S]",
                        "Eve: intercept pns basis-loss bright time-shift; strength 0 to 1, default 1");
    for (size_t i = 0; i < KS_SIM_FIELDS; i++) {
        o->number[i] = NAN;
        o->flag[i] = -1;
    }
    const ks_sim_field *field;
    for (size_t i = 0; (field = ks_sim_field_at(i)) != NULL; i++) {
        if (is_listed(field->name))
            continue;
        if (is_flag(field))
            table[n++] = option(field->name, KS_OPTION_FLAG, &o->flag[i], NULL, field->help);
        else
            table[n++] = option(field->name, KS_OPTION_NUMBER, &o->number[i], field->unit, field->help);
    }
    return n;
}

/* A comma-separated list of one to three numbers; the rest are 0. Their number, or 0. */
static int parse_list(double out[KS_MAX_INTENSITIES], const char *text) {
    int n = 0;
    char *copy = strdup(text), *rest = copy;
    for (char *word; copy && (word = strsep(&rest, ",")) != NULL; n++)
        if (n == KS_MAX_INTENSITIES || ks_parse_number(&out[n], word) != 0) {
            n = 0;
            break;
        }
    for (int i = n; i < KS_MAX_INTENSITIES; i++)
        out[i] = 0;
    free(copy);
    return n;
}

static int apply_source(ks_sim_config *config, const ks_link_options *o) {
    int means = 0, probabilities = 0;
    if (o->mu && (means = parse_list(config->source.mean, o->mu)) == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--mu expects one to three numbers with commas, not '%s'", o->mu);
    if (o->probability && (probabilities = parse_list(config->source.probability, o->probability)) == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--probability expects one to three numbers with commas, not '%s'",
                           o->probability);
    ks_sim_count_intensities(config);
    if (means && means != (int)config->source.intensities)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--mu has %d intensities, their probabilities have %u: give --probability", means,
                           config->source.intensities);
    return 0;
}

static int apply_run(ks_sim_config *config, const ks_link_options *o) {
    if (!isnan(o->seconds) && o->pulses)
        return ks_cli_fail(KS_EXIT_USAGE, "--seconds and --pulses exclude each other");
    double slots = (isnan(o->seconds) ? 1 : o->seconds) * config->clock_hz;
    if (!o->pulses && !(slots >= 1 && slots < (double)KS_SLOT_MAX))
        return ks_cli_fail(KS_EXIT_USAGE, "--seconds %g: expected at least one pulse and fewer than 2^56",
                           o->seconds);
    config->slots = o->pulses ? o->pulses : (uint64_t)slots;
    for (int i = 0; i < 8; i++)
        config->seed[i] = (uint8_t)(o->seed >> (8 * i));
    if (o->threads > 64)
        return ks_cli_fail(KS_EXIT_USAGE, "--sim-threads expects at most 64");
    config->threads = (unsigned)o->threads;
    return 0;
}

int ks_link_options_apply(ks_sim_config *config, const ks_link_options *o) {
    if (ks_sim_preset_load(config, o->preset) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown preset '%s'; --list-presets prints them", o->preset);
    if (!isnan(o->misalignment))
        config->misalignment[0] = config->misalignment[1] = o->misalignment;
    const ks_sim_field *field;
    for (size_t i = 0; (field = ks_sim_field_at(i)) != NULL; i++) {
        double value = o->flag[i] >= 0 ? o->flag[i] : o->number[i];
        if (!isnan(value) && ks_sim_field_set(config, field, value) != KS_OK)
            return ks_cli_fail(KS_EXIT_USAGE, "--%s: %s", field->name, ks_error_detail());
    }
    if (o->attack && ks_sim_attack_parse(config, o->attack) != 0)
        return ks_cli_fail(
            KS_EXIT_USAGE,
            "--attack expects intercept, pns, basis-loss, bright or time-shift, with a strength from 0 to "
            "1 after a colon, not '%s'",
            o->attack);
    int result = apply_source(config, o);
    if (!result)
        result = apply_run(config, o);
    if (!result && ks_sim_check(config) != KS_OK)
        result = ks_cli_fail(KS_EXIT_USAGE, "%s", ks_error_detail());
    return result;
}

static void print_preset(const ks_sim_preset *preset) {
    printf("%s: %s\n", preset->name, preset->title);
    for (size_t i = 0; i < preset->count; i++) {
        const ks_sim_value *v = &preset->values[i];
        printf("  %-20s %-12g %-8s %s\n", v->field, v->value, ks_sim_field_find(v->field)->unit,
               v->provenance);
    }
    printf("\n");
}

static void print_preset_json(const ks_sim_preset *preset) {
    json_t *object =
        json_pack("{s:s, s:s, s:{}}", "preset", preset->name, "title", preset->title, "parameters");
    for (size_t i = 0; object && i < preset->count; i++) {
        const ks_sim_value *v = &preset->values[i];
        json_object_set_new(json_object_get(object, "parameters"), v->field,
                            json_pack("{s:f, s:s}", "value", v->value, "provenance", v->provenance));
    }
    json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
    printf("\n");
    json_decref(object);
}

int ks_link_options_list_presets(void) {
    ks_sim_preset preset;
    for (size_t i = 0; (preset = ks_sim_preset_at(i)).name != NULL; i++) {
        if (ks_cli_json)
            print_preset_json(&preset);
        else
            print_preset(&preset);
    }
    return fflush(stdout) == 0 ? KS_EXIT_OK : KS_EXIT_CLOSED;
}
