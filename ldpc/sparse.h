/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding by any matrix: frames side by side, layered by rows, integer messages (kernels/rows_sparse.h). */
#ifndef KS_LDPC_SPARSE_H
#define KS_LDPC_SPARSE_H

#include "kernels/rows_sparse.h"
#include "ldpc/matrix.h"

typedef struct ks_sparse_decoder ks_sparse_decoder;

/* For frames with error rate `qber` (in (0, 1/2)); the matrix must outlive it. Its tables are computed from
 * the degrees of the matrix. Memory is secret. KS_ERR_LIMIT: a row of more than KS_LDPC_ROW_EDGES_MAX ones.
 * One thread at a time; NULL may be destroyed. */
KS_MUST_CHECK ks_status ks_sparse_decoder_create(ks_sparse_decoder **out, const ks_matrix *matrix,
                                                 double qber);
void ks_sparse_decoder_destroy(ks_sparse_decoder *decoder);

/* For another error rate, and for frames that are shortened: bits from `real_bits` (1..columns) on are known
 * to be zeros, whatever was received there. After create all bits are unknown. */
KS_MUST_CHECK ks_status ks_sparse_decoder_set(ks_sparse_decoder *decoder, double qber, size_t real_bits);

/* Up to KS_SPARSE_FRAMES frames of ks_matrix_frame_words words, syndromes of ks_matrix_syndrome_words (zeros:
 * code words). `decoded` must not overlap `received`; where outcomes[i].converged is 0 it holds the decoder's
 * last guess. max_passes 0: 200. The decoder keeps
 * nothing of the frames. */
void ks_sparse_decode(ks_sparse_decoder *decoder, ks_ldpc_outcome *outcomes, uint64_t *decoded,
                      const uint64_t *received, const uint64_t *syndrome, uint32_t frames,
                      uint32_t max_passes);

/* Alice's side of it: the syndromes of up to KS_SPARSE_FRAMES frames, laid out as there; bits behind the
 * columns are ignored. Needs columns + rows words of memory, which is left dirty. */
void ks_sparse_syndromes(uint64_t *syndromes, const uint64_t *frames, uint32_t count, const ks_matrix *matrix,
                         uint64_t *memory);

#endif
