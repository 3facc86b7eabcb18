/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/inspect.h"

#include <math.h>
#include <string.h>

static double unit_ps(ks_unit unit) {
    return unit.denominator ? (double)unit.numerator / (double)unit.denominator * 1e12 : 1;
}

void ks_inspect_begin(ks_inspect *inspect, const ks_reader_info *info, double period_ps, double window_ps) {
    inspect->kind = info->kind;
    inspect->tick_ps = unit_ps(info->unit);
    inspect->fine_ps = info->kind == KS_TIME_SYNC ? unit_ps(info->fine_unit) : 0;
    inspect->period_ps = period_ps > 0 ? period_ps : info->kind == KS_TIME_SYNC ? inspect->tick_ps : 0;
    inspect->window_ps = info->kind == KS_TIME_SLOTS ? 0 : window_ps;
    inspect->earliest = INT64_MAX;
    inspect->latest = INT64_MIN;
    inspect->bin_ps = inspect->period_ps > 0 ? inspect->period_ps / KS_INSPECT_BINS : 1e6;
}

/* Differences are taken in ticks: a double holds them exactly where it would not hold the times. */
static double difference_ps(const ks_inspect *inspect, const ks_event *later, const ks_event *earlier) {
    double ticks = (double)((__int128)later->time - earlier->time);
    return ticks * inspect->tick_ps + (later->fine - earlier->fine) * inspect->fine_ps;
}

/* ---- histograms */

static void merge_bins(ks_inspect *inspect) {
    for (int i = 0; i < KS_INSPECT_BINS / 2; i++)
        inspect->bins[i] = inspect->bins[2 * i] + inspect->bins[2 * i + 1];
    memset(inspect->bins + KS_INSPECT_BINS / 2, 0, sizeof inspect->bins / 2);
    inspect->bin_ps *= 2;
}

static void add_to_histogram(ks_inspect *inspect, const ks_event *event) {
    double at = difference_ps(inspect, event, &inspect->first);
    if (inspect->period_ps > 0) {
        at = (double)event->time * inspect->tick_ps + event->fine * inspect->fine_ps;
        if (inspect->kind == KS_TIME_SYNC && inspect->period_ps == inspect->tick_ps)
            at = event->fine * inspect->fine_ps;
        at = fmod(at, inspect->period_ps);
        at += at < 0 ? inspect->period_ps : 0;
    }
    while (inspect->period_ps <= 0 && at >= inspect->bin_ps * KS_INSPECT_BINS)
        merge_bins(inspect);
    int bin = at < 0 ? 0 : (int)(at / inspect->bin_ps);
    inspect->bins[bin < KS_INSPECT_BINS ? bin : KS_INSPECT_BINS - 1]++;
}

static void add_interval(ks_inspect *inspect, double ps) {
    if (ps < 0)
        return;
    if (inspect->interval_count == 0 || ps < inspect->shortest_ps)
        inspect->shortest_ps = ps;
    if (ps > inspect->longest_ps)
        inspect->longest_ps = ps;
    int exponent = 0;
    double fraction = frexp(ps + 1, &exponent); /* in [0.5, 1) */
    int step = (exponent - 1) * KS_INSPECT_OCTAVE + (int)((fraction - 0.5) * 2 * KS_INSPECT_OCTAVE);
    inspect->intervals[step < KS_INSPECT_INTERVALS ? step : KS_INSPECT_INTERVALS - 1]++;
    inspect->interval_count++;
    inspect->interval_sum_ps += ps;
}

/* ---- channels and coincidences */

static void add_channel(ks_inspect *inspect, const ks_event *event, int lane) {
    ks_inspect_channel *channel = &inspect->channels[lane];
    if (channel->events++ > 0) {
        ks_event before = {.time = channel->last, .fine = channel->last_fine};
        double gap = difference_ps(inspect, event, &before);
        if (gap >= 0 && (channel->events == 2 || gap < channel->shortest_ps))
            channel->shortest_ps = gap;
    }
    channel->last = event->time;
    channel->last_fine = event->fine;
}

