/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

static inline uint64_t slot_of(ks_click click) {
    return click >> KS_DETECTION_SLOT_SHIFT;
}

ks_status ks_gating_init(ks_gating *gating, const ks_frontend_config *config, const ks_random *random,
                         size_t events) {
    memset(gating, 0, sizeof *gating);
    gating->random = *random;
    gating->rule = config->dead_time_rule;
    gating->dead_slots = (uint64_t)ceil(config->dead_time_ps * config->clock_hz * 1e-12 - 1e-9);
    double width = config->gate_ps > 0 ? config->gate_ps * config->clock_hz * 1e-12 : 1;
    gating->gate.half_gate = (uint32_t)(fmin(width, 1) * 2147483648.0);
    int32_t most = 0;
    for (int lane = 0; lane < KS_LANES; lane++) {
        const ks_lane *l = &config->lanes[lane];
        if (l->role != KS_LANE_DETECTOR)
            continue;
        gating->gate.detectors |= UINT32_C(1) << lane;
        gating->gate.code[lane] = (uint32_t)(l->basis << 1 | l->bit);
        if (config->kind == KS_TIME_SLOTS)
            continue;
        gating->gate.delay[lane] = (int32_t)lround((double)l->delay_ps * config->clock_hz * 1e-12 * 65536);
        if (gating->gate.delay[lane] > most)
            most = gating->gate.delay[lane];
    }
    gating->most_delay = (uint64_t)most << 16;
    gating->pending_capacity = events + 2 * KS_GATING_CHUNK;
    gating->pending = malloc((gating->pending_capacity + KS_GATE_ROOM) * sizeof *gating->pending);
    gating->ready_capacity = gating->pending_capacity + events + KS_GATING_CHUNK;
    gating->ready = malloc(gating->ready_capacity * sizeof *gating->ready);
    if (!gating->pending || !gating->ready)
        return ks_fail(KS_ERR_MEMORY, "front end: no memory for %zu events", events);
    return KS_OK;
}

void ks_gating_free(ks_gating *gating) {
    if (gating->ready)
        ks_wipe(gating->ready, gating->ready_capacity * sizeof *gating->ready);
    if (gating->pending)
        ks_wipe(gating->pending, gating->pending_capacity * sizeof *gating->pending);
    free(gating->pending);
    free(gating->ready);
    ks_wipe(gating->dice, sizeof gating->dice);
}

void ks_gating_new_line(ks_gating *gating) {
    gating->floor = gating->horizon;
}

void ks_gating_block(ks_gating *gating, uint64_t slot) {
    int before_all = (int64_t)slot < 0;
    if (!before_all && slot + gating->dead_slots > gating->blocked)
        gating->blocked = slot + gating->dead_slots;
}

/* ---- several clicks in one slot ---- */

static ks_status throw_dice(ks_gating *g, unsigned n, unsigned *out) {
    if (g->dice_left < n) {
        ks_status status = g->random.fill(g->random.context, g->dice, sizeof g->dice);
        if (status != KS_OK)
            return ks_fail_in(status, "front end: random bits of double clicks");
        g->dice_left = 8 * sizeof g->dice;
    }
    *out = 0;
    for (; n; n--) {
        g->dice_left--;
        *out = *out << 1 | ((unsigned)g->dice[g->dice_left / 8] >> g->dice_left % 8 & 1);
    }
    return KS_OK;
}

/* The outcome of a slot in which the detectors of `outcomes` (bit per outcome) clicked; KS_DETECTION_DOUBLE
 * when drawn. Same basis: a random bit. Both bases: basis and bit at random. */
static ks_status draw_outcome(ks_gating *g, unsigned outcomes, unsigned *result) {
    enum { BASIS_0 = 3, BASIS_1 = 12 };
    if (!(outcomes & (outcomes - 1))) {
        *result = (unsigned)__builtin_ctz(outcomes);
        return KS_OK;
    }
    unsigned drawn = 0;
    if (outcomes == BASIS_0 || outcomes == BASIS_1) {
        g->doubles++;
        KS_TRY(throw_dice(g, 1, &drawn));
        drawn |= outcomes == BASIS_1 ? (unsigned)KS_DETECTION_BASIS : 0;
    } else {
        g->cross_doubles++;
        KS_TRY(throw_dice(g, 2, &drawn));
    }
    *result = drawn | KS_DETECTION_DOUBLE;
    return KS_OK;
}

