/* SPDX-License-Identifier: Apache-2.0 */
/* Row of reconciliation for matrices without structure: up to 64 frames are decoded side by side, one byte a
 * frame, so that any matrix keeps the vectors full. The frames know nothing of each other. */
#ifndef KS_KERNELS_ROWS_SPARSE_H
#define KS_KERNELS_ROWS_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/rows_ldpc.h"

enum {
    KS_SPARSE_FRAMES = 64, /* lanes of a group */
    KS_SPARSE_KNOWN = 127, /* weight of a bit that is certain */
    KS_SPARSE_LEVELS_MAX = 64
};

/* Row r holds columns column[first[r]] .. column[first[r + 1] - 1]: different ones, at most
 * KS_LDPC_ROW_EDGES_MAX. */
typedef struct ks_sparse_rows {
    uint32_t columns, rows;
    const uint32_t *first, *column;
} ks_sparse_rows;

/* As ks_ldpc_remap, with any number of classes of rows: the table of level l and class k begins at
 * tables[(l * classes + k) * KS_LDPC_TABLE]. */
typedef struct ks_sparse_remap {
    uint32_t levels, classes;
    const uint16_t *limits;
    const uint8_t *tables;
    uint16_t halve_below[KS_LDPC_HALVINGS];
} ks_sparse_remap;

typedef struct ks_sparse_task {
    const ks_sparse_rows *matrix;
    const uint8_t *row_class;
    const ks_sparse_remap *remap;
    const uint8_t *weight;    /* magnitude of each received bit: 0 (nothing was received) to 63, or
                                 KS_SPARSE_KNOWN */
    const uint64_t *received; /* frames times (columns + 63) / 64 words, LSB first; bits behind are ignored */
    const uint64_t *syndrome; /* frames times (rows + 63) / 64 words */
    uint32_t frames;          /* 1..KS_SPARSE_FRAMES */
    uint32_t max_passes;      /* from 1 */
    uint32_t patience;        /* as in ks_ldpc_task */
} ks_sparse_task;

/* Bytes of `state`, 64-byte aligned: for the variants and devices soft values, 64 bytes a column (byte f:
 * frame f); o1, o2, e1 of each row, 3 times 64 bytes; signs of c, one 64-bit word an edge (bit f: frame f);
 * syndromes, a word a row; decisions, a word a column; v of one row. The oracle needs columns + ones. */
size_t ks_sparse_state_bytes(uint32_t columns, uint32_t rows, uint32_t ones);

/* Each frame by itself, as ks_ldpc_decode with z = 1 (kernels/rows_ldpc.h), checks in the order of rows:
 *   soft[column] = +weight for a received 0, -weight for a 1; c = 0; u = 2^15; halvings = 0.
 *   A pass: halving as there; soft of columns with weight KS_SPARSE_KNOWN = +-127 as received; then every row
 * with u's level and its class's table, u anew, and when no check was unsatisfied: soft of known columns
 * again, and if the signs of soft have the syndrome, decoding has converged. decoded (frames times columns
 * words, must not overlap received) = soft < 0 after the frame's last pass, known columns as received, zeros
 * behind. The state is left dirty: it holds key material. */
typedef void ks_k_ldpc_decode_sparse_fn(ks_ldpc_outcome *outcomes, uint64_t *decoded,
                                        const ks_sparse_task *task, void *state);

#endif
