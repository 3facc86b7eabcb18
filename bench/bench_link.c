/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench link: a whole link, from time tags to keys at both ends, in this process. The tags are
 * simulated beforehand and lie in memory, so that the simulator costs no time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/entropy.h>
#include <keystill/frontend.h>

#include "bench/bench.h"
#include "host/cli/both_ends.h"
#include "host/cli/cli.h"
#include "host/cli/session_options.h"
#include "host/simulator/presets.h"

enum { CHUNK = 1 << 16, EVENTS_MOST = 1 << 28, FIRST_EVENTS = 1 << 20, BLOCKS = 4 };

typedef struct link_bench {
    const char *preset;
    double seconds;
    uint64_t block, seed;
    double efficiency_mismatch, dark_mismatch;
    ks_work_choice work;
    ks_sim_config config;
    ks_session_config session;
    ks_event *events;
    size_t count;
    ks_detection *detections;
    ks_state_feed states;
    ks_both_ends both;
    double frontend_seconds;
} link_bench;

static int parse(link_bench *b, int argc, char **argv) {
    *b = (link_bench){.preset = "geneva-2.5G", .seconds = 1, .seed = 1};
    ks_work_choice_init(&b->work);
    const ks_option options[] = {
        {"preset", 'p', KS_OPTION_TEXT, &b->preset, "NAME", "link: geneva-2.5G ustc-625M ... (geneva-2.5G)",
         NULL},
        {"seconds", 0, KS_OPTION_NUMBER, &b->seconds, "S", "time of the source (1)", NULL},
        {"block", 'n', KS_OPTION_U64, &b->block, "N", "pulses of a block (a quarter of the time)", NULL},
        {"seed", 's', KS_OPTION_U64, &b->seed, "S", "of the simulated link (1)", NULL},
        {"efficiency-mismatch", 0, KS_OPTION_NUMBER, &b->efficiency_mismatch, "D", "of the detectors (0)",
         NULL},
        {"dark-mismatch", 0, KS_OPTION_NUMBER, &b->dark_mismatch, "D", "of the detectors (0)", NULL},
        KS_WORK_CHOICE_OPTIONS(b->work),
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0;
    int result = ks_cli_parse("bench link [options]", options, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc || !(b->seconds > 0 && b->seconds <= 3600))
        return ks_cli_fail(KS_EXIT_USAGE, rest < argc ? "unexpected word" : "--seconds expects 0 to 3600");
    return -1;
}

static int configure(link_bench *b) {
    ks_session_config_init(&b->session, KS_BOB);
    ks_status status = ks_sim_preset_load(&b->config, b->preset);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "--preset");
    memcpy(b->config.seed, &b->seed, sizeof b->seed);
    b->config.slots = (uint64_t)llround(b->seconds * b->config.clock_hz);
    b->session.random = ks_random_system();
    b->session.link.source = b->config.source;
    b->session.link.block_slots = b->block ? b->block : b->config.slots / BLOCKS;
    b->session.link.basis_choice = KS_BASIS_ACTIVE;
    b->session.link.receiver =
        (ks_receiver){.efficiency_mismatch = b->efficiency_mismatch,
                      .dark_mismatch = b->dark_mismatch,
                      .dark_probability = b->config.detector[0].dark_hz / b->config.clock_hz};
    if (b->config.passive) {
        b->session.link.basis_choice = KS_BASIS_PASSIVE;
        b->session.link.accept_passive = 1;
    }
    const int result = ks_work_choice_apply(&b->session, &b->work);
    ks_sim_expectation expected;
    if (b->session.expected_qber == 0 && ks_sim_expect(&expected, &b->config) == KS_OK)
        b->session.expected_qber = expected.qber[0]; /* what a laboratory knows of its own link */
    return result;
}

static int make_room(link_bench *b, size_t *capacity) {
    if (b->count + CHUNK <= *capacity)
        return 0;
    *capacity = *capacity ? *capacity * 2 : FIRST_EVENTS;
    if (*capacity > EVENTS_MOST)
        return ks_cli_fail(KS_EXIT_USAGE, "too many events: fewer --seconds");
    ks_event *larger = realloc(b->events, *capacity * sizeof *larger);
    if (!larger)
        return ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu events", *capacity);
    b->events = larger;
    return 0;
}

