/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench simulate: the gather of Alice's states from each source, and simulated links against their
 * own clock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "host/formats/states_object.h"
#include "host/simulator/presets.h"

enum { GATHER = 1 << 16, MOST_GAP = 64, PERIOD = 4000 };

typedef struct gather_bench {
    ks_states *states;
    uint64_t *slots;
    ks_state *out;
    uint8_t *image;
    ks_state pattern[PERIOD];
    ks_status status;
} gather_bench;

typedef struct link_bench {
    ks_sim_config config;
    ks_states *states;
    ks_sim_stats stats;
    int in_order;
    ks_status status;
} link_bench;

/* ---- states ---- */

static const ks_states_header header = {.slots = (uint64_t)GATHER * MOST_GAP,
                                        .clock_hz = 1e9,
                                        .source = {3, {0.5, 0.1, 0.001}, {0.8, 0.12, 0.08}}};
static const uint8_t seed[32] = {1};

static void gather(void *context) {
    gather_bench *b = context;
    ks_status status = ks_states_gather(b->states, b->out, b->slots, GATHER);
    b->status = b->status == KS_OK ? status : b->status;
}

/* Packed states that anyone can compute: byte i holds two states of intensity 0, 1 or 2. */
static uint8_t packed_byte(uint64_t i) {
    uint8_t mixed = (uint8_t)(i * 2654435761u >> 13);
    return mixed & 0x77;
}

static ks_status open_source(gather_bench *b, const char *source) {
    size_t size = 0, bytes = GATHER * MOST_GAP / 2;
    if (strcmp(source, "seed") == 0)
        return ks_states_from_seed(&b->states, &header, seed, 0.1);
    if (strcmp(source, "pattern") == 0) {
        for (size_t i = 0; i < PERIOD; i++)
            b->pattern[i] = (ks_state)(i % 12);
        return ks_states_from_pattern(&b->states, &header, b->pattern, PERIOD);
    }
    b->image = malloc(KS_STATES_HEADER_MAX + bytes);
    if (!b->image)
        return KS_ERR_MEMORY;
    ks_status status = ks_states_write_header(b->image, KS_STATES_HEADER_MAX, &size, &header);
    for (size_t i = 0; i < bytes; i++)
        b->image[size + i] = packed_byte(i);
    return status == KS_OK ? ks_states_from_memory(&b->states, b->image, size + bytes) : status;
}

/* Against the oracle of the kernel row for a seed, against what was put in for the others. */
static int gathered_right(const gather_bench *b, const char *source) {
    ks_state *expected = malloc(GATHER);
    if (!expected)
        return 0;
    int right = b->status == KS_OK;
    if (strcmp(source, "seed") == 0) {
        ks_seeded_states generator;
        ks_seeded_states_derive(&generator, seed, &header.source, 0.1);
        ks_kernels_at(KS_ISA_ref)->seeded_states(expected, b->slots, GATHER, &generator);
    } else
        for (size_t i = 0; i < GATHER; i++)
            expected[i] = strcmp(source, "pattern") == 0
                              ? b->pattern[b->slots[i] % PERIOD]
                              : packed_byte(b->slots[i] / 2) >> (b->slots[i] % 2 * 4) & 15;
    right = right && memcmp(b->out, expected, GATHER) == 0;
    free(expected);
    return right;
}

static int bench_gather(const char *source, uint64_t gap, double seconds) {
    gather_bench b = {.slots = malloc(GATHER * sizeof *b.slots), .out = malloc(GATHER)};
    int failed = 1;
    double started = ks_bench_now();
    if (b.slots && b.out && open_source(&b, source) == KS_OK) {
        for (uint64_t i = 0; i < GATHER; i++)
            b.slots[i] = i * gap + (gap > 1 ? i % 2 : 0);
        ks_bench_times times = ks_bench_time(gather, &b, 9, seconds);
        ks_bench_row row;
        ks_bench_row_begin(&row, "simulate", "cpu", NULL, 1);
        ks_bench_row_text(&row, "part", "gather");
        ks_bench_row_text(&row, "source", source);
        ks_bench_row_u64(&row, "gap", gap);
        ks_bench_row_rate(&row, "states_per_second", times, GATHER, 1);
        failed = ks_bench_row_end(&row, ks_bench_now() - started, gathered_right(&b, source));
    }
    ks_states_destroy(b.states);
    free(b.image);
    free(b.slots);
    free(b.out);
    return failed;
}

/* ---- links ---- */

