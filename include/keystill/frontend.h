/* SPDX-License-Identifier: Apache-2.0 */
/* Bob's front end: events to detections. Clock alignment from markers, PPS or T3 sync, per-lane delay, gate, common dead
 * time, double clicks to a random bit. No I/O. Everything here happens before anything is announced. */
#ifndef KEYSTILL_FRONTEND_H
#define KEYSTILL_FRONTEND_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/random.h>
#include <keystill/reader.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ks_lane_role {
    KS_LANE_IGNORED = 0,
    KS_LANE_DETECTOR, /* basis and bit as configured */
    KS_LANE_MARKER,   /* Alice's marker, once every marker_slots slots */
    KS_LANE_PPS       /* one pulse a second of a common clock: a marker every clock_hz slots */
} ks_lane_role;

typedef struct ks_lane {
    ks_lane_role role;
    uint8_t basis, bit;    /* of a detector */
    int64_t delay_ps;      /* subtracted from its times */
} ks_lane;

typedef struct ks_frontend_config {
    double clock_hz;          /* Alice's nominal pulse rate */
    double clock_tolerance;   /* relative, e.g. 50e-6: how far the two clocks may differ */
    uint64_t marker_slots;    /* slots between markers (marker and T3: slots a sync period); 0 without markers */
    double gate_ps;           /* full width of the accepted window around the pulse centre; 0: the whole slot */
    double dead_time_ps;      /* common dead time of all detectors after any accepted click, enforced in software */
    ks_lane lanes[KS_LANES];
    ks_unit unit, fine_unit;  /* of the events */
    ks_time_kind kind;
} ks_frontend_config;

typedef struct ks_frontend_stats {
    uint64_t events, detections, outside_gate, in_dead_time, doubles, cross_doubles, backsteps, before_lock;
    uint64_t markers, markers_missed, markers_spurious, relocks;
    double clock_offset;      /* measured relative frequency offset of Bob's clock, e.g. 12e-6 */
    double residual_ps;       /* rms of marker residuals */
    int locked;
    uint64_t histogram[64];   /* arrival within the slot, 64 equal bins, all detector events */
} ks_frontend_stats;

typedef struct ks_frontend ks_frontend;

/* `random` draws the bits of double clicks; kept by reference. */
KS_API KS_MUST_CHECK ks_status ks_frontend_create(ks_frontend **out, const ks_frontend_config *config,
                                                  const ks_random *random);
KS_API void ks_frontend_destroy(ks_frontend *frontend);

/* Takes events in time order, writes detections strictly increasing in slot; slot 0 is the first marker (or sync period 0).
 * Some events are held back until the next marker fixes the clock. *taken events were used (fewer than n only when
 * `detections` is full). *frontier: every detection of a slot below it has been handed out. */
KS_API KS_MUST_CHECK ks_status ks_frontend_push(ks_frontend *frontend, const ks_event *events, size_t n, size_t *taken,
                                                ks_detection *detections, size_t capacity, size_t *count,
                                                uint64_t *frontier);
/* End of input: call until *count is 0. */
KS_API KS_MUST_CHECK ks_status ks_frontend_finish(ks_frontend *frontend, ks_detection *detections, size_t capacity,
                                                  size_t *count, uint64_t *frontier);
KS_API void ks_frontend_get_stats(const ks_frontend *frontend, ks_frontend_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
