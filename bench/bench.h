/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks: a row is a JSON object a line (or a table line for people). A row whose result was not checked
 * against the reference is refused. */
#ifndef KS_BENCH_BENCH_H
#define KS_BENCH_BENCH_H

#include <stdint.h>

/* KS_BENCH(name, summary): `keystill bench name` runs int ks_bench_name(int argc, char **argv) of
 * bench/bench_name.c. */
#define KS_BENCH(name, summary) int ks_bench_##name(int argc, char **argv);
#include "bench/list.def"
#undef KS_BENCH

/* Times `body(context)` repeatedly: at least `runs` times and `seconds` in all after one warm-up. Each body
 * handles `units` units. Seconds are wall time of a single body. */
typedef struct ks_bench_times {
    double best, median, spread; /* seconds; spread: interquartile range */
    int runs;
} ks_bench_times;
ks_bench_times ks_bench_time(void (*body)(void *context), void *context, int runs, double seconds);
double ks_bench_now(void); /* monotonic seconds */

/* Builds one row. Begin, add fields, end. The fields of every row (bench backend device isa threads commit
 * compiler seconds verified) are filled by begin and end. `device` NULL stands for this machine's processor.
 * Numbers that are not finite become null. A row too long for its buffers is refused by ks_bench_row_end. */
typedef struct ks_bench_row {
    char text[4096];
    char header[1024], human[1024]; /* columns for people: names and values */
    int used, human_used, overflow;
} ks_bench_row;
void ks_bench_row_begin(ks_bench_row *row, const char *bench, const char *backend, const char *device,
                        int threads);
void ks_bench_row_text(ks_bench_row *row, const char *name, const char *value);
void ks_bench_row_u64(ks_bench_row *row, const char *name, uint64_t value);
void ks_bench_row_number(ks_bench_row *row, const char *name, double value);
/* A value that is JSON already: an object or array, kept out of the columns for people. */
void ks_bench_row_json(ks_bench_row *row, const char *name, const char *json);
/* Rate = units * scale / seconds (1e-6: millions a second): `name` from the best time, NAME_median, and
 * NAME_spread, the interquartile range of the times as a share of the median rate. `units` a body. */
void ks_bench_row_rate(ks_bench_row *row, const char *name, ks_bench_times times, double units, double scale);
/* Prints the row when `verified`; otherwise prints an error and returns 1. */
int ks_bench_row_end(ks_bench_row *row, double seconds, int verified);

#endif
