/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of reconciliation: syndrome and decoding of quasi-cyclic LDPC codes.
 *
 * A graph has `columns` blocks of z bits and `rows` blocks of z checks. An edge (column c, row r, shift s)
 * joins bit (i + s) mod z of column c to check i of row r, for every i. z is a power of two, 64..4096; no two
 * edges join the same column and row. Bits and checks are packed LSB first in 64-bit words, block after
 * block. */
#ifndef KS_KERNELS_ROWS_LDPC_H
#define KS_KERNELS_ROWS_LDPC_H

#include <stddef.h>
#include <stdint.h>

enum {
    KS_LDPC_Z_MIN = 64,
    KS_LDPC_Z_MAX = 4096,
    KS_LDPC_ROW_EDGES_MAX = 255, /* edges of one row */
    KS_LDPC_TABLE = 64,          /* entries of a remap table */
    KS_LDPC_HALVINGS = 2,
    KS_LDPC_EXACT_TOP = 639,  /* ldpc_exact: last entry of its table of magnitudes, */
    KS_LDPC_EXACT_CAP = 8191, /* largest message, */
    KS_LDPC_EXACT_LATE = 262  /* and the u (0.004) below which it is near the end */
};

typedef struct ks_ldpc_edge {
    uint16_t node;  /* the other end: a row in lists by column, a column in lists by row */
    uint16_t shift; /* 0..z-1 */
} ks_ldpc_edge;

/* Edges of owner i are edges[first[i]] .. edges[first[i + 1] - 1]; owners are columns or rows, as the
 * function says. */
typedef struct ks_ldpc_lists {
    uint32_t columns, rows, z;
    const uint32_t *first;
    const ks_ldpc_edge *edges;
} ks_ldpc_lists;

/* syndrome (rows * z bits) = H frame (columns * z bits); lists by column, whose shifts count modulo z here.
 * Leaves no copies of the frame behind. */
typedef void ks_k_ldpc_syndrome_fn(uint64_t *syndrome, const uint64_t *frame, const ks_ldpc_lists *by_column);

/* What makes min-sum messages true log-likelihood ratios: a magnitude table for each range of u, the share of
 * checks that the last pass found unsatisfied (in units of 2^-16; 2^15 before the first pass), and class of
 * row. Level l + 1 is used when u <= limits[l + 1], else the ones before; limits fall strictly and limits[0]
 * is not read. */
typedef struct ks_ldpc_remap {
    uint32_t levels;
    const uint16_t *limits;
    const uint8_t (*tables)[2][KS_LDPC_TABLE]; /* [level][class][min(magnitude, 63)], at most 63 */
    uint16_t
        halve_below[KS_LDPC_HALVINGS]; /* the k-th halving happens before the first pass with u below this */
} ks_ldpc_remap;

/* Where ldpc_exact stopped without success. values: soft[columns * z], then c[edges * z], c of check i of its
 * row at edge * z + i. */
typedef struct ks_ldpc_kept {
    int16_t *values;
    uint32_t unsatisfied; /* checks that the last pass found unsatisfied */
} ks_ldpc_kept;

typedef struct ks_ldpc_task {
    const ks_ldpc_lists *by_row;
    const uint8_t *row_class; /* 0 or 1 for each row */
    const ks_ldpc_remap *remap;
    const uint64_t *received; /* columns * z bits */
    const uint64_t *syndrome; /* rows * z bits */
    uint32_t real_bits; /* bits from here on are known to be zero; columns wholly beyond need have no edges */
    uint32_t weight; /* magnitude of a received bit, 1..63; ldpc_exact: its log-likelihood ratio in units of
                        ln 2 / 32, 1..511 */
    uint32_t max_passes;
    uint32_t patience; /* give up after so many passes in a row without u falling by 1/64 of the best seen; 0:
                          never */
    const ks_ldpc_kept *from; /* ldpc_exact: NULL, or go on from here: received and weight are not read */
    ks_ldpc_kept *keep; /* ldpc_exact: NULL, or where a decoding that does not converge leaves its state;
                           may be `from`. Untouched when it converges. */
} ks_ldpc_task;

