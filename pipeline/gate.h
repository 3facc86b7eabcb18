/* SPDX-License-Identifier: Apache-2.0 */
/* Clicks to detections: gate, order by slot, common dead time, several clicks in a slot. Inside, slot numbers
 * carry a bias of KS_GATING_BIAS, so that clicks shortly before slot 0 are numbers too. */
#ifndef KS_PIPELINE_GATE_H
#define KS_PIPELINE_GATE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/frontend.h>
#include <keystill/random.h>

#include "kernels/kernels.h"

enum {
    KS_GATING_CHUNK = 1024,     /* events a kernel call */
    KS_GATING_MARGIN = 1 << 16, /* slots of `phase` before a chunk: delays are below half of it */
    KS_GATING_SPAN =
        1 << 19, /* slots a kernel call may span: the rate's 32 bits are good for 2^-13 slot over them */
    KS_GATING_BIAS = 1 << 18
};

typedef struct ks_gating {
    ks_gate gate;
    uint64_t most_delay; /* largest delay, 2^-32 slots */
    uint64_t dead_slots;
    ks_dead_rule rule;
    uint64_t blocked; /* no click is accepted in this slot or before */
    uint64_t floor;   /* clicks before it come too late */
    uint64_t horizon; /* all clicks before it have been settled */
    ks_click *pending;
    size_t pending_count, pending_capacity;
    ks_detection *ready; /* [ready_begin, ready_end) wait for the caller */
    size_t ready_begin, ready_end, ready_capacity;
    ks_random random;
    uint8_t dice[64]; /* random bits not used yet: the last dice_left of them */
    unsigned dice_left;
    uint16_t bins[KS_GATING_CHUNK + KS_GATE_ROOM];
    uint64_t histogram[KS_LANES * KS_GATE_BINS];
    uint64_t clicks, detections, outside_gate, in_dead_time, merged, doubles, cross_doubles, late;
} ks_gating;

/* Sets up delays, gate, dead time from a checked configuration; room for detections of `events` events
 * between two drains. */
KS_MUST_CHECK ks_status ks_gating_init(ks_gating *gating, const ks_frontend_config *config,
                                       const ks_random *random, size_t events);
void ks_gating_free(ks_gating *gating);

/* From here on the slot clock is another line: what has been settled stays settled. */
void ks_gating_new_line(ks_gating *gating);
/* n <= KS_GATING_CHUNK plain events, with gating->gate set to their clock; no event will follow whose time is
 * before `horizon_time` on the same clock. Fails only when randomness fails. */
KS_MUST_CHECK ks_status ks_gating_events(ks_gating *gating, const ks_event *events, size_t n,
                                         int64_t horizon_time);
/* The same for events whose time is a slot and whose `fine` is the low byte of a ks_detection. */
KS_MUST_CHECK ks_status ks_gating_slots(ks_gating *gating, const ks_event *events, size_t n);
/* No click before slot `slot` (biased) will follow. */
KS_MUST_CHECK ks_status ks_gating_settle_below(ks_gating *gating, uint64_t slot);
/* No click will follow. */
KS_MUST_CHECK ks_status ks_gating_settle_last(ks_gating *gating);
/* Clicks that are not in the stream may have happened until slot `slot` (biased): dead time counts from
 * there. */
void ks_gating_block(ks_gating *gating, uint64_t slot);

#endif
