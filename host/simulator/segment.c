/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/segment.h"

#include <math.h>
#include <stdlib.h>

#include "host/formats/states_object.h"
#include "host/simulator/attack.h"
#include "pipeline/status.h"

enum {
    BATCH = 1024,              /* candidate slots at a time */
    SEGMENT_CANDIDATES = 8192, /* expected in a segment */
    SEGMENT_SLOTS_LEAST = 64
};
static const double SEGMENT_SECONDS_MOST = 0.05;

static void limit_lags(ks_sim_plan *plan) {
    const ks_sim_config *config = &plan->config;
    plan->most_lag = KS_NORMAL_MOST * config->marker_jitter_ps;
    plan->least_lag = -plan->most_lag;
    for (int d = 0; d < ks_sim_detectors(config); d++) {
        const ks_sim_detector *detector = &config->detector[d];
        plan->gaussian_ps[d] = hypot(detector->jitter_ps, config->pulse_ps);
        double spread = KS_NORMAL_MOST * plan->gaussian_ps[d];
        double tail = detector->tail > 0 ? KS_EXPONENTIAL_MOST * detector->tail_ps : 0;
        plan->least_lag = fmin(plan->least_lag, detector->skew_ps - spread);
        plan->most_lag = fmax(plan->most_lag, detector->skew_ps + spread + tail);
    }
    plan->least_lag -= 1; /* float rounding */
    plan->most_lag += 1;
}

static void size_segments(ks_sim_plan *plan) {
    double candidate = plan->table.brightest + 1e-12;
    double slots = fmin(SEGMENT_CANDIDATES / candidate, SEGMENT_SECONDS_MOST * plan->config.clock_hz);
    slots = fmin(fmax(slots, SEGMENT_SLOTS_LEAST), 4e9);
    plan->slots = (uint32_t)slots;
    plan->seconds = plan->slots / plan->config.clock_hz;
}

