/* SPDX-License-Identifier: Apache-2.0 */
/* Timing of benchmark bodies and the rows that report them. */
#include "bench/bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/cli/cli.h"
#include "kernels/kernels.h"

enum { MOST_RUNS = 100000, COLUMN = 9 };

double ks_bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear interpolation between order statistics. */
static double quantile(const double *sorted, int n, double q) {
    double at = q * (n - 1);
    int below = (int)at;
    int above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

ks_bench_times ks_bench_time(void (*body)(void *context), void *context, int runs, double seconds) {
    static double samples[MOST_RUNS];
    int n = 0;
    body(context);
    double start = ks_bench_now(), last = start;
    do {
        body(context);
        double now = ks_bench_now();
        samples[n++] = now - last;
        last = now;
    } while (n < MOST_RUNS && (n < runs || last - start < seconds));
    qsort(samples, (size_t)n, sizeof *samples, compare_doubles);
    return (ks_bench_times){.best = samples[0],
                            .median = quantile(samples, n, 0.5),
                            .spread = quantile(samples, n, 0.75) - quantile(samples, n, 0.25),
                            .runs = n};
}

/* "model name" of /proc/cpuinfo, or the architecture. */
static const char *processor_name(void) {
    static char name[128];
    char line[256];
    if (name[0])
        return name;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !name[0] && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, sizeof name, "%.120s", value);
    }
    if (file)
        fclose(file);
    if (!name[0])
        strcpy(name, "unknown processor");
    return name;
}

KS_PRINTF(2, 3) static void add_text(ks_bench_row *row, const char *format, ...) {
    va_list arguments;
    int room = (int)sizeof row->text - row->used;
    va_start(arguments, format);
    int length = vsnprintf(row->text + row->used, (size_t)room, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= room)
        row->overflow = 1;
    else
        row->used += length;
}

static void add_name(ks_bench_row *row, const char *name) {
    add_text(row, "%s\"%s\":", row->used > 1 ? "," : "", name);
}

static void add_json_string(ks_bench_row *row, const char *value) {
    add_text(row, "\"");
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            add_text(row, "\\%c", c);
        else if (c < 0x20)
            add_text(row, "\\u%04x", c);
        else
            add_text(row, "%c", c);
    }
    add_text(row, "\"");
}

static void add_column(ks_bench_row *row, const char *name, const char *value) {
    int width = (int)strlen(name) > COLUMN ? (int)strlen(name) : COLUMN;
    if ((int)strlen(value) > width)
        width = (int)strlen(value);
    int room = (int)sizeof row->human - row->human_used;
    if (width + 2 >= room) {
        row->overflow = 1;
        return;
    }
    snprintf(row->header + row->human_used, (size_t)room, "%-*s  ", width, name);
    snprintf(row->human + row->human_used, (size_t)room, "%-*s  ", width, value);
    row->human_used += width + 2;
}

void ks_bench_row_text(ks_bench_row *row, const char *name, const char *value) {
    add_name(row, name);
    add_json_string(row, value);
    add_column(row, name, value);
}

void ks_bench_row_u64(ks_bench_row *row, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    add_name(row, name);
    add_text(row, "%s", text);
    add_column(row, name, text);
}

static void add_number(ks_bench_row *row, const char *name, double value) {
    add_name(row, name);
    if (isfinite(value))
        add_text(row, "%.9g", value);
    else
        add_text(row, "null");
}

void ks_bench_row_number(ks_bench_row *row, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.5g", value);
    add_number(row, name, value);
    add_column(row, name, text);
}

void ks_bench_row_json(ks_bench_row *row, const char *name, const char *json) {
    add_name(row, name);
    add_text(row, "%s", json);
}

void ks_bench_row_begin(ks_bench_row *row, const char *bench, const char *backend, const char *device,
                        int threads) {
    *row = (ks_bench_row){.used = 0};
    add_text(row, "{");
    ks_bench_row_text(row, "bench", bench);
    ks_bench_row_text(row, "backend", backend);
    add_name(row, "device");
    add_json_string(row, device ? device : processor_name());
    ks_bench_row_text(row, "isa", ks_isa_name(ks_kernels_get()->isa));
    ks_bench_row_u64(row, "threads", (uint64_t)threads);
    add_name(row, "commit");
    add_json_string(row, ks_cli_commit());
    add_name(row, "compiler");
    add_json_string(row, ks_cli_compiler());
}

void ks_bench_row_rate(ks_bench_row *row, const char *name, ks_bench_times times, double units,
                       double scale) {
    char derived[96];
    double median = units * scale / times.median;
    ks_bench_row_number(row, name, units * scale / times.best);
    snprintf(derived, sizeof derived, "%.80s_median", name);
    ks_bench_row_number(row, derived, median);
    snprintf(derived, sizeof derived, "%.80s_spread", name);
    ks_bench_row_number(row, derived, times.spread / times.median);
}

static void print_for_people(const ks_bench_row *row) {
    static char last_header[sizeof row->header];
    if (!last_header[0])
        printf("# %s, %s, commit %s\n", processor_name(), ks_cli_compiler(), ks_cli_commit());
    if (strcmp(last_header, row->header) != 0)
        printf("%s\n", row->header);
    memcpy(last_header, row->header, sizeof last_header);
    printf("%s\n", row->human);
}

int ks_bench_row_end(ks_bench_row *row, double seconds, int verified) {
    ks_bench_row_number(row, "seconds", seconds);
    add_name(row, "verified");
    add_text(row, "true}");
    if (!verified)
        return ks_cli_fail(KS_EXIT_FAILED, "a row is refused: its result does not agree with the reference");
    if (row->overflow)
        return ks_cli_fail(KS_EXIT_FAILED, "a row is refused: it is too long");
    if (ks_cli_json)
        printf("%s\n", row->text);
    else
        print_for_people(row);
    fflush(stdout);
    return 0;
}
