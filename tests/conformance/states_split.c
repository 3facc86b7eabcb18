/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bits.h"

enum { PLANES = 4 };

static void run(ks_k_states_split_fn *kernel, bits_guarded plane[PLANES], const ks_state *states, size_t n) {
    kernel(bits_open(&plane[0]), bits_open(&plane[1]), bits_open(&plane[2]), bits_open(&plane[3]), states, n);
}

int ks_conformance_states_split(ks_k_states_split_fn *variant, ks_k_states_split_fn *oracle, uint64_t seed) {
    ks_state states[BITS_MOST];
    bits_guarded got[PLANES], expected[PLANES];
    for (unsigned turn = 0; turn < BITS_TURNS; turn++) {
        size_t n = bits_length(turn, &seed);
        for (size_t i = 0; i < n; i++)
            states[i] = (ks_state)ks_test_random(&seed);
        run(variant, got, states, n);
        run(oracle, expected, states, n);
        if (memcmp(got, expected, sizeof got) != 0) {
            fprintf(stderr, "states_split: n = %zu differs\n", n);
            return 1;
        }
    }
    return 0;
}
