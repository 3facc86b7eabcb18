/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_end.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/cli/cli.h"

enum { SLICE_MS = 100, SHOW_MS = 100, BEAT_MS = 500, RING_MS = 1000 };

/* What a signal leaves for blocks in flight. */
#define PATIENCE_SECONDS 2.0

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- callbacks of the engine; `context` is the end */

static ks_status gather(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    const ks_session_end *end = context;
    return ks_state_feed_gather(end->states, out, slots, n);
}

static void forget(void *context, uint64_t below_slot) {
    const ks_session_end *end = context;
    ks_state_feed_forget(end->states, below_slot);
}

static ks_status store(void *context, uint64_t offset, const uint8_t *data, size_t bytes) {
    const ks_session_end *end = context;
    return ks_keys_store(end->keys, offset, data, bytes);
}

static void take_key(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    const ks_session_end *end = context;
    end->on_key(end->key_context, id, key, bytes);
}

static void take_report(void *context, const ks_block_report *block) {
    ks_session_end *end = context;
    ks_session_report_block(&end->report, block);
}

static ks_status record(void *context, const ks_engine_record *record) {
    const ks_session_end *end = context;
    return ks_audit_engine(end->audit, record);
}

int ks_session_end_start(ks_session_end *end, const ks_session_config *session, ks_device *device) {
    ks_engine_config config = {.session = *session,
                               .device = device,
                               .threaded = 1,
                               .ring = end->keys ? ks_ring_map_ring(end->keys->ring) : NULL,
                               .context = end,
                               .states = end->states ? gather : NULL,
                               .forget = end->states ? forget : NULL,
                               .store = end->keys ? store : NULL,
                               .on_key = end->keys ? NULL : take_key,
                               .on_report = take_report,
                               .record = end->audit ? record : NULL};
    config.session.survive_strangers = ks_carrier_survives_strangers(&end->carrier.peer);
    ks_status status = ks_engine_create(&end->engine, &config);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "configuration");
    end->carrier.engine = end->engine;
    ks_session_report_start(&end->report);
    return ks_carrier_start(&end->carrier);
}

/* ---- running */

/* 1 when `period_ms` have gone by since it last said so; several threads may watch an end. */
static int due(_Atomic int64_t *last_ms, int64_t period_ms) {
    const int64_t now_ms = (int64_t)(1e3 * now());
    int64_t last = atomic_load(last_ms);
    return (last == 0 || now_ms - last >= period_ms) &&
           atomic_compare_exchange_strong(last_ms, &last, now_ms);
}

static void beat(ks_session_end *end) {
    if (end->keys && due(&end->beat_ms, BEAT_MS))
        ks_ring_map_heartbeat(end->keys->ring);
}

/* A full ring is said once, until a quarter of it is free again. */
static void look_at_ring(ks_session_end *end) {
    ks_ring_status ring;
    if (!end->keys || !due(&end->ring_ms, RING_MS))
        return;
    ks_ring_map_get_status(end->keys->ring, &ring);
    if (ring.free > ring.slots / 4)
        end->told_full = 0;
    if (ring.free > 0 || end->told_full)
        return;
    end->told_full = 1;
    ks_cli_say(0, "%s: the ring is full: no block is begun until keys are taken (keystill keys take)",
               end->report.who);
}

static void show(ks_session_end *end) {
    ks_session_totals totals;
    beat(end);
    look_at_ring(end);
    if (!due(&end->shown_ms, SHOW_MS))
        return;
    ks_engine_get_totals(end->engine, &totals);
    if (end->dropped)
        end->report.dropped = end->dropped(end->input);
    ks_session_report_progress(&end->report, &totals, end->clicks ? end->clicks(end->input) : 0,
                               end->share_done ? end->share_done(end->input) : 0);
}

static int is_over(ks_session_end *end) {
    ks_status status;
    int closed;
    (void)ks_engine_status(end->engine, &closed);
    return closed || ks_carrier_over(&end->carrier, &status, NULL);
}

int ks_session_end_watch(void *context) {
    ks_session_end *end = context;
    show(end);
    return ks_cli_interrupted() || is_over(end) || ks_session_report_output_failed(&end->report);
}

/* A full ring holds confirmed keys back in the engine: they wait for readers until a signal comes. */
static void wait_for_ring(ks_session_end *end) {
    ks_session_totals totals;
    uint64_t placed;
    int told = 0;
    ks_engine_get_totals(end->engine, &totals);
    while (end->keys && (placed = ks_keys_placed(end->keys)) < totals.keys_confirmed) {
        if (ks_cli_interrupted()) {
            ks_cli_say(0, "%s: %llu keys are lost: the ring had no room for them", end->report.who,
                       (unsigned long long)(totals.keys_confirmed - placed));
            return;
        }
        ks_ring_status ring;
        ks_ring_map_get_status(end->keys->ring, &ring);
        if (!told && ring.free == 0) {
            ks_cli_say(0, "%s: the ring is full: %llu keys wait for readers", end->report.who,
                       (unsigned long long)(totals.keys_confirmed - placed));
            told = 1;
        }
        beat(end);
        nanosleep(&(struct timespec){0, SLICE_MS * 500000}, NULL);
    }
}

