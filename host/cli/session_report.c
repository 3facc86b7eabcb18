/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <keystill/length.h>
#include <keystill/ring.h>

#include "host/cli/cli.h"
#include "host/cli/session_text.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

void ks_session_report_start(ks_session_report *report) {
    pthread_mutex_init(&report->lock, NULL);
    report->started = now();
}

void ks_session_report_stop(ks_session_report *report) {
    pthread_mutex_destroy(&report->lock);
}

/* ---- JSON */

static void print_json(ks_session_report *report, json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (!text)
        return;
    if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
        report->output_failed = 1;
    free(text);
}

/* JSON has no infinities. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *integer(uint64_t value) {
    return json_integer((json_int_t)value);
}

static const char *outcome_name(ks_outcome outcome) {
    static const char *const names[] = {"key", "nothing", "aborted", "authentication failed", "lost"};
    return (unsigned)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

static json_t *stages(const uint64_t *stage_ns, const uint64_t *compute_ns) {
    json_t *object = json_object();
    for (int i = 0; i < KS_STAGE_COUNT; i++)
        json_object_set_new(object, ks_stage_name((ks_stage)i),
                            json_pack("{s:o,s:o}", "seconds", number(1e-9 * (double)stage_ns[i]),
                                      "compute_seconds", number(1e-9 * (double)compute_ns[i])));
    return object;
}

static void print_block(ks_session_report *report, const ks_block_report *b) {
    json_t *o =
        json_pack("{s:s,s:s,s:i,s:i,s:s,s:s}", "event", "block", "role", report->who, "epoch", (int)b->epoch,
                  "block", (int)b->block, "outcome", outcome_name(b->outcome), "reason", b->reason);
    json_object_set_new(o, "cause", json_string(ks_cause_name(b->cause)));
    json_object_set_new(o, "pulses", integer(b->slots));
    json_object_set_new(o, "detections", integer(b->detections));
    json_object_set_new(o, "sifted_bits", integer(b->sifted_bits));
    json_object_set_new(o, "test_bits", integer(b->test_bits));
    json_object_set_new(o, "sample_bits", integer(b->sample_bits));
    json_object_set_new(o, "sample_errors", integer(b->sample_errors));
    json_object_set_new(o, "qber", number(b->qber));
    json_object_set_new(o, "test_qber", number(b->test_qber));
    json_object_set_new(o, "phase_error", number(b->length.phase_error));
    json_object_set_new(o, "leak_bits", integer(b->leakage.reconciliation));
    json_object_set_new(o, "efficiency", number(b->efficiency));
    json_object_set_new(o, "frames", integer(b->frames));
    json_object_set_new(o, "frames_dropped", integer(b->frames_dropped));
    json_object_set_new(o, "rounds", integer(b->rounds));
    json_object_set_new(o, "iterations", integer(b->iterations));
    json_object_set_new(o, "secret_bits", integer(b->secret_bits));
    json_object_set_new(o, "pool_bits", integer(b->pool_bits));
    json_object_set_new(o, "seed_bytes", integer(b->seed_bytes));
    json_object_set_new(o, "keys", integer(b->keys));
    json_object_set_new(o, "epsilon", number(b->epsilon));
    json_object_set_new(o, "stages", stages(b->stage_ns, b->compute_ns));
    print_json(report, o);
}

/* ---- blocks */

static void accumulate(ks_session_report *report, const ks_block_report *b) {
    report->notes |= b->notes;
    if (b->outcome != KS_OUTCOME_LOST) {
        report->pulses += b->slots;
        report->detections += b->detections;
    } else {
        report->unfinished++;
    }
    if (b->outcome != KS_OUTCOME_KEY && b->outcome != KS_OUTCOME_NOTHING)
        return;
    report->disclosed_ideal += (double)b->sifted_bits * ks_entropy_capped(b->qber);
    if (b->outcome == KS_OUTCOME_KEY && isfinite(b->length.phase_error)) {
        report->phase_error_bits += b->length.phase_error * (double)b->sifted_bits;
        report->key_detections += (double)b->sifted_bits;
    }
}

