/* SPDX-License-Identifier: Apache-2.0 */
/* What an end of a link tells while it runs and when it ends. */
#ifndef KS_HOST_CLI_SESSION_REPORT_H
#define KS_HOST_CLI_SESSION_REPORT_H

#include <pthread.h>
#include <stdint.h>
#include <keystill/engine.h>

typedef struct ks_session_report {
    const char *who;  /* "alice", "bob": begins every line and is in every JSON object */
    double clock_hz;  /* pulse rate: turns pulses into time of the source */
    int quiet;        /* no JSON and no lines about blocks: another report speaks for this end */
    int on_stderr;    /* the report at the end goes there: standard output has the keys */
    uint64_t dropped; /* detections that came while no peer was there */
    /* Private. */
    pthread_mutex_t lock;
    double started, last_progress;
    uint64_t pulses, detections; /* of blocks that came to their end */
    uint64_t unfinished;         /* blocks that did not */
    double disclosed_ideal;      /* sum of sifted h(qber): what a perfect code would disclose */
    double phase_error_bits,
        key_detections; /* phase-error bound, weighted by key detections of blocks with key */
    uint32_t notes;
    int output_failed;
} ks_session_report;

void ks_session_report_start(ks_session_report *report);
void ks_session_report_stop(ks_session_report *report);

/* on_report of the engine; `context` is the report. A JSON line with --json, a line on stderr when verbose.
 */
void ks_session_report_block(void *context, const ks_block_report *block);

/* The progress line, or with --json an object every second. */
void ks_session_report_progress(ks_session_report *report, const ks_session_totals *totals, uint64_t clicks,
                                double share_done);

/* All that is known at the end. */
typedef struct ks_session_summary {
    ks_session_totals totals;
    uint64_t pulses, detections, unfinished; /* as above */
    double seconds,
        source_seconds; /* wall time since the first detection left; time of the source in finished blocks */
    double qber, test_qber, phase_error, efficiency;
    uint64_t leak_bits, net_bits;                            /* net: what authentication used is taken off */
    double realtime_factor, secret_bps, net_bps, sifted_bps; /* rates over the time of the source */
    uint32_t notes;
} ks_session_summary;
void ks_session_report_summary(ks_session_report *report, ks_session_summary *out,
                               const ks_session_totals *totals);

/* Where blocks spent the most time, by the driver's clock: collect when the source is the limit. */
ks_stage ks_session_limiting_stage(const ks_session_totals *totals);

/* Prints the summary: JSON on stdout with --json, else lines. `status` is a word, `reason` may be
 * "". */
void ks_session_report_print(ks_session_report *report, const ks_session_summary *summary, const char *status,
                             const char *reason);
/* 1 when something could not be written to stdout. */
int ks_session_report_output_failed(const ks_session_report *report);

#endif
