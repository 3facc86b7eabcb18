/* SPDX-License-Identifier: Apache-2.0 */
/* The sequential half of the simulator: clicks in order of time meet dead detectors, leave afterpulses
 * behind, are seen by Bob's clock and leave in order of their tags. */
#include "host/simulator/simulator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/simulator/segment.h"
#include "host/simulator/workers.h"
#include "pipeline/status.h"

/* Times of Bob's clock stay below this many ticks. */
static const int64_t TICKS_MOST = INT64_C(1) << 62;

/* A trap that will release a carrier. */
typedef struct release {
    double time; /* ps since the current segment's first slot */
    uint8_t detector, pixel;
} release;

/* A tag on its way out. */
typedef struct tag {
    int64_t tick;
    uint64_t slot;
    uint32_t lanes;
    uint32_t origin;
    float known;
} tag;

struct ks_simulator {
    ks_sim_plan plan;
    ks_sim_stats stats;
    ks_sim_workers *workers;
    uint64_t segment, segments; /* next; 0: without end */
    double ready[KS_SIM_DETECTORS]
                [KS_SIM_PIXELS]; /* end of dead time, ps since the current segment's first slot */
    release *releases;           /* a heap, earliest first */
    size_t release_count, release_capacity;
    ks_sampler release_sampler, clock_sampler;
    /* Bob's clock: tick = base + fraction + time * ticks_per_ps */
    int64_t base;
    double fraction, drift, ticks_per_ps;
    /* tags in order of time: [given, sorted) may leave, [sorted, count) may still be overtaken */
    tag *tags;
    size_t given, sorted, count, capacity;
};

static void swap_releases(release *a, release *b) {
    release t = *a;
    *a = *b;
    *b = t;
}

static ks_status push_release(ks_simulator *s, release r) {
    if (s->release_count == s->release_capacity) {
        size_t capacity = s->release_capacity ? 2 * s->release_capacity : 64;
        release *grown = realloc(s->releases, capacity * sizeof *grown);
        if (!grown)
            return ks_fail(KS_ERR_MEMORY, "simulator: %zu releases", capacity);
        s->releases = grown;
        s->release_capacity = capacity;
    }
    size_t i = s->release_count++;
    s->releases[i] = r;
    for (; i > 0 && s->releases[(i - 1) / 2].time > s->releases[i].time; i = (i - 1) / 2)
        swap_releases(&s->releases[(i - 1) / 2], &s->releases[i]);
    return KS_OK;
}

static release pop_release(ks_simulator *s) {
    release top = s->releases[0];
    s->releases[0] = s->releases[--s->release_count];
    for (size_t i = 0, child; (child = 2 * i + 1) < s->release_count; i = child) {
        if (child + 1 < s->release_count && s->releases[child + 1].time < s->releases[child].time)
            child++;
        if (s->releases[i].time <= s->releases[child].time)
            break;
        swap_releases(&s->releases[i], &s->releases[child]);
    }
    return top;
}

static ks_status leave_traps(ks_simulator *s, const ks_sim_click *click) {
    const ks_sim_detector *detector = &s->plan.config.detector[click->detector];
    for (int i = 0; i < 2; i++) {
        if (detector->afterpulse[i] <= 0 ||
            ks_sampler_uniform(&s->release_sampler) >= detector->afterpulse[i])
            continue;
        double delay =
            detector->afterpulse_tau_ps[i] * ks_sampler_exponential(&s->release_sampler, &s->plan.ziggurats);
        KS_TRY(push_release(s, (release){click->time + delay, click->detector, click->pixel}));
    }
    return KS_OK;
}

/* 1 when the click's pixel was ready; it is dead now. */
static int fire(ks_simulator *s, const ks_sim_click *click) {
    double *ready = &s->ready[click->detector][click->pixel];
    double dead = s->plan.config.detector[click->detector].dead_ps;
    if (s->plan.config.common_dead_time)
        ready = &s->ready[0][0];
    if (click->time < *ready) {
        s->stats.dead++;
        return 0;
    }
    *ready = click->time + dead;
    return 1;
}

static int64_t tick_of(const ks_simulator *s, double time) {
    return s->base + llrint(s->fraction + time * s->ticks_per_ps);
}

static ks_status reserve_tag(ks_simulator *s) {
    if (s->count < s->capacity)
        return KS_OK;
    size_t capacity = s->capacity ? 2 * s->capacity : 1 << 15;
    tag *grown = realloc(s->tags, capacity * sizeof *grown);
    if (!grown)
        return ks_fail(KS_ERR_MEMORY, "simulator: %zu tags", capacity);
    s->tags = grown;
    s->capacity = capacity;
    return KS_OK;
}

static void insert_tag(ks_simulator *s, tag t) {
    size_t i = s->count++;
    for (; i > s->sorted && s->tags[i - 1].tick > t.tick; i--)
        s->tags[i] = s->tags[i - 1];
    s->tags[i] = t;
}

