/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC'11, section 3.3), for what is drawn once: seeds of other generators. Not for secrets. */
#ifndef KS_HOST_PHILOX_H
#define KS_HOST_PHILOX_H

#include <stdint.h>

static inline uint32_t ks_load32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Replaces the four counter words by the generator's output under the key (k0, k1). */
static inline void ks_philox4x32(uint32_t words[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
        uint64_t p = UINT64_C(0xD2511F53) * words[0], q = UINT64_C(0xCD9E8D57) * words[2];
        words[0] = (uint32_t)(q >> 32) ^ words[1] ^ k0;
        words[1] = (uint32_t)q;
        words[2] = (uint32_t)(p >> 32) ^ words[3] ^ k1;
        words[3] = (uint32_t)p;
    }
}

#endif
