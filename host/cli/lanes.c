/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/values.h"

#define DEFAULT_LANES "H=1,V=2,D=3,A=4,MARKER=5"

typedef struct meaning {
    const char *name;
    ks_lane_role role;
    uint8_t basis, bit;
} meaning;

static const meaning meanings[] = {{"H", KS_LANE_DETECTOR, 0, 0},    {"V", KS_LANE_DETECTOR, 0, 1},
                                   {"D", KS_LANE_DETECTOR, 1, 0},    {"A", KS_LANE_DETECTOR, 1, 1},
                                   {"MARKER", KS_LANE_MARKER, 0, 0}, {"PPS", KS_LANE_PPS, 0, 0}};

static const meaning *find_meaning(const char *name) {
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].name, name) == 0)
            return &meanings[i];
    return NULL;
}

/* Takes NAME=NUMBER and the comma behind it from *text; 0 or -1. */
static int next_pair(const char **text, char name[16], double *value) {
    char number[32];
    size_t name_length = strcspn(*text, "=");
    if (name_length >= 16 || (*text)[name_length] != '=')
        return -1;
    memcpy(name, *text, name_length);
    name[name_length] = '\0';
    *text += name_length + 1;
    size_t length = strcspn(*text, ",");
    if (length >= sizeof number)
        return -1;
    memcpy(number, *text, length);
    number[length] = '\0';
    *text += length;
    if (**text == ',' && !*++*text)
        return -1;
    return ks_parse_number(value, number) || *value != floor(*value) || fabs(*value) > INT32_MAX ? -1 : 0;
}

int ks_parse_lanes(ks_lane_choice *out, const char *text) {
    memset(out, 0, sizeof *out);
    do {
        char name[16];
        double channel;
        if (next_pair(&text, name, &channel))
            return ks_cli_fail(KS_EXIT_USAGE, "--lanes expects NAME=CHANNEL,... such as " DEFAULT_LANES);
        const meaning *m = find_meaning(name);
        if (!m)
            return ks_cli_fail(KS_EXIT_USAGE, "--lanes: '%s' is none of H V D A MARKER PPS", name);
        if (out->used == KS_LANES)
            return ks_cli_fail(KS_EXIT_USAGE, "--lanes: more than %d channels", KS_LANES);
        for (uint32_t i = 0; i < out->used; i++)
            if (out->raw[i] == (int32_t)channel)
                return ks_cli_fail(KS_EXIT_USAGE, "--lanes: channel %d is named twice", out->raw[i]);
        out->raw[out->used] = (int32_t)channel;
        out->meaning[out->used++] = m->name;
    } while (*text);
    return 0;
}

int ks_parse_delays(ks_lane_choice *out, const char *text) {
    do {
        char name[16];
        double delay;
        int found = 0;
        if (next_pair(&text, name, &delay))
            return ks_cli_fail(KS_EXIT_USAGE, "--delays expects NAME=PS,... in whole picoseconds");
        for (uint32_t i = 0; i < out->used; i++)
            if (strcmp(out->meaning[i], name) == 0) {
                out->delay_ps[i] = (int64_t)delay;
                found = 1;
            }
        if (!found)
            return ks_cli_fail(KS_EXIT_USAGE, "--delays: no lane is named '%s'", name);
    } while (*text);
    return 0;
}

void ks_receiver_choice_init(ks_receiver_choice *choice) {
    *choice = (ks_receiver_choice){.format = "auto", .lanes = DEFAULT_LANES, .clock_ppm = 100};
}

/* "12.5" or "1000/256": a number of ps as a unit, exactly when it is whole, a fraction of whole numbers, or
 * has at most six decimals. */
static int parse_tick(ks_unit *out, const char *text, const char *option) {
    char numerator[32];
    uint64_t above = 0, below = 1;
    size_t length = strcspn(text, "/");
    double number = 0;
    int bad = length >= sizeof numerator;
    if (!bad && text[length] == '/') {
        memcpy(numerator, text, length);
        numerator[length] = '\0';
        bad = ks_parse_u64(&above, numerator) || ks_parse_u64(&below, text + length + 1);
    } else if (!bad) {
        bad = ks_parse_number(&number, text) || !(number > 0 && number < 1e12);
        below = 1000000;
        above = bad ? 0 : (uint64_t)llround(number * 1e6);
    }
    if (bad || above == 0 || below == 0 || below > 10000000)
        return ks_cli_fail(KS_EXIT_USAGE, "--%s expects picoseconds, as a number or a fraction A/B, not '%s'",
                           option, text);
    *out = (ks_unit){.numerator = above, .denominator = below * UINT64_C(1000000000000)};
    return 0;
}

static int apply_reader(ks_reader_options *out, const ks_receiver_choice *c, const ks_lane_choice *lanes) {
    int result;
    if (ks_format_parse(&out->format, c->format) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--format: '%s' is unknown; auto ptu swabian ... (`keystill inspect --help`)",
                           c->format);
    if (c->tick && (result = parse_tick(&out->unit, c->tick, "tick")))
        return result;
    if (c->fine_tick && (result = parse_tick(&out->fine_unit, c->fine_tick, "fine-tick")))
        return result;
    out->reorder = c->reorder;
    out->lanes.used = lanes->used;
    memcpy(out->lanes.raw, lanes->raw, sizeof out->lanes.raw);
    return 0;
}

static int apply_frontend(ks_frontend_config *out, const ks_receiver_choice *c, const ks_lane_choice *lanes) {
    if (!(c->clock_hz > 0))
        return ks_cli_fail(KS_EXIT_USAGE, "--clock is mandatory: Alice's pulse rate in Hz");
    out->clock_hz = c->clock_hz;
    out->clock_tolerance = c->clock_ppm * 1e-6;
    out->marker_slots = c->marker_slots;
    out->gate_ps = c->gate_ps;
    out->dead_time_ps = c->dead_time_ps;
    for (uint32_t i = 0; i < lanes->used; i++) {
        const meaning *m = find_meaning(lanes->meaning[i]);
        out->lanes[i] =
            (ks_lane){.role = m->role, .basis = m->basis, .bit = m->bit, .delay_ps = lanes->delay_ps[i]};
    }
    return 0;
}

int ks_receiver_choice_apply(ks_reader_options *reader, ks_frontend_config *frontend,
                             const ks_receiver_choice *c) {
    ks_lane_choice lanes;
    int result;
    *reader = (ks_reader_options){.format = KS_FORMAT_AUTO};
    *frontend = (ks_frontend_config){.clock_hz = 0};
    if (!c->events)
        return ks_cli_fail(KS_EXIT_USAGE, "--events FILE is mandatory");
    if ((result = ks_parse_lanes(&lanes, c->lanes)) ||
        (c->delays && (result = ks_parse_delays(&lanes, c->delays))) ||
        (result = apply_reader(reader, c, &lanes)))
        return result;
    return apply_frontend(frontend, c, &lanes);
}
