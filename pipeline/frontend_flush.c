/* SPDX-License-Identifier: Apache-2.0 */
/* Front end: held events through the gate, along their clock line or by their own count. */
#include <math.h>

#include "pipeline/frontend_internal.h"
#include "pipeline/status.h"

/* Points the kernel at the line: rate = slots a tick. */
static void set_rate(ks_gate *gate, const ks_clock_line *line) {
    double rate = (double)line->slots * 4294967296.0 / (double)line->period;
    uint32_t shift = (uint32_t)-ilogb(rate);
    __int128 mantissa = ((__int128)line->slots << (63 + shift)) / line->period;
    if (mantissa >> 32) {
        mantissa >>= 1;
        shift--;
    }
    gate->rate = (uint32_t)mantissa;
    gate->shift = shift;
}

/* Exact position of a tick on the line: whole slots and 2^-32 slots. */
static uint64_t position_of(const ks_clock_line *line, int64_t tick, uint32_t *fraction) {
    ks_clock_time since = ks_clock_from_ticks(tick) - line->start;
    ks_clock_time periods = since / line->period - (since % line->period < 0);
    unsigned __int128 rest = (unsigned __int128)(since - periods * line->period) * line->slots;
    unsigned __int128 period = (unsigned __int128)line->period;
    uint64_t slots = (uint64_t)(rest / period);
    *fraction = (uint32_t)(((rest % period) << 32) / period);
    return line->slot + (uint64_t)periods * line->slots + slots;
}

/* The biased slot in which a tick lies. */
uint64_t ks_line_slot_at(const ks_clock_line *line, int64_t tick) {
    uint32_t fraction;
    uint64_t slot = position_of(line, tick, &fraction);
    return slot + (fraction >> 31) + KS_GATING_BIAS;
}

static void set_origin(ks_gate *gate, const ks_clock_line *line, int64_t tick) {
    uint32_t fraction;
    uint64_t slot = position_of(line, tick, &fraction);
    gate->origin = tick;
    gate->phase = ((uint64_t)KS_GATING_MARGIN << 32) + fraction + (UINT64_C(1) << 31);
    gate->base = slot - KS_GATING_MARGIN + KS_GATING_BIAS;
}

/* How many of n events, in time order, come no later than `last`. */
size_t ks_events_until(const ks_event *events, size_t n, int64_t last) {
    if (n == 0 || events[n - 1].time <= last)
        return n;
    size_t low = 0, high = n - 1; /* [low..] holds the answer; events[high] is too late */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (events[middle].time <= last)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t saturating_sum(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

ks_status ks_frontend_flush_tags(ks_frontend *f, const ks_clock_line *line) {
    ks_gating *g = &f->gating;
    ks_gating_new_line(g);
    if (f->skipped_any) {
        ks_gating_block(g, ks_line_slot_at(line, f->skipped_until));
        f->skipped_any = 0;
    }
    set_rate(&g->gate, line);
    for (size_t i = 0; i < f->held_count;) {
        size_t n = f->held_count - i < KS_GATING_CHUNK ? f->held_count - i : KS_GATING_CHUNK;
        const ks_event *chunk = f->held + i;
        n = ks_events_until(chunk, n, saturating_sum(chunk[0].time, f->chunk_ticks));
        set_origin(&g->gate, line, chunk[0].time);
        KS_TRY(ks_gating_events(g, chunk, n, chunk[n - 1].time));
        i += n;
    }
    ks_frontend_drop_held(f, f->held_count);
    return KS_OK;
}

/* T3: the sync number counts slots already; a kernel's tick is 2^-12 slot. Takes events from the front of n;
 * returns how many. */
static ks_status gate_syncs(ks_frontend *f, const ks_event *events, size_t n, size_t *taken) {
    enum { FINE_BITS = 12 };
    ks_gating *g = &f->gating;
    ks_event chunk[KS_GATING_CHUNK];
    uint64_t per_period = f->config.marker_slots, start = (uint64_t)events[0].time, slots = 0;
    size_t i = 0;
    for (; i < n && i < KS_GATING_CHUNK; i++) {
        uint64_t later = ((uint64_t)events[i].time - start) * per_period;
        if (later >= KS_GATING_SPAN / 2)
            break;
        slots = later;
        uint64_t tick = (slots << FINE_BITS) + (events[i].fine * f->fine_rate >> 16);
        chunk[i] = (ks_event){.time = (int64_t)tick, .lanes = events[i].lanes};
    }
    g->gate.origin = 0;
    g->gate.rate = UINT32_C(1) << 31;
    g->gate.shift = FINE_BITS;
    g->gate.phase = ((uint64_t)KS_GATING_MARGIN << 32) + (UINT64_C(1) << 31);
    g->gate.base = start * per_period - KS_GATING_MARGIN + KS_GATING_BIAS;
    *taken = i;
    return ks_gating_events(g, chunk, i, (int64_t)(slots << FINE_BITS));
}

ks_status ks_frontend_flush_counted(ks_frontend *f) {
    for (size_t i = 0; i < f->held_count;) {
        size_t left = f->held_count - i, n = left < KS_GATING_CHUNK ? left : KS_GATING_CHUNK;
        if (f->config.kind == KS_TIME_SYNC)
            KS_TRY(gate_syncs(f, f->held + i, n, &n));
        else
            KS_TRY(ks_gating_slots(&f->gating, f->held + i, n));
        i += n;
    }
    ks_frontend_drop_held(f, f->held_count);
    return KS_OK;
}