static ks_status emit(ks_simulator *s, const ks_sim_click *click) {
    uint64_t slot = s->segment * s->plan.slots + click->slot;
    tag t = {
        .slot = slot, .lanes = UINT32_C(1) << click->lane, .origin = click->origin, .known = click->known};
    s->stats.origin[click->origin]++;
    s->stats.lane[click->lane]++;
    if (s->plan.config.slot_events) {
        t.tick = (int64_t)slot;
        if (s->count > s->given && s->tags[s->count - 1].tick == t.tick) {
            s->tags[s->count - 1].lanes |= t.lanes;
            return KS_OK;
        }
    } else {
        t.tick = tick_of(s, click->time + (double)click->lag);
    }
    KS_TRY(reserve_tag(s));
    insert_tag(s, t);
    return KS_OK;
}

static ks_status take_click(ks_simulator *s, const ks_sim_click *click) {
    const ks_sim_config *config = &s->plan.config;
    if (config->slots && s->segment * s->plan.slots + click->slot >= config->slots)
        return KS_OK;
    if (click->origin >= KS_SIM_MARKER)
        return emit(s, click);
    if (!fire(s, click))
        return KS_OK;
    KS_TRY(leave_traps(s, click));
    return emit(s, click);
}

/* A release outside the gates makes no avalanche. */
static ks_status take_release(ks_simulator *s, release r) {
    const ks_sim_plan *plan = &s->plan;
    double slot = floor(r.time / plan->period_ps + 0.5);
    if (plan->config.gate_ps > 0 && fabs(r.time - slot * plan->period_ps) > 0.5 * plan->config.gate_ps)
        return KS_OK;
    ks_sim_click click = {.time = r.time,
                          .slot = (uint32_t)slot,
                          .detector = r.detector,
                          .pixel = r.pixel,
                          .origin = KS_SIM_AFTERPULSE};
    unsigned basis = ks_sim_bob_basis(plan, s->segment * plan->slots + click.slot);
    click.lane = plan->config.detector_lane[plan->config.passive ? r.detector : 2 * basis + r.detector];
    click.lag = ks_sim_lag(plan, &s->release_sampler, r.detector);
    return take_click(s, &click);
}

/* All clicks of a segment and the releases that fall into it, in order of time. */
static ks_status merge(ks_simulator *s, const ks_sim_segment *segment) {
    const ks_sim_click *photon = segment->photons.item, *photons_end = photon + segment->photons.count;
    const ks_sim_click *other = segment->others.item, *others_end = other + segment->others.count;
    double end = s->plan.slots * s->plan.period_ps;
    for (;;) {
        double next = photon < photons_end ? photon->time : INFINITY;
        int is_other = other < others_end && other->time < next;
        next = is_other ? other->time : next;
        if (s->release_count && s->releases[0].time < next && s->releases[0].time < end)
            KS_TRY(take_release(s, pop_release(s)));
        else if (is_other)
            KS_TRY(take_click(s, other++));
        else if (photon < photons_end)
            KS_TRY(take_click(s, photon++));
        else
            return KS_OK;
    }
}

/* Moves the origin of times to the next segment's first slot. */
static ks_status advance(ks_simulator *s) {
    double span = s->plan.slots * s->plan.period_ps;
    for (int d = 0; d < KS_SIM_DETECTORS; d++)
        for (int p = 0; p < KS_SIM_PIXELS; p++)
            s->ready[d][p] -= span;
    for (size_t i = 0; i < s->release_count; i++)
        s->releases[i].time -= span;
    double ticks = s->fraction + span * s->ticks_per_ps, whole = floor(ticks);
    s->base += (int64_t)whole;
    s->fraction = ticks - whole;
    if (s->base > TICKS_MOST)
        return ks_fail(KS_ERR_LIMIT, "simulator: Bob's clock has run out after slot %llu",
                       (unsigned long long)s->stats.slots);
    return KS_OK;
}

static void step_clock(ks_simulator *s) {
    const ks_sim_config *config = &s->plan.config;
    double nominal = 1e-12 * (double)config->unit.denominator / (double)config->unit.numerator;
    if (config->walk_ppb > 0 && s->segment > 0)
        s->drift += 1e-9 * config->walk_ppb * sqrt(s->plan.seconds) *
                    ks_sampler_normal(&s->clock_sampler, &s->plan.ziggurats);
    s->ticks_per_ps = nominal * (1 + s->drift);
}

/* Tags below this tick cannot be overtaken by clicks of the next segment. */
static void release_tags(ks_simulator *s, int64_t below) {
    while (s->sorted < s->count && s->tags[s->sorted].tick < below)
        s->sorted++;
}

static void compact(ks_simulator *s) {
    memmove(s->tags, s->tags + s->given, (s->count - s->given) * sizeof *s->tags);
    s->count -= s->given;
    s->sorted -= s->given;
    s->given = 0;
}

