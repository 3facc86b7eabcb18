/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of seeds and of bits in files. */
#include <keystill/amplify.h>

#include <string.h>

#include "kernels/toeplitz_bits.h"
#include "pipeline/status.h"

/* Appends bits to a packed string whose unused tail is zero. */
typedef struct writer {
    uint64_t *words;
    size_t position;
} writer;

static void append(writer *w, uint64_t value, size_t bits) {
    size_t word = w->position / 64, shift = w->position % 64;
    w->words[word] |= value << shift;
    if (shift && bits > 64 - shift)
        w->words[word + 1] |= value >> (64 - shift);
    w->position += bits;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Appends bits first .. first + count - 1 of src. */
static void append_forwards(writer *w, const uint64_t *src, size_t first, size_t count) {
    for (size_t i = 0; i < count; i += 64)
        append(w, ks_bits_fetch(src, first + count, first + i), smaller(64, count - i));
}

/* Appends bits first + count - 1 down to first of src. */
static void append_backwards(writer *w, const uint64_t *src, size_t first, size_t count) {
    for (size_t done = 0; done < count; done += 64) {
        size_t take = smaller(64, count - done), end = first + count - done;
        append(w, ks_bits_reverse64(ks_bits_fetch(src, end, end - take)) >> (64 - take), take);
    }
}

ks_status ks_toeplitz_seed_reorder(uint64_t *dst, const uint64_t *src, size_t n, size_t m,
                                   ks_toeplitz_form form, ks_seed_order order) {
    size_t bits = ks_toeplitz_seed_bits(n, m, form);
    if (m < 1 || m > n || n > KS_TOEPLITZ_INPUT_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "no hash from %zu to %zu bits", n, m);
    memset(dst, 0, ks_toeplitz_words(bits) * sizeof *dst);
    writer w = {dst, 0};
    size_t column = smaller(m, bits); /* m = n = 1 in modified form has no seed at all */
    switch (order) {
    case KS_SEED_DEFAULT:
        append_forwards(&w, src, 0, bits);
        return KS_OK;
    case KS_SEED_COLUMN:
        append_backwards(&w, src, 0, column);
        append_backwards(&w, src, column, bits - column);
        return KS_OK;
    case KS_SEED_ROW:
        append_forwards(&w, src, bits - column, column);
        append_forwards(&w, src, 0, bits - column);
        return KS_OK;
    }
    return ks_fail(KS_ERR_ARGUMENT, "seed order %d is not known", (int)order);
}

size_t ks_bits_import_bytes(size_t bits, ks_bit_order order) {
    return order == KS_BITS_NICOBOSS ? (bits / 32 + (bits % 32 != 0)) * 4 : bits / 8 + (bits % 8 != 0);
}

static uint8_t reverse_byte(uint8_t byte) {
    return (uint8_t)(ks_bits_reverse64(byte) >> 56);
}

void ks_bits_import(uint64_t *dst, const uint8_t *src, size_t bits, ks_bit_order order) {
    size_t bytes = bits / 8 + (bits % 8 != 0);
    memset(dst, 0, ks_toeplitz_words(bits) * sizeof *dst);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = order == KS_BITS_NICOBOSS ? src[i ^ 3] : src[i];
        if (order != KS_BITS_LSB)
            byte = reverse_byte(byte);
        dst[i / 8] |= (uint64_t)byte << i % 8 * 8;
    }
    if (bits % 64)
        dst[bits / 64] &= ((uint64_t)1 << bits % 64) - 1;
}

void ks_bits_export(uint8_t *dst, const uint64_t *src, size_t bits, ks_bit_order order) {
    size_t bytes = bits / 8 + (bits % 8 != 0);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(src[i / 8] >> i % 8 * 8);
        if (i == bits / 8)
            byte &= (uint8_t)((1u << bits % 8) - 1);
        dst[i] = order == KS_BITS_LSB ? byte : reverse_byte(byte);
    }
}