static void derive_choices(ks_seeded_states *choices, const ks_sim_config *config, ks_stream stream,
                           const ks_source *source, double test_basis) {
    uint64_t words[4];
    uint8_t seed[32];
    ks_stream_seed(words, config->seed, stream, 0);
    for (int i = 0; i < 32; i++)
        seed[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
    ks_seeded_states_derive(choices, seed, source, test_basis);
}

void ks_sim_plan_init(ks_sim_plan *plan, const ks_sim_config *config, ks_states *states) {
    *plan = (ks_sim_plan){.config = *config, .states = states};
    plan->config.source = ks_states_get_header(states)->source;
    plan->period_ps = 1e12 / config->clock_hz;
    plan->pps_slots = config->pps ? (uint64_t)(config->clock_hz + 0.5) : 0;
    ks_ziggurats_init(&plan->ziggurats);
    ks_source basis_only = {.intensities = 1, .mean = {1}, .probability = {1}};
    derive_choices(&plan->bob, config, KS_STREAM_BOB, &basis_only, config->bob_test_basis);
    const ks_source hers = ks_sim_attack_choices(config);
    derive_choices(&plan->eve, config, KS_STREAM_EVE, &hers, 0.5);
    plan->attacked = hers.probability[0] > 0;
    ks_sim_channel channel = ks_sim_channel_at(config, 0);
    ks_sim_table_fill(&plan->table, &plan->config, &channel);
    limit_lags(plan);
    size_segments(plan);
}

unsigned ks_sim_bob_basis(const ks_sim_plan *plan, uint64_t slot) {
    ks_state state;
    if (plan->config.passive)
        return 0;
    ks_kernels_get()->seeded_states(&state, &slot, 1, &plan->bob);
    return state >> 1 & 1;
}

static ks_status reserve(ks_sim_clicks *clicks, size_t more) {
    if (clicks->capacity - clicks->count >= more)
        return KS_OK;
    size_t capacity = 2 * (clicks->count + more);
    ks_sim_click *item = realloc(clicks->item, capacity * sizeof *item);
    if (!item)
        return ks_fail(KS_ERR_MEMORY, "simulator: %zu clicks", capacity);
    clicks->item = item;
    clicks->capacity = capacity;
    return KS_OK;
}

static uint8_t pick_pixel(const ks_sim_plan *plan, ks_sampler *sampler, int detector) {
    double pixels = plan->config.detector[detector].pixels;
    return pixels > 1 ? (uint8_t)(ks_sampler_uniform(sampler) * pixels) : 0;
}

static uint8_t lane_of(const ks_sim_config *config, int detector, unsigned bob_basis) {
    return config->detector_lane[config->passive ? (unsigned)detector : 2 * bob_basis + (unsigned)detector];
}

/* Next candidate slots of the segment, by exact geometric skips: the gap is floor(E / -ln(1 - p)) for E
 * exponential. Returns how many; fewer than BATCH at the segment's end. */
static size_t next_candidates(const ks_sim_plan *plan, const ks_sim_table *table, ks_sampler *sampler,
                              uint64_t first, uint64_t *slots, uint64_t *position) {
    double skip = table->brightest < 1 ? -1 / log1p(-table->brightest) : 0;
    uint64_t at = *position;
    ks_sampler local = *sampler; /* in registers */
    size_t n = 0;
    while (n < BATCH) {
        double gap = skip * ks_sampler_exponential(&local, &plan->ziggurats);
        at += gap < plan->slots ? (uint64_t)(int64_t)gap : plan->slots;
        if (at >= plan->slots)
            break;
        slots[n++] = first + at++;
    }
    *sampler = local;
    *position = at;
    return n;
}

/* What meets in candidate slots: Alice's states, as Eve sends them on, and Bob's bases. */
typedef struct batch {
    ks_state alice[BATCH], bob[BATCH];
    uint8_t mode[BATCH];
    float known[BATCH];
} batch;

/* A candidate that survived thinning: something clicks. */
typedef struct hit {
    const ks_sim_row *row;
    double u; /* below the row's last cumulative chance */
    uint32_t slot;
    uint32_t bob_basis;
    float known;
} hit;

/* Keeps the candidates that their state and Bob's basis let click. Without branches: the outcome is a coin's.
 */
static size_t thin(hit *hits, const ks_sim_table *table, ks_sampler *sampler, uint64_t first,
                   const uint64_t *slots, const batch *b, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t basis = b->bob[i] >> 1 & 1;
        const ks_sim_row *row = &table->row[b->mode[i]][basis][b->alice[i]];
        double u = ks_sampler_uniform(sampler);
        hits[kept] = (hit){.row = row,
                           .u = u,
                           .slot = (uint32_t)(slots[i] - first),
                           .bob_basis = basis,
                           .known = b->known[i]};
        kept += u < row->total;
    }
    return kept;
}

static void add_pattern(ks_sim_clicks *clicks, const ks_sim_plan *plan, const hit *h, ks_sampler *sampler) {
    unsigned pattern = 0;
    while (h->u >= h->row->cumulative[pattern])
        pattern++;
    for (unsigned mask = h->row->mask[pattern]; mask; mask &= mask - 1) {
        int detector = __builtin_ctz(mask);
        clicks->item[clicks->count++] = (ks_sim_click){.time = h->slot * plan->period_ps,
                                                       .lag = ks_sim_lag(plan, sampler, detector),
                                                       .slot = h->slot,
                                                       .detector = (uint8_t)detector,
                                                       .pixel = pick_pixel(plan, sampler, detector),
                                                       .lane = lane_of(&plan->config, detector, h->bob_basis),
                                                       .known = fmaxf(h->known, h->row->known[pattern]),
                                                       .origin = KS_SIM_PHOTON};
    }
}

/* Number of slots before the end of the run, behind which Alice has no states. */
static size_t within_run(const ks_sim_config *config, const uint64_t *slots, size_t n) {
    while (config->slots && n > 0 && slots[n - 1] >= config->slots)
        n--;
    return n;
}

