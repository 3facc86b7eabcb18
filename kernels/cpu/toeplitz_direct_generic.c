/* SPDX-License-Identifier: Apache-2.0 */
/* Carry-less products by integer multiplication: operands are split in four sets of every fourth bit, so that
 * carries fall into the three holes between (T. Pornin, BearSSL, "ctmul64"). The high half of a product is
 * the low half of the product of the reversed words, reversed and shifted by one; it is reversed once a sum.
 */
#include "kernels/rows_toeplitz.h"
#include "kernels/toeplitz_bits.h"

#define EVERY_FOURTH UINT64_C(0x1111111111111111)

static inline uint64_t multiply_low(uint64_t x, uint64_t y) {
    const uint64_t m0 = EVERY_FOURTH, m1 = EVERY_FOURTH << 1, m2 = EVERY_FOURTH << 2, m3 = EVERY_FOURTH << 3;
    uint64_t x0 = x & m0, x1 = x & m1, x2 = x & m2, x3 = x & m3;
    uint64_t y0 = y & m0, y1 = y & m1, y2 = y & m2, y3 = y & m3;
    uint64_t z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
    uint64_t z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
    uint64_t z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
    uint64_t z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
    return (z0 & m0) | (z1 & m1) | (z2 & m2) | (z3 & m3);
}

ks_k_toeplitz_direct_fn ks_toeplitz_direct_generic;

void ks_toeplitz_direct_generic(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                                const uint64_t *band) {
    for (size_t w = 0; w < out_words; w++) {
        uint64_t low = 0, high_reversed = 0;
        for (size_t a = 0; a < key_words; a++) {
            low ^= multiply_low(key[a], band[key_words + w - a]);
            high_reversed ^=
                multiply_low(ks_bits_reverse64(key[a]), ks_bits_reverse64(band[key_words + w - 1 - a]));
        }
        out[w] = low ^ ks_bits_reverse64(high_reversed) >> 1;
    }
}