/* Clicks [0, n) share a slot; `live`: no dead time reaches into it. */
static ks_status settle_group(ks_gating *g, const ks_click *clicks, size_t n, int live, int *accepted) {
    unsigned outcomes = 0, result = 0, drawn_before = 0;
    size_t inside = 0;
    for (size_t i = 0; i < n; i++)
        if (!(clicks[i] & KS_CLICK_OUTSIDE)) {
            outcomes |= 1u << (clicks[i] & KS_CLICK_OUTCOME);
            drawn_before |= (unsigned)clicks[i] & KS_DETECTION_DOUBLE;
            inside++;
        }
    g->outside_gate += n - inside;
    /* A click outside the gate makes its detector blind for one inside the gate of the same slot. */
    if (inside < n && g->dead_slots && g->rule == KS_DEAD_ANY_CLICK)
        live = 0;
    *accepted = live && inside;
    if (!*accepted) {
        g->in_dead_time += inside;
        return KS_OK;
    }
    KS_TRY(draw_outcome(g, outcomes, &result));
    g->merged += inside - 1;
    g->ready[g->ready_end++] =
        (slot_of(clicks[0]) - KS_GATING_BIAS) << KS_DETECTION_SLOT_SHIFT | result | drawn_before;
    return KS_OK;
}

/* ---- dead time ---- */

static size_t same_slot(const ks_click *clicks, size_t n) {
    size_t i = 1;
    while (i < n && slot_of(clicks[i]) == slot_of(clicks[0]))
        i++;
    return i;
}

/* The rule that counts accepted clicks alone; contract as that of the kernel. */
static ks_settled settle_accepted(const ks_gating *g, ks_detection *out, const ks_click *clicks, size_t n) {
    uint64_t blocked = g->blocked;
    ks_settled done = {0, 0, 0};
    for (; done.taken < n; done.taken++) {
        uint64_t click = clicks[done.taken], slot = slot_of(click);
        if (done.taken + 1 < n && slot_of(clicks[done.taken + 1]) == slot)
            break;
        uint64_t outside = click / KS_CLICK_OUTSIDE & 1;
        uint64_t good = (slot > blocked) & ~outside;
        out[done.accepted] = (slot - KS_GATING_BIAS) << KS_DETECTION_SLOT_SHIFT | (click & KS_CLICK_KEPT);
        done.accepted += good;
        done.outside += outside;
        blocked = good ? slot + g->dead_slots : blocked;
    }
    return done;
}

/* Clicks of slots of their own, from the front: returns how many before the first that shares its slot. */
static size_t settle_singles(ks_gating *g, const ks_click *clicks, size_t n) {
    int any = g->rule == KS_DEAD_ANY_CLICK;
    ks_detection *out = g->ready + g->ready_end;
    ks_settled done =
        any ? ks_kernels_get()->dead_time(out, clicks, n, g->blocked, g->dead_slots, KS_GATING_BIAS)
            : settle_accepted(g, out, clicks, n);
    g->ready_end += done.accepted;
    g->outside_gate += done.outside;
    g->in_dead_time += done.taken - done.outside - done.accepted;
    if (any && done.taken)
        ks_gating_block(g, slot_of(clicks[done.taken - 1]));
    else if (done.accepted)
        ks_gating_block(g, ks_detection_slot(out[done.accepted - 1]) + KS_GATING_BIAS);
    return done.taken;
}

/* All clicks of their slots, in order; after the last, ready holds what was accepted. */
static ks_status settle(ks_gating *g, const ks_click *clicks, size_t n) {
    size_t before = g->ready_end, i = 0;
    while ((i += settle_singles(g, clicks + i, n - i)) < n) {
        size_t group = same_slot(clicks + i, n - i);
        uint64_t slot = slot_of(clicks[i]);
        int accepted;
        KS_TRY(settle_group(g, clicks + i, group, slot > g->blocked, &accepted));
        if (accepted || g->rule == KS_DEAD_ANY_CLICK)
            ks_gating_block(g, slot);
        i += group;
    }
    g->detections += g->ready_end - before;
    return KS_OK;
}

/* ---- order ---- */

/* Sorts by slot what follows the first `sorted` clicks into them; equal slots keep their order. Nearly sorted
 * as a rule. */