static ks_status run_segment(ks_simulator *s) {
    const ks_sim_segment *segment = NULL;
    if (s->count)
        compact(s);
    KS_TRY(ks_sim_workers_take(s->workers, s->segment, &segment));
    step_clock(s);
    KS_TRY(merge(s, segment));
    s->stats.candidates += segment->candidates;
    s->stats.markers_missed += segment->markers_missed;
    uint64_t end = ++s->segment * s->plan.slots;
    s->stats.slots = s->plan.config.slots && end > s->plan.config.slots ? s->plan.config.slots : end;
    ks_sim_workers_return(s->workers);
    KS_TRY(advance(s));
    if (s->segments && s->segment == s->segments)
        s->sorted = s->count;
    else
        release_tags(s, s->plan.config.slot_events ? (int64_t)end : tick_of(s, s->plan.least_lag));
    return KS_OK;
}

/* Several lanes of one slot: one of them at random, as a front end would. */
static ks_event slot_event(ks_simulator *s, const tag *t) {
    unsigned clicked[KS_SIM_DETECTORS], n = 0;
    for (unsigned d = 0; d < KS_SIM_DETECTORS; d++)
        if (t->lanes >> s->plan.config.detector_lane[d] & 1)
            clicked[n++] = d;
    unsigned d = n > 1 ? clicked[(unsigned)(ks_sampler_uniform(&s->clock_sampler) * n)] : clicked[0];
    return ks_event_from_detection(ks_detection_make(t->slot, d >> 1, d & 1, n > 1));
}

static void give(ks_simulator *s, ks_event *event, ks_sim_truth *truth) {
    const tag *t = &s->tags[s->given++];
    if (s->plan.config.slot_events)
        *event = slot_event(s, t);
    else
        *event = (ks_event){.time = t->tick, .lanes = t->lanes};
    if (truth)
        *truth = (ks_sim_truth){.slot = t->slot, .origin = t->origin, .known = t->known};
}

ks_status ks_simulator_run(ks_simulator *s, ks_event *events, ks_sim_truth *truth, size_t capacity,
                           size_t *count) {
    *count = 0;
    while (*count < capacity) {
        if (s->given < s->sorted) {
            give(s, &events[*count], truth ? &truth[*count] : NULL);
            ++*count;
        } else if (s->segments && s->segment == s->segments) {
            break;
        } else if (*count) {
            break;
        } else {
            KS_TRY(run_segment(s));
        }
    }
    s->stats.events += *count;
    return KS_OK;
}

void ks_simulator_get_stats(const ks_simulator *simulator, ks_sim_stats *stats) {
    *stats = simulator->stats;
}

static ks_status check_states(const ks_sim_config *config, const ks_states *states) {
    const ks_states_header *header = ks_states_get_header(states);
    if (!header)
        return ks_fail(KS_ERR_EMPTY, "simulator: the states have no header yet");
    if (header->first_slot != 0)
        return ks_fail(KS_ERR_ARGUMENT, "simulator: expected states from slot 0, they begin at %llu",
                       (unsigned long long)header->first_slot);
    if (header->slots && (config->slots == 0 || config->slots > header->slots))
        return ks_fail(KS_ERR_ARGUMENT, "simulator: %llu slots asked for, there are states of %llu",
                       (unsigned long long)config->slots, (unsigned long long)header->slots);
    return KS_OK;
}

ks_status ks_simulator_create(ks_simulator **out, const ks_sim_config *config, ks_states *states) {
    *out = NULL;
    KS_TRY(ks_sim_check(config));
    KS_TRY(check_states(config, states));
    ks_simulator *s = calloc(1, sizeof *s);
    if (!s)
        return ks_fail(KS_ERR_MEMORY, "simulator: %zu bytes", sizeof *s);
    ks_sim_plan_init(&s->plan, config, states);
    if (config->slots)
        s->segments = config->slots / s->plan.slots + (config->slots % s->plan.slots != 0);
    for (int d = 0; d < KS_SIM_DETECTORS; d++)
        for (int p = 0; p < KS_SIM_PIXELS; p++)
            s->ready[d][p] = -INFINITY;
    s->release_sampler = ks_sampler_make(config->seed, KS_STREAM_RELEASE, 0);
    s->clock_sampler = ks_sampler_make(config->seed, KS_STREAM_CLOCK, 0);
    s->drift = 1e-6 * config->drift_ppm;
    double nominal = 1e-12 * (double)config->unit.denominator / (double)config->unit.numerator;
    double start = (config->clock_offset_ps + config->distance_km * config->delay_ps_km) * nominal;
    s->base = (int64_t)floor(start);
    s->fraction = start - floor(start);
    ks_status status = ks_sim_workers_create(&s->workers, &s->plan, config->threads, s->segments);
    if (status != KS_OK) {
        ks_simulator_destroy(s);
        return status;
    }
    *out = s;
    return KS_OK;
}

void ks_simulator_destroy(ks_simulator *simulator) {
    if (!simulator)
        return;
    ks_sim_workers_destroy(simulator->workers);
    free(simulator->releases);
    free(simulator->tags);
    free(simulator);
}
