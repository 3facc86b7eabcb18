/* SPDX-License-Identifier: Apache-2.0 */
/* Universal hashing of transcripts and keys: the polynomial hash over GF(2^128) with the conventions of GHASH
 * (NIST SP 800-38D). With a secret key drawn uniformly, two different inputs of at most L blocks (the length
 * block included) have a given difference of hash values with probability at most L 2^-128. A tag is such a
 * value, xored with a one-time pad where the key is used again (docs/security.md). */
#ifndef KS_PIPELINE_AUTHENTICATE_H
#define KS_PIPELINE_AUTHENTICATE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/rows_hash.h"

enum { KS_TAG_BYTES = 16 };

/* A running hash. Secret: it holds the key. Wipe it with ks_hash_wipe; it may be copied to branch a
 * transcript. */
typedef struct ks_hash {
    uint8_t powers[KS_HASH_POWERS * KS_HASH_BLOCK];
    uint8_t state[KS_HASH_BLOCK];
    uint8_t pending[KS_HASH_BLOCK];
    uint32_t pending_bytes; /* 0..15 */
    uint64_t blocks;        /* absorbed, the pending one not counted */
    uint64_t bytes;         /* of data, padding not counted */
} ks_hash;

void ks_hash_init(ks_hash *hash, const uint8_t key[16]);
/* Absorbs data; cutting it differently over several calls changes nothing. */
void ks_hash_update(ks_hash *hash, const void *data, size_t bytes);
/* Fills a partial block with zeros; nothing on a block boundary. Padding is not counted in the length, so
 * what is padded in the middle must tell its own length (a message does, by its header). */
void ks_hash_pad(ks_hash *hash);
/* Pads, absorbs the length block (64 zero bits, then the bits of data, big-endian) and gives the value:
 * GHASH of the data as ciphertext without associated data. Only ks_hash_wipe may follow. */
void ks_hash_final(ks_hash *hash, uint8_t out[16]);
void ks_hash_wipe(ks_hash *hash);

/* The polynomial value of the whole blocks absorbed so far, without length block, and their number. Call
 * ks_hash_pad before when the data may end within a block. */
void ks_hash_value(const ks_hash *hash, uint8_t out[16]);
uint64_t ks_hash_blocks(const ks_hash *hash);

/* first * H^second_blocks + second: the polynomial value of two block strings in sequence. `out` may be
 * either input. */
void ks_hash_combine(uint8_t out[16], const uint8_t key[16], const uint8_t first[16],
                     const uint8_t second[16], uint64_t second_blocks);
/* Hash of a transcript whose two directions were absorbed apart under one key: `first`, padded, then
 * `second`, padded, then the length block with the bits of both: GHASH with `first` as associated data and
 * `second` as ciphertext. The inputs stay as they are. Epsilon: ks_hash_log2_epsilon(blocks of both + 1). */
void ks_hash_pair(uint8_t out[16], const ks_hash *first, const ks_hash *second);

/* log2 of the largest probability with which two inputs of at most `blocks` blocks (length block included)
 * meet a chosen difference: log2(blocks) - 128. */
double ks_hash_log2_epsilon(uint64_t blocks);

/* tag = hash xor pad: an authentication tag under a key that stays secret and a pad that serves once. `out`
 * may be either. */
void ks_tag_seal(uint8_t out[KS_TAG_BYTES], const uint8_t hash[16], const uint8_t pad[16]);

/* Error verification: the 128-bit polynomial hash of the first n bits of a packed key (bit i is bit i % 64 of
 * word i / 64) under a fresh key. Block j is words 2j and 2j + 1, each as eight bytes, low byte first; bits
 * from n on count as zero; there is no length block, because n is agreed. Two different keys of n bits have
 * equal tags with probability at most ceil(n / 128) 2^-128. */
void ks_verification_tag(uint8_t tag[KS_TAG_BYTES], const uint8_t key[16], const uint64_t *bits, size_t n);
/* log2 of that probability. */
double ks_verification_log2_epsilon(size_t n);

#endif
