/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `keystill inspect` for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/inspect.h"

enum { CHART_ROWS = 8 };

typedef struct quantity {
    char text[32];
} quantity;

/* "12.5 ns": four digits and the prefix that fits. */
static quantity with_prefix(double value, const char *unit) {
    static const char *const prefixes[] = {"f", "p", "n", "u", "m", "", "k", "M", "G", "T"};
    quantity out;
    int i = 5;
    for (; i < 9 && fabs(value) >= 999.95; i++)
        value /= 1000;
    for (; i > 0 && value != 0 && fabs(value) < 0.99995; i--)
        value *= 1000;
    snprintf(out.text, sizeof out.text, "%.4g %s%s", value, prefixes[i], unit);
    return out;
}

static quantity duration(const ks_reader_info *info, double ps) {
    quantity out;
    if (info->unit.denominator)
        return with_prefix(ps * 1e-12, "s");
    snprintf(out.text, sizeof out.text, "%.6g slots", ps);
    return out;
}

static void print_unit(const char *name, ks_unit unit) {
    if (unit.denominator)
        printf("  %-14s %llu/%llu s (%s)\n", name, (unsigned long long)unit.numerator,
               (unsigned long long)unit.denominator,
               with_prefix((double)unit.numerator / (double)unit.denominator, "s").text);
    else
        printf("  %-14s not stated\n", name);
}

static void print_head(const ks_inspect *inspect, const ks_reader_info *info, const char *path) {
    static const char *const kinds[] = {"time tags", "T3: sync periods and delay", "slot events"};
    printf("%s\n", strcmp(path, "-") == 0 ? "standard input" : path);
    printf("  %-14s %s%s%s, %s\n", "format", ks_format_name(info->format), info->device[0] ? ", " : "",
           info->device, kinds[info->kind]);
    print_unit(info->kind == KS_TIME_TAGS   ? "tick"
               : info->kind == KS_TIME_SYNC ? "sync period"
                                            : "slot period",
               info->unit);
    if (info->kind == KS_TIME_SYNC)
        print_unit("delay tick", info->fine_unit);
    printf("  %-14s %llu, records from byte %llu\n", "bytes", (unsigned long long)info->bytes,
           (unsigned long long)info->data_offset);
    printf("  %-14s %llu", "records", (unsigned long long)info->records);
    if (info->expected_records)
        printf(" (the header says %llu)", (unsigned long long)info->expected_records);
    printf("\n  %-14s %llu, markers %llu, clock overflows %llu\n", "events", (unsigned long long)info->events,
           (unsigned long long)info->markers, (unsigned long long)info->overflows);
    double span = ks_inspect_span_seconds(inspect);
    if (info->unit.denominator)
        printf("  %-14s %.12f s, %s\n", "span", span,
               with_prefix(span > 0 ? (double)info->events / span : 0, "ev/s").text);
    else
        printf("  %-14s %.0f slots\n", "span", span * 1e12);
}

static void print_faults(const ks_reader_info *info) {
    static const struct {
        const char *name;
        size_t offset;
    } faults[] = {{"gaps", offsetof(ks_reader_info, gaps)},
                  {"missed events", offsetof(ks_reader_info, missed)},
                  {"back-steps", offsetof(ks_reader_info, backsteps)},
                  {"beyond the reorder window", offsetof(ks_reader_info, late)},
                  {"bad records", offsetof(ks_reader_info, bad_records)},
                  {"tags of unknown channels", offsetof(ks_reader_info, unknown_channel)}};
    int any = 0;
    printf("  %-14s ", "faults");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint64_t count;
        memcpy(&count, (const char *)info + faults[i].offset, sizeof count);
        if (count)
            printf("%s%s %llu", any++ ? ", " : "", faults[i].name, (unsigned long long)count);
    }
    printf("%s\n", any ? "" : "none");
}

static void print_channel_name(const ks_inspect *inspect, const ks_reader_info *info, int lane) {
    char text[32];
    snprintf(text, sizeof text, "%d", (int)info->lanes.raw[lane]);
    printf("%s", inspect->names[lane][0] ? inspect->names[lane] : text);
}

