/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "kernels/kernels.h"
#include "ldpc/sparse_tables.h"
#include "pipeline/status.h"

enum { PASSES = 200, PATIENCE = 24 };

struct ks_sparse_decoder {
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
    if (!(qber > 0 && qber < 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "an error rate of %g: between 0 and 1/2", qber);
    KS_TRY(check_rows(matrix));
    ks_sparse_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return ks_fail(KS_ERR_MEMORY, "no memory for a decoder");
    d->rows = (ks_sparse_rows){matrix->columns, matrix->rows, matrix->first, matrix->column};
    d->weight = malloc(matrix->columns);
    ks_status status = d->weight ? ks_sparse_tables_create(&d->tables, matrix, qber)
                                 : ks_fail(KS_ERR_MEMORY, "no memory for a decoder");
    if (status == KS_OK)
        status = ks_secret_alloc(
            &d->state, ks_sparse_state_bytes(matrix->columns, matrix->rows, matrix->ones), KS_SECRET_BLOCK);
    if (status != KS_OK) {
        ks_sparse_decoder_destroy(d);
        return status;
    }
    memset(d->weight, KS_SPARSE_WEIGHT, matrix->columns);
    *out = d;
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
                                 .max_passes = max_passes ? max_passes : PASSES,
                                 .patience = PATIENCE};
    ks_kernels_get()->ldpc_decode_sparse(outcomes, decoded, &task, decoder->state);
}
