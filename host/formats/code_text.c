/* SPDX-License-Identifier: Apache-2.0 */
#include "host/formats/code_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

/* ---- bytes */

void ks_bytes_put(ks_bytes *b, const void *data, size_t bytes) {
    if (b->failed || bytes == 0)
        return;
    if (bytes > b->capacity - b->bytes) {
        const size_t capacity = 2 * (b->bytes + bytes) + 4096;
        uint8_t *larger = malloc(capacity);
        if (!larger) {
            b->failed = 1;
            return;
        }
        if (b->bytes)
            memcpy(larger, b->data, b->bytes);
        ks_wipe(b->data, b->bytes);
        free(b->data);
        b->data = larger;
        b->capacity = capacity;
    }
    memcpy(b->data + b->bytes, data, bytes);
    b->bytes += bytes;
}

void ks_bytes_put_i32(ks_bytes *b, int32_t value) {
    const uint32_t v = (uint32_t)value;
    const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    ks_bytes_put(b, bytes, sizeof bytes);
}

void ks_bytes_put_text(ks_bytes *b, const char *format, ...) {
    char text[64];
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof text)
        b->failed = 1;
    else
        ks_bytes_put(b, text, (size_t)length);
}

void ks_bytes_release(ks_bytes *b) {
    ks_wipe(b->data, b->bytes);
    free(b->data);
    *b = (ks_bytes){0};
}

/* ---- numbers */

static int is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static int is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

ks_status ks_text_fail(const ks_text *text, const char *what) {
    if (text->at >= text->bytes)
        return ks_fail(KS_ERR_FORMAT, "line %lu, byte %zu: expected %s, found the end of the file",
                       text->line + 1, text->at, what);
    const uint8_t c = text->data[text->at];
    char found[8] = {(char)c};
    if (c < 32 || c > 126)
        snprintf(found, sizeof found, "\\x%02x", c);
    return ks_fail(KS_ERR_FORMAT, "line %lu, byte %zu: expected %s, found '%s'", text->line + 1, text->at,
                   what, found);
}

static void skip(ks_text *text) {
    while (text->at < text->bytes) {
        const uint8_t c = text->data[text->at];
        if (!is_blank(c) && c != '\n')
            break;
        text->line += c == '\n';
        text->at++;
    }
}

ks_status ks_text_number(int64_t *out, ks_text *text, char separator, int64_t least, int64_t most,
                         const char *what) {
    *out = 0;
    skip(text);
    if (text->at >= text->bytes)
        return KS_ERR_EMPTY;
    ks_text t = *text;
    const int negative = t.data[t.at] == '-';
    t.at += (size_t)negative;
    int64_t value = 0;
    const size_t digits_at = t.at;
    while (t.at < t.bytes && is_digit(t.data[t.at]) && value < (INT64_C(1) << 40))
        value = 10 * value + (t.data[t.at++] - '0');
    if (t.at == digits_at)
        return ks_text_fail(text, what);
    value = negative ? -value : value;
    if (value < least || value > most)
        return ks_fail(KS_ERR_FORMAT, "line %lu, byte %zu: %s is %lld, expected %lld to %lld", text->line + 1,
                       text->at, what, (long long)value, (long long)least, (long long)most);
    if (t.at < t.bytes && !is_blank(t.data[t.at]) && t.data[t.at] != '\n' &&
        (separator == 0 || t.data[t.at] != (uint8_t)separator))
        return ks_text_fail(&t, "a number to end");
    *text = t;
    *out = value;
    return KS_OK;
}

ks_status ks_text_need(int64_t *out, ks_text *text, int64_t least, int64_t most, const char *what) {
    const ks_status status = ks_text_number(out, text, 0, least, most, what);
    return status == KS_ERR_EMPTY ? ks_text_fail(text, what) : status;
}

int ks_text_line_ends(const ks_text *text) {
    size_t at = text->at;
    while (at < text->bytes && is_blank(text->data[at]))
        at++;
    return at == text->bytes || text->data[at] == '\n';
}
