/* SPDX-License-Identifier: Apache-2.0 */
/* Universal hashing for verification and authentication. */
#ifndef KS_KERNELS_ROWS_HASH_H
#define KS_KERNELS_ROWS_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Powers of the hash key that a variant may use at once. */
enum { KS_HASH_BLOCK = 16, KS_HASH_POWERS = 16 };

/* Polynomial hash over GF(2^128) in the representation of GHASH (NIST SP 800-38D, 6.3-6.4: bit 0 of a block
 * is the most significant bit of its first byte and the coefficient of x^0; modulus x^128 + x^7 + x^2 + x +
 * 1).
 *
 * For every block in turn: state = (state xor block) * H. `powers` holds H^1, H^2, ... H^16, 16 bytes each in
 * that representation; only the first min(count, KS_HASH_POWERS) of them are read, so count = 1 multiplies
 * two elements with one power given. `blocks` is count * 16 bytes of any alignment and does not overlap
 * `state`; count may be 0. The time taken depends on count alone. */
typedef void ks_k_poly_hash_fn(uint8_t state[KS_HASH_BLOCK], const uint8_t *powers, const uint8_t *blocks,
                               size_t count);

#endif
