/* SPDX-License-Identifier: Apache-2.0 */
/* poly_hash without carry-less multiply instructions and without tables: integer multiplication with holes.
 * Each operand is split into five words that keep every fifth bit; in a product of two such words at most 13
 * terms meet in one place, so carries stay within the four free bits above it and the wanted parities stand
 * in every fifth bit. */
#include <string.h>

#include "kernels/rows_hash.h"

ks_k_poly_hash_fn ks_poly_hash_generic;

__extension__ typedef unsigned __int128 u128;

/* 128 bits; bit 63 of `high` is the coefficient of x^0. */
typedef struct element {
    uint64_t high, low;
} element;

enum { HOLES = 5 };

/* Bits 0, 5, 10, ... 60. */
static const uint64_t comb = UINT64_C(0x1084210842108421);

static u128 comb128(int residue) {
    /* Bits of a 128-bit word whose index is `residue` modulo 5. */
    u128 mask = 0;
    for (int i = residue; i < 128; i += HOLES)
        mask |= (u128)1 << i;
    return mask;
}

typedef struct split {
    uint64_t part[HOLES];
} split;

static inline split split_word(uint64_t x) {
    split s;
    for (int i = 0; i < HOLES; i++)
        s.part[i] = x & comb << i;
    return s;
}

static inline u128 clmul(const split *a, const split *b, const u128 masks[HOLES]) {
    u128 product = 0;
    for (int residue = 0; residue < HOLES; residue++) {
        u128 sum = 0;
        for (int i = 0; i < HOLES; i++)
            sum ^= (u128)a->part[i] * b->part[(residue - i + HOLES) % HOLES];
        product |= sum & masks[residue];
    }
    return product;
}

static inline element load(const uint8_t *bytes) {
    element e;
    memcpy(&e.high, bytes, 8);
    memcpy(&e.low, bytes + 8, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    e.high = __builtin_bswap64(e.high);
    e.low = __builtin_bswap64(e.low);
#endif
    return e;
}

static inline void store(uint8_t *bytes, element e) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    e.high = __builtin_bswap64(e.high);
    e.low = __builtin_bswap64(e.low);
#endif
    memcpy(bytes, &e.high, 8);
    memcpy(bytes + 8, &e.low, 8);
}

/* The product stands mirrored: bit 254 of (top, bottom) is the coefficient of x^0. */
static inline element reduce(u128 top, u128 bottom) {
    top = top << 1 | bottom >> 127;
    bottom <<= 1;
    /* bottom holds x^128 ... x^255; x^128 = 1 + x + x^2 + x^7. What falls off below is x^128 ... x^134 again.
     */
    u128 spill = bottom << 127 ^ bottom << 126 ^ bottom << 121;
    bottom ^= spill;
    top ^= bottom ^ bottom >> 1 ^ bottom >> 2 ^ bottom >> 7;
    return (element){(uint64_t)(top >> 64), (uint64_t)top};
}

void ks_poly_hash_generic(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                          size_t count) {
    if (count == 0)
        return;
    u128 masks[HOLES];
    for (int i = 0; i < HOLES; i++)
        masks[i] = comb128(i);
    element h = load(powers);
    split high = split_word(h.high), low = split_word(h.low), both = split_word(h.high ^ h.low);
    element y = load(state);
    for (size_t i = 0; i < count; i++) {
        element m = load(blocks + 16 * i);
        y.high ^= m.high;
        y.low ^= m.low;
        split a = split_word(y.high), b = split_word(y.low), c = split_word(y.high ^ y.low);
        u128 top = clmul(&a, &high, masks), bottom = clmul(&b, &low, masks);
        u128 middle = clmul(&c, &both, masks) ^ top ^ bottom;
        y = reduce(top ^ middle >> 64, bottom ^ middle << 64);
    }
    store(state, y);
}
