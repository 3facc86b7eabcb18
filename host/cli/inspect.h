/* SPDX-License-Identifier: Apache-2.0 */
/* What `keystill inspect` gathers from a stream of events, in constant memory, and how it shows it. */
#ifndef KS_HOST_CLI_INSPECT_H
#define KS_HOST_CLI_INSPECT_H

#include <stdint.h>
#include <keystill/reader.h>

enum {
    KS_INSPECT_BINS = 64,
    KS_INSPECT_PATTERNS = 64,
    KS_INSPECT_RECENT = 16,
    KS_INSPECT_OCTAVE = 8, /* steps an octave of the interval histogram */
    KS_INSPECT_INTERVALS = 64 * KS_INSPECT_OCTAVE,
    KS_INSPECT_NAME = 16
};

typedef struct ks_inspect_channel {
    uint64_t events;
    int64_t last; /* time of its last event, in ticks */
    uint16_t last_fine;
    double shortest_ps; /* shortest gap between two of its events */
} ks_inspect_channel;

typedef struct ks_inspect {
    double tick_ps, fine_ps; /* 1 for slots of unknown period */
    double period_ps;        /* of folding; 0: counts over time */
    double window_ps;        /* coincidences between records; 0: none */
    ks_time_kind kind;
    char names[KS_LANES][KS_INSPECT_NAME];

    uint64_t events;
    ks_event previous, first;
    int64_t earliest, latest;
    ks_inspect_channel channels[KS_LANES];

    uint64_t doubles; /* slot events of which the bit was drawn */
    struct {
        uint32_t lanes;
        uint64_t count;
    } patterns[KS_INSPECT_PATTERNS];
    int pattern_count;
    uint64_t other_patterns;

    ks_event recent[KS_INSPECT_RECENT];
    uint64_t pairs[KS_LANES][KS_LANES]; /* lower lane first */

    uint64_t intervals[KS_INSPECT_INTERVALS];
    uint64_t interval_count;
    double shortest_ps, longest_ps, interval_sum_ps;

    uint64_t bins[KS_INSPECT_BINS];
    double bin_ps;    /* counts over time: doubles when the bins are full */
    double origin_ps; /* start of the first bin */
} ks_inspect;

/* Once the reader knows the units. period_ps 0: the sync period in T3, else counts over time. */
void ks_inspect_begin(ks_inspect *inspect, const ks_reader_info *info, double period_ps, double window_ps);
void ks_inspect_add(ks_inspect *inspect, const ks_event *events, size_t n);

/* Lanes by rising channel number, or as named; returns how many are worth showing. */
int ks_inspect_order(const ks_inspect *inspect, const ks_reader_info *info, int lanes[KS_LANES]);

double ks_inspect_span_seconds(const ks_inspect *inspect);
/* Middle interval, within a ninth. */
double ks_inspect_median_ps(const ks_inspect *inspect);

/* `error`: why the stream ended early, or NULL. */
void ks_inspect_print(const ks_inspect *inspect, const ks_reader_info *info, const char *path);
/* 0, or -1 when memory ran out. */
int ks_inspect_print_json(const ks_inspect *inspect, const ks_reader_info *info, const char *path,
                          const char *error);

#endif
