/* SPDX-License-Identifier: Apache-2.0 */
/* A segment: a fixed number of consecutive slots whose photons, noise and markers are drawn from streams of
 * their own. What it holds is a function of (configuration, seed, number), so that segments can be made in
 * any order by any thread. */
#ifndef KS_HOST_SIMULATOR_SEGMENT_H
#define KS_HOST_SIMULATOR_SEGMENT_H

#include "host/simulator/model.h"
#include "host/simulator/sampler.h"
#include "kernels/kernels.h"

/* Something that would make an event. Detectors may still be dead. */
typedef struct ks_sim_click {
    double time;   /* ps of Alice's clock since the segment's first slot, when the light arrives */
    float lag;     /* ps from there to the tag */
    float known;   /* see ks_sim_truth */
    uint32_t slot; /* since the segment's first */
    uint8_t detector;
    uint8_t pixel;
    uint8_t lane;
    uint8_t origin; /* ks_sim_origin */
} ks_sim_click;

typedef struct ks_sim_clicks {
    ks_sim_click *item;
    size_t count, capacity;
} ks_sim_clicks;

/* What all segments share; constant after ks_sim_plan_init. */
typedef struct ks_sim_plan {
    ks_sim_config config;
    ks_states *states;
    ks_seeded_states bob; /* his bases, as states of one intensity */
    ks_seeded_states eve; /* her choices, see attack.h */
    int attacked;         /* there is an Eve who chooses slots */
    ks_ziggurats ziggurats;
    ks_sim_table table;                   /* without fades */
    double period_ps, seconds;            /* of a slot; of a segment */
    double gaussian_ps[KS_SIM_DETECTORS]; /* jitter and pulse shape together */
    double least_lag, most_lag;
    uint32_t slots; /* of a segment */
    uint64_t pps_slots;
} ks_sim_plan;

typedef struct ks_sim_segment {
    uint64_t number;
    ks_sim_clicks photons, others; /* each in order of time; others: noise and markers */
    uint64_t candidates, markers_missed;
    ks_sim_table table; /* with fades */
} ks_sim_segment;

void ks_sim_plan_init(ks_sim_plan *plan, const ks_sim_config *config, ks_states *states);
/* Bob's basis of a slot; 0 in a passive receiver. */
unsigned ks_sim_bob_basis(const ks_sim_plan *plan, uint64_t slot);
/* Delay from a photon's arrival to its tag, within the plan's least and most. */
static inline float ks_sim_lag(const ks_sim_plan *plan, ks_sampler *sampler, int detector) {
    const ks_sim_detector *d = &plan->config.detector[detector];
    double lag = d->skew_ps + plan->gaussian_ps[detector] * ks_sampler_normal(sampler, &plan->ziggurats);
    if (d->tail > 0 && __builtin_expect(ks_sampler_uniform(sampler) < d->tail, 0))
        lag += d->tail_ps * ks_sampler_exponential(sampler, &plan->ziggurats);
    return (float)lag;
}

KS_MUST_CHECK ks_status ks_sim_segment_make(ks_sim_segment *segment, const ks_sim_plan *plan,
                                            uint64_t number);
void ks_sim_segment_clear(ks_sim_segment *segment);

#endif
