/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { MAX_BLOCKS = 83, SENTINEL = 0xA5 };

static void fill(uint8_t *out, size_t bytes, uint64_t *random) {
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)ks_test_random(random);
}

/* One call on unaligned data, the state between sentinels. Powers beyond min(count, 16) are garbage: they
 * must not matter. */
static int one(ks_k_poly_hash_fn *variant, ks_k_poly_hash_fn *oracle, size_t count, uint64_t *random) {
    uint8_t key[16], powers[KS_HASH_POWERS * 16] = {0}, data[MAX_BLOCKS * 16 + 16], got[48], want[48];
    fill(key, 16, random);
    uint64_t edge = ks_test_random(random) % 8;
    if (edge < 2)
        memset(key, edge ? 0xFF : 0, 16);
    memcpy(powers, key, 16);
    for (int i = 1; i < KS_HASH_POWERS; i++)
        oracle(memcpy(powers + 16 * i, powers + 16 * (i - 1), 16), key, (const uint8_t[16]){0}, 1);
    if (count < KS_HASH_POWERS)
        fill(powers + 16 * (count ? count : 1), 16 * (KS_HASH_POWERS - (count ? count : 1)), random);
    fill(data, sizeof data, random);
    memset(got, SENTINEL, sizeof got);
    fill(got + 16, 16, random);
    memcpy(want, got, sizeof got);
    const uint8_t *blocks = data + ks_test_random(random) % 16;
    variant(got + 16, powers, blocks, count);
    oracle(want + 16, powers, blocks, count);
    return memcmp(got, want, sizeof got) != 0;
}

int ks_conformance_poly_hash(ks_k_poly_hash_fn *variant, ks_k_poly_hash_fn *oracle, uint64_t seed) {
    uint64_t random = seed;
    for (size_t count = 0; count <= MAX_BLOCKS; count += ks_conformance_small ? 41 : 1)
        if (one(variant, oracle, count, &random)) {
            fprintf(stderr, "poly_hash: %zu blocks differ\n", count);
            return 1;
        }
    return 0;
}
