/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/code.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/rows_ldpc.h"
#include "pipeline/sha256.h"
#include "pipeline/status.h"

typedef struct owned {
    ks_code code;
    ks_matrix *matrix;
} owned;

static ks_status check_rows(const ks_matrix *m) {
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t ones = m->first[r + 1] - m->first[r];
        if (ones == 0)
            return ks_fail(KS_ERR_FORMAT, "row %u has no ones: its syndrome tells nothing", r);
        if (ones > KS_LDPC_ROW_EDGES_MAX)
            return ks_fail(KS_ERR_LIMIT, "row %u has %u ones: the decoder takes up to %d", r, ones,
                           KS_LDPC_ROW_EDGES_MAX);
    }
    return KS_OK;
}

static ks_status check_columns(const ks_matrix *m) {
    uint8_t *met = calloc(m->columns, 1);
    if (!met)
        return ks_fail(KS_ERR_MEMORY, "no memory for a code of %u columns", m->columns);
    for (uint32_t i = 0; i < m->ones; i++)
        met[m->column[i]] = 1;
    const uint8_t *unmet = memchr(met, 0, m->columns);
    ks_status status = KS_OK;
    if (unmet)
        status =
            ks_fail(KS_ERR_FORMAT, "column %zu has no ones: its errors would stay", (size_t)(unmet - met));
    free(met);
    return status;
}

static void put(ks_sha256 *sha, uint32_t value) {
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    ks_sha256_update(sha, bytes, sizeof bytes);
}

void ks_code_digest(uint8_t digest[KS_CODE_DIGEST_BYTES], const ks_matrix *m) {
    ks_sha256 sha;
    ks_sha256_init(&sha);
    put(&sha, m->rows);
    put(&sha, m->columns);
    for (uint32_t r = 0; r < m->rows; r++) {
        put(&sha, m->first[r + 1] - m->first[r]);
        for (uint32_t i = m->first[r]; i < m->first[r + 1]; i++)
            put(&sha, m->column[i]);
    }
    ks_sha256_final(&sha, digest);
}

ks_status ks_code_of_matrix(ks_code **out, ks_matrix *matrix) {
    *out = NULL;
    ks_status status = check_rows(matrix);
    if (status == KS_OK)
        status = check_columns(matrix);
    owned *o = status == KS_OK ? calloc(1, sizeof *o) : NULL;
    if (status == KS_OK && !o)
        status = ks_fail(KS_ERR_MEMORY, "no memory for a code");
    if (status != KS_OK) {
        ks_matrix_destroy(matrix);
        return status;
    }
    o->matrix = matrix;
    o->code = (ks_code){.rows = matrix->rows,
                        .columns = matrix->columns,
                        .ones = matrix->ones,
                        .first = matrix->first,
                        .column = matrix->column};
    ks_code_digest(o->code.digest, matrix);
    *out = &o->code;
    return KS_OK;
}

ks_status ks_code_create(ks_code **out, uint32_t rows, uint32_t columns, const ks_code_one *ones,
                         size_t count) {
    *out = NULL;
    KS_TRY(ks_matrix_check_size(rows, columns));
    if (count > KS_MATRIX_ONES_MAX)
        return ks_fail(KS_ERR_LIMIT, "a matrix of %zu ones: at most %d are served", count,
                       KS_MATRIX_ONES_MAX);
    ks_matrix_entry *entries = malloc((count + 1) * sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu ones", count);
    for (size_t i = 0; i < count; i++)
        entries[i] = (ks_matrix_entry){ones[i].row, ones[i].column};
    ks_matrix *matrix;
    ks_status status = ks_matrix_create(&matrix, rows, columns, entries, count);
    free(entries);
    return status == KS_OK ? ks_code_of_matrix(out, matrix) : status;
}

void ks_code_destroy(ks_code *code) {
    if (!code)
        return;
    owned *o = (owned *)code;
    ks_matrix_destroy(o->matrix);
    free(o);
}
