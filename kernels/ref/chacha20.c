/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

static uint32_t rotate(uint32_t x, int bits) {
    return x << bits | x >> (32 - bits);
}

static void quarter_round(uint32_t *v, int a, int b, int c, int d) {
    v[a] += v[b];
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 12);
    v[a] += v[b];
    v[d] = rotate(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 7);
}

ks_k_chacha20_fn ks_chacha20_ref;

void ks_chacha20_ref(uint8_t *out, const uint32_t state[16], size_t blocks) {
    for (size_t block = 0; block < blocks; block++) {
        uint32_t start[16], v[16];
        for (int i = 0; i < 16; i++)
            v[i] = start[i] = state[i] + (i == 12 ? (uint32_t)block : 0);
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < 4; i++)
                quarter_round(v, i, 4 + i, 8 + i, 12 + i);
            for (int i = 0; i < 4; i++)
                quarter_round(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
        for (int i = 0; i < 64; i++)
            *out++ = (uint8_t)((v[i / 4] + start[i / 4]) >> 8 * (i % 4));
    }
}
