/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for comparing long outputs with published known answers. The round constants are the
 * fractional parts of cube roots of the first 64 primes, computed in integers. */
#ifndef KS_TESTS_SHA256_H
#define KS_TESTS_SHA256_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* floor(2^32 * p^(1/root)) mod 2^32 for root 2 or 3. */
static inline uint32_t sha256_root_bits(unsigned p, int root) {
    uint64_t x = 0;
    for (int bit = 36; bit >= 0; bit--) {
        unsigned __int128 y = x | (uint64_t)1 << bit;
        unsigned __int128 power = root == 2 ? y * y : y * y * y, limit = (unsigned __int128)p << 32 * root;
        if (power <= limit)
            x = (uint64_t)y;
    }
    return (uint32_t)x;
}

static inline void sha256_constants(uint32_t state[8], uint32_t k[64]) {
    unsigned found = 0;
    for (unsigned p = 2; found < 64; p++) {
        int prime = 1;
        for (unsigned d = 2; d * d <= p; d++)
            prime &= p % d != 0;
        if (!prime)
            continue;
        k[found] = sha256_root_bits(p, 3);
        if (found < 8)
            state[found] = sha256_root_bits(p, 2);
        found++;
    }
}

static inline uint32_t sha256_rotate(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static inline void sha256_block(uint32_t state[8], const uint32_t k[64], const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
               p[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] +
               (sha256_rotate(w[i - 15], 7) ^ sha256_rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (sha256_rotate(w[i - 2], 17) ^ sha256_rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = sha256_rotate(v[4], 6) ^ sha256_rotate(v[4], 11) ^ sha256_rotate(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t s0 = sha256_rotate(v[0], 2) ^ sha256_rotate(v[0], 13) ^ sha256_rotate(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static inline void sha256_hex(char hex[65], const uint8_t *data, size_t bytes) {
    uint32_t state[8], k[64];
    sha256_constants(state, k);
    size_t done = 0;
    for (; bytes - done >= 64; done += 64)
        sha256_block(state, k, data + done);
    uint8_t tail[128] = {0};
    memcpy(tail, data + done, bytes - done);
    tail[bytes - done] = 0x80;
    size_t end = bytes - done < 56 ? 64 : 128;
    for (int i = 0; i < 8; i++)
        tail[end - 1 - (size_t)i] = (uint8_t)((uint64_t)bytes * 8 >> 8 * i);
    for (size_t i = 0; i < end; i += 64)
        sha256_block(state, k, tail + i);
    for (int i = 0; i < 8; i++)
        (void)snprintf(hex + 8 * i, 9, "%08x", (unsigned)state[i]);
}

#endif