static void print_channels(const ks_inspect *inspect, const ks_reader_info *info) {
    double span = ks_inspect_span_seconds(inspect);
    int order[KS_LANES], shown = ks_inspect_order(inspect, info, order);
    printf("\n  channel     name           events        rate    share    shortest gap\n");
    for (int i = 0; i < shown; i++) {
        int lane = order[i];
        const ks_inspect_channel *channel = &inspect->channels[lane];
        printf(
            "  %7d     %-8s %12llu  %10s  %5.1f %%   %s\n", (int)info->lanes.raw[lane], inspect->names[lane],
            (unsigned long long)channel->events,
            with_prefix(span > 0 && info->unit.denominator ? (double)channel->events / span : 0, "/s").text,
            100 * (double)channel->events / (double)(info->events ? info->events : 1),
            channel->events > 1 ? duration(info, channel->shortest_ps).text : "-");
    }
}

static void print_lanes(const ks_inspect *inspect, const ks_reader_info *info, uint32_t lanes,
                        uint64_t count) {
    int order[KS_LANES], shown = ks_inspect_order(inspect, info, order), any = 0;
    printf("    ");
    for (int i = 0; i < shown; i++) {
        if (!(lanes >> order[i] & 1))
            continue;
        printf("%s", any++ ? "+" : "");
        print_channel_name(inspect, info, order[i]);
    }
    printf("  %llu\n", (unsigned long long)count);
}

static void print_coincidences(const ks_inspect *inspect, const ks_reader_info *info) {
    if (info->kind == KS_TIME_SLOTS)
        printf("\n  double clicks  %llu\n", (unsigned long long)inspect->doubles);
    if (inspect->pattern_count > 0)
        printf("\n  several channels in one record\n");
    for (int i = 0; i < inspect->pattern_count; i++)
        print_lanes(inspect, info, inspect->patterns[i].lanes, inspect->patterns[i].count);
    if (inspect->other_patterns)
        printf("    others  %llu\n", (unsigned long long)inspect->other_patterns);
    int any = 0;
    for (int a = 0; a < KS_LANES; a++)
        for (int b = a + 1; b < KS_LANES; b++) {
            if (!inspect->pairs[a][b])
                continue;
            if (!any++)
                printf("\n  coincidences within %s\n", duration(info, inspect->window_ps).text);
            print_lanes(inspect, info, UINT32_C(1) << a | UINT32_C(1) << b, inspect->pairs[a][b]);
        }
}

static void print_intervals(const ks_inspect *inspect, const ks_reader_info *info) {
    if (inspect->interval_count == 0)
        return;
    printf("\n  between events shortest %s, ", duration(info, inspect->shortest_ps).text);
    printf("median about %s, ", duration(info, ks_inspect_median_ps(inspect)).text);
    printf("mean %s, ", duration(info, inspect->interval_sum_ps / (double)inspect->interval_count).text);
    printf("longest %s\n", duration(info, inspect->longest_ps).text);
}

/* Eighths of a cell, as block characters where the terminal knows them. */
static const char *cell(double filled, int blocks) {
    static const char *const eighths[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588"};
    int level = filled <= 0 ? 0 : filled >= 1 ? 8 : (int)(filled * 8 + 0.5);
    if (blocks)
        return eighths[level];
    return level >= 4 ? "#" : level > 0 ? "." : " ";
}

static int terminal_has_blocks(void) {
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
    }
    return 0;
}

static void print_histogram(const ks_inspect *inspect, const ks_reader_info *info) {
    uint64_t most = 0;
    int blocks = terminal_has_blocks(), columns = KS_INSPECT_BINS;
    for (int i = 0; i < KS_INSPECT_BINS; i++)
        most = inspect->bins[i] > most ? inspect->bins[i] : most;
    if (most == 0)
        return;
    if (inspect->period_ps <= 0)
        while (columns > 1 && inspect->bins[columns - 1] == 0)
            columns--;
    printf("\n  arrivals %s %s, %d bins of ", inspect->period_ps > 0 ? "within the period of" : "over",
           duration(info, inspect->bin_ps * columns).text, columns);
    printf("%s, highest %llu\n", duration(info, inspect->bin_ps).text, (unsigned long long)most);
    for (int row = CHART_ROWS - 1; row >= 0; row--) {
        printf("    |");
        for (int i = 0; i < columns; i++)
            printf("%s", cell((double)inspect->bins[i] / (double)most * CHART_ROWS - row, blocks));
        printf("\n");
    }
    printf("    +");
    for (int i = 0; i < columns; i++)
        putchar('-');
    putchar('\n');
}

void ks_inspect_print(const ks_inspect *inspect, const ks_reader_info *info, const char *path) {
    print_head(inspect, info, path);
    print_faults(info);
    if (inspect->events == 0)
        return;
    print_channels(inspect, info);
    print_coincidences(inspect, info);
    print_intervals(inspect, info);
    print_histogram(inspect, info);
}
