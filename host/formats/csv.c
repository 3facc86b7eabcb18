/* SPDX-License-Identifier: Apache-2.0 */
/* Text, one event a line: time, separator (comma, semicolon, tab, blanks), channel; what follows the channel
 * behind another separator is ignored. Empty lines, lines that start with # or %, and a first line of column
 * names are no records. Times are integers in ticks of the unit, or decimals of it: then a tick is the
 * smallest digit of the first line, but from 1 ps to 1 fs, and further digits are rounded. */
#include <string.h>

#include "host/formats/core.h"
#include "pipeline/status.h"

enum { MAX_EXPONENT = 40, INTEGER = -1 };

/* value = digits * 10^exponent. */
typedef struct decimal {
    unsigned __int128 digits;
    int exponent, negative, fraction;
} decimal;

static int is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static int is_separator(uint8_t c) {
    return c == ',' || c == ';' || c == '\t' || c == ' ';
}

static size_t skip_blanks(const uint8_t *text, size_t n, size_t at) {
    while (at < n && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at;
}

/* Optional exponent at `at`; returns the position after it, 0 when malformed. */
static size_t parse_exponent(const uint8_t *text, size_t n, size_t at, int *exponent) {
    if (at >= n || (text[at] | 0x20) != 'e')
        return at;
    int negative = 0, value = 0;
    size_t first = at + 1;
    if (first < n && (text[first] == '-' || text[first] == '+'))
        negative = text[first++] == '-';
    for (at = first; at < n && is_digit(text[at]); at++)
        value = value < 1000 ? value * 10 + (text[at] - '0') : value;
    if (at == first)
        return 0;
    *exponent = negative ? -value : value;
    return at;
}

/* Returns the position after the number, 0 when there is none. */
static size_t parse_decimal(const uint8_t *text, size_t n, size_t at, decimal *out) {
    int seen = 0, exponent = 0;
    *out = (decimal){0};
    if (at < n && (text[at] == '-' || text[at] == '+'))
        out->negative = text[at++] == '-';
    for (; at < n && (is_digit(text[at]) || (text[at] == '.' && !out->fraction)); at++) {
        if (text[at] == '.') {
            out->fraction = 1;
            continue;
        }
        if (out->digits >> 100)
            return 0;
        out->digits = out->digits * 10 + (unsigned)(text[at] - '0');
        out->exponent -= out->fraction;
        seen = 1;
    }
    if (!seen)
        return 0;
    at = parse_exponent(text, n, at, &exponent);
    out->fraction |= exponent != 0;
    out->exponent += exponent;
    return at;
}

/* digits * 10^(exponent + scale), halves away from zero; 0 when it does not fit. */
static int to_ticks(int64_t *out, const decimal *value, int scale) {
    unsigned __int128 ticks = value->digits;
    int shift = value->exponent + scale;
    if (shift > MAX_EXPONENT || shift < -MAX_EXPONENT)
        return 0;
    for (; shift > 0 && ticks >> 64 == 0; shift--)
        ticks *= 10;
    if (shift < 0) {
        for (; shift < -1; shift++)
            ticks /= 10;
        ticks = (ticks + 5) / 10;
    }
    if (shift > 0 || ticks > INT64_MAX)
        return 0;
    *out = value->negative ? -(int64_t)ticks : (int64_t)ticks;
    return 1;
}

/* unit > 1 / per_second seconds, and can be divided by ten. */
static int is_coarser(const ks_unit *unit, uint64_t per_second) {
    return (unsigned __int128)unit->numerator * per_second > unit->denominator &&
           unit->denominator <= UINT64_MAX / 10;
}

/* Fixes the tick with the first data line. */
static void choose_tick(ks_reader *reader, const decimal *first) {
    ks_unit *unit = &reader->info.unit;
    int digits = -first->exponent;
    reader->csv.tick_fixed = 1;
    reader->csv.digits = INTEGER;
    if (!first->fraction)
        return;
    reader->csv.digits = 0;
    while (is_coarser(unit, UINT64_C(1000000000000)) ||
           (reader->csv.digits < digits && is_coarser(unit, UINT64_C(1000000000000000)))) {
        if (unit->numerator % 10 == 0)
            unit->numerator /= 10;
        else
            unit->denominator *= 10;
        reader->csv.digits++;
    }
}

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_TAGS;
    ks_reader_set_unit(reader, 1, UINT64_C(1000000000000));
    return KS_OK;
}

static int parse_channel(int32_t *out, const uint8_t *text, size_t n, size_t at) {
    size_t first = at = skip_blanks(text, n, at);
    int negative = at < n && text[at] == '-';
    int64_t value = 0;
    for (at += (size_t)negative; at < n && is_digit(text[at]); at++) {
        value = value * 10 + (text[at] - '0');
        if (value > INT32_MAX)
            return 0;
    }
    *out = (int32_t)(negative ? -value : value);
    return at > first + (size_t)negative && (at == n || is_separator(text[at]));
}

static int is_comment(ks_reader *reader, const uint8_t *text, size_t n, size_t at) {
    if (at == n || text[at] == '#' || text[at] == '%')
        return 1;
    uint8_t lower = text[at] | 0x20;
    int first = !reader->csv.begun;
    reader->csv.begun = 1;
    return first && ((lower >= 'a' && lower <= 'z') || text[at] == '"');
}

static ks_record_class one(ks_reader *reader, ks_record *out, const uint8_t *text, size_t bytes) {
    decimal time;
    int32_t raw = 0;
    size_t at = skip_blanks(text, bytes, 0);
    if (is_comment(reader, text, bytes, at))
        return KS_RECORD_IGNORE;
    at = parse_decimal(text, bytes, at, &time);
    if (at == 0 || at == bytes || !is_separator(text[at]))
        return KS_RECORD_BAD;
    at = skip_blanks(text, bytes, at);
    if (at < bytes && (text[at] == ',' || text[at] == ';'))
        at++;
    if (!parse_channel(&raw, text, bytes, at))
        return KS_RECORD_BAD;
    if (!reader->csv.tick_fixed)
        choose_tick(reader, &time);
    if (reader->csv.digits == INTEGER && time.fraction)
        return KS_RECORD_BAD;
    if (!to_ticks(&out->time, &time, reader->csv.digits == INTEGER ? 0 : reader->csv.digits))
        return KS_RECORD_BAD;
    out->lanes = ks_reader_lane(reader, raw);
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

const ks_decoder ks_decoder_csv = {.lines = 1, .what = "a line 'time,channel'", .begin = begin, .one = one};