static int simulate(link_bench *b) {
    ks_states *states = NULL;
    ks_simulator *simulator = NULL;
    size_t capacity = 0, got = 1;
    int result = 0;
    ks_status status = ks_sim_alice_states(&states, &b->config);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "states");
    ks_state_feed_adopt(&b->states, states);
    status = ks_simulator_create(&simulator, &b->config, states);
    while (status == KS_OK && got > 0 && !result && !ks_cli_interrupted()) {
        result = make_room(b, &capacity);
        if (!result)
            status = ks_simulator_run(simulator, b->events + b->count, NULL, CHUNK, &got);
        b->count += result || status != KS_OK ? 0 : got;
        ks_cli_progress("simulating: %.1f M events", 1e-6 * (double)b->count);
    }
    ks_cli_progress_end();
    ks_simulator_destroy(simulator);
    return result || status == KS_OK ? result : ks_cli_fail_status(status, "simulator");
}

/* Detections of one chunk to Bob's engine. */
static ks_status give(link_bench *b, size_t count, uint64_t frontier) {
    for (size_t given = 0;;) {
        size_t taken;
        ks_status status =
            ks_engine_detections(b->both.bob.engine, b->detections + given, count - given, frontier, &taken);
        given += taken;
        if (status != KS_OK || given == count)
            return status;
        if (ks_session_end_watch(&b->both.bob))
            return KS_ERR_INTERRUPTED;
        (void)ks_engine_wait(b->both.bob.engine, KS_ENGINE_INPUT, 100);
    }
}

static ks_status push_all(link_bench *b, ks_frontend *frontend) {
    size_t taken, found = 1;
    uint64_t frontier;
    for (size_t at = 0; at < b->count; at += taken) {
        size_t n = b->count - at < CHUNK ? b->count - at : CHUNK;
        double start = ks_bench_now();
        ks_status status =
            ks_frontend_push(frontend, b->events + at, n, &taken, b->detections, CHUNK, &found, &frontier);
        b->frontend_seconds += ks_bench_now() - start;
        if (status == KS_OK)
            status = give(b, found, frontier);
        if (status != KS_OK)
            return status;
    }
    while (found > 0) {
        ks_status status = ks_frontend_finish(frontend, b->detections, CHUNK, &found, &frontier);
        if (status == KS_OK && found > 0)
            status = give(b, found, frontier);
        if (status != KS_OK)
            return status;
    }
    return give(b, 0, b->config.slots); /* nothing follows: the last block is complete */
}

/* Why an engine ended before it should, as an exit code; 0 when neither did. */
static int engine_failure(const link_bench *b) {
    const ks_session_end *const ends[] = {&b->both.bob, &b->both.alice};
    for (int i = 0; i < 2; i++) {
        int closed;
        char reason[512];
        ks_status status = ks_engine_status(ends[i]->engine, &closed);
        if (!closed || status == KS_OK)
            continue;
        int code = ks_cli_exit_code(status);
        ks_engine_reason(ends[i]->engine, reason, sizeof reason);
        return ks_cli_fail(code == KS_EXIT_CLOSED || code == KS_EXIT_INTERRUPTED ? KS_EXIT_FAILED : code,
                           "%s: %s: %s", ends[i]->report.who, ks_status_name(status), reason);
    }
    return 0;
}

/* Tags to keys; *seconds from the first tag to the last key at both ends. */
static int distil(link_bench *b, double *seconds) {
    ks_frontend_config config;
    ks_frontend *frontend = NULL;
    ks_random random = ks_random_system();
    ks_sim_frontend_config(&config, &b->config);
    ks_status status = ks_frontend_create(&frontend, &config, &random);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "front end");
    b->both.alice.report.who = "alice";
    b->both.alice.report.quiet = 1;
    b->both.bob.report.who = "bob";
    b->both.bob.report.quiet = 1;
    b->both.alice.report.clock_hz = b->both.bob.report.clock_hz = b->config.clock_hz;
    double start = ks_bench_now();
    int result = ks_both_ends_start(&b->both, &b->session, &b->work, &b->states, NULL, NULL);
    status = result ? KS_OK : push_all(b, frontend);
    if (!result)
        ks_both_ends_wait(&b->both);
    *seconds = ks_bench_now() - start;
    ks_frontend_destroy(frontend);
    if (ks_cli_interrupted())
        return KS_EXIT_INTERRUPTED;
    if (!result)
        result = engine_failure(b);
    if (!result && (status == KS_ERR_INTERRUPTED || status == KS_ERR_CLOSED))
        return ks_cli_fail(KS_EXIT_FAILED, "the link ended before all tags were taken");
    return result || status == KS_OK ? result : ks_cli_fail_status(status, "link");
}

