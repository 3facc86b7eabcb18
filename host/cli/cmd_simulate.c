/* SPDX-License-Identifier: Apache-2.0 */
/* keystill simulate: a link from a preset or parameters; writes Alice's states and Bob's events. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/cli/cli.h"
#include "host/cli/link_options.h"
#include "host/cli/simulate_output.h"
#include "host/simulator/simulator.h"

enum { CHUNK = 1 << 14, OWN_OPTIONS = 10, PATTERN_MOST = 1 << 26 };

typedef struct options {
    ks_link_options link;
    const char *events, *format, *states, *states_pattern, *states_seed, *from_states, *truth;
    uint64_t pattern_slots;
    int realtime;
} options;

/* What is open while a link is simulated. */
typedef struct run {
    const options *options;
    ks_sim_config config;
    ks_states *states;
    ks_simulator *simulator;
    ks_event_file events;
    ks_state_file state_file;
    ks_truth_file truth;
    double started, wall, cpu; /* seconds; cpu: of all threads */
} run;

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int parse(options *o, int argc, char **argv) {
    ks_option table[KS_LINK_OPTIONS + OWN_OPTIONS];
    *o = (options){.format = "ptu", .pattern_slots = 4000};
    const ks_option own[] = {
        {"events", 0, KS_OPTION_TEXT, &o->events, "FILE", "write Bob's events; - is standard output", NULL},
        {"format", 0, KS_OPTION_TEXT, &o->format, "NAME",
         "ptu swabian s15-a1 qutag csv slots ...; default ptu", NULL},
        {"states", 0, KS_OPTION_TEXT, &o->states, "FILE", "write Alice's states, packed", NULL},
        {"states-seed", 0, KS_OPTION_TEXT, &o->states_seed, "FILE", "write the seed of Alice's states", NULL},
        {"states-pattern", 0, KS_OPTION_TEXT, &o->states_pattern, "FILE",
         "repeat a pattern; write one period", NULL},
        {"pattern-slots", 0, KS_OPTION_U64, &o->pattern_slots, "N", "slots in its period; default 4000",
         NULL},
        {"from-states", 0, KS_OPTION_TEXT, &o->from_states, "FILE",
         "read Alice's states instead of drawing them", NULL},
        {"truth", 0, KS_OPTION_TEXT, &o->truth, "FILE", "write slot and origin of every event, as CSV", NULL},
        {"realtime", 0, KS_OPTION_FLAG, &o->realtime, NULL, "no faster than the link's own clock", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    size_t n = ks_link_options_table(table, &o->link, "metro-10km");
    memcpy(table + n, own, sizeof own);
    int rest = 0, result = ks_cli_parse("simulate [options]", table, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected word '%s'", argv[rest]);
    return -1;
}

static int is_stdout(const char *path) {
    return path && strcmp(path, "-") == 0;
}

static int check(const options *o, ks_format *format) {
    if (ks_format_parse(format, o->format) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "--format: unknown format '%s'", o->format);
    int to_stdout = is_stdout(o->events) + is_stdout(o->states) + is_stdout(o->truth) +
                    is_stdout(o->states_seed) + is_stdout(o->states_pattern) + ks_cli_json;
    if (to_stdout > 1)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "only one of --events - --states - --truth - --json can have standard output");
    if (is_stdout(o->events) && *format != KS_FORMAT_CSV && isatty(STDOUT_FILENO))
        return ks_cli_fail(KS_EXIT_USAGE, "--events -: binary data are not for a terminal");
    if (o->from_states && (o->states_pattern || o->states_seed))
        return ks_cli_fail(KS_EXIT_USAGE, "--from-states excludes --states-pattern and --states-seed");
    if (o->states_pattern && o->states_seed)
        return ks_cli_fail(KS_EXIT_USAGE, "--states-pattern and --states-seed exclude each other");
    if (o->pattern_slots < 1 || o->pattern_slots > PATTERN_MOST)
        return ks_cli_fail(KS_EXIT_USAGE, "--pattern-slots expects 1 to 2^26");
    return 0;
}

/* The first `n` states of `drawn` repeated for ever take its place. */
static int repeat_pattern(run *r, size_t n) {
    ks_state *pattern = malloc(n);
    uint64_t *slots = malloc(n * sizeof *slots);
    uint8_t *image = malloc(KS_STATES_HEADER_MAX + n);
    ks_states_header header = *ks_states_get_header(r->states);
    ks_states *repeated = NULL;
    size_t size = 0;
    header.slots = 0;
    for (size_t i = 0; slots && i < n; i++)
        slots[i] = i;
    ks_status status =
        pattern && slots && image ? ks_states_gather(r->states, pattern, slots, n) : KS_ERR_MEMORY;
    if (status == KS_OK)
        status = ks_states_from_pattern(&repeated, &header, pattern, n);
    if (status == KS_OK)
        status = ks_states_write_pattern(image, KS_STATES_HEADER_MAX + n, &size, &header, pattern, n);
    int result = status == KS_OK ? ks_write_image(r->options->states_pattern, image, size)
                                 : ks_cli_fail_status(status, "--states-pattern");
    free(image);
    free(slots);
    free(pattern);
    if (repeated) {
        ks_states_destroy(r->states);
        r->states = repeated;
    }
    return result;
}

static int write_seed(const run *r) {
    uint8_t image[KS_STATES_SEED_MAX], seed[32];
    size_t size;
    ks_states_header header;
    ks_sim_alice_seed(&header, seed, &r->config);
    ks_status status =
        ks_states_write_seed(image, sizeof image, &size, &header, seed, r->config.alice_test_basis);
    return status == KS_OK ? ks_write_image(r->options->states_seed, image, size)
                           : ks_cli_fail_status(status, "--states-seed");
}

static int prepare_states(run *r) {
    const options *o = r->options;
    ks_status status = o->from_states ? ks_states_open_file(&r->states, o->from_states)
                                      : ks_sim_alice_states(&r->states, &r->config);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "Alice's states");
    if (o->from_states) {
        r->config.source = ks_states_get_header(r->states)->source;
        r->config.clock_hz = ks_states_get_header(r->states)->clock_hz;
    }
    if (o->states_pattern)
        return repeat_pattern(r, (size_t)o->pattern_slots);
    return o->states_seed ? write_seed(r) : 0;
}

static int open_outputs(run *r, ks_format format) {
    const options *o = r->options;
    int result = 0;
    if (o->states) {
        ks_states_header header = *ks_states_get_header(r->states);
        header.slots = r->config.slots;
        result = ks_state_file_open(&r->state_file, o->states, &header);
    }
    if (!result && o->events)
        result = ks_event_file_open(&r->events, o->events, format, &r->config);
    if (!result && o->truth)
        result = ks_truth_file_open(&r->truth, o->truth);
    return result;
}

/* Sleeps until the link's own clock has come as far as the simulation. */
static void pace(const run *r, const ks_sim_stats *stats) {
    double ahead = (double)stats->slots / r->config.clock_hz - (seconds_of(CLOCK_MONOTONIC) - r->started);
    if (!r->options->realtime || ahead <= 0)
        return;
    struct timespec pause = {.tv_sec = (time_t)ahead, .tv_nsec = (long)((ahead - floor(ahead)) * 1e9)};
    nanosleep(&pause, NULL);
}

static int run_link(run *r) {
    static ks_event events[CHUNK];
    static ks_sim_truth truth[CHUNK];
    size_t n = 0;
    int result = 0;
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    r->started = seconds_of(CLOCK_MONOTONIC);
    do {
        ks_sim_stats stats;
        ks_status status = ks_simulator_run(r->simulator, events, truth, CHUNK, &n);
        if (status != KS_OK)
            return ks_cli_fail_status(status, "simulator");
        ks_simulator_get_stats(r->simulator, &stats);
        result = ks_state_file_put(&r->state_file, r->states, stats.slots);
        if (!result)
            result = ks_event_file_put(&r->events, events, n);
        if (!result)
            result = ks_truth_file_put(&r->truth, events, truth, n);
        pace(r, &stats);
        ks_cli_progress("%.3f of %.3f s, %.1f M events/s", (double)stats.slots / r->config.clock_hz,
                        (double)r->config.slots / r->config.clock_hz,
                        1e-6 * (double)stats.events / (seconds_of(CLOCK_MONOTONIC) - r->started));
        if (ks_cli_interrupted())
            result = KS_EXIT_INTERRUPTED;
    } while (!result && n);
    ks_cli_progress_end();
    r->wall = seconds_of(CLOCK_MONOTONIC) - r->started;
    r->cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return result;
}

static void report_text(const run *r, const ks_sim_stats *s, const ks_sim_expectation *e) {
    double seconds = (double)s->slots / r->config.clock_hz;
    ks_cli_say(1, "%llu pulses, %.6g s: %llu events, %.6g a second", (unsigned long long)s->slots, seconds,
               (unsigned long long)s->events, (double)s->events / seconds);
    ks_cli_say(1, "photons %llu, dark %llu, background %llu, afterpulses %llu; lost to dead time %llu",
               (unsigned long long)s->origin[KS_SIM_PHOTON], (unsigned long long)s->origin[KS_SIM_DARK],
               (unsigned long long)s->origin[KS_SIM_BACKGROUND],
               (unsigned long long)s->origin[KS_SIM_AFTERPULSE], (unsigned long long)s->dead);
    ks_cli_say(1, "markers %llu, missed %llu, spurious %llu, PPS %llu",
               (unsigned long long)s->origin[KS_SIM_MARKER], (unsigned long long)s->markers_missed,
               (unsigned long long)s->origin[KS_SIM_SPURIOUS], (unsigned long long)s->origin[KS_SIM_PPS]);
    for (int lane = 0; lane < KS_LANES; lane++)
        if (s->lane[lane])
            ks_cli_say(2, "lane %d: %llu", lane, (unsigned long long)s->lane[lane]);
    ks_cli_say(1,
               "expected without dead time: QBER %.3f %% key basis, %.3f %% test basis; sifted %.6g and %.6g "
               "a second",
               100 * e->qber[0], 100 * e->qber[1], e->sifted_hz[0], e->sifted_hz[1]);
    ks_cli_say(1, "%.3g s on this machine, %.3g s of processor time: %.3g M events per second of it", r->wall,
               r->cpu, 1e-6 * (double)s->events / r->cpu);
    if (ks_states_get_header(r->states)->test_only)
        ks_cli_say(1, "the states are reproducible: for tests only");
}

static void report_json(const run *r, const ks_sim_stats *s, const ks_sim_expectation *e) {
    double seconds = (double)s->slots / r->config.clock_hz;
    json_t *lanes = json_object();
    for (int lane = 0; lane < KS_LANES; lane++) {
        char name[8];
        snprintf(name, sizeof name, "%d", lane);
        if (s->lane[lane])
            json_object_set_new(lanes, name, json_integer((json_int_t)s->lane[lane]));
    }
    json_t *object =
        json_pack("{s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "preset",
                  r->options->link.preset, "pulses", (json_int_t)s->slots, "seconds", seconds, "events",
                  (json_int_t)s->events, "photons", (json_int_t)s->origin[KS_SIM_PHOTON], "dark",
                  (json_int_t)s->origin[KS_SIM_DARK], "background", (json_int_t)s->origin[KS_SIM_BACKGROUND],
                  "afterpulses", (json_int_t)s->origin[KS_SIM_AFTERPULSE], "dead", (json_int_t)s->dead,
                  "markers", (json_int_t)s->origin[KS_SIM_MARKER], "markers_missed",
                  (json_int_t)s->markers_missed, "markers_spurious", (json_int_t)s->origin[KS_SIM_SPURIOUS],
                  "pps", (json_int_t)s->origin[KS_SIM_PPS], "lanes", lanes);
    json_t *rates =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "expected_qber_key", e->qber[0],
                  "expected_qber_test", e->qber[1], "expected_sifted_key_hz", e->sifted_hz[0],
                  "expected_sifted_test_hz", e->sifted_hz[1], "expected_clicks_hz", e->clicks_hz,
                  "wall_seconds", r->wall, "cpu_seconds", r->cpu, "realtime_factor", seconds / r->wall,
                  "test_only", ks_states_get_header(r->states)->test_only);
    json_object_update(object, rates);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    printf("\n");
    json_decref(rates);
    json_decref(object);
}

