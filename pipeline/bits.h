/* SPDX-License-Identifier: Apache-2.0 */
/* Packed bit arrays: LSB-first in uint64_t words, bit i being bit i % 64 of word i / 64. Thin words over the
 * kernel table; contracts in kernels/rows_sift.h. */
#ifndef KS_PIPELINE_BITS_H
#define KS_PIPELINE_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

static inline size_t ks_bits_words(size_t n) {
    return n / 64 + (n % 64 != 0);
}
static inline unsigned ks_bits_get(const uint64_t *bits, size_t i) {
    return (unsigned)(bits[i / 64] >> i % 64 & 1);
}

/* dst = the bits of src where mask is set; returns how many. dst may be src. */
static inline size_t ks_bits_compress(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n) {
    return ks_kernels_get()->bit_compress(dst, src, mask, n);
}
/* Bits of src spread over the positions where mask is set, 0 elsewhere; returns how many of src were used. */
static inline size_t ks_bits_expand(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n) {
    return ks_kernels_get()->bit_expand(dst, src, mask, n);
}
/* Weight of the first n bits. */
static inline uint64_t ks_bits_count(const uint64_t *bits, size_t n) {
    return ks_kernels_get()->bit_count(bits, bits, n);
}
/* Positions below n where both are set. */
static inline uint64_t ks_bits_and_count(const uint64_t *a, const uint64_t *b, size_t n) {
    return ks_kernels_get()->bit_count(a, b, n);
}
/* Positions below n where a and b differ. */
static inline uint64_t ks_bits_xor_count(const uint64_t *a, const uint64_t *b, size_t n) {
    return ks_kernels_get()->bit_xor_count(a, b, n);
}
/* counts[k]: positions below n where mask is set and low + 2 high = k. */
static inline void ks_bits_tally(uint64_t counts[4], const uint64_t *mask, const uint64_t *low,
                                 const uint64_t *high, size_t n) {
    ks_kernels_get()->bit_tally(counts, mask, low, high, n);
}

/* Copies n bits from position src_offset of src to position dst_offset of dst. Other bits of dst stay as they
 * are; only words that hold bits of the ranges are touched. No overlap. */
void ks_bits_copy(uint64_t *dst, size_t dst_offset, const uint64_t *src, size_t src_offset, size_t n);

#endif
