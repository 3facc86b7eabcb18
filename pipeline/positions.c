/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/positions.h"

#include <string.h>

#include "pipeline/status.h"

size_t ks_positions_count(unsigned log2n) {
    return (size_t)1 << (log2n - KS_POSITIONS_LOW);
}

static size_t low_bits(unsigned log2n) {
    return ks_positions_count(log2n) * KS_POSITIONS_LOW;
}

size_t ks_positions_bytes(unsigned log2n) {
    return (low_bits(log2n) + 2 * ks_positions_count(log2n)) / 8;
}

static void set(uint8_t *bytes, size_t at) {
    bytes[at / 8] |= (uint8_t)(1u << at % 8);
}

static unsigned get(const uint8_t *bytes, size_t at) {
    return bytes[at / 8] >> at % 8 & 1;
}

void ks_positions_write(uint8_t *out, const uint32_t *positions, unsigned log2n) {
    memset(out, 0, ks_positions_bytes(log2n));
    for (size_t k = 0; k < ks_positions_count(log2n); k++) {
        for (size_t i = 0; i < KS_POSITIONS_LOW; i++)
            if (positions[k] >> i & 1)
                set(out, k * KS_POSITIONS_LOW + i);
        set(out, low_bits(log2n) + (positions[k] >> KS_POSITIONS_LOW) + k);
    }
}

ks_status ks_positions_read(uint32_t *positions, const uint8_t *in, unsigned log2n, uint32_t real_bits) {
    const size_t count = ks_positions_count(log2n), first = low_bits(log2n);
    size_t k = 0;
    for (size_t at = 0; at < 2 * count; at++) {
        if (!get(in, first + at))
            continue;
        if (k == count)
            return ks_fail(KS_ERR_PROTOCOL, "FLAGS: more than %zu positions", count);
        uint32_t position = (uint32_t)(at - k) << KS_POSITIONS_LOW;
        for (size_t i = 0; i < KS_POSITIONS_LOW; i++)
            position |= (uint32_t)get(in, k * KS_POSITIONS_LOW + i) << i;
        if (position >= real_bits || (k && position <= positions[k - 1]))
            return ks_fail(KS_ERR_PROTOCOL, "FLAGS: position %zu is %u: in ascending order and below %u", k,
                           position, real_bits);
        positions[k++] = position;
    }
    return k == count ? KS_OK : ks_fail(KS_ERR_PROTOCOL, "FLAGS: %zu positions, expected %zu", k, count);
}

void ks_positions_take(uint8_t *bits, const uint64_t *frame, const uint32_t *positions, size_t count) {
    memset(bits, 0, (count + 7) / 8);
    for (size_t k = 0; k < count; k++)
        if (frame[positions[k] / 64] >> positions[k] % 64 & 1)
            set(bits, k);
}

void ks_positions_put(uint64_t *frame, const uint8_t *bits, const uint32_t *positions, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint64_t *word = &frame[positions[k] / 64], bit = UINT64_C(1) << positions[k] % 64;
        *word = get(bits, k) ? *word | bit : *word & ~bit;
    }
}
