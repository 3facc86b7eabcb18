/* SPDX-License-Identifier: Apache-2.0 */
/* Reading 64 bits at any position of a packed bit string. */
#ifndef KS_KERNELS_TOEPLITZ_BITS_H
#define KS_KERNELS_TOEPLITZ_BITS_H

#include <stddef.h>
#include <stdint.h>

/* Bits position .. position + 63 of a string of `bits` bits; what lies beyond the string reads as zero. */
static inline uint64_t ks_bits_fetch(const uint64_t *words, size_t bits, size_t position) {
    if (position >= bits)
        return 0;
    size_t word = position / 64, shift = position % 64, left = bits - position;
    uint64_t value = words[word] >> shift;
    if (shift && left > 64 - shift)
        value |= words[word + 1] << (64 - shift);
    return left < 64 ? value & (((uint64_t)1 << left) - 1) : value;
}

static inline uint64_t ks_bits_reverse64(uint64_t x) {
    x = (x >> 1 & UINT64_C(0x5555555555555555)) | (x & UINT64_C(0x5555555555555555)) << 1;
    x = (x >> 2 & UINT64_C(0x3333333333333333)) | (x & UINT64_C(0x3333333333333333)) << 2;
    x = (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
    return __builtin_bswap64(x);
}

#endif
