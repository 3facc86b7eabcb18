/* SPDX-License-Identifier: Apache-2.0 */
/* The slot clock: marker times in, straight lines from time to slot out. A two-state (phase, period) Kalman
 * filter with a search for the first markers, hold-over while markers are missing, and slot numbers that are
 * resumed after a loss only when the number of lost markers is beyond doubt. Method and constants:
 * docs/alignment.md. */
#ifndef KS_PIPELINE_ALIGN_H
#define KS_PIPELINE_ALIGN_H

#include <stdint.h>

/* Times in 2^-32 ticks: 54-bit tick counts keep all their bits. */
typedef __int128 ks_clock_time;

static inline ks_clock_time ks_clock_from_ticks(int64_t ticks) {
    return (ks_clock_time)ticks * (INT64_C(1) << 32);
}

/* Slot `slot` has its centre at `start`; `slots` slots take `period`. */
typedef struct ks_clock_line {
    ks_clock_time start, period;
    uint64_t slot, slots;
} ks_clock_line;

typedef struct ks_align_config {
    double period; /* nominal ticks between markers */
    double tick_seconds;
    uint64_t marker_slots;
    double tolerance; /* relative */
    double white;     /* oscillator: rms phase, in seconds, that white frequency noise gathers in 1 s */
    double walk;      /* oscillator: rms change of the relative frequency in 1 s */
} ks_align_config;

typedef struct ks_track {
    ks_clock_time phase, period; /* time of marker `index`, time between markers */
    uint64_t index;
    double p00, p01, p11; /* covariance of phase and period, ticks^2 */
    double noise;         /* variance of a marker's time, ticks^2 */
} ks_track;

enum { KS_ALIGN_SEARCH = 32 };

typedef enum ks_align_state {
    KS_ALIGN_SEARCHING, /* never locked */
    KS_ALIGN_LOCKED,
    KS_ALIGN_LOST_SEARCHING, /* number of markers since the last certain one is open; no consistent markers
                                now */
    KS_ALIGN_LOST_TRACKING   /* the same, with a clock that may still settle it */
} ks_align_state;

typedef struct ks_align {
    ks_align_config config;
    ks_align_state state;
    ks_track track;   /* in LOST_TRACKING: provisional, index counted from chain_start */
    ks_track certain; /* the last certain one, while lost */
    ks_clock_time chain_start;
    ks_clock_time seen[KS_ALIGN_SEARCH]; /* markers not on the track, oldest first */
    unsigned seen_count;
    double residual; /* running mean of squared residuals, ticks^2 */
    uint64_t markers, missed, spurious, relocks;
} ks_align;

typedef enum ks_align_outcome {
    KS_ALIGN_REJECTED, /* spurious, or not settled yet */
    KS_ALIGN_FIRST, /* lock: *line reaches from slot 0, the first of the markers that gave the lock, to this
                       one */
    KS_ALIGN_ACCEPTED, /* *line reaches from the marker accepted before to this one */
    KS_ALIGN_RESUMED,  /* certain again after a loss: no line reaches back */
    KS_ALIGN_DROPPED   /* the clock was lost with this marker: nothing may be predicted any more */
} ks_align_outcome;

void ks_align_init(ks_align *align, const ks_align_config *config);
/* Takes a marker; times must not fall. */
ks_align_outcome ks_align_marker(ks_align *align, ks_clock_time time, ks_clock_line *line);
/* Records were lost: markers before and after do not make one first lock together. */
void ks_align_gap(ks_align *align);

/* When locked: the line from the last accepted marker onwards. */
ks_clock_line ks_align_prediction(const ks_align *align);
/* When locked: standard deviation, in ticks, of the predicted time of the marker `intervals` after the last
 * accepted. */
double ks_align_uncertainty(const ks_align *align, double intervals);
/* When locked: half width, in ticks, of the window in which that marker is accepted. */
double ks_align_window(const ks_align *align, double intervals);

#endif