static void insert_in_order(ks_click *clicks, size_t sorted, size_t n) {
    for (size_t i = sorted ? sorted : 1; i < n; i++) {
        ks_click click = clicks[i];
        if (__builtin_expect(slot_of(clicks[i - 1]) <= slot_of(click), 1))
            continue;
        size_t at = i;
        for (; at > 0 && slot_of(clicks[at - 1]) > slot_of(click); at--)
            clicks[at] = clicks[at - 1];
        clicks[at] = click;
    }
}

static void drop_front(ks_gating *g, size_t n) {
    g->pending_count -= n;
    memmove(g->pending, g->pending + n, g->pending_count * sizeof *g->pending);
    ks_wipe(g->pending + g->pending_count, n * sizeof *g->pending);
}

ks_status ks_gating_settle_below(ks_gating *gating, uint64_t slot) {
    if (slot <= gating->horizon)
        return KS_OK;
    gating->horizon = slot;
    size_t n = gating->pending_count;
    while (n && slot_of(gating->pending[n - 1]) >= slot)
        n--;
    ks_status status = settle(gating, gating->pending, n);
    drop_front(gating, n);
    return status;
}

ks_status ks_gating_settle_last(ks_gating *gating) {
    size_t n = gating->pending_count;
    return n ? ks_gating_settle_below(gating, slot_of(gating->pending[n - 1]) + 1) : KS_OK;
}

/* Clicks before the floor, now at the front: their slots have been settled, or lie before slot 0. */
static void drop_late(ks_gating *g) {
    uint64_t floor = g->floor > KS_GATING_BIAS ? g->floor : KS_GATING_BIAS;
    size_t n = 0;
    while (n < g->pending_count && slot_of(g->pending[n]) < floor)
        n++;
    g->late += n;
    if (n)
        drop_front(g, n);
}

/* First slot that an event at `time` or later can reach. */
static uint64_t slot_at(const ks_gating *g, int64_t time) {
    uint64_t ticks = (uint64_t)time - (uint64_t)g->gate.origin;
    uint64_t position = g->gate.phase + (ticks * g->gate.rate >> g->gate.shift << 1) - g->most_delay;
    return (position >> 32) + g->gate.base;
}

/* Only when a flood of events shares a few slots: their clicks are settled without waiting for the rest. */
static ks_status make_room(ks_gating *g, size_t n) {
    if (g->pending_count + n <= g->pending_capacity)
        return KS_OK;
    KS_TRY(ks_gating_settle_below(g, slot_of(g->pending[g->pending_count - 1]) + 1));
    g->floor = g->horizon;
    return KS_OK;
}

/* Takes the `n` clicks that stand behind the pending ones, with their bins. */
static ks_status take_clicks(ks_gating *g, size_t n, uint64_t horizon) {
    size_t before = g->pending_count;
    for (size_t i = 0; i < n; i++)
        g->histogram[g->bins[i]]++;
    g->clicks += n;
    g->pending_count += n;
    insert_in_order(g->pending, before, g->pending_count);
    drop_late(g);
    return ks_gating_settle_below(g, horizon);
}

ks_status ks_gating_events(ks_gating *gating, const ks_event *events, size_t n, int64_t horizon_time) {
    KS_TRY(make_room(gating, n));
    size_t clicks = ks_kernels_get()->gate(gating->pending + gating->pending_count, gating->bins, events, n,
                                           &gating->gate);
    return take_clicks(gating, clicks, slot_at(gating, horizon_time));
}

ks_status ks_gating_slots(ks_gating *gating, const ks_event *events, size_t n) {
    KS_TRY(make_room(gating, n));
    ks_click *out = gating->pending + gating->pending_count;
    size_t clicks = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t lanes = events[i].lanes & gating->gate.detectors;
        unsigned lane = lanes ? (unsigned)__builtin_ctz(lanes) : 0;
        out[clicks] = ((uint64_t)events[i].time + KS_GATING_BIAS) << KS_DETECTION_SLOT_SHIFT |
                      (events[i].fine & KS_DETECTION_DOUBLE) | gating->gate.code[lane];
        gating->bins[clicks] = (uint16_t)(lane * KS_GATE_BINS + KS_GATE_BINS / 2);
        clicks += lanes != 0;
    }
    uint64_t last = n ? (uint64_t)events[n - 1].time + KS_GATING_BIAS : 0;
    return take_clicks(gating, clicks, last);
}
