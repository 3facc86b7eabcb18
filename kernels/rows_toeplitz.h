/* SPDX-License-Identifier: Apache-2.0 */
/* Privacy amplification: Toeplitz products over GF(2). include/keystill/amplify.h defines the matrix. */
#ifndef KS_KERNELS_ROWS_TOEPLITZ_H
#define KS_KERNELS_ROWS_TOEPLITZ_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/isa.h"

/* Words past the end of a band that a variant of toeplitz_direct may read. */
enum { KS_TOEPLITZ_BAND_PAD = 64 };

/* Middle product of short polynomials: out[w] = word key_words + w of the carry-less product key * band, 0 <=
 * w < out_words, where bit b of word a stands for z^(64 a + b). `band` has key_words + out_words words that
 * count and KS_TOEPLITZ_BAND_PAD more that are read but have no effect; key_words >= 1, out_words >= 1; no
 * overlap. The time taken depends on the sizes alone. Cost: key_words * out_words products of words. */
typedef void ks_k_toeplitz_direct_fn(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                                     const uint64_t *band);

/* How a long product is laid out for the transform: rows << log_row points, 16 bits a coefficient. */
typedef struct ks_toeplitz_shape {
    size_t m, c;               /* rows and columns of the matrix, both >= 1 */
    unsigned log_row;          /* a row is a coset of 2^log_row points */
    size_t rows;               /* 1 .. 16; (rows << log_row) >= ceil(c / 16) + ceil(m / 16) */
    size_t key_rows, out_rows; /* rows that hold the ceil(c / 16) coefficients of the key, the ceil(m / 16) of
                                  the output */
} ks_toeplitz_shape;

enum { KS_TOEPLITZ_ROWS_MAX = 16 };

/* Least log_row that the transforms of an instruction-set level take. */
unsigned ks_toeplitz_least_log_row(ks_isa isa);

/* The shape with the fewest points whose rows have at least 2^least_log_row points. */
ks_toeplitz_shape ks_toeplitz_shape_of(size_t m, size_t c, unsigned least_log_row);

/* Bytes between rows of so many points: long rows are kept off each other's cache sets. */
static inline size_t ks_toeplitz_row_gap(size_t points) {
    return points >= 1024 ? 256 : 0;
}

/* Bytes from a row of field elements to the next. */
static inline size_t ks_toeplitz_row_bytes(const ks_toeplitz_shape *shape) {
    const size_t points = (size_t)1 << shape->log_row;
    return points * sizeof(uint32_t) + ks_toeplitz_row_gap(points);
}
size_t ks_toeplitz_prepared_bytes(const ks_toeplitz_shape *shape);
size_t ks_toeplitz_work_bytes(const ks_toeplitz_shape *shape);

/* Runs task(argument, i) for 0 <= i < count, in any order, on any of `threads` threads, and returns when all
 * are done. count < 2^32. */
typedef void ks_task_fn(void *argument, size_t index);
typedef struct ks_workers {
    void (*run)(void *context, ks_task_fn *task, void *argument, size_t count);
    void *context;
    unsigned threads;
} ks_workers;

/* Transform of a seed: s[0 .. c + m - 2] in default order, garbage beyond. prepared
 * (ks_toeplitz_prepared_bytes) and work (ks_toeplitz_work_bytes) are aligned to 64 bytes. What `prepared`
 * holds is a variant's own affair: only the toeplitz_apply of the same instruction-set level understands it.
 */
typedef void ks_k_toeplitz_prepare_fn(const ks_toeplitz_shape *shape, void *prepared, void *work,
                                      const uint64_t *seed, const ks_workers *workers);

/* out[0 .. m-1] = T key[0 .. c-1], T[i][j] = s[(i - j) mod (c + m - 1)], the rest of the last word of out
 * zero; garbage beyond c in key. `work` holds key bits afterwards. The time taken depends on the shape alone.
 */
typedef void ks_k_toeplitz_apply_fn(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                                    const void *prepared, void *work, const ks_workers *workers);

#endif
