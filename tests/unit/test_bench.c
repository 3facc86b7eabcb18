/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "bench/bench.h"

static void count(void *context) {
    ++*(int *)context;
}

Test(bench, times_as_often_as_asked) {
    int bodies = 0;
    ks_bench_times times = ks_bench_time(count, &bodies, 7, 0.0);
    cr_assert_eq(times.runs, 7);
    cr_assert_eq(bodies, 8, "one warm-up");
    cr_assert(times.best <= times.median && times.best >= 0 && times.spread >= 0);
}

Test(bench, a_row_is_json) {
    ks_bench_row row;
    ks_bench_times times = {.best = 0.5, .median = 1.0, .spread = 0.1, .runs = 3};
    ks_bench_row_begin(&row, "example", "cpu", NULL, 2);
    ks_bench_row_text(&row, "quoted", "a \"b\" \\ \x01");
    ks_bench_row_u64(&row, "big", UINT64_C(9007199254740993));
    ks_bench_row_number(&row, "void", NAN);
    ks_bench_row_json(&row, "stages", "[1,2]");
    ks_bench_row_rate(&row, "mbps", times, 4e6, 1e-6);
    cr_assert_eq(ks_bench_row_end(&row, 0.5, 1), 0);
    json_t *json = json_loads(row.text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json);
    const char *fields[] = {"bench",  "backend",  "device",  "isa",     "threads",
                            "commit", "compiler", "seconds", "verified"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_assert_not_null(json_object_get(json, fields[i]), "%s", fields[i]);
    cr_assert_str_eq(json_string_value(json_object_get(json, "quoted")), "a \"b\" \\ \x01");
    cr_assert_eq(json_integer_value(json_object_get(json, "big")), 9007199254740993);
    cr_assert(json_is_null(json_object_get(json, "void")));
    cr_assert_float_eq(json_number_value(json_object_get(json, "mbps")), 8.0, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(json, "mbps_median")), 4.0, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(json, "mbps_spread")), 0.1, 1e-9);
    json_decref(json);
}

Test(bench, what_was_not_verified_is_refused) {
    ks_bench_row row;
    ks_bench_row_begin(&row, "example", "cpu", NULL, 1);
    cr_assert_eq(ks_bench_row_end(&row, 1.0, 0), 1);
}

Test(bench, a_row_too_long_is_refused) {
    static char value[3000];
    ks_bench_row row;
    memset(value, 'x', sizeof value - 1);
    ks_bench_row_begin(&row, "example", "cpu", NULL, 1);
    ks_bench_row_text(&row, "one", value);
    cr_assert_eq(ks_bench_row_end(&row, 1.0, 1), 1);
}
