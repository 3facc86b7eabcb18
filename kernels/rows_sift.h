/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KS_KERNELS_ROWS_SIFT_H
#define KS_KERNELS_ROWS_SIFT_H

#include <stddef.h>
#include <stdint.h>

/* A source of Alice's states drawn from a seed, by counter: state i is a function of (key, nonce, i) alone.
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11,
 * section 3.3) of counter words (block low, block high, nonce[0], nonce[1]) with block = i >> 2; word i & 3
 * of its output is w. The state's bit is w & 1; its bits 3..1 (intensity, basis) are the number of thresholds
 * that w >> 1 has reached. Thresholds ascend, at most 2^31; categories that do not exist have their threshold
 * at 2^31. */
typedef struct ks_seeded_states {
    uint32_t key[2];
    uint32_t nonce[2];
    uint32_t threshold[5];
} ks_seeded_states;

/* out[j] = state of slot slots[j], one a byte. Slots in any order. */
typedef void ks_k_seeded_states_fn(uint8_t *out, const uint64_t *slots, size_t n,
                                   const ks_seeded_states *source);

#endif
