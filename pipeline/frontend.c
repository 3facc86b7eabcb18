/* SPDX-License-Identifier: Apache-2.0 */
/* Events are sorted into plain ones, which wait in `held` until their clock line is known, and the rest:
 * markers, gaps, coincidences, steps back. Every decision is taken at a place given by the stream (a marker,
 * a deadline, a full hold), never by the ends of a call. */
#include <keystill/frontend.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/frontend_internal.h"
#include "pipeline/status.h"

/* Predicted slots are used while three standard deviations of the prediction are below this part of a slot.
 */
static const double prediction_fraction = 0.25;

/* ---- clicks that cannot be numbered ---- */

static void skip(ks_frontend *f, const ks_event *events, size_t n) {
    uint64_t clicks = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t clicked = events[i].lanes & f->filter.detectors;
        clicks += (uint64_t)__builtin_popcount(clicked);
        if (clicked) {
            f->skipped_any = 1;
            f->skipped_until = events[i].time;
        }
    }
    *(f->was_locked ? &f->unlocked : &f->before_lock) += clicks;
}

void ks_frontend_drop_held(ks_frontend *f, size_t n) {
    f->held_count -= n;
    memmove(f->held, f->held + n, f->held_count * sizeof *f->held);
    ks_wipe(f->held + f->held_count, n * sizeof *f->held);
}

/* ---- the clock ---- */

static int clock_is_certain(const ks_frontend *f, int64_t time) {
    double intervals =
        (double)(ks_clock_from_ticks(time) - f->align.track.phase) / (double)f->align.track.period;
    return 3 * ks_align_uncertainty(&f->align, fmax(intervals, 0)) <= prediction_fraction * f->slot_ticks;
}

/* The time after which the next marker counts as missing. */
static void set_deadline(ks_frontend *f) {
    double intervals = (double)f->intervals_waited + 1;
    ks_clock_time due =
        f->align.track.phase + (ks_clock_time)(f->intervals_waited + 1) * f->align.track.period;
    double late = ks_align_window(&f->align, intervals);
    __int128 deadline = (due >> 32) + (int64_t)fmin(late, 4e18) + 1;
    f->deadline = deadline < INT64_MAX ? (int64_t)deadline : INT64_MAX;
}

static ks_status flush_predicted(ks_frontend *f) {
    if (f->held_count && !clock_is_certain(f, f->held[f->held_count - 1].time))
        f->trusted = 0;
    if (!f->trusted) {
        skip(f, f->held, f->held_count);
        ks_frontend_drop_held(f, f->held_count);
        return KS_OK;
    }
    ks_clock_line line = ks_align_prediction(&f->align);
    return ks_frontend_flush_tags(f, &line);
}

static ks_status flush_all(ks_frontend *f) {
    return f->config.kind == KS_TIME_TAGS ? flush_predicted(f) : ks_frontend_flush_counted(f);
}

/* Markers that should have come before `time` have not: what waited for them is gated by prediction. */
static ks_status pass_deadlines(ks_frontend *f, int64_t time) {
    if (!f->trusted || time <= f->deadline)
        return KS_OK;
    KS_TRY(flush_predicted(f));
    f->intervals_waited =
        (uint64_t)((ks_clock_from_ticks(time) - f->align.track.phase) / f->align.track.period);
    set_deadline(f);
    if (!clock_is_certain(f, f->deadline))
        f->trusted = 0;
    return KS_OK;
}

static void trust(ks_frontend *f) {
    f->trusted = 1;
    f->was_locked = 1;
    f->intervals_waited = 0;
    set_deadline(f);
}

/* Held events before the first slot are not ours. */
static void drop_before_slot_zero(ks_frontend *f, const ks_clock_line *line) {
    ks_clock_time margin = ks_clock_from_ticks((int64_t)(f->slot_ticks * (f->earliest_slots + 1)) + 1);
    ks_clock_time first = (line->start - margin) >> 32;
    int64_t last_before = first > INT64_MIN ? (int64_t)(first - 1) : INT64_MIN;
    size_t n = ks_events_until(f->held, f->held_count, last_before);
    skip(f, f->held, n);
    ks_frontend_drop_held(f, n);
}

