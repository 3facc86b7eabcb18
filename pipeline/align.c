/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/align.h"

#include <math.h>
#include <string.h>

/* Constants; docs/alignment.md says why. */
static const double gate_sigmas = 10; /* markers farther off are spurious */
static const double number_fraction =
    0.25; /* of the marker period: beyond it a marker's number is not certain */
static const double residual_memory = 1.0 / 64; /* weight of the newest squared residual */
static const double first_noise = 1.0 / 16;     /* of a slot: jitter of markers before any was measured */
static const double most_noise = 1.0 / 4;       /* of a slot: jitter is never believed to be larger */
static const double chain_slack = 1.0 / 4; /* of a slot: how far markers of a first lock may lie off a line */
static const double chain_wander = 2e-9;   /* relative: what a free oscillator adds to that */
static const double chain_share = 0.6; /* of the pulses seen meanwhile must be on the line of a first lock */
static const double chain_luck = 7;    /* -log10 of the chance that pulses lie on a line by accident */
enum { CHAIN_LEAST = 4, CHAIN_LONGEST = 1000000 }; /* markers that make a lock; intervals that it may span */

static const double q32 = 4294967296.0;

static double to_ticks(ks_clock_time t) {
    return (double)t / q32;
}
static ks_clock_time from_ticks(double ticks) {
    double whole = floor(ticks);
    return (ks_clock_time)whole * (INT64_C(1) << 32) + llround((ticks - whole) * q32);
}

static double slot_ticks(const ks_align *a) {
    return a->config.period / (double)a->config.marker_slots;
}
static double least_noise(void) {
    return 1.0 / 12; /* a time is rounded to a whole tick */
}

void ks_align_init(ks_align *align, const ks_align_config *config) {
    memset(align, 0, sizeof *align);
    align->config = *config;
}

/* Covariance `m` intervals after the last update: the two-state clock model with white and random-walk
 * frequency noise, Zucca and Tavella, "The clock model and its relationship with the Allan and related
 * variances", IEEE Trans. UFFC 52 (2005) 289. */
typedef struct covariance {
    double p00, p01, p11;
} covariance;

static covariance propagate(const ks_align *a, const ks_track *t, double m) {
    double tick = a->config.tick_seconds, interval = a->config.period * tick;
    double white = a->config.white * a->config.white * interval / (tick * tick);
    double step = a->config.period * a->config.walk;
    double walk = step * step * interval;
    return (covariance){
        .p00 = t->p00 + 2 * m * t->p01 + m * m * t->p11 + m * white + m * m * m * walk / 3,
        .p01 = t->p01 + m * t->p11 + m * m * walk / 2,
        .p11 = t->p11 + m * walk,
    };
}

static double window_of(const ks_align *a, const ks_track *t, double m) {
    return gate_sigmas * sqrt(propagate(a, t, m).p00 + t->noise) + 1;
}

double ks_align_uncertainty(const ks_align *align, double intervals) {
    return sqrt(propagate(align, &align->track, intervals).p00);
}

double ks_align_window(const ks_align *align, double intervals) {
    return window_of(align, &align->track, intervals);
}

ks_clock_line ks_align_prediction(const ks_align *align) {
    const ks_track *t = &align->track;
    return (ks_clock_line){.start = t->phase,
                           .period = t->period,
                           .slot = t->index * align->config.marker_slots,
                           .slots = align->config.marker_slots};
}

/* ---- search: markers that lie on one line ---- */

static double chain_width(const ks_align *a) {
    return chain_slack * slot_ticks(a) + 2 + chain_wander * a->config.period;
}

/* How many different intervals of the line from `from` with `period` hold a seen marker, the ends included.
 */
static int on_line(const ks_align *a, unsigned from, double period, double width) {
    int count = 0;
    double last = -1;
    for (unsigned i = from; i < a->seen_count; i++) {
        double at = to_ticks(a->seen[i] - a->seen[from]) / period;
        double number = round(at);
        if (fabs(at - number) * period <= width && number > last) {
            last = number;
            count++;
        }
    }
    return count;
}

/* Pulses that a line must have: all but two lie on it by accident with chance 2 width / period each. */
static int least_on_line(double period, double width) {
    int least = 2 + (int)ceil(chain_luck / log10(fmax(period / (2 * width), 1.01)));
    return least > CHAIN_LEAST ? least : CHAIN_LEAST;
}

