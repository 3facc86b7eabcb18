/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int parse_suffix(uint64_t *factor, const char *text) {
    static const struct {
        const char *suffix;
        uint64_t factor;
    } suffixes[] = {{"", 1},
                    {"k", UINT64_C(1000)},
                    {"M", UINT64_C(1000000)},
                    {"G", UINT64_C(1000000000)},
                    {"T", UINT64_C(1000000000000)},
                    {"Ki", UINT64_C(1) << 10},
                    {"Mi", UINT64_C(1) << 20},
                    {"Gi", UINT64_C(1) << 30},
                    {"Ti", UINT64_C(1) << 40}};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(text, suffixes[i].suffix) == 0) {
            *factor = suffixes[i].factor;
            return 0;
        }
    return -1;
}

static int is_plain_integer(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && !strchr(".eE", text[digits] ? text[digits] : 'x');
}

int ks_parse_u64(uint64_t *out, const char *text) {
    int hexadecimal =
        text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && isxdigit((unsigned char)text[2]);
    char *end;
    uint64_t value, factor;
    if (!hexadecimal && !is_plain_integer(text)) {
        double number;
        if (ks_parse_number(&number, text) || number < 0 || number != floor(number) || number > 0x1p53)
            return -1;
        *out = (uint64_t)number;
        return 0;
    }
    errno = 0;
    value = strtoull(text, &end, hexadecimal ? 16 : 10);
    if (errno || parse_suffix(&factor, end) || __builtin_mul_overflow(value, factor, &value))
        return -1;
    *out = value;
    return 0;
}

int ks_parse_number(double *out, const char *text) {
    char *end;
    uint64_t factor;
    if (!isdigit((unsigned char)text[0]) && !strchr("+-.", text[0] ? text[0] : 'x'))
        return -1; /* neither leading blanks nor "inf" and "nan" */
    double value = strtod(text, &end);
    if (end == text || parse_suffix(&factor, end))
        return -1;
    value *= (double)factor;
    if (!isfinite(value))
        return -1;
    *out = value;
    return 0;
}

int ks_parse_flag(int *out, const char *text) {
    static const char *const words[2][4] = {{"off", "no", "false", "0"}, {"on", "yes", "true", "1"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 4; i++)
            if (strcasecmp(text, words[value][i]) == 0) {
                *out = value;
                return 0;
            }
    return -1;
}
