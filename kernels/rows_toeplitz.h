/* SPDX-License-Identifier: Apache-2.0 */
/* Privacy amplification: Toeplitz products over GF(2). include/keystill/amplify.h defines the matrix. */
#ifndef KS_KERNELS_ROWS_TOEPLITZ_H
#define KS_KERNELS_ROWS_TOEPLITZ_H

#include <stddef.h>
#include <stdint.h>

/* Words past the end of a band that a variant of toeplitz_direct may read. */
enum { KS_TOEPLITZ_BAND_PAD = 64 };

/* Middle product of short polynomials: out[w] = word key_words + w of the carry-less product key * band, 0 <=
 * w < out_words, where bit b of word a stands for z^(64 a + b). `band` has key_words + out_words words that
 * count and KS_TOEPLITZ_BAND_PAD more that are read but have no effect; key_words >= 1, out_words >= 1; no
 * overlap. The time taken depends on the sizes alone. Cost: key_words * out_words products of words. */
typedef void ks_k_toeplitz_direct_fn(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                                     const uint64_t *band);

#endif