static void add_pattern(ks_inspect *inspect, uint32_t lanes) {
    for (int i = 0; i < inspect->pattern_count; i++)
        if (inspect->patterns[i].lanes == lanes) {
            inspect->patterns[i].count++;
            return;
        }
    if (inspect->pattern_count == KS_INSPECT_PATTERNS) {
        inspect->other_patterns++;
        return;
    }
    inspect->patterns[inspect->pattern_count].lanes = lanes;
    inspect->patterns[inspect->pattern_count++].count = 1;
}

/* Pairs of this event's lanes with those of recent events inside the window. */
static void add_pairs(ks_inspect *inspect, const ks_event *event) {
    uint64_t known = inspect->events < KS_INSPECT_RECENT ? inspect->events : KS_INSPECT_RECENT;
    for (uint64_t back = 1; back <= known; back++) {
        const ks_event *other = &inspect->recent[(inspect->events - back) % KS_INSPECT_RECENT];
        if (fabs(difference_ps(inspect, event, other)) > inspect->window_ps)
            break;
        if (event->lanes == other->lanes)
            continue;
        for (uint32_t a = event->lanes; a; a &= a - 1)
            for (uint32_t b = other->lanes; b; b &= b - 1) {
                int i = __builtin_ctz(a), j = __builtin_ctz(b);
                inspect->pairs[i < j ? i : j][i < j ? j : i] += i != j;
            }
    }
}

static void add_event(ks_inspect *inspect, const ks_event *event) {
    if (inspect->events == 0)
        inspect->first = *event;
    else
        add_interval(inspect, difference_ps(inspect, event, &inspect->previous));
    for (uint32_t lanes = event->lanes; lanes; lanes &= lanes - 1)
        add_channel(inspect, event, __builtin_ctz(lanes));
    if (event->lanes & (event->lanes - 1))
        add_pattern(inspect, event->lanes);
    if (inspect->window_ps > 0)
        add_pairs(inspect, event);
    inspect->doubles += inspect->kind == KS_TIME_SLOTS && (event->fine & KS_DETECTION_DOUBLE);
    add_to_histogram(inspect, event);
    inspect->earliest = event->time < inspect->earliest ? event->time : inspect->earliest;
    inspect->latest = event->time > inspect->latest ? event->time : inspect->latest;
    inspect->recent[inspect->events % KS_INSPECT_RECENT] = *event;
    inspect->previous = *event;
    inspect->events++;
}

void ks_inspect_add(ks_inspect *inspect, const ks_event *events, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_event(inspect, &events[i]);
}

/* ---- summary */

int ks_inspect_order(const ks_inspect *inspect, const ks_reader_info *info, int lanes[KS_LANES]) {
    int n = 0;
    for (int lane = 0; lane < KS_LANES; lane++) {
        int at = n, named = inspect->names[lane][0] != '\0';
        if (inspect->channels[lane].events == 0 && !named)
            continue;
        while (!named && at > 0 && info->lanes.raw[lanes[at - 1]] > info->lanes.raw[lane])
            at--;
        memmove(lanes + at + 1, lanes + at, (size_t)(n - at) * sizeof *lanes);
        lanes[at] = lane;
        n++;
    }
    return n;
}

double ks_inspect_span_seconds(const ks_inspect *inspect) {
    if (inspect->events == 0)
        return 0;
    return (double)((__int128)inspect->latest - inspect->earliest) * inspect->tick_ps * 1e-12;
}

double ks_inspect_median_ps(const ks_inspect *inspect) {
    uint64_t below = 0;
    for (int step = 0; step < KS_INSPECT_INTERVALS; step++) {
        below += inspect->intervals[step];
        if (below * 2 >= inspect->interval_count && below > 0) {
            double octave = 1 + (step % KS_INSPECT_OCTAVE + 0.5) / KS_INSPECT_OCTAVE;
            return ldexp(octave, step / KS_INSPECT_OCTAVE) - 1;
        }
    }
    return 0;
}
