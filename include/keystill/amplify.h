/* SPDX-License-Identifier: Apache-2.0 */
/* Privacy amplification: exact Toeplitz hashing of a block of 1 .. 10^9 bits.
 *
 * Definition. T is an m x c matrix over GF(2) with T[i][j] = s[(i - j) mod S], 0 <= i < m, 0 <= j < c, S = c
 * + m - 1 seed bits. Its first column is s[0..m-1], its first row goes on with s[S-1], s[S-2], ..., s[m].
 *   standard: c = n,      y = T x
 *   modified: c = n - m,  y = T x[0..c-1] + x[n-m..n-1], that is (T | I): dual universal, n - 1 seed bits
 * Both forms are exact for every input: no floating point. The seed must be uniformly random, authenticated
 * and drawn after the input was fixed; a seed that served a block must not serve a later one.
 *
 * Bits are packed into 64-bit words, bit i in word[i / 64] at weight 2^(i % 64). Bits of the last word beyond
 * the length are ignored in inputs and zero in outputs. */
#ifndef KEYSTILL_AMPLIFY_H
#define KEYSTILL_AMPLIFY_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KS_TOEPLITZ_INPUT_MAX   ((size_t)1000000000)
#define KS_TOEPLITZ_THREADS_MAX 256u

typedef enum ks_toeplitz_form { KS_TOEPLITZ_MODIFIED = 0, KS_TOEPLITZ_STANDARD = 1 } ks_toeplitz_form;

/* Seed bits of a hash from n to m bits: n - 1 (modified) or n + m - 1 (standard); 0 for n = m in modified
 * form with n = 1 and for sizes that are not allowed (m < 1, m > n, n > KS_TOEPLITZ_INPUT_MAX). */
KS_API size_t ks_toeplitz_seed_bits(size_t n, size_t m, ks_toeplitz_form form);

/* 64-bit words that hold `bits` bits. */
static inline size_t ks_toeplitz_words(size_t bits) {
    return bits / 64 + (bits % 64 != 0);
}

/* Workspace for hashes of one form of at most n_max input and m_max output bits. Secret memory, wiped by
 * destroy. `threads` workers (1 .. KS_TOEPLITZ_THREADS_MAX, the caller's thread included) share each call;
 * results do not depend on their number. A plan serves one call at a time. */
typedef struct ks_toeplitz_plan ks_toeplitz_plan;
KS_API KS_MUST_CHECK ks_status ks_toeplitz_plan_create(ks_toeplitz_plan **out, size_t n_max, size_t m_max,
                                                       ks_toeplitz_form form, unsigned threads);
KS_API void ks_toeplitz_plan_destroy(ks_toeplitz_plan *plan);

/* out = hash of `key`. out: ks_toeplitz_words(m) words, key: words(n), seed: words(seed bits), in the order
 * of the definition above. out may be key. KS_ERR_ARGUMENT for sizes that the plan does not cover. */
KS_API KS_MUST_CHECK ks_status ks_toeplitz_apply(ks_toeplitz_plan *plan, uint64_t *out, const uint64_t *key,
                                                 size_t n, size_t m, const uint64_t *seed);

/* The same in two steps, for several blocks that were all fixed before the one seed was drawn: the seed's
 * transform is kept in the plan until the next prepare or apply. KS_ERR_STATE when nothing is prepared. */
KS_API KS_MUST_CHECK ks_status ks_toeplitz_prepare(ks_toeplitz_plan *plan, const uint64_t *seed, size_t n,
                                                   size_t m);
KS_API KS_MUST_CHECK ks_status ks_toeplitz_apply_prepared(ks_toeplitz_plan *plan, uint64_t *out,
                                                          const uint64_t *key);

/* Orders in which seeds are published. */
typedef enum ks_seed_order {
    KS_SEED_DEFAULT = 0, /* as the definition above; also cryptomite's Toeplitz and randextract's default */
    KS_SEED_COLUMN = 1,  /* first column bottom to top, then the first row left to right: t[m-1], ..., t[0],
                            ..., t[-(c-1)] */
    KS_SEED_ROW = 2      /* the reverse: first row right to left, then the first column top to bottom */
} ks_seed_order;

/* dst = the seed of a hash from n to m bits in default order, from `src` in `order`. Must not overlap. */
KS_API KS_MUST_CHECK ks_status ks_toeplitz_seed_reorder(uint64_t *dst, const uint64_t *src, size_t n,
                                                        size_t m, ks_toeplitz_form form, ks_seed_order order);

/* How bits stand in files. */
typedef enum ks_bit_order {
    KS_BITS_LSB = 0,     /* bit i in byte i / 8 at weight 2^(i % 8) */
    KS_BITS_MSB = 1,     /* bit i in byte i / 8 at weight 2^(7 - i % 8) */
    KS_BITS_NICOBOSS = 2 /* PrivacyAmplification of nicoboss: inputs bit i in little-endian 32-bit word i / 32
                            at weight 2^(31 - i % 32), outputs as KS_BITS_MSB */
} ks_bit_order;

/* Bytes that hold `bits` bits in an input file of that order: whole bytes, or whole 32-bit words. */
KS_API size_t ks_bits_import_bytes(size_t bits, ks_bit_order order);
/* dst: ks_toeplitz_words(bits) words, tail zero; src: ks_bits_import_bytes(bits, order) bytes. */
KS_API void ks_bits_import(uint64_t *dst, const uint8_t *src, size_t bits, ks_bit_order order);
/* dst: (bits + 7) / 8 bytes, tail zero. */
KS_API void ks_bits_export(uint8_t *dst, const uint64_t *src, size_t bits, ks_bit_order order);

#ifdef __cplusplus
}
#endif
#endif