void ks_session_end_wait(ks_session_end *end, int finish) {
    ks_status status;
    double signalled = 0;
    if (finish)
        ks_engine_finish(end->engine);
    while (!ks_carrier_over(&end->carrier, &status, NULL)) {
        (void)ks_engine_wait(end->engine, KS_ENGINE_CLOSED, SLICE_MS);
        int closed;
        (void)ks_engine_status(end->engine, &closed);
        if (closed) /* the wait returns at once now, while the connection still sends the last words */
            nanosleep(&(struct timespec){0, 5000000}, NULL);
        show(end);
        if (!ks_cli_interrupted() && !ks_session_report_output_failed(&end->report))
            continue;
        if (signalled == 0) {
            signalled = now();
            ks_engine_abandon(end->engine); /* what still waits to be taken is not waited for */
        }
        if (now() - signalled > PATIENCE_SECONDS || !ks_engine_established(end->engine))
            ks_carrier_cancel(&end->carrier);
    }
    ks_carrier_join(&end->carrier);
    wait_for_ring(end);
}

/* The exit code of the protocol's own end, and a word for the report. */
static int judge(ks_session_end *end, const ks_session_totals *totals, const char **word, char reason[512]) {
    int closed;
    ks_status carried;
    char detail[512];
    ks_status status = ks_engine_status(end->engine, &closed);
    (void)ks_carrier_over(&end->carrier, &carried, detail);
    ks_engine_reason(end->engine, reason, 512);
    if (ks_cli_interrupted()) {
        *word = "interrupted";
        return KS_EXIT_INTERRUPTED;
    }
    if (closed && status != KS_OK) {
        *word = ks_status_name(status);
        int code = ks_cli_exit_code(status);
        return code == KS_EXIT_CLOSED || code == KS_EXIT_USAGE ? KS_EXIT_FAILED : code;
    }
    if (ks_session_report_output_failed(&end->report)) {
        *word = "output closed";
        snprintf(reason, 512, "standard output was closed");
        return KS_EXIT_CLOSED;
    }
    if (!closed || carried != KS_OK) {
        snprintf(reason, 512, "%s", detail);
        *word = carried == KS_ERR_PROTOCOL ? "protocol violation" : "connection failed";
        return carried == KS_ERR_PROTOCOL   ? KS_EXIT_MALFORMED
               : carried == KS_ERR_AUTH     ? KS_EXIT_SECURITY /* TLS */
               : carried == KS_ERR_ARGUMENT ? KS_EXIT_USAGE    /* a malformed address */
                                            : KS_EXIT_FAILED;
    }
    if (totals->blocks_with_key == 0 && totals->blocks_aborted > 0) {
        *word = "security abort";
        snprintf(reason, 512, "no block gave a key");
        return KS_EXIT_SECURITY;
    }
    if (totals->blocks_with_key == 0) {
        *word = "no key";
        snprintf(reason, 512, "%s",
                 totals->blocks ? "the blocks were too small or too noisy" : "no block was complete");
        return KS_EXIT_FAILED;
    }
    *word = "ok";
    return KS_EXIT_OK;
}

int ks_session_end_conclude(ks_session_end *end, ks_status input, const char *detail) {
    ks_session_summary summary;
    ks_session_totals totals;
    const char *word;
    char reason[512];
    ks_engine_get_totals(end->engine, &totals);
    int result = judge(end, &totals, &word, reason);
    if (input != KS_OK && input != KS_ERR_INTERRUPTED && input != KS_ERR_CLOSED) {
        ks_cli_fail(ks_cli_exit_code(input), "input: %s", detail);
        if (result == KS_EXIT_OK || result == KS_EXIT_FAILED) {
            result = ks_cli_exit_code(input);
            word = ks_status_name(input);
            snprintf(reason, sizeof reason, "%s", detail);
        }
    }
    if (end->dropped)
        end->report.dropped = end->dropped(end->input);
    ks_session_report_summary(&end->report, &summary, &totals);
    ks_session_report_print(&end->report, &summary, word, reason);
    if (result != KS_EXIT_OK && (ks_cli_json || ks_cli_verbosity < 1))
        ks_cli_fail(result, "%s%s%s", word, reason[0] ? ": " : "", reason);
    if (ks_session_report_output_failed(&end->report) && result == KS_EXIT_OK)
        result = ks_cli_fail(KS_EXIT_CLOSED, "standard output was closed");
    return result;
}

void ks_session_end_destroy(ks_session_end *end) {
    if (!end->engine)
        return;
    ks_carrier_destroy(&end->carrier);
    ks_engine_destroy(end->engine);
    ks_session_report_stop(&end->report);
    end->engine = NULL;
}
