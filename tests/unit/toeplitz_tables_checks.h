/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the generated constants of a Toeplitz transform by field arithmetic from first principles. The
 * including file includes the tables and defines static uint8_t byte_product(uint8_t a, uint8_t b)   the
 * product of GF(256) in the tables' representation. */
#ifndef KS_TESTS_TOEPLITZ_TABLES_CHECKS_H
#define KS_TESTS_TOEPLITZ_TABLES_CHECKS_H

#include <criterion/criterion.h>
#include <stdint.h>

/* GF(2^16) over GF(256), y^2 = y + tau; tau = times_tau[1]. */
static uint16_t product16(uint16_t a, uint16_t b) {
    uint8_t a0 = (uint8_t)a, a1 = (uint8_t)(a >> 8), b0 = (uint8_t)b, b1 = (uint8_t)(b >> 8);
    uint8_t high = byte_product(a1, b1);
    uint8_t low = (uint8_t)(byte_product(a0, b0) ^ byte_product(high, times_tau[1]));
    return (uint16_t)(low | (byte_product(a0, b1) ^ byte_product(a1, b0) ^ high) << 8);
}

/* GF(2^32) over GF(2^16), z^2 = z + tau y. */
static uint32_t product32(uint32_t a, uint32_t b) {
    uint16_t a0 = (uint16_t)a, a1 = (uint16_t)(a >> 16), b0 = (uint16_t)b, b1 = (uint16_t)(b >> 16);
    uint16_t high = product16(a1, b1), tau_y = (uint16_t)(times_tau[1] << 8);
    uint16_t low = (uint16_t)(product16(a0, b0) ^ product16(high, tau_y));
    return low | (uint32_t)(product16(a0, b1) ^ product16(a1, b0) ^ high) << 16;
}

/* `outputs` bytes of a linear map of `inputs` bytes: 8 x 8 parts, row i in byte 7 - i. */
static uint32_t map(const uint64_t *parts, int outputs, int inputs, uint32_t x) {
    uint32_t y = 0;
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < inputs; i++)
            for (int r = 0; r < 8; r++) {
                uint32_t row = (uint32_t)(parts[inputs * o + i] >> 8 * (7 - r) & 255) & x >> 8 * i;
                y ^= (uint32_t)(__builtin_popcount(row & 255) & 1) << (8 * o + r);
            }
    return y;
}

/* A Cantor basis, each element in the smallest field that can hold it; hence s_i(v_(i+j)) = v_j. */
Test(tables, cantor_basis) {
    cr_assert_eq(cantor[0], 1);
    for (int i = 1; i < CANTOR; i++) {
        cr_assert_eq(product32(cantor[i], cantor[i]) ^ cantor[i], cantor[i - 1], "v_%d", i);
        cr_assert(i >= 16 || cantor[i] < 1 << 16);
        cr_assert(i >= 8 || cantor[i] < 1 << 8);
    }
}

/* GF(2^16) and GF(2^32) are fields: the constants have trace 1, so x^2 + x never equals them. */
Test(tables, extensions_are_irreducible) {
    for (int x = 0; x < 256; x++)
        cr_assert_neq(byte_product((uint8_t)x, (uint8_t)x) ^ x, times_tau[1]);
    for (uint32_t x = 0; x < 1 << 16; x++)
        cr_assert_neq((uint32_t)(product16((uint16_t)x, (uint16_t)x) ^ x), (uint32_t)times_tau[1] << 8);
}

Test(tables, products_by_tau) {
    const uint8_t tau = times_tau[1];
    for (int x = 0; x < 256; x++) {
        cr_assert_eq(times_tau[x], byte_product((uint8_t)x, tau));
        cr_assert_eq(times_tau_squared[x], byte_product(times_tau[x], tau));
    }
}

/* Bit b of exit(key(bit a) seed(bit q)) is 1 exactly for q = a + b: the correlation of bits that a Toeplitz
 * product is made of. This fixes the three maps up to the choice of the field's generator. */
Test(tables, borders_of_the_field) {
    for (int a = 0; a < 16; a++)
        for (int q = 0; q < 32; q++) {
            uint32_t element =
                product32(map(key_entry, 4, 2, UINT32_C(1) << a), map(seed_entry, 4, 4, UINT32_C(1) << q));
            uint32_t expected = q >= a && q - a < 16 ? UINT32_C(1) << (q - a) : 0;
            cr_assert_eq(map(output_exit, 2, 4, element), expected, "key bit %d seed bit %d", a, q);
        }
}

#endif
