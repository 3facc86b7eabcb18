/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse binary parity-check matrices of any shape: what foreign code files hold. Rows are checks, columns
 * are bits, both numbered from 0. What is KS_API here is exported for libkeystill-host alone. */
#ifndef KS_LDPC_MATRIX_H
#define KS_LDPC_MATRIX_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

enum {
    KS_MATRIX_SIDE_MAX = 1 << 22, /* rows, columns */
    KS_MATRIX_ONES_MAX = 1 << 26
};

/* Row r has ones at column[first[r]] .. column[first[r + 1] - 1], ascending. Read only. */
typedef struct ks_matrix {
    uint32_t rows, columns, ones;
    const uint32_t *first;
    const uint32_t *column;
} ks_matrix;

typedef struct ks_matrix_entry {
    uint32_t row, column;
} ks_matrix_entry;

/* Entries in any order; one that is named twice counts once (ones < count then). KS_ERR_LIMIT: larger than
 * the limits above; KS_ERR_FORMAT: no rows, no columns, or an entry outside. Destroy with ks_matrix_destroy.
 */
KS_API KS_MUST_CHECK ks_status ks_matrix_create(ks_matrix **out, uint32_t rows, uint32_t columns,
                                                const ks_matrix_entry *entries, size_t count);
KS_API void ks_matrix_destroy(ks_matrix *matrix); /* NULL may be destroyed */

/* Refuses sizes beyond the limits, before anybody allocates for them. */
KS_API KS_MUST_CHECK ks_status ks_matrix_check_size(uint64_t rows, uint64_t columns);

KS_API int ks_matrix_equal(const ks_matrix *a, const ks_matrix *b);

/* Columns become rows. */
KS_API KS_MUST_CHECK ks_status ks_matrix_transpose(ks_matrix **out, const ks_matrix *matrix);

/* Rows of the result: first the sums of the `count` pairs, in their order, then the rows that are in no pair.
 * KS_ERR_FORMAT when a row is outside or in two places. */
typedef struct ks_row_pair {
    uint32_t a, b;
} ks_row_pair;
KS_MUST_CHECK ks_status ks_matrix_merge(ks_matrix **out, const ks_matrix *matrix, const ks_row_pair *pairs,
                                        size_t count);

/* The matrix of a rate of our family for frames of 2^log2n bits. */
KS_MUST_CHECK ks_status ks_matrix_of_rate(ks_matrix **out, uint16_t rate, unsigned log2n);

/* syndrome = H frame, both packed LSB first in 64-bit words; unused bits of the last word of `frame` are
 * ignored, those of `syndrome` are zero. */
static inline size_t ks_matrix_frame_words(const ks_matrix *m) {
    return ((size_t)m->columns + 63) / 64;
}
static inline size_t ks_matrix_syndrome_words(const ks_matrix *m) {
    return ((size_t)m->rows + 63) / 64;
}
void ks_matrix_syndrome(uint64_t *syndrome, const uint64_t *frame, const ks_matrix *matrix);

/* Rank by elimination on packed rows: rows * columns / 8 bytes. KS_ERR_LIMIT when that is more than
 * `most_bytes`. */
KS_MUST_CHECK ks_status ks_matrix_rank(uint32_t *rank, const ks_matrix *matrix, size_t most_bytes);

/* Length of the shortest cycle of the graph, 4, 6 or 8; 0: all are longer. */
KS_MUST_CHECK ks_status ks_matrix_girth(uint32_t *girth, const ks_matrix *matrix);

#endif