/* Intervals of a chain that starts with seen marker `from` and ends with the newest; 0 when they make none.
 * Places may be empty: taggers with a conditional filter send a marker only beside a click. */
static unsigned chain_from(const ks_align *a, unsigned from) {
    double nominal = a->config.period, width = chain_width(a), slack = a->config.tolerance * nominal;
    double span = to_ticks(a->seen[a->seen_count - 1] - a->seen[from]);
    double number = round(span / nominal);
    if (number < CHAIN_LEAST - 1 || number > CHAIN_LONGEST ||
        number * slack + width > number_fraction * nominal)
        return 0;
    if (fabs(span - number * nominal) > number * slack + width)
        return 0;
    int found = on_line(a, from, span / number, width);
    int enough = found >= chain_share * (a->seen_count - from) && found >= least_on_line(nominal, width);
    return enough ? (unsigned)number : 0;
}

static void remember(ks_align *a, ks_clock_time time) {
    if (a->seen_count == KS_ALIGN_SEARCH) {
        memmove(a->seen, a->seen + 1, (KS_ALIGN_SEARCH - 1) * sizeof *a->seen);
        a->seen_count--;
    }
    a->seen[a->seen_count++] = time;
}

/* Starts a track with the oldest chain that ends in the newest marker; returns its intervals, 0 without one.
 */
static unsigned start_track(ks_align *a) {
    for (unsigned from = 0; from + CHAIN_LEAST <= a->seen_count; from++) {
        unsigned number = chain_from(a, from);
        if (!number)
            continue;
        ks_clock_time first = a->seen[from], last = a->seen[a->seen_count - 1];
        double sigma = first_noise * slot_ticks(a), n = number;
        double noise = sigma * sigma + least_noise();
        int used = on_line(a, from, to_ticks(last - first) / n, chain_width(a));
        a->track = (ks_track){.phase = last,
                              .period = (last - first) / (ks_clock_time)number,
                              .index = number,
                              .p00 = noise,
                              .p01 = noise / n,
                              .p11 = 2 * noise / (n * n),
                              .noise = noise};
        a->chain_start = first;
        a->markers += (uint64_t)used;
        a->missed += number + 1 - (uint64_t)used;
        a->spurious -= (uint64_t)used < a->spurious ? (uint64_t)used : a->spurious;
        a->seen_count = 0;
        a->residual = noise;
        return number;
    }
    return 0;
}

/* ---- tracking ---- */

/* The measured jitter follows the residuals: what they exceed the predicted spread by is the markers' own. */
static void learn_noise(ks_align *a, ks_track *t, double residual, double spread) {
    double square = fmin(residual * residual, 9 * spread);
    double most = most_noise * slot_ticks(a);
    a->residual += residual_memory * (residual * residual - a->residual);
    t->noise += residual_memory * (square - spread);
    t->noise = fmin(fmax(t->noise, least_noise()), most * most + least_noise());
}

static void update(ks_align *a, ks_track *t, uint64_t m, double residual) {
    covariance c = propagate(a, t, (double)m);
    double spread = c.p00 + t->noise, gain = c.p00 / spread, rate = c.p01 / spread;
    t->phase += (ks_clock_time)m * t->period + from_ticks(gain * residual);
    t->period += from_ticks(rate * residual);
    t->index += m;
    t->p00 = c.p00 * (1 - gain);
    t->p01 = c.p01 * (1 - gain);
    t->p11 = c.p11 - rate * c.p01;
    learn_noise(a, t, residual, spread);
}

typedef enum verdict { ON_TRACK, OFF_TRACK, NUMBER_OPEN } verdict;

/* Where a marker lies on a track; `*m` intervals after the last. */
static verdict place(const ks_align *a, const ks_track *t, ks_clock_time time, uint64_t *m,
                     double *residual) {
    ks_clock_time since = time - t->phase + t->period / 2;
    *m = since > 0 ? (uint64_t)(since / t->period) : 0;
    if (*m == 0)
        return OFF_TRACK;
    double window = window_of(a, t, (double)*m);
    if (window >= number_fraction * to_ticks(t->period))
        return NUMBER_OPEN;
    *residual = to_ticks(time - t->phase - (ks_clock_time)*m * t->period);
    return fabs(*residual) <= window ? ON_TRACK : OFF_TRACK;
}

static ks_clock_line line_between(const ks_align *a, const ks_track *before, const ks_track *after) {
    return (ks_clock_line){.start = before->phase,
                           .period = after->phase - before->phase,
                           .slot = before->index * a->config.marker_slots,
                           .slots = (after->index - before->index) * a->config.marker_slots};
}

