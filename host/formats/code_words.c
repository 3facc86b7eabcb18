/* SPDX-License-Identifier: Apache-2.0 */
/* Files of words: Neal's text of '0' and '1', or packed bits. */
#include <string.h>
#include <keystill/secret.h>

#include "host/formats/codes.h"
#include "pipeline/status.h"

static int is_skipped(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static ks_status make(uint64_t **out, size_t *count, size_t bits, size_t length) {
    if (bits == 0 || bits % length)
        return ks_fail(KS_ERR_FORMAT, "%zu bits are not whole words of %zu", bits, length);
    *count = bits / length;
    return ks_secret_alloc((void **)out, *count * ((length + 63) / 64) * 8, KS_SECRET_BLOCK);
}

static ks_status read_text(uint64_t **out, size_t *count, size_t length, const uint8_t *data, size_t bytes) {
    size_t bits = 0, line = 1;
    for (size_t i = 0; i < bytes; i++) {
        line += data[i] == '\n';
        if (data[i] == '0' || data[i] == '1')
            bits++;
        else if (!is_skipped(data[i]))
            return ks_fail(KS_ERR_FORMAT, "line %zu, byte %zu: expected 0 or 1, found byte %#x", line, i,
                           data[i]);
    }
    KS_TRY(make(out, count, bits, length));
    const size_t words = (length + 63) / 64;
    size_t word = 0, bit = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (is_skipped(data[i]))
            continue;
        (*out)[word * words + bit / 64] |= (uint64_t)(data[i] & 1) << bit % 64;
        if (++bit == length) {
            bit = 0;
            word++;
        }
    }
    return KS_OK;
}

static ks_status read_packed(uint64_t **out, size_t *count, size_t length, const uint8_t *data,
                             size_t bytes) {
    const size_t each = (length + 7) / 8, words = (length + 63) / 64;
    if (bytes == 0 || bytes % each)
        return ks_fail(KS_ERR_FORMAT, "%zu bytes are not whole words of %zu bits in %zu bytes", bytes, length,
                       each);
    KS_TRY(make(out, count, bytes / each * length, length));
    for (size_t i = 0; i < *count; i++) {
        memcpy(*out + i * words, data + i * each, each);
        if (length % 8 && data[i * each + each - 1] >> length % 8) {
            ks_secret_free(*out);
            *out = NULL;
            return ks_fail(KS_ERR_FORMAT, "byte %zu: bits behind the %zu of a word are set",
                           i * each + each - 1, length);
        }
    }
    return KS_OK;
}

ks_status ks_words_read(uint64_t **out, size_t *count, size_t length, int packed, const uint8_t *data,
                        size_t bytes) {
    *out = NULL;
    *count = 0;
    return packed ? read_packed(out, count, length, data, bytes) : read_text(out, count, length, data, bytes);
}

void ks_words_write(ks_bytes *out, const uint64_t *words, size_t count, size_t length, int packed) {
    const size_t each = (length + 63) / 64;
    char text[64];
    for (size_t i = 0; i < count; i++, words += each) {
        if (packed) {
            ks_bytes_put(out, words, (length + 7) / 8);
            continue;
        }
        for (size_t bit = 0; bit < length; bit += 64) {
            const size_t n = length - bit < 64 ? length - bit : 64;
            for (size_t k = 0; k < n; k++)
                text[k] = (char)('0' + (words[bit / 64] >> k & 1));
            ks_bytes_put(out, text, n);
        }
        ks_bytes_put(out, "\n", 1);
    }
    ks_wipe(text, sizeof text);
}