static int report(const run *r) {
    ks_sim_stats stats;
    ks_sim_expectation expected;
    ks_simulator_get_stats(r->simulator, &stats);
    ks_status status = ks_sim_expect(&expected, &r->config);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "expectation");
    if (ks_cli_json)
        report_json(r, &stats, &expected);
    else
        report_text(r, &stats, &expected);
    return fflush(stdout) == 0 ? 0 : KS_EXIT_CLOSED;
}

static int close_outputs(run *r, int result) {
    int results[] = {ks_event_file_close(&r->events, !result), ks_state_file_close(&r->state_file, !result),
                     ks_truth_file_close(&r->truth, !result)};
    for (size_t i = 0; i < sizeof results / sizeof *results && !result; i++)
        result = results[i];
    return result;
}

static int simulate(run *r, ks_format format) {
    int result = prepare_states(r);
    if (result)
        return result;
    ks_status status = ks_simulator_create(&r->simulator, &r->config, r->states);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "simulator");
    result = open_outputs(r, format);
    if (!result)
        result = run_link(r);
    result = close_outputs(r, result);
    return result ? result : report(r);
}

int ks_cmd_simulate(int argc, char **argv) {
    static options o;
    static run r;
    ks_format format;
    int result = parse(&o, argc, argv);
    if (result >= 0)
        return result;
    if (o.link.list_presets)
        return ks_link_options_list_presets();
    result = check(&o, &format);
    if (!result)
        result = ks_link_options_apply(&r.config, &o.link);
    if (result)
        return result;
    r.options = &o;
    r.config.slot_events = format == KS_FORMAT_SLOTS;
    ks_cli_catch_signals();
    result = simulate(&r, format);
    ks_simulator_destroy(r.simulator);
    ks_states_destroy(r.states);
    return result;
}