static ks_status draw_batch(ks_sim_segment *segment, const ks_sim_plan *plan, const ks_sim_table *table,
                            ks_sampler *sampler, const uint64_t *slots, size_t n) {
    batch b = {.mode = {0}};
    hit hits[BATCH + 1];
    uint64_t first = segment->number * plan->slots;
    size_t inside = within_run(&plan->config, slots, n);
    KS_TRY(reserve(&segment->photons, BATCH * KS_SIM_DETECTORS));
    KS_TRY(ks_states_gather(plan->states, b.alice, slots, inside));
    if (plan->attacked) {
        ks_state eve[BATCH];
        ks_kernels_get()->seeded_states(eve, slots, inside, &plan->eve);
        ks_sim_attack_slots(&plan->config, b.alice, b.mode, b.known, eve, inside);
    }
    if (!plan->config.passive)
        ks_kernels_get()->seeded_states(b.bob, slots, inside, &plan->bob);
    /* All candidates are thinned, so that a run's end changes nothing before it. */
    ks_sampler local = *sampler; /* in registers */
    size_t kept = thin(hits, table, &local, first, slots, &b, n);
    for (size_t i = 0; i < kept && (inside == n || first + hits[i].slot < plan->config.slots); i++)
        add_pattern(&segment->photons, plan, &hits[i], &local);
    *sampler = local;
    segment->candidates += inside;
    return KS_OK;
}

static ks_status draw_photons(ks_sim_segment *segment, const ks_sim_plan *plan) {
    const ks_sim_config *config = &plan->config;
    const ks_sim_table *table = &plan->table;
    uint64_t slots[BATCH], position = 0, first = segment->number * plan->slots;
    if (ks_sim_channel_varies(config)) {
        double seconds = ((double)first + 0.5 * plan->slots) / config->clock_hz;
        ks_sim_channel channel = ks_sim_channel_at(config, seconds);
        ks_sim_table_fill(&segment->table, config, &channel);
        table = &segment->table;
    }
    if (table->brightest <= 0)
        return KS_OK;
    ks_sampler sampler = ks_sampler_make(config->seed, KS_STREAM_SIGNAL, segment->number);
    size_t n = BATCH;
    while (n == BATCH && (config->slots == 0 || first + position < config->slots)) {
        n = next_candidates(plan, table, &sampler, first, slots, &position);
        KS_TRY(draw_batch(segment, plan, table, &sampler, slots, n));
    }
    return KS_OK;
}

/* A moment of the time in which detectors are open becomes a moment of the segment: gates lie around pulses.
 */
static ks_sim_click noise_click(const ks_sim_plan *plan, double open_time) {
    double period = plan->period_ps, slot = floor(open_time / period + 0.5);
    double offset = (open_time - slot * period) * ks_sim_open(&plan->config);
    return (ks_sim_click){.time = slot * period + offset, .slot = (uint32_t)slot};
}

static ks_status draw_noise(ks_sim_segment *segment, const ks_sim_plan *plan) {
    const ks_sim_config *config = &plan->config;
    double cumulative[2 * KS_SIM_DETECTORS], rate = 0, end = plan->slots * plan->period_ps;
    int detectors = ks_sim_detectors(config);
    for (int d = 0; d < detectors; d++) {
        cumulative[2 * d] = rate += ks_sim_dark_rate(config, d);
        cumulative[2 * d + 1] = rate += ks_sim_background_rate(config, d);
    }
    if (rate <= 0)
        return KS_OK;
    ks_sampler sampler = ks_sampler_make(config->seed, KS_STREAM_NOISE, segment->number);
    double mean_gap = 1e12 / rate, time = 0;
    for (;;) {
        time += mean_gap * ks_sampler_exponential(&sampler, &plan->ziggurats);
        if (time >= end)
            return KS_OK;
        KS_TRY(reserve(&segment->others, 1));
        ks_sim_click click = noise_click(plan, time);
        double u = ks_sampler_uniform(&sampler) * rate;
        int source = 0;
        while (source < 2 * detectors - 1 && u >= cumulative[source])
            source++;
        int detector = source / 2;
        click.detector = (uint8_t)detector;
        click.origin = source & 1 ? KS_SIM_BACKGROUND : KS_SIM_DARK;
        click.lane =
            lane_of(config, detector, ks_sim_bob_basis(plan, segment->number * plan->slots + click.slot));
        click.pixel = pick_pixel(plan, &sampler, detector);
        click.lag = ks_sim_lag(plan, &sampler, detector);
        segment->others.item[segment->others.count++] = click;
    }
}