static void add_stages(ks_bench_row *row, const link_bench *b, const ks_session_totals *t) {
    char json[1024];
    int used = snprintf(json, sizeof json, "{\"frontend\":{\"compute_seconds\":%.6g}", b->frontend_seconds);
    for (int i = 0; i < KS_STAGE_COUNT; i++)
        used += snprintf(json + used, sizeof json - (size_t)used,
                         ",\"%s\":{\"seconds\":%.6g,\"compute_seconds\":%.6g}", ks_stage_name((ks_stage)i),
                         1e-9 * (double)t->stage_ns[i], 1e-9 * (double)t->compute_ns[i]);
    snprintf(json + used, sizeof json - (size_t)used, "}");
    ks_bench_row_json(row, "stages", json);
    ks_bench_row_text(row, "limiting_stage", ks_stage_name(ks_session_limiting_stage(t)));
    if (ks_cli_json)
        return;
    ks_cli_say(1, "front end %.3f s", b->frontend_seconds);
    for (int i = 0; i < KS_STAGE_COUNT; i++)
        ks_cli_say(1, "%s: %.3f s wall summed over blocks, %.3f s of computing", ks_stage_name((ks_stage)i),
                   1e-9 * (double)t->stage_ns[i], 1e-9 * (double)t->compute_ns[i]);
}

static int report(link_bench *b, double seconds) {
    ks_bench_row row;
    ks_session_summary s;
    ks_session_totals totals;
    ks_key_match_result keys;
    int alike = ks_both_ends_compare(&b->both, &keys) == 0 && keys.agreed > 0;
    ks_engine_get_totals(b->both.bob.engine, &totals);
    ks_session_report_summary(&b->both.bob.report, &s, &totals);
    if (!alike)
        return ks_cli_fail(totals.blocks_with_key == 0 && totals.blocks_aborted > 0 ? KS_EXIT_SECURITY
                                                                                    : KS_EXIT_FAILED,
                           "no keys: %llu blocks, %llu aborted", (unsigned long long)totals.blocks,
                           (unsigned long long)totals.blocks_aborted);
    const char *backend = b->both.device->vtable->backend;
    ks_bench_row_begin(&row, "link", backend, strcmp(backend, "cpu") == 0 ? NULL : b->both.device->name,
                       (int)b->work.threads);
    ks_bench_row_text(&row, "preset", b->preset);
    ks_bench_row_u64(&row, "pulses", s.pulses);
    ks_bench_row_u64(&row, "events", b->count);
    ks_bench_row_u64(&row, "detections", s.detections);
    ks_bench_row_u64(&row, "sifted_bits", totals.sifted_bits);
    ks_bench_row_number(&row, "qber", s.qber);
    ks_bench_row_number(&row, "phase_error", s.phase_error);
    ks_bench_row_number(&row, "efficiency", s.efficiency);
    ks_bench_row_u64(&row, "leak_bits", s.leak_bits);
    ks_bench_row_u64(&row, "secret_bits", totals.secret_bits);
    ks_bench_row_number(&row, "secret_mbps", 1e-6 * (double)totals.secret_bits / seconds);
    ks_bench_row_number(&row, "sifted_mbps", 1e-6 * (double)totals.sifted_bits / seconds);
    ks_bench_row_number(&row, "source_secret_mbps", 1e-6 * s.secret_bps);
    ks_bench_row_number(&row, "realtime_factor", s.source_seconds / seconds);
    ks_bench_row_number(&row, "epsilon", totals.epsilon);
    ks_bench_row_u64(&row, "seed_bytes", totals.seed_bytes);
    add_stages(&row, b, &totals);
    return ks_bench_row_end(&row, seconds, alike);
}

int ks_bench_link(int argc, char **argv) {
    static link_bench b;
    double seconds = 0;
    int result = parse(&b, argc, argv);
    if (result >= 0)
        return result;
    ks_cli_catch_signals();
    b.detections = malloc(CHUNK * sizeof *b.detections);
    result = b.detections ? configure(&b) : ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    if (!result)
        result = simulate(&b);
    if (!result)
        result = distil(&b, &seconds);
    if (!result)
        result = report(&b, seconds);
    ks_both_ends_stop(&b.both);
    ks_state_feed_close(&b.states);
    free(b.events);
    free(b.detections);
    return result;
}
