/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of the byte-sliced transform: GF(256) modulo x^8 + x^4 + x^3 + x + 1. */
#include "kernels/cpu/toeplitz_bytes_tables.h"

static uint8_t byte_product(uint8_t a, uint8_t b) {
    unsigned r = 0, x = a;
    for (int i = 0; i < 8; i++, x = x << 1 ^ (x & 0x80 ? 0x11b : 0))
        r ^= b >> i & 1 ? x : 0;
    return (uint8_t)r;
}

#include "tests/unit/toeplitz_tables_checks.h"

/* The difference of the factors of leaves B and B + 1 is the sum over the bits that change. */
Test(tables, leaf_steps) {
    for (int j = 0; j < 19; j++)
        for (int layer = 0; layer < 8; layer++) {
            uint32_t c = 0;
            for (int i = 0; i <= j; i++)
                c ^= cantor[i + 8 - layer];
            const uint16_t c0 = (uint16_t)c, c1 = (uint16_t)(c >> 16);
            const uint16_t part[3] = {c0, product16(c1, (uint16_t)(times_tau[1] << 8)), (uint16_t)(c0 ^ c1)};
            const uint8_t *f = leaf_steps + 128 * j + 9 * layer;
            for (int i = 0; i < 3; i++) {
                cr_assert_eq(f[3 * i], (uint8_t)part[i]);
                cr_assert_eq(f[3 * i + 1], times_tau[part[i] >> 8]);
                cr_assert_eq(f[3 * i + 2], (uint8_t)(part[i] ^ part[i] >> 8));
            }
        }
}
