/* SPDX-License-Identifier: Apache-2.0 */
#include <keystill/ring.h>

#include <string.h>

#include "pipeline/status.h"

static int is_dash(size_t position) {
    return position == 8 || position == 13 || position == 18 || position == 23;
}

void ks_key_id_format(char out[37], const ks_key_id *id) {
    static const char digits[] = "0123456789abcdef";
    size_t nibble = 0;
    for (size_t i = 0; i < 36; i++) {
        if (is_dash(i)) {
            out[i] = '-';
            continue;
        }
        unsigned byte = id->bytes[nibble / 2];
        out[i] = digits[nibble % 2 ? byte & 15 : byte >> 4];
        nibble++;
    }
    out[36] = 0;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ks_status ks_key_id_parse(ks_key_id *out, const char *text) {
    ks_key_id id = {{0}};
    size_t nibble = 0;
    if (strnlen(text, 37) != 36)
        return ks_fail(KS_ERR_FORMAT, "key identifier: expected 36 characters, got %zu%s", strnlen(text, 37),
                       strnlen(text, 37) == 37 ? " or more" : "");
    for (size_t i = 0; i < 36; i++) {
        if (is_dash(i)) {
            if (text[i] != '-')
                return ks_fail(KS_ERR_FORMAT, "key identifier: expected '-' at position %zu", i);
            continue;
        }
        int value = hex_value(text[i]);
        if (value < 0)
            return ks_fail(KS_ERR_FORMAT, "key identifier: expected a hexadecimal digit at position %zu", i);
        id.bytes[nibble / 2] = (uint8_t)(id.bytes[nibble / 2] << 4 | value);
        nibble++;
    }
    *out = id;
    return KS_OK;
}