static void lose(ks_align *a, ks_align_state state) {
    if (a->state == KS_ALIGN_LOCKED)
        a->certain = a->track;
    a->state = state;
}

static ks_align_outcome accept_marker(ks_align *a, uint64_t m, double residual, ks_clock_line *line) {
    ks_track before = a->track;
    update(a, &a->track, m, residual);
    a->markers++;
    a->missed += m - 1;
    a->seen_count = 0;
    *line = line_between(a, &before, &a->track);
    return KS_ALIGN_ACCEPTED;
}

/* Markers off the track that make a chain of their own, none on the track between them: the clock jumped. */
static ks_align_outcome reject_marker(ks_align *a, ks_clock_time time) {
    a->spurious++;
    remember(a, time);
    ks_track track = a->track;
    if (!start_track(a))
        return KS_ALIGN_REJECTED;
    if (a->state == KS_ALIGN_LOCKED) {
        a->certain = track;
        a->state = KS_ALIGN_LOST_TRACKING;
        return KS_ALIGN_DROPPED;
    }
    a->state = KS_ALIGN_LOST_TRACKING;
    return KS_ALIGN_REJECTED;
}

/* The number of intervals between the last certain marker and the start of the provisional track, when both
 * clocks leave only one possible; 0 otherwise. */
static uint64_t lost_intervals(const ks_align *a) {
    const ks_track *old = &a->certain, *new = &a->track;
    ks_clock_time mean = (old->period + new->period) / 2;
    ks_clock_time lost = a->chain_start - old->phase;
    uint64_t m = (uint64_t)((lost + mean / 2) / mean);
    double seconds = to_ticks(lost) * a->config.tick_seconds;
    double period = to_ticks(mean);
    double drift = fabs(to_ticks(new->period - old->period)) / 2 + 3 * sqrt(old->p11) + 3 * sqrt(new->p11) +
                   3 * period * (a->config.walk * sqrt(seconds) + a->config.white);
    double doubt = gate_sigmas * sqrt(new->noise) + (double)m * drift;
    double off = fabs(to_ticks(lost - (ks_clock_time)m * mean));
    return doubt < number_fraction * period && off <= doubt ? m : 0;
}

static ks_align_outcome settle_number(ks_align *a) {
    uint64_t m = lost_intervals(a);
    if (!m)
        return KS_ALIGN_REJECTED;
    a->track.index += a->certain.index + m;
    a->missed += m - 1;
    a->relocks++;
    a->state = KS_ALIGN_LOCKED;
    return KS_ALIGN_RESUMED;
}

static ks_align_outcome search(ks_align *a, ks_clock_time time, ks_clock_line *line) {
    a->spurious++; /* until a chain takes it */
    remember(a, time);
    unsigned number = start_track(a);
    if (!number)
        return KS_ALIGN_REJECTED;
    if (a->state == KS_ALIGN_LOST_SEARCHING) {
        a->state = KS_ALIGN_LOST_TRACKING;
        return settle_number(a);
    }
    a->state = KS_ALIGN_LOCKED;
    *line = (ks_clock_line){.start = a->chain_start,
                            .period = a->track.phase - a->chain_start,
                            .slots = number * a->config.marker_slots};
    return KS_ALIGN_FIRST;
}

static ks_align_outcome track_marker(ks_align *a, ks_clock_time time, ks_clock_line *line) {
    uint64_t m;
    double residual;
    int was_locked = a->state == KS_ALIGN_LOCKED;
    switch (place(a, &a->track, time, &m, &residual)) {
    case ON_TRACK:
        (void)accept_marker(a, m, residual, line);
        return was_locked ? KS_ALIGN_ACCEPTED : settle_number(a);
    case OFF_TRACK:
        return reject_marker(a, time);
    default:
        break;
    }
    lose(a, KS_ALIGN_LOST_SEARCHING);
    a->seen_count = 0;
    ks_align_outcome outcome = search(a, time, line);
    return was_locked ? KS_ALIGN_DROPPED : outcome;
}

ks_align_outcome ks_align_marker(ks_align *align, ks_clock_time time, ks_clock_line *line) {
    if (align->state == KS_ALIGN_LOCKED || align->state == KS_ALIGN_LOST_TRACKING)
        return track_marker(align, time, line);
    return search(align, time, line);
}

void ks_align_gap(ks_align *align) {
    align->seen_count = 0;
}
