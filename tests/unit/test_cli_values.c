/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdint.h>

#include "host/cli/values.h"
#include "host/cli/words.h"

Test(values, whole_numbers) {
    const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"18446744073709551615", UINT64_MAX},
                {"0xfF", 255},
                {"5k", 5000},
                {"2M", 2000000},
                {"3G", 3000000000},
                {"2Ti", UINT64_C(1) << 41},
                {"4Ki", 4096},
                {"1e9", 1000000000},
                {"1.5M", 1500000},
                {"0x10Ki", 16384}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 77;
        cr_assert_eq(ks_parse_u64(&value, good[i].text), 0, "%s", good[i].text);
        cr_assert_eq(value, good[i].value, "%s", good[i].text);
    }
}

Test(values, what_is_no_whole_number_leaves_the_target_alone) {
    const char *bad[] = {
        "",    "-1",    " 1",   "1 ",  "1.5", "18446744073709551616", "0x", "k", "1kk", "1K", "nan",
        "inf", "0x1.8", "1e30", "--1", "1e",  "18446744073709551615k"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value = 77;
        cr_assert_eq(ks_parse_u64(&value, bad[i]), -1, "%s", bad[i]);
        cr_assert_eq(value, 77);
    }
}

Test(values, numbers) {
    double value = 0;
    cr_assert_eq(ks_parse_number(&value, "-2.5k"), 0);
    cr_assert_eq(value, -2500);
    cr_assert_eq(ks_parse_number(&value, "1e-10"), 0);
    cr_assert_eq(value, 1e-10);
    cr_assert_eq(ks_parse_number(&value, ".5Ki"), 0);
    cr_assert_eq(value, 512);
    const char *bad[] = {"", "+nan", "-inf", "inf", "1e999", "1x", " 1", "."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_parse_number(&value, bad[i]), -1, "%s", bad[i]);
}

Test(values, flags) {
    int value = 9;
    cr_assert_eq(ks_parse_flag(&value, "Yes"), 0);
    cr_assert_eq(value, 1);
    cr_assert_eq(ks_parse_flag(&value, "off"), 0);
    cr_assert_eq(value, 0);
    cr_assert_eq(ks_parse_flag(&value, "2"), -1);
}

Test(words, nearest) {
    ks_closest closest = ks_closest_start("simulte");
    ks_closest_offer(&closest, "bench");
    cr_assert_null(closest.best);
    ks_closest_offer(&closest, "simulate");
    ks_closest_offer(&closest, "sim");
    cr_assert_str_eq(closest.best, "simulate");
    closest = ks_closest_start("zz");
    ks_closest_offer(&closest, "qb");
    cr_assert_null(closest.best, "a word with nothing in common is no suggestion");
}
