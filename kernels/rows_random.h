/* SPDX-License-Identifier: Apache-2.0 */
/* The stream cipher under the generator of random bits. */
#ifndef KS_KERNELS_ROWS_RANDOM_H
#define KS_KERNELS_ROWS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { KS_CHACHA_BLOCK = 64 };

/* Keystream of ChaCha20 (RFC 8439, 2.3): `state` is the initial state of the first block as there, constants
 * in words 0..3, key in 4..11, block counter in 12, nonce in 13..15; block i of the output has counter
 * state[12] + i, modulo 2^32. Writes blocks * 64 bytes of any alignment. The time taken depends on `blocks`
 * alone. */
typedef void ks_k_chacha20_fn(uint8_t *out, const uint32_t state[16], size_t blocks);

#endif
