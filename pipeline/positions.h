/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of a frame that Bob names, on the wire. A frame of n bits names n / 512 of them at a time; the
 * low 9 bits of each stand in order, then the rest by one bit a position in a word of 2 n / 512 bits:
 * position k with upper part h sets bit h + k (P. Elias, J. ACM 21, 246 (1974); R. Fano (1971)). 11 bits a
 * position whatever the positions are, where log2 C(n, k) asks for 10.4. */
#ifndef KS_PIPELINE_POSITIONS_H
#define KS_PIPELINE_POSITIONS_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

enum { KS_POSITIONS_LOW = 9 };

/* How many a frame of 2^log2n bits, log2n >= 14, names at a time, and their bytes. */
size_t ks_positions_count(unsigned log2n);
size_t ks_positions_bytes(unsigned log2n);

/* out: ks_positions_bytes; positions: strictly ascending, below 2^log2n. */
void ks_positions_write(uint8_t *out, const uint32_t *positions, unsigned log2n);
/* KS_ERR_PROTOCOL unless they are what ks_positions_write gives of positions that ascend strictly below
 * real_bits. */
KS_MUST_CHECK ks_status ks_positions_read(uint32_t *positions, const uint8_t *in, unsigned log2n,
                                          uint32_t real_bits);

/* The bits of a frame at the positions, in their order, and back: (count + 7) / 8 bytes, the tail zero. */
void ks_positions_take(uint8_t *bits, const uint64_t *frame, const uint32_t *positions, size_t count);
void ks_positions_put(uint64_t *frame, const uint8_t *bits, const uint32_t *positions, size_t count);

#endif
