/* SPDX-License-Identifier: Apache-2.0 */
/* Oracle of poly_hash: NIST SP 800-38D, algorithms 1 and 2, bit by bit. Not constant-time. */
#include <string.h>

#include "kernels/rows_hash.h"

ks_k_poly_hash_fn ks_poly_hash_ref;

static int bit(const uint8_t *block, int i) {
    return block[i / 8] >> (7 - i % 8) & 1;
}

static void multiply_by_x(uint8_t v[16]) {
    int carry = bit(v, 127);
    for (int i = 15; i > 0; i--)
        v[i] = (uint8_t)(v[i] >> 1 | v[i - 1] << 7);
    v[0] = (uint8_t)(v[0] >> 1);
    if (carry)
        v[0] ^= 0xe1;
}

static void multiply(uint8_t a[16], const uint8_t b[16]) {
    uint8_t v[16], z[16] = {0};
    memcpy(v, b, 16);
    for (int i = 0; i < 128; i++) {
        if (bit(a, i))
            for (int j = 0; j < 16; j++)
                z[j] ^= v[j];
        multiply_by_x(v);
    }
    memcpy(a, z, 16);
}

void ks_poly_hash_ref(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (int j = 0; j < 16; j++)
            state[j] ^= blocks[16 * i + (size_t)j];
        multiply(state, powers);
    }
}