static ks_status run_link(link_bench *b) {
    static ks_event events[1 << 14];
    ks_simulator *simulator = NULL;
    ks_status status = ks_simulator_create(&simulator, &b->config, b->states);
    int64_t last = INT64_MIN;
    size_t n = 1;
    while (status == KS_OK && n) {
        status = ks_simulator_run(simulator, events, NULL, sizeof events / sizeof *events, &n);
        for (size_t i = 0; i < n; i++) {
            b->in_order &= events[i].time >= last;
            last = events[i].time;
        }
    }
    if (simulator)
        ks_simulator_get_stats(simulator, &b->stats);
    ks_simulator_destroy(simulator);
    return status;
}

static void link_body(void *context) {
    link_bench *b = context;
    ks_status status = run_link(b);
    b->status = b->status == KS_OK ? status : b->status;
}

/* Clicks, those lost to dead time included, within six standard deviations of the expectation; afterpulses
 * aside. */
static int clicks_as_expected(const link_bench *b) {
    ks_sim_expectation expected;
    const uint64_t *origin = b->stats.origin;
    if (b->status != KS_OK || !b->in_order || ks_sim_expect(&expected, &b->config) != KS_OK)
        return 0;
    double mean = expected.clicks_hz * (double)b->config.slots / b->config.clock_hz;
    double seen =
        (double)(origin[KS_SIM_PHOTON] + origin[KS_SIM_DARK] + origin[KS_SIM_BACKGROUND] + b->stats.dead);
    return fabs(seen - mean) < 6 * sqrt(mean);
}

static int bench_link(const char *preset, double loss, double link_seconds, double seconds) {
    link_bench b = {.in_order = 1};
    double started = ks_bench_now();
    if (ks_sim_preset_load(&b.config, preset) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown preset '%s'", preset);
    if (!isnan(loss)) {
        b.config.distance_km = 0;
        b.config.extra_db = loss;
    }
    b.config.fade_db = 0;
    for (int d = 0; d < KS_SIM_DETECTORS; d++)
        b.config.detector[d].afterpulse[0] = b.config.detector[d].afterpulse[1] = 0;
    b.config.slots = (uint64_t)(link_seconds * b.config.clock_hz);
    ks_status status = ks_sim_alice_states(&b.states, &b.config);
    if (status != KS_OK)
        return ks_cli_fail_status(status, preset);
    ks_bench_times times = ks_bench_time(link_body, &b, 3, seconds);
    ks_bench_row row;
    ks_bench_row_begin(&row, "simulate", "cpu", NULL, 1);
    ks_bench_row_text(&row, "part", "link");
    ks_bench_row_text(&row, "preset", preset);
    ks_bench_row_number(&row, "loss_db", b.config.extra_db + b.config.distance_km * b.config.fibre_db_km);
    ks_bench_row_number(&row, "events_per_link_second", (double)b.stats.events / link_seconds);
    ks_bench_row_rate(&row, "events_per_second", times, (double)b.stats.events, 1);
    ks_bench_row_number(&row, "realtime_factor", link_seconds / times.best);
    int failed = ks_bench_row_end(&row, ks_bench_now() - started, clicks_as_expected(&b));
    ks_states_destroy(b.states);
    return failed;
}

int ks_bench_simulate(int argc, char **argv) {
    static const char *preset;
    static double loss = NAN, link_seconds = 0.05, seconds = 0.3;
    const ks_option options[] = {
        {"preset", 0, KS_OPTION_TEXT, &preset, "NAME", "this link only; default: three of them", NULL},
        {"loss", 0, KS_OPTION_NUMBER, &loss, "DB", "of the channel, instead of the preset's", NULL},
        {"link-seconds", 0, KS_OPTION_NUMBER, &link_seconds, "S", "of the link's time, a run; default 0.05",
         NULL},
        {"seconds", 0, KS_OPTION_NUMBER, &seconds, "S", "a row, at least; default 0.3", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0, failed = 0, result = ks_cli_parse("bench simulate [options]", options, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc || !(link_seconds > 0 && link_seconds <= 1000))
        return ks_cli_fail(KS_EXIT_USAGE, "expected options only, and --link-seconds of 0 to 1000");
    if (preset)
        return bench_link(preset, loss, link_seconds, seconds);
    static const char *const sources[] = {"packed", "pattern", "seed"};
    static const uint64_t gaps[] = {1, 8, 60};
    for (int g = 0; g < 3; g++)
        for (int s = 0; s < 3; s++)
            failed |= bench_gather(sources[s], gaps[g], seconds);
    static const char *const links[] = {"metro-10km", "metro-50km", "rusca-ref"};
    for (int l = 0; l < 3; l++)
        failed |= bench_link(links[l], l == 2 && isnan(loss) ? 10 : loss, link_seconds, seconds);
    return failed ? KS_EXIT_FAILED : KS_EXIT_OK;
}
