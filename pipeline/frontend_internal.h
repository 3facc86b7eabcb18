/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KS_PIPELINE_FRONTEND_INTERNAL_H
#define KS_PIPELINE_FRONTEND_INTERNAL_H

#include <keystill/frontend.h>

#include "pipeline/align.h"
#include "pipeline/gate.h"

struct ks_frontend {
    ks_frontend_config config;
    ks_align align; /* of tags */
    ks_gating gating;
    ks_event_filter filter; /* special: the lane that the clock follows */
    ks_event *held;         /* plain events, in time order, that wait for their clock line */
    size_t held_count, hold;

    double slot_ticks;     /* nominal */
    double earliest_slots; /* how far a click may come before its slot: the largest negative delay */
    int64_t chunk_ticks;   /* longest span of a kernel call */
    uint64_t fine_rate;    /* T3: 2^-12 slots a fine unit, 16 bits after the point */
    int64_t last_number;   /* T3 and slots: largest time that can be numbered */
    ks_clock_time marker_delay;

    int64_t last_time;         /* of the events taken */
    int trusted, was_locked;   /* tags: slots are numbered now; were ever */
    uint64_t intervals_waited; /* markers missing since the last accepted */
    int64_t deadline;          /* while trusted: after it the next marker counts as missing */
    int skipped_any;           /* clicks were skipped (or lost) and dead time must count from skipped_until */
    int64_t skipped_until;
    int failed, finished;
    uint64_t events, before_lock, unlocked, backsteps, impossible;
};

/* Gates what is held along `line`, or by its sync and slot numbers; nothing is held afterwards. */
KS_MUST_CHECK ks_status ks_frontend_flush_tags(ks_frontend *frontend, const ks_clock_line *line);
KS_MUST_CHECK ks_status ks_frontend_flush_counted(ks_frontend *frontend);
/* The first n held events have been used: wipes them, closes up. */
void ks_frontend_drop_held(ks_frontend *frontend, size_t n);
/* The biased slot in which a tick lies. */
uint64_t ks_line_slot_at(const ks_clock_line *line, int64_t tick);
/* How many of n events, in time order, come no later than `last`. */
size_t ks_events_until(const ks_event *events, size_t n, int64_t last);

#endif
