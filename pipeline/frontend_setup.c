/* SPDX-License-Identifier: Apache-2.0 */
/* Front end: configuration, birth and death, statistics. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/frontend_internal.h"
#include "pipeline/status.h"

enum { HOLD_DEFAULT = 32768 };

/* Oscillators: free-running quartz against Alice's marker; a tagger on a distributed clock for PPS.
 * docs/alignment.md. */
static const double marker_white = 1e-10, marker_walk = 1e-8;
static const double pps_white = 2e-11, pps_walk = 5e-12;

static ks_status bad(const char *what) {
    return ks_fail(KS_ERR_ARGUMENT, "front end: %s", what);
}

static double slots_of_ps(const ks_frontend_config *c, double ps) {
    return ps * c->clock_hz * 1e-12;
}

static double seconds_of(ks_unit unit) {
    return (double)unit.numerator / (double)unit.denominator;
}

static ks_status check_rates(const ks_frontend_config *c) {
    if (!(c->clock_hz > 0 && c->clock_hz <= 1e12))
        return bad("clock_hz must lie within 0 and 1e12");
    if (!(c->clock_tolerance >= 0 && c->clock_tolerance <= 0.01))
        return bad("clock_tolerance must lie within 0 and 0.01");
    if (!(c->gate_ps >= 0) || !isfinite(c->gate_ps))
        return bad("gate_ps must not be negative");
    if (!(c->dead_time_ps >= 0 && slots_of_ps(c, c->dead_time_ps) < 1e9))
        return bad("dead_time_ps must lie within 0 and 1e9 slots");
    if (c->dead_time_rule != KS_DEAD_ANY_CLICK && c->dead_time_rule != KS_DEAD_ACCEPTED)
        return bad("dead_time_rule is unknown");
    if (c->hold_events > (SIZE_MAX >> 8))
        return bad("hold_events is too large");
    return KS_OK;
}

static ks_status check_lanes(const ks_frontend_config *c) {
    int markers = 0, pps = 0, detectors = 0;
    for (int i = 0; i < KS_LANES; i++) {
        const ks_lane *lane = &c->lanes[i];
        if (lane->role > KS_LANE_PPS)
            return ks_fail(KS_ERR_ARGUMENT, "front end: lane %d has an unknown role", i);
        if (lane->role == KS_LANE_DETECTOR && (lane->basis > 1 || lane->bit > 1))
            return ks_fail(KS_ERR_ARGUMENT, "front end: lane %d: basis and bit must be 0 or 1", i);
        if (fabs(slots_of_ps(c, (double)lane->delay_ps)) > 32767)
            return ks_fail(KS_ERR_ARGUMENT, "front end: lane %d: delay of more than 32767 slots", i);
        detectors += lane->role == KS_LANE_DETECTOR;
        markers += lane->role == KS_LANE_MARKER;
        pps += lane->role == KS_LANE_PPS;
    }
    if (!detectors)
        return bad("no lane is a detector");
    if (c->kind == KS_TIME_TAGS && (markers > 1 || pps > 1 || markers + pps == 0))
        return bad("time tags need one lane of markers or one of PPS");
    return KS_OK;
}

/* The lane that the clock follows: markers if there are any, else PPS. */
static int clock_lane(const ks_frontend_config *c) {
    int lane = -1;
    for (int i = 0; i < KS_LANES; i++)
        if (c->lanes[i].role == KS_LANE_MARKER || (c->lanes[i].role == KS_LANE_PPS && lane < 0))
            lane = i;
    return lane;
}

/* Slots between two pulses of a PPS; 0 when that is no whole number. */
static uint64_t slots_a_second(const ks_frontend_config *c) {
    return fabs(c->clock_hz - round(c->clock_hz)) < 1e-6 ? (uint64_t)llround(c->clock_hz) : 0;
}

static ks_status set_up_tags(ks_frontend *f) {
    ks_frontend_config *c = &f->config;
    if (c->unit.numerator == 0 || c->unit.denominator == 0)
        return bad("unit must be positive");
    int lane = clock_lane(c);
    int pps = c->lanes[lane].role == KS_LANE_PPS;
    if (pps)
        c->marker_slots = slots_a_second(c);
    if (c->marker_slots == 0 || c->marker_slots > UINT64_C(1) << 40)
        return bad("marker_slots must lie within 1 and 2^40, and with PPS clock_hz must be a whole number");
    double tick = seconds_of(c->unit);
    f->slot_ticks = 1 / (c->clock_hz * tick);
    double period = f->slot_ticks * (double)c->marker_slots;
    if (!(f->slot_ticks >= 1))
        return bad("the unit of time is longer than a slot");
    if (!(period < 1.7e13 && period >= f->slot_ticks + 8))
        return bad("markers must be more than one slot and 8 ticks, and less than 1.7e13 ticks apart");
    f->filter.special = UINT32_C(1) << lane;
    f->marker_delay = (ks_clock_time)((double)c->lanes[lane].delay_ps * 1e-12 / tick * 4294967296.0);
    for (int i = 0; i < KS_LANES; i++)
        f->earliest_slots = fmax(f->earliest_slots, -slots_of_ps(c, (double)c->lanes[i].delay_ps));
    f->chunk_ticks = (int64_t)fmin(2147483000.0, 0.98 * KS_GATING_SPAN * f->slot_ticks);
    ks_align_init(&f->align, &(ks_align_config){.period = period,
                                                .tick_seconds = tick,
                                                .marker_slots = c->marker_slots,
                                                .tolerance = c->clock_tolerance,
                                                .white = pps ? pps_white : marker_white,
                                                .walk = pps ? pps_walk : marker_walk});
    return KS_OK;
}