void ks_session_report_block(void *context, const ks_block_report *b) {
    ks_session_report *report = context;
    pthread_mutex_lock(&report->lock);
    accumulate(report, b);
    if (!report->quiet && ks_cli_json)
        print_block(report, b);
    pthread_mutex_unlock(&report->lock);
    if (b->outcome == KS_OUTCOME_ABORTED || b->outcome == KS_OUTCOME_AUTH || b->status == KS_ERR_LIMIT)
        ks_cli_say(1, "%s: block %u: %s: %s", report->who, b->block, outcome_name(b->outcome), b->reason);
    else
        ks_cli_say(2, "%s: block %u: %s, %llu sifted, QBER %.2f %%, efficiency %.3f, %llu secret bits%s%s",
                   report->who, b->block, outcome_name(b->outcome), (unsigned long long)b->sifted_bits,
                   100 * b->qber, b->efficiency, (unsigned long long)b->secret_bits, b->reason[0] ? ": " : "",
                   b->reason);
}

/* ---- progress */

void ks_session_report_progress(ks_session_report *report, const ks_session_totals *totals, uint64_t clicks,
                                double share_done) {
    char rate[24], secret[24], eta[32] = "";
    pthread_mutex_lock(&report->lock);
    double elapsed = now() - report->started;
    int due = now() - report->last_progress >= 1;
    ks_session_summary s;
    pthread_mutex_unlock(&report->lock);
    if (report->quiet)
        return;
    ks_session_report_summary(report, &s, totals);
    if (share_done > 0.01)
        snprintf(eta, sizeof eta, ", %.0f s left", elapsed / share_done * (1 - share_done));
    ks_cli_progress("%s: %sclicks/s, QBER %.2f %%, secret %sb/s, %llu blocks (%u open), %.2fx real time%s",
                    report->who, ks_scaled(rate, ratio((double)clicks, elapsed)), 100 * s.qber,
                    ks_scaled(secret, s.secret_bps), (unsigned long long)totals->blocks, totals->blocks_open,
                    s.realtime_factor, eta);
    if (!ks_cli_json || !due)
        return;
    report->last_progress = now();
    json_t *o = json_pack("{s:s,s:s}", "event", "progress", "role", report->who);
    json_object_set_new(o, "seconds", number(elapsed));
    json_object_set_new(o, "clicks", integer(clicks));
    json_object_set_new(o, "detections", integer(totals->detections));
    json_object_set_new(o, "sifted_bits", integer(totals->sifted_bits));
    json_object_set_new(o, "qber", number(s.qber));
    json_object_set_new(o, "test_qber", number(s.test_qber));
    json_object_set_new(o, "secret_bits", integer(totals->secret_bits));
    json_object_set_new(o, "secret_bps", number(s.secret_bps));
    json_object_set_new(o, "blocks", integer(totals->blocks));
    json_object_set_new(o, "blocks_skipped", integer(totals->blocks_skipped));
    json_object_set_new(o, "detections_dropped", integer(report->dropped));
    json_object_set_new(o, "realtime_factor", number(s.realtime_factor));
    pthread_mutex_lock(&report->lock);
    print_json(report, o);
    pthread_mutex_unlock(&report->lock);
}

/* ---- the end */

void ks_session_report_summary(ks_session_report *report, ks_session_summary *out,
                               const ks_session_totals *t) {
    pthread_mutex_lock(&report->lock);
    *out = (ks_session_summary){.totals = *t, .notes = report->notes, .leak_bits = t->disclosed_bits};
    out->seconds = now() - report->started;
    out->pulses = report->pulses;
    out->detections = report->detections;
    out->unfinished = report->unfinished;
    out->source_seconds = ratio((double)report->pulses, report->clock_hz);
    out->qber = ratio((double)t->key_errors, (double)t->sifted_bits);
    out->test_qber = ratio((double)t->test_errors, (double)t->test_bits);
    out->phase_error = ratio(report->phase_error_bits, report->key_detections);
    out->efficiency = ratio((double)t->disclosed_bits, report->disclosed_ideal);
    out->realtime_factor = ratio(out->source_seconds, out->seconds);
    const uint64_t paid = t->pads_used * 8 * KS_PAD_BYTES;
    out->net_bits = t->secret_bits > paid ? t->secret_bits - paid : 0;
    out->net_bps = ratio((double)out->net_bits, out->source_seconds);
    out->secret_bps = ratio((double)t->secret_bits, out->source_seconds);
    out->sifted_bps = ratio((double)t->sifted_bits, out->source_seconds);
    pthread_mutex_unlock(&report->lock);
}