static ks_status advance_to(ks_frontend *f, const ks_clock_line *line, int64_t time) {
    uint64_t behind = (f->gating.most_delay >> 32) + 2;
    return ks_gating_settle_below(&f->gating, ks_line_slot_at(line, time) - behind);
}

static ks_status on_marker(ks_frontend *f, int64_t time) {
    ks_clock_line line;
    switch (ks_align_marker(&f->align, ks_clock_from_ticks(time) - f->marker_delay, &line)) {
    case KS_ALIGN_FIRST:
        drop_before_slot_zero(f, &line);
        trust(f);
        KS_TRY(ks_frontend_flush_tags(f, &line));
        return advance_to(f, &line, time);
    case KS_ALIGN_ACCEPTED:
        if (!f->trusted) {
            f->align.relocks++;
            trust(f);
            return KS_OK;
        }
        trust(f);
        KS_TRY(ks_frontend_flush_tags(f, &line));
        return advance_to(f, &line, time);
    case KS_ALIGN_RESUMED:
        trust(f);
        return KS_OK;
    case KS_ALIGN_DROPPED:
        /* What waits came after the last marker on the old track: it may be on either side of the jump. */
        skip(f, f->held, f->held_count);
        ks_frontend_drop_held(f, f->held_count);
        f->trusted = 0;
        return KS_OK;
    default:
        return KS_OK;
    }
}

/* ---- events ---- */

/* Clicks were lost before `time`: the clock waits for a marker, the detectors may all be dead. */
static ks_status on_gap(ks_frontend *f, int64_t time) {
    if (f->config.kind == KS_TIME_TAGS) {
        if (f->trusted) {
            KS_TRY(flush_predicted(f));
        } else {
            skip(f, f->held, f->held_count);
            ks_frontend_drop_held(f, f->held_count);
        }
        ks_align_gap(&f->align);
        f->trusted = 0;
        f->skipped_any = 1;
        f->skipped_until = time;
        return KS_OK;
    }
    KS_TRY(ks_frontend_flush_counted(f));
    uint64_t slot = (uint64_t)time * (f->config.kind == KS_TIME_SYNC ? f->config.marker_slots : 1);
    ks_gating_block(&f->gating, slot + KS_GATING_BIAS);
    return KS_OK;
}

/* Makes room in the hold when it is full. */
static ks_status make_room(ks_frontend *f) {
    if (f->held_count < f->hold)
        return KS_OK;
    if (f->config.kind != KS_TIME_TAGS || f->trusted)
        return flush_all(f);
    size_t oldest = f->held_count - f->hold / 2;
    skip(f, f->held, oldest);
    ks_frontend_drop_held(f, oldest);
    return KS_OK;
}

static int searching(const ks_frontend *f) {
    return f->config.kind == KS_TIME_TAGS && f->align.state == KS_ALIGN_SEARCHING;
}

/* Takes plain events in order; returns how many through *taken, at least one unless n is 0. */
static ks_status take_plain(ks_frontend *f, const ks_event *events, size_t n, size_t *taken) {
    *taken = 0;
    if (f->trusted) {
        KS_TRY(pass_deadlines(f, events[0].time));
        n = ks_events_until(events, n, f->deadline);
    }
    if (f->config.kind == KS_TIME_TAGS && !f->trusted && !searching(f)) {
        skip(f, events, n);
        *taken = n;
        return KS_OK;
    }
    KS_TRY(make_room(f));
    size_t room = f->hold > f->held_count ? f->hold - f->held_count : 1;
    n = n < room ? n : room;
    memcpy(f->held + f->held_count, events, n * sizeof *events);
    f->held_count += n;
    *taken = n;
    return KS_OK;
}

/* A record that is not plain: its parts one after the other. */
static ks_status take_special(ks_frontend *f, const ks_event *event) {
    if (event->flags & KS_EVENT_GAP)
        KS_TRY(on_gap(f, event->time > f->last_time ? event->time : f->last_time));
    if (event->time < f->last_time) {
        f->backsteps++;
        return KS_OK;
    }
    f->last_time = event->time;
    KS_TRY(pass_deadlines(f, event->time));
    if (event->lanes & f->filter.special)
        KS_TRY(on_marker(f, event->time));
    for (uint32_t left = event->lanes & f->filter.detectors; left; left &= left - 1) {
        size_t taken;
        ks_event one = {.time = event->time, .lanes = left & -left, .fine = event->fine};
        KS_TRY(take_plain(f, &one, 1, &taken));
    }
    return KS_OK;
}