static ks_status set_up_counted(ks_frontend *f) {
    const ks_frontend_config *c = &f->config;
    f->last_number = (int64_t)(KS_SLOT_MAX - 8 * KS_GATING_SPAN);
    if (c->kind == KS_TIME_SLOTS)
        return KS_OK;
    if (c->marker_slots == 0 || c->marker_slots > 65536)
        return bad("marker_slots, the slots of a sync period, must lie within 1 and 65536");
    if (c->fine_unit.numerator == 0 || c->fine_unit.denominator == 0)
        return bad("fine_unit must be positive");
    double slots = seconds_of(c->fine_unit) * c->clock_hz;
    if (!(slots * 65536 < 131072))
        return bad("fine_unit is longer than two slots");
    f->fine_rate = (uint64_t)llround(slots * 4096 * 65536);
    f->last_number /= (int64_t)c->marker_slots;
    return KS_OK;
}

static ks_status set_up(ks_frontend *f, const ks_frontend_config *config, const ks_random *random) {
    f->config = *config;
    f->last_time = INT64_MIN;
    f->hold = config->hold_events ? config->hold_events : HOLD_DEFAULT;
    KS_TRY(check_rates(config));
    if (config->kind != KS_TIME_TAGS && config->kind != KS_TIME_SYNC && config->kind != KS_TIME_SLOTS)
        return bad("unknown kind of time");
    KS_TRY(check_lanes(config));
    KS_TRY(config->kind == KS_TIME_TAGS ? set_up_tags(f) : set_up_counted(f));
    KS_TRY(ks_gating_init(&f->gating, &f->config, random, f->hold));
    f->filter.detectors = f->gating.gate.detectors;
    f->held = malloc(f->hold * sizeof *f->held);
    return f->held ? KS_OK : ks_fail(KS_ERR_MEMORY, "front end: no memory to hold %zu events", f->hold);
}

ks_status ks_frontend_create(ks_frontend **out, const ks_frontend_config *config, const ks_random *random) {
    *out = NULL;
    if (!config || !random || !random->fill)
        return bad("configuration and randomness are needed");
    ks_frontend *f = calloc(1, sizeof *f);
    if (!f)
        return ks_fail(KS_ERR_MEMORY, "front end: no memory");
    ks_status status = set_up(f, config, random);
    if (status != KS_OK) {
        ks_frontend_destroy(f);
        return status;
    }
    *out = f;
    return KS_OK;
}

void ks_frontend_destroy(ks_frontend *frontend) {
    if (!frontend)
        return;
    ks_gating_free(&frontend->gating);
    if (frontend->held)
        ks_wipe(frontend->held, frontend->hold * sizeof *frontend->held);
    free(frontend->held);
    free(frontend);
}

void ks_frontend_get_stats(const ks_frontend *frontend, ks_frontend_stats *stats) {
    const ks_frontend *f = frontend;
    const ks_gating *g = &f->gating;
    const ks_align *a = &f->align;
    *stats = (ks_frontend_stats){
        .events = f->events,
        .clicks = g->clicks + f->before_lock + f->unlocked,
        .detections = g->detections,
        .outside_gate = g->outside_gate,
        .in_dead_time = g->in_dead_time,
        .merged = g->merged,
        .doubles = g->doubles,
        .cross_doubles = g->cross_doubles,
        .backsteps = f->backsteps,
        .before_lock = f->before_lock,
        .unlocked = f->unlocked,
        .late = g->late,
        .impossible = f->impossible,
        .markers = a->markers,
        .markers_missed = a->missed,
        .markers_spurious = a->spurious,
        .relocks = a->relocks,
        .locked = f->config.kind != KS_TIME_TAGS || f->trusted,
        .ambiguous = a->state == KS_ALIGN_LOST_SEARCHING || a->state == KS_ALIGN_LOST_TRACKING,
    };
    if (f->was_locked) {
        stats->clock_offset = (double)a->track.period / 4294967296.0 / a->config.period - 1;
        stats->residual_ps = sqrt(a->residual) * a->config.tick_seconds * 1e12;
    }
    for (size_t i = 0; i < KS_LANES * KS_GATE_BINS; i++)
        stats->histogram[i % KS_GATE_BINS] += g->histogram[i];
}

void ks_frontend_get_histogram(const ks_frontend *frontend, unsigned lane, uint64_t histogram[64]) {
    memset(histogram, 0, KS_GATE_BINS * sizeof *histogram);
    if (lane < KS_LANES)
        memcpy(histogram, frontend->gating.histogram + lane * KS_GATE_BINS, KS_GATE_BINS * sizeof *histogram);
}
