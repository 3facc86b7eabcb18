/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "kernels/kernels.h"
#include "ldpc/sparse_tables.h"
#include "pipeline/status.h"

struct ks_sparse_decoder {
    ks_matrix matrix;
    ks_sparse_rows rows;
    ks_sparse_tables *tables;
    uint8_t *weight; /* columns */
    void *state;
};

static ks_status check_rows(const ks_matrix *m) {
    for (uint32_t r = 0; r < m->rows; r++)
        if (m->first[r + 1] - m->first[r] > KS_LDPC_ROW_EDGES_MAX)
            return ks_fail(KS_ERR_LIMIT, "row %u has %u ones: the decoder takes up to %d", r,
                           m->first[r + 1] - m->first[r], KS_LDPC_ROW_EDGES_MAX);
    return KS_OK;
}

ks_status ks_sparse_decoder_create(ks_sparse_decoder **out, const ks_matrix *matrix, double qber) {
    *out = NULL;
    KS_TRY(check_rows(matrix));
    ks_sparse_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return ks_fail(KS_ERR_MEMORY, "no memory for a decoder");
    d->matrix = *matrix;
    d->rows = (ks_sparse_rows){matrix->columns, matrix->rows, matrix->first, matrix->column};
    d->weight = malloc(matrix->columns);
    ks_status status = d->weight ? ks_sparse_decoder_set(d, qber, matrix->columns)
                                 : ks_fail(KS_ERR_MEMORY, "no memory for a decoder");
    if (status == KS_OK)
        status = ks_secret_alloc(
            &d->state, ks_sparse_state_bytes(matrix->columns, matrix->rows, matrix->ones), KS_SECRET_BLOCK);
    if (status != KS_OK) {
        ks_sparse_decoder_destroy(d);
        return status;
    }
    *out = d;
    return KS_OK;
}

ks_status ks_sparse_decoder_set(ks_sparse_decoder *decoder, double qber, size_t real_bits) {
    if (!(qber > 0 && qber < 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "an error rate of %g: between 0 and 1/2", qber);
    ks_sparse_tables *tables;
    KS_TRY(ks_sparse_tables_create(&tables, &decoder->matrix, qber));
    ks_sparse_tables_destroy(decoder->tables);
    decoder->tables = tables;
    memset(decoder->weight, KS_SPARSE_WEIGHT, real_bits);
    memset(decoder->weight + real_bits, KS_SPARSE_KNOWN, decoder->matrix.columns - real_bits);
    return KS_OK;
}

void ks_sparse_decoder_destroy(ks_sparse_decoder *decoder) {
    if (!decoder)
        return;
    ks_secret_free(decoder->state);
    ks_sparse_tables_destroy(decoder->tables);
    free(decoder->weight);
    free(decoder);
}

void ks_sparse_decode(ks_sparse_decoder *decoder, ks_ldpc_outcome *outcomes, uint64_t *decoded,
                      const uint64_t *received, const uint64_t *syndrome, uint32_t frames,
                      uint32_t max_passes) {
    const ks_sparse_task task = {.matrix = &decoder->rows,
                                 .row_class = decoder->tables->row_class,
                                 .remap = &decoder->tables->remap,
                                 .weight = decoder->weight,
                                 .received = received,
                                 .syndrome = syndrome,
                                 .frames = frames,
                                 .max_passes = max_passes ? max_passes : KS_SPARSE_PASSES,
                                 .patience = KS_SPARSE_PATIENCE};
    ks_kernels_get()->ldpc_decode_sparse(outcomes, decoded, &task, decoder->state);
    const ks_matrix *m = &decoder->matrix;
    ks_wipe(decoder->state, ks_sparse_state_bytes(m->columns, m->rows, m->ones));
}

void ks_sparse_syndromes(uint64_t *syndromes, const uint64_t *frames, uint32_t count, const ks_matrix *matrix,
                         uint64_t *memory) {
    /* A word holds one bit of all frames. */
    uint64_t *by_column = memory, *by_row = memory + matrix->columns;
    ks_kernels_get()->bit_transpose(by_column, frames, count, matrix->columns);
    for (uint32_t r = 0; r < matrix->rows; r++) {
        uint64_t sum = 0;
        for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
            sum ^= by_column[matrix->column[i]];
        by_row[r] = sum;
    }
    ks_kernels_get()->bit_transpose(syndromes, by_row, matrix->rows, count);
}
