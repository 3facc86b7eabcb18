/* SPDX-License-Identifier: Apache-2.0 */
/* Units of time as text and as floating-point seconds, turned into exact fractions. */
#include <string.h>

#include "host/formats/core.h"
#include "pipeline/status.h"

/* ---- from text */

/* Reads digits into *value; returns the first character behind them, NULL when the value does not fit. */
static const char *read_digits(uint64_t *value, const char *text, int *count) {
    for (*count = 0; *text >= '0' && *text <= '9'; text++, ++*count) {
        if (*value > (UINT64_MAX - 9) / 10)
            return NULL;
        *value = *value * 10 + (uint64_t)(*text - '0');
    }
    return text;
}

static int read_suffix(uint64_t *per_second, const char *text) {
    static const char *const suffixes[] = {"s", "ms", "us", "ns", "ps", "fs"};
    *per_second = 1;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++, *per_second *= 1000)
        if (strcmp(text, suffixes[i]) == 0)
            return 1;
    return 0;
}

static int multiply(uint64_t *value, uint64_t factor) {
    return !__builtin_mul_overflow(*value, factor, value);
}

static int parse_unit(ks_unit *out, const char *text) {
    uint64_t numerator = 0, denominator = 1, divisor = 0, per_second = 1;
    int digits = 0, decimals = 0, divided = 0;
    if (!(text = read_digits(&numerator, text, &digits)) || digits == 0)
        return 0;
    if (*text == '.' && (!(text = read_digits(&numerator, text + 1, &decimals)) || decimals == 0))
        return 0;
    if (*text == '/') {
        if (!(text = read_digits(&divisor, text + 1, &divided)) || divisor == 0)
            return 0;
        denominator = divisor;
    }
    for (; decimals > 0; decimals--)
        if (!multiply(&denominator, 10))
            return 0;
    if (numerator == 0 || !read_suffix(&per_second, text) || !multiply(&denominator, per_second))
        return 0;
    uint64_t a = numerator, b = denominator;
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    *out = (ks_unit){numerator / a, denominator / a};
    return 1;
}

ks_status ks_unit_parse(ks_unit *out, const char *text) {
    if (!out || !text)
        return ks_fail(KS_ERR_ARGUMENT, "unit: missing text");
    if (parse_unit(out, text))
        return KS_OK;
    return ks_fail(KS_ERR_ARGUMENT, "'%.32s' is no unit of time such as 1ps, 80.955ps or 1/256ns", text);
}

/* ---- from seconds */

/* Convergents of the continued fraction of the double's exact value m / 2^k; the first that rounds to the
 * double is the fraction meant: 1e-12 is 1 / 10^12. */
ks_status ks_unit_from_seconds(ks_unit *out, double seconds) {
    enum { DIGITS = 53, SCALE = 120 };
    if (!(seconds >= 1e-20 && seconds <= 100)) /* so that it times 2^SCALE fits */
        return ks_fail(KS_ERR_FORMAT, "a unit of %g seconds", seconds);
    double scaled = seconds;
    int shift = SCALE;
    while (scaled < 0x1p52) {
        scaled *= 2;
        shift--;
    }
    unsigned __int128 above = (unsigned __int128)scaled << shift, below = (unsigned __int128)1 << SCALE;
    uint64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    while (below != 0) {
        unsigned __int128 whole = above / below, rest = above % below;
        if (whole >> DIGITS)
            break;
        unsigned __int128 p = whole * p1 + p0, q = whole * q1 + q0;
        if (p >> DIGITS || q >> DIGITS)
            break;
        p0 = p1, q0 = q1, p1 = (uint64_t)p, q1 = (uint64_t)q;
        if (p1 > 0 && (double)p1 / (double)q1 == seconds) {
            *out = (ks_unit){p1, q1};
            return KS_OK;
        }
        above = below;
        below = rest;
    }
    return ks_fail(KS_ERR_FORMAT, "a unit of %g seconds is no fraction of 53-bit integers", seconds);
}
