/* SPDX-License-Identifier: Apache-2.0 */
/* Bob's front end: events to detections. Clock alignment from markers, PPS or T3 sync, per-lane delay, gate,
 * common dead time, double clicks to a random bit. No I/O. Everything here is decided by Bob alone, from his
 * own events, before anything is announced; nothing finer than a slot leaves it. docs/alignment.md explains.
 */
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
    KS_LANE_PPS /* one pulse a second of a common clock: a marker every clock_hz slots (a whole number) */
} ks_lane_role;

typedef struct ks_lane {
    ks_lane_role role;
    uint8_t basis, bit; /* of a detector */
    int64_t delay_ps;   /* subtracted from its times; less than 32767 slots */
} ks_lane;

/* What makes the detectors dead for dead_time_ps. A detector that clicked is blind whether or not we use its
 * click, so that only the first rule keeps the efficiencies of the others from depending on it (dead-time
 * attack: Weier et al., New J. Phys. 13 (2011) 073024). */
typedef enum ks_dead_rule {
    KS_DEAD_ANY_CLICK = 0, /* every detector click, also outside the gate or in dead time */
    KS_DEAD_ACCEPTED = 1   /* accepted clicks alone */
} ks_dead_rule;

typedef struct ks_frontend_config {
    double clock_hz;        /* Alice's nominal pulse rate */
    double clock_tolerance; /* relative, e.g. 50e-6, below 0.01: how far the two clocks may differ */
    uint64_t
        marker_slots; /* slots between markers (marker and T3: slots a sync period); PPS and slots: ignored */
    double gate_ps;   /* full width of the accepted window around the pulse centre; 0: the whole slot */
    double dead_time_ps; /* common dead time of all detectors, rounded up to whole slots */
    ks_dead_rule dead_time_rule;
    size_t
        hold_events; /* events that may wait for the next marker; past it the clock is predicted. 0: 32768 */
    ks_lane lanes[KS_LANES];
    ks_unit unit, fine_unit; /* of the events */
    ks_time_kind kind; /* tags need one marker lane or one PPS lane; with both the markers are followed */
} ks_frontend_config;

/* clicks = before_lock + unlocked + late + outside_gate + in_dead_time + merged + detections, once all is
 * finished. */
typedef struct ks_frontend_stats {
    uint64_t events;     /* records taken */
    uint64_t clicks;     /* detector clicks in them: a coincidence record has several */
    uint64_t detections; /* handed out or ready */
    uint64_t outside_gate, in_dead_time;
    uint64_t merged;        /* joined another click of the same slot */
    uint64_t doubles;       /* slots with both bits of one basis: bit drawn at random */
    uint64_t cross_doubles; /* slots with both bases: basis and bit drawn at random */
    uint64_t backsteps;     /* records earlier than their predecessor, dropped whole; their clicks are not in
                               `clicks` */
    uint64_t before_lock;   /* clicks before the slot clock was found */
    uint64_t unlocked;      /* clicks skipped later because their slot was not certain */
    uint64_t late;       /* clicks before slot 0, or in slots already settled when the clock was corrected */
    uint64_t impossible; /* records with a sync or slot number beyond KS_SLOT_MAX, dropped whole */
    uint64_t markers, markers_missed, markers_spurious;
    uint64_t relocks;    /* times that the slot numbers became certain again */
    double clock_offset; /* measured relative frequency offset of Bob's clock, e.g. 12e-6 */
    double residual_ps;  /* rms of marker residuals */
    int locked;          /* slots are being numbered now */
    int ambiguous; /* lock was lost for so long that the marker number is open; events are skipped until it is
                      not */
    uint64_t
        histogram[64]; /* arrival within the slot, 64 equal bins, the pulse centre between bins 31 and 32 */
} ks_frontend_stats;

typedef struct ks_frontend ks_frontend;

/* `random` draws the bits of double clicks; copied, its context kept by reference. KS_ERR_ARGUMENT names what
 * is wrong in the configuration. */
KS_API KS_MUST_CHECK ks_status ks_frontend_create(ks_frontend **out, const ks_frontend_config *config,
                                                  const ks_random *random);
KS_API void ks_frontend_destroy(ks_frontend *frontend);

/* Takes events in time order, writes detections strictly increasing in slot; slot 0 is the first accepted
 * marker (or sync period 0). Some events are held back until the next marker fixes the clock. *taken events
 * were used (fewer than n only when `detections` is full). *frontier: every detection of a slot below it has
 * been handed out. How the events are cut into calls makes no difference. A failure of `random` is final:
 * KS_ERR_STATE from then on. */
KS_API KS_MUST_CHECK ks_status ks_frontend_push(ks_frontend *frontend, const ks_event *events, size_t n,
                                                size_t *taken, ks_detection *detections, size_t capacity,
                                                size_t *count, uint64_t *frontier);
/* End of input: call until *count is 0. */
KS_API KS_MUST_CHECK ks_status ks_frontend_finish(ks_frontend *frontend, ks_detection *detections,
                                                  size_t capacity, size_t *count, uint64_t *frontier);
KS_API void ks_frontend_get_stats(const ks_frontend *frontend, ks_frontend_stats *stats);
/* The histogram of one lane: for setting its delay. */
KS_API void ks_frontend_get_histogram(const ks_frontend *frontend, unsigned lane, uint64_t histogram[64]);

#ifdef __cplusplus
}
#endif
#endif