static ks_status add_marker(ks_sim_segment *segment, const ks_sim_plan *plan, ks_sampler *sampler,
                            double time, uint32_t slot, ks_sim_origin origin) {
    const ks_sim_config *config = &plan->config;
    KS_TRY(reserve(&segment->others, 1));
    segment->others.item[segment->others.count++] = (ks_sim_click){
        .time = time,
        .lag = (float)(config->marker_jitter_ps * ks_sampler_normal(sampler, &plan->ziggurats)),
        .slot = slot,
        .lane = origin == KS_SIM_PPS ? config->pps_lane : config->marker_lane,
        .origin = (uint8_t)origin};
    return KS_OK;
}

/* A train of pulses every `spacing` slots. */
static ks_status draw_train(ks_sim_segment *segment, const ks_sim_plan *plan, ks_sampler *sampler,
                            uint64_t spacing, ks_sim_origin origin) {
    uint64_t first = segment->number * plan->slots, end = first + plan->slots;
    if (spacing == 0)
        return KS_OK;
    for (uint64_t slot = (first + spacing - 1) / spacing * spacing; slot < end; slot += spacing) {
        double u = ks_sampler_uniform(sampler);
        if (slot > 0 && origin == KS_SIM_MARKER && u < plan->config.marker_missed) {
            segment->markers_missed++;
            continue;
        }
        uint32_t local = (uint32_t)(slot - first);
        KS_TRY(add_marker(segment, plan, sampler, local * plan->period_ps, local, origin));
    }
    return KS_OK;
}

static ks_status draw_markers(ks_sim_segment *segment, const ks_sim_plan *plan) {
    const ks_sim_config *config = &plan->config;
    if (config->slot_events)
        return KS_OK;
    ks_sampler sampler = ks_sampler_make(config->seed, KS_STREAM_MARKERS, segment->number);
    KS_TRY(draw_train(segment, plan, &sampler, config->marker_slots, KS_SIM_MARKER));
    KS_TRY(draw_train(segment, plan, &sampler, plan->pps_slots, KS_SIM_PPS));
    double end = plan->slots * plan->period_ps, time = 0;
    while (config->marker_spurious_hz > 0) {
        time += 1e12 / config->marker_spurious_hz * ks_sampler_exponential(&sampler, &plan->ziggurats);
        if (time >= end)
            break;
        uint32_t slot = (uint32_t)(time / plan->period_ps + 0.5);
        KS_TRY(add_marker(segment, plan, &sampler, time, slot, KS_SIM_SPURIOUS));
    }
    return KS_OK;
}

static int by_time(const void *a, const void *b) {
    const ks_sim_click *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->lane > y->lane) - (x->lane < y->lane);
}

ks_status ks_sim_segment_make(ks_sim_segment *segment, const ks_sim_plan *plan, uint64_t number) {
    segment->number = number;
    segment->photons.count = segment->others.count = 0;
    segment->candidates = segment->markers_missed = 0;
    KS_TRY(draw_photons(segment, plan));
    KS_TRY(draw_noise(segment, plan));
    KS_TRY(draw_markers(segment, plan));
    if (segment->others.count > 1)
        qsort(segment->others.item, segment->others.count, sizeof *segment->others.item, by_time);
    return KS_OK;
}

void ks_sim_segment_clear(ks_sim_segment *segment) {
    free(segment->photons.item);
    free(segment->others.item);
    *segment = (ks_sim_segment){0};
}