ks_stage ks_session_limiting_stage(const ks_session_totals *t) {
    ks_stage most = KS_STAGE_COLLECT;
    for (int i = 0; i < KS_STAGE_COUNT; i++)
        if (t->stage_ns[i] > t->stage_ns[most])
            most = (ks_stage)i;
    return most;
}

static json_t *summary_object(const ks_session_report *report, const ks_session_summary *s,
                              const char *status, const char *reason) {
    const ks_session_totals *t = &s->totals;
    json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "event", "report", "role", report->who, "status", status,
                          "reason", reason);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"blocks", t->blocks},
                  {"blocks_with_key", t->blocks_with_key},
                  {"blocks_aborted", t->blocks_aborted},
                  {"blocks_skipped", t->blocks_skipped},
                  {"blocks_unfinished", s->unfinished},
                  {"pulses", s->pulses},
                  {"detections", s->detections},
                  {"detections_dropped", report->dropped},
                  {"sifted_bits", t->sifted_bits},
                  {"test_bits", t->test_bits},
                  {"leak_bits", s->leak_bits},
                  {"secret_bits", t->secret_bits},
                  {"pool_bits", t->pool_bits},
                  {"seed_bytes", t->seed_bytes},
                  {"keys", t->keys},
                  {"keys_confirmed", t->keys_confirmed},
                  {"frames", t->frames},
                  {"frames_dropped", t->frames_dropped},
                  {"bytes_sent", t->bytes_sent},
                  {"bytes_received", t->bytes_received},
                  {"pads_used", t->pads_used},
                  {"net_bits", s->net_bits},
                  {"pool_level_alice_to_bob", t->pool_level[KS_ALICE_TO_BOB]},
                  {"pool_level_bob_to_alice", t->pool_level[KS_BOB_TO_ALICE]},
                  {"auth_failures", t->auth_failures},
                  {"failures_in_a_row", t->failures}};
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"qber", s->qber},
                   {"test_qber", s->test_qber},
                   {"phase_error", s->phase_error},
                   {"efficiency", s->efficiency},
                   {"seconds", s->seconds},
                   {"source_seconds", s->source_seconds},
                   {"realtime_factor", s->realtime_factor},
                   {"secret_bps", s->secret_bps},
                   {"sifted_bps", s->sifted_bps},
                   {"net_bps", s->net_bps},
                   {"epsilon", t->epsilon},
                   {"epsilon_life", t->epsilon_life}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(o, counts[i].name, integer(counts[i].value));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(o, numbers[i].name, number(numbers[i].value));
    json_object_set_new(o, "test_only", json_boolean(s->notes & KS_RING_NOTE_TEST));
    json_object_set_new(o, "accepted_passive", json_boolean(s->notes & KS_RING_NOTE_ACCEPTED_PASSIVE));
    json_object_set_new(o, "stages", stages(t->stage_ns, t->compute_ns));
    json_object_set_new(o, "limiting_stage", json_string(ks_stage_name(ks_session_limiting_stage(t))));
    return o;
}

void ks_session_report_print(ks_session_report *report, const ks_session_summary *summary, const char *status,
                             const char *reason) {
    ks_cli_progress_end();
    if (report->quiet)
        return;
    json_t *o = summary_object(report, summary, status, reason);
    if (ks_cli_json) {
        print_json(report, o);
        return;
    }
    if (ks_cli_verbosity >= 1)
        ks_session_text_print(report->on_stderr ? stderr : stdout, o);
    if (fflush(stdout) != 0)
        report->output_failed = 1;
    json_decref(o);
}

int ks_session_report_output_failed(const ks_session_report *report) {
    return report->output_failed;
}