typedef struct ks_ldpc_outcome {
    uint32_t passes;
    uint32_t unsatisfied; /* checks that the last pass found unsatisfied */
    uint32_t converged;   /* 1: `decoded` has the given syndrome */
} ks_ldpc_outcome;

/* Bytes of `state`, 64-byte aligned, that the variants need; the oracle needs (columns + edges) * z. The
 * layout of the variants: soft values, z + KS_LDPC_PAD bytes a column, the pad repeating the column's
 * beginning; then for each row and block of vector lanes o1, o2, e1; then packed signs of c; then one block
 * of v. */
enum { KS_LDPC_PAD = 64 };
size_t ks_ldpc_state_bytes(uint32_t columns, uint32_t rows, uint32_t edges, uint32_t z);

/* Layered min-sum with remapped magnitudes, int8, exact on every instruction set:
 *   soft[bit] = +weight for a received 0, -weight for a 1; c[edge, check] = 0; u = 2^15; halvings = 0.
 *   A pass:
 *     while halvings < 2 and not the first pass and u < halve_below[halvings]: every soft and c is halved
 * towards zero, halvings += 1 (at most one a pass); soft of bits from real_bits on = 127; for every row in
 * order, every check of it, over its edges e at bits b(e): v[e] = clamp(soft[b(e)] - c[e], -128, 127); a
 * check is unsatisfied when the number of v[e] < 0 is not of the parity of its syndrome bit; m1 <= m2 are the
 * two smallest min(|v[e]|, 63) (63 where there is none), e1 the first edge with the smallest |v[e]|; o1 =
 * table[m1], o2 = table[m2]; c[e] = (e == e1 ? o2 : o1), negative when the parity of the other v < 0 and the
 * syndrome bit is odd; soft[b(e)] = clamp(v[e] + c[e], -128, 127). u = unsatisfied * 2^16 / (rows * z),
 * rounded down. When no check was unsatisfied: soft of bits from real_bits on = 127, and if the signs of soft
 * have the syndrome, decoding has converged. decoded (columns * z bits, must not overlap received) = soft <
 * 0, zeros from real_bits on. state is left dirty: it holds key material, which the caller wipes. */
typedef void ks_k_ldpc_decode_fn(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task,
                                 void *state);

/* Bytes of `state` for ldpc_exact, 64-byte aligned, that the variants need; the oracle needs 2 * (columns +
 * edges) * z. The layout of the variants: soft values, z + KS_LDPC_PAD / 2 a column; one block of v and of
 * phi an edge; then the messages of each row and block, edge by edge. */
size_t ks_ldpc_exact_bytes(uint32_t columns, uint32_t edges, uint32_t z);

/* Layered sum-product in int16, exact on every instruction set; row_class and remap are not read. As
 * ldpc_decode, but: values clamp to -32768..32767, pinned bits have soft = 32767, nothing is halved; a task
 * with `from` begins with its soft and c, and with the u of its unsatisfied checks among the rows of now. In
 * a check of d edges P[e] = phi[min(|v[e]|, TOP)] (ks_ldpc_phi), S = the sum of all P in 32 bits, m[e] = the
 * smallest |v| of the other edges (32767 where there is none); t = min(S - P[e], 2^24 - 1); the magnitude of
 * c[e] is the larger of ks_ldpc_phi_inverse[key(t)] and min(m[e] - 32 bits(d - 1), CAP), where bits(x) counts
 * the binary digits of x: the sum of the terms e^-|v| is at most d - 1 times the largest, so the second is a
 * bound from below that takes over where the table ends. In a pass that begins with u < LATE the 32 bits(d -
 * 1) are left out: magnitudes grow, and chains of wrong bits of degree 2 come loose. key(0) = 0, else 32
 * power + mantissa + 1 for t = 2^power (1 + mantissa / 32 + ...). */
typedef void ks_k_ldpc_exact_fn(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task,
                                void *state);

#endif
