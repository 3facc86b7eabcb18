/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `keystill inspect` as one JSON object on a line. */
#include <jansson.h>
#include <stdio.h>

#include "host/cli/inspect.h"

static void set_u64(json_t *object, const char *name, uint64_t value) {
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *unit_json(ks_unit unit) {
    if (!unit.denominator)
        return json_null();
    json_t *out = json_object();
    set_u64(out, "numerator", unit.numerator);
    set_u64(out, "denominator", unit.denominator);
    return out;
}

static void set_counts(json_t *out, const ks_reader_info *info) {
    set_u64(out, "data_offset", info->data_offset);
    set_u64(out, "bytes", info->bytes);
    set_u64(out, "records", info->records);
    if (info->expected_records)
        set_u64(out, "expected_records", info->expected_records);
    set_u64(out, "events", info->events);
    set_u64(out, "overflows", info->overflows);
    set_u64(out, "markers", info->markers);
    set_u64(out, "coincident_records", info->coincidences);
    set_u64(out, "gaps", info->gaps);
    set_u64(out, "missed", info->missed);
    set_u64(out, "backsteps", info->backsteps);
    set_u64(out, "late", info->late);
    set_u64(out, "bad_records", info->bad_records);
    set_u64(out, "unknown_channel", info->unknown_channel);
}

static json_t *channels_json(const ks_inspect *inspect, const ks_reader_info *info) {
    json_t *out = json_array();
    double span = ks_inspect_span_seconds(inspect);
    int order[KS_LANES], shown = ks_inspect_order(inspect, info, order);
    for (int i = 0; i < shown; i++) {
        int lane = order[i];
        const ks_inspect_channel *channel = &inspect->channels[lane];
        json_t *one = json_object();
        json_object_set_new(one, "channel", json_integer(info->lanes.raw[lane]));
        if (inspect->names[lane][0])
            json_object_set_new(one, "name", json_string(inspect->names[lane]));
        set_u64(one, "events", channel->events);
        if (span > 0 && info->unit.denominator)
            json_object_set_new(one, "rate", json_real((double)channel->events / span));
        if (channel->events > 1)
            json_object_set_new(one, "shortest_gap_ps", json_real(channel->shortest_ps));
        json_array_append_new(out, one);
    }
    return out;
}

static json_t *lanes_json(const ks_inspect *inspect, const ks_reader_info *info, uint32_t lanes,
                          uint64_t count) {
    json_t *out = json_object(), *channels = json_array();
    int order[KS_LANES], shown = ks_inspect_order(inspect, info, order);
    for (int i = 0; i < shown; i++)
        if (lanes >> order[i] & 1)
            json_array_append_new(channels, json_integer(info->lanes.raw[order[i]]));
    json_object_set_new(out, "channels", channels);
    set_u64(out, "count", count);
    return out;
}

static void set_coincidences(json_t *out, const ks_inspect *inspect, const ks_reader_info *info) {
    json_t *patterns = json_array(), *pairs = json_array();
    for (int i = 0; i < inspect->pattern_count; i++)
        json_array_append_new(
            patterns, lanes_json(inspect, info, inspect->patterns[i].lanes, inspect->patterns[i].count));
    for (int a = 0; a < KS_LANES; a++)
        for (int b = a + 1; b < KS_LANES; b++)
            if (inspect->pairs[a][b])
                json_array_append_new(pairs, lanes_json(inspect, info, UINT32_C(1) << a | UINT32_C(1) << b,
                                                        inspect->pairs[a][b]));
    json_object_set_new(out, "patterns", patterns);
    set_u64(out, "other_patterns", inspect->other_patterns);
    json_object_set_new(out, "coincidence_window_ps", json_real(inspect->window_ps));
    json_object_set_new(out, "coincidences", pairs);
    if (info->kind == KS_TIME_SLOTS)
        set_u64(out, "doubles", inspect->doubles);
}

static json_t *intervals_json(const ks_inspect *inspect) {
    json_t *out = json_object();
    json_object_set_new(out, "shortest_ps", json_real(inspect->shortest_ps));
    json_object_set_new(out, "median_ps", json_real(ks_inspect_median_ps(inspect)));
    json_object_set_new(out, "mean_ps",
                        json_real(inspect->interval_sum_ps / (double)inspect->interval_count));
    json_object_set_new(out, "longest_ps", json_real(inspect->longest_ps));
    return out;
}

static json_t *histogram_json(const ks_inspect *inspect) {
    json_t *out = json_object(), *counts = json_array();
    for (int i = 0; i < KS_INSPECT_BINS; i++)
        json_array_append_new(counts, json_integer((json_int_t)inspect->bins[i]));
    json_object_set_new(out, "folded", json_boolean(inspect->period_ps > 0));
    json_object_set_new(out, "bin_ps", json_real(inspect->bin_ps));
    json_object_set_new(out, "counts", counts);
    return out;
}

int ks_inspect_print_json(const ks_inspect *inspect, const ks_reader_info *info, const char *path,
                          const char *error) {
    static const char *const kinds[] = {"tags", "sync", "slots"};
    json_t *out = json_object();
    json_object_set_new(out, "file", json_string(path));
    json_object_set_new(out, "format", json_string(ks_format_name(info->format)));
    json_object_set_new(out, "device", json_string(info->device));
    json_object_set_new(out, "kind", json_string(kinds[info->kind]));
    json_object_set_new(out, "unit", unit_json(info->unit));
    if (info->kind == KS_TIME_SYNC)
        json_object_set_new(out, "fine_unit", unit_json(info->fine_unit));
    set_counts(out, info);
    double span = ks_inspect_span_seconds(inspect);
    if (info->unit.denominator) {
        json_object_set_new(out, "span_seconds", json_real(span));
        json_object_set_new(out, "rate", json_real(span > 0 ? (double)info->events / span : 0));
    }
    json_object_set_new(out, "channels", channels_json(inspect, info));
    set_coincidences(out, inspect, info);
    if (inspect->interval_count > 0)
        json_object_set_new(out, "intervals", intervals_json(inspect));
    if (inspect->events > 0)
        json_object_set_new(out, "histogram", histogram_json(inspect));
    if (error)
        json_object_set_new(out, "error", json_string(error));
    char *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(out);
    if (!text)
        return -1;
    puts(text);
    free(text);
    return 0;
}
