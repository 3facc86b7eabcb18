/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

static uint32_t philox_word(uint64_t slot, const ks_seeded_states *source) {
    uint64_t block = slot >> 2;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), source->nonce[0], source->nonce[1]};
    uint32_t k[2] = {source->key[0], source->key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t p = UINT64_C(0xD2511F53) * c[0];
        uint64_t q = UINT64_C(0xCD9E8D57) * c[2];
        c[0] = (uint32_t)(q >> 32) ^ c[1] ^ k[0];
        c[1] = (uint32_t)q;
        c[2] = (uint32_t)(p >> 32) ^ c[3] ^ k[1];
        c[3] = (uint32_t)p;
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
    return c[slot & 3];
}

ks_k_seeded_states_fn ks_seeded_states_ref;

void ks_seeded_states_ref(uint8_t *out, const uint64_t *slots, size_t n, const ks_seeded_states *source) {
    for (size_t j = 0; j < n; j++) {
        uint32_t w = philox_word(slots[j], source);
        unsigned category = 0;
        for (int t = 0; t < 5; t++)
            if (w >> 1 >= source->threshold[t])
                category++;
        out[j] = (uint8_t)(category << 1 | (w & 1));
    }
}
