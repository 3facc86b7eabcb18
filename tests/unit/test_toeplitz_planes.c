/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of the bit-sliced transform: GF(256) as a tower, y_j^2 = y_j + y_0 ... y_(j-1). */
#include "kernels/cpu/toeplitz_planes_tables.h"

static unsigned tower_product(unsigned a, unsigned b, int bits) {
    if (bits == 1)
        return a & b;
    const int half = bits / 2;
    const unsigned mask = (1u << half) - 1;
    unsigned high = tower_product(a >> half, b >> half, half);
    unsigned low = tower_product(a & mask, b & mask, half) ^ tower_product(high, 1u << (half - 1), half);
    unsigned cross = tower_product(a & mask, b >> half, half) ^ tower_product(a >> half, b & mask, half);
    return low | (cross ^ high) << half;
}

static uint8_t byte_product(uint8_t a, uint8_t b) {
    return (uint8_t)tower_product(a, b, 8);
}

#include "tests/unit/toeplitz_tables_checks.h"
