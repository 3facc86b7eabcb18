/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases over packed bit arrays share: inputs of every density, guarded outputs. */
#ifndef KS_TESTS_CONFORMANCE_BITS_H
#define KS_TESTS_CONFORMANCE_BITS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { BITS_MOST = 3000, BITS_WORDS = BITS_MOST / 64 + 2, BITS_GUARD = 2 };

/* An array with sentinels on both sides. */
typedef struct bits_guarded {
    uint64_t words[BITS_WORDS + 2 * BITS_GUARD];
} bits_guarded;

static inline uint64_t *bits_open(bits_guarded *array) {
    memset(array, 0x5A, sizeof *array);
    return array->words + BITS_GUARD;
}

/* Fills whole words, rubbish past the length included: density 0 none, 1 sparse, 2 half, 3 dense, 4 all. */
static inline void bits_draw(uint64_t *words, unsigned density, uint64_t *seed) {
    for (int i = 0; i < BITS_WORDS; i++) {
        uint64_t a = ks_test_random(seed), b = ks_test_random(seed), c = ks_test_random(seed);
        const uint64_t kinds[5] = {0, a & b & c, a, a | b | c, ~UINT64_C(0)};
        words[i] = kinds[density % 5];
    }
}

/* Lengths around word boundaries and some in between. */
static inline size_t bits_length(unsigned turn, uint64_t *seed) {
    static const size_t edges[] = {0, 1, 63, 64, 65, 127, 128, 129, 511, 512, 513, 2999, 3000};
    const unsigned count = sizeof edges / sizeof *edges;
    return turn < count ? edges[turn] : (size_t)(ks_test_random(seed) % (BITS_MOST + 1));
}

enum { BITS_TURNS = 40 };

#endif