/* Slot and sync numbers outside what a detection can hold: events up to the first such. */
static size_t possible(const ks_frontend *f, const ks_event *events, size_t n) {
    if (f->config.kind == KS_TIME_TAGS || n == 0)
        return n;
    if (events[0].time < 0)
        return 0;
    return ks_events_until(events, n, f->last_number);
}

static ks_status take_some(ks_frontend *f, const ks_event *events, size_t n, size_t *taken) {
    size_t plain = ks_kernels_get()->event_scan(events, n, f->last_time, &f->filter);
    size_t good = possible(f, events, plain ? plain : 1);
    if (!good) {
        f->impossible++;
        *taken = 1;
        return events[0].flags & KS_EVENT_GAP ? on_gap(f, f->last_time > 0 ? f->last_time : 0) : KS_OK;
    }
    if (!plain) {
        *taken = 1;
        return take_special(f, events);
    }
    KS_TRY(take_plain(f, events, good, taken));
    f->last_time = events[*taken - 1].time;
    return KS_OK;
}

/* ---- the public calls ---- */

static void drain(ks_frontend *f, ks_detection *detections, size_t capacity, size_t *count) {
    ks_gating *g = &f->gating;
    size_t there = g->ready_end - g->ready_begin, room = capacity - *count, n = there < room ? there : room;
    memcpy(detections + *count, g->ready + g->ready_begin, n * sizeof *detections);
    ks_wipe(g->ready + g->ready_begin, n * sizeof *detections); /* raw key: it is the caller's now */
    g->ready_begin += n;
    *count += n;
    if (g->ready_begin == g->ready_end)
        g->ready_begin = g->ready_end = 0;
}

static uint64_t frontier_of(const ks_frontend *f) {
    const ks_gating *g = &f->gating;
    if (g->ready_begin < g->ready_end)
        return ks_detection_slot(g->ready[g->ready_begin]);
    return g->horizon > KS_GATING_BIAS ? g->horizon - KS_GATING_BIAS : 0;
}

static ks_status failed(ks_frontend *f, ks_status status) {
    if (status != KS_OK)
        f->failed = 1;
    return status;
}

ks_status ks_frontend_push(ks_frontend *frontend, const ks_event *events, size_t n, size_t *taken,
                           ks_detection *detections, size_t capacity, size_t *count, uint64_t *frontier) {
    ks_frontend *f = frontend;
    ks_status status = KS_OK;
    *taken = *count = 0;
    *frontier = frontier_of(f);
    if (f->failed || f->finished)
        return ks_fail(KS_ERR_STATE, f->failed ? "front end failed before" : "front end was finished");
    drain(f, detections, capacity, count);
    while (status == KS_OK && *taken < n && f->gating.ready_end == 0) {
        size_t more = 0;
        status = take_some(f, events + *taken, n - *taken, &more);
        *taken += more;
        drain(f, detections, capacity, count);
    }
    if (status == KS_OK && f->config.kind != KS_TIME_TAGS && f->gating.ready_end == 0) {
        status = ks_frontend_flush_counted(f);
        drain(f, detections, capacity, count);
    }
    f->events += *taken;
    *frontier = frontier_of(f);
    return failed(f, status);
}

ks_status ks_frontend_finish(ks_frontend *frontend, ks_detection *detections, size_t capacity, size_t *count,
                             uint64_t *frontier) {
    ks_frontend *f = frontend;
    ks_status status = KS_OK;
    *count = 0;
    *frontier = frontier_of(f);
    if (f->failed)
        return ks_fail(KS_ERR_STATE, "front end failed before");
    drain(f, detections, capacity, count);
    if (!f->finished && f->gating.ready_end == 0) {
        status = flush_all(f);
        if (status == KS_OK)
            status = ks_gating_settle_last(&f->gating);
        f->finished = 1;
        drain(f, detections, capacity, count);
    }
    *frontier = frontier_of(f);
    return failed(f, status);
}
