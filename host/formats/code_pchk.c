/* SPDX-License-Identifier: Apache-2.0 */
/* Radford Neal's .pchk: little-endian 32-bit integers. docs/codes-formats.md. */
#include "host/formats/code_pchk.h"

#include <stdlib.h>

#include "pipeline/status.h"

enum { MAGIC = ('P' << 8) + 0x80 };

ks_status ks_binary_i32(int32_t *out, ks_binary *b, const char *what) {
    *out = 0;
    if (b->bytes - b->at < 4)
        return ks_fail(KS_ERR_FORMAT, "byte %zu: expected %s, found the end of the file", b->at, what);
    const uint8_t *p = b->data + b->at;
    *out = (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    b->at += 4;
    return KS_OK;
}

ks_status ks_binary_size(uint32_t *rows, uint32_t *columns, ks_binary *b) {
    const size_t at = b->at;
    int32_t m, n;
    *rows = *columns = 0;
    KS_TRY(ks_binary_i32(&m, b, "the number of rows"));
    KS_TRY(ks_binary_i32(&n, b, "the number of columns"));
    const ks_status status = ks_matrix_check_size(m < 0 ? 0 : (uint64_t)m, n < 0 ? 0 : (uint64_t)n);
    if (status != KS_OK)
        return ks_fail_in(status, "byte %zu", at);
    *rows = (uint32_t)m;
    *columns = (uint32_t)n;
    return KS_OK;
}

/* Entries up to the closing 0. There are at most as many as integers are left in the file. */
static ks_status read_entries(ks_matrix_entry *entries, size_t *count, uint32_t rows, uint32_t columns,
                              ks_binary *b) {
    uint32_t row = 0;
    int seen_row = 0;
    for (;;) {
        const size_t at = b->at;
        int32_t value;
        KS_TRY(ks_binary_i32(&value, b, "a row, a column or the closing 0"));
        if (value == 0)
            return KS_OK;
        if (value < 0) {
            row = 0u - (uint32_t)value - 1;
            seen_row = 1;
            if (row >= rows)
                return ks_fail(KS_ERR_FORMAT, "byte %zu: row %u of %u", at, row, rows);
        } else if (!seen_row) {
            return ks_fail(KS_ERR_FORMAT, "byte %zu: column %d before any row", at, value - 1);
        } else if ((uint32_t)value > columns) {
            return ks_fail(KS_ERR_FORMAT, "byte %zu: column %d of %u", at, value - 1, columns);
        } else {
            entries[(*count)++] = (ks_matrix_entry){row, (uint32_t)value - 1};
        }
    }
}

ks_status ks_binary_matrix(ks_matrix **out, uint32_t rows, uint32_t columns, ks_binary *b) {
    *out = NULL;
    size_t count = 0, most = (b->bytes - b->at) / 4;
    ks_matrix_entry *entries = malloc((most + 1) * sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu entries", most);
    ks_status status = read_entries(entries, &count, rows, columns, b);
    if (status == KS_OK)
        status = ks_matrix_create(out, rows, columns, entries, count);
    free(entries);
    return status;
}

ks_status ks_pchk_read(ks_matrix **out, const uint8_t *data, size_t bytes) {
    *out = NULL;
    ks_binary b = {data, bytes, 0};
    int32_t magic;
    uint32_t rows, columns;
    KS_TRY(ks_binary_i32(&magic, &b, "the magic number of a .pchk"));
    if (magic != MAGIC)
        return ks_fail(KS_ERR_FORMAT, "byte 0: magic number %#x, expected %#x of a .pchk", (unsigned)magic,
                       (unsigned)MAGIC);
    KS_TRY(ks_binary_size(&rows, &columns, &b));
    return ks_binary_matrix(out, rows, columns, &b);
}

void ks_bytes_put_matrix(ks_bytes *out, const ks_matrix *matrix) {
    ks_bytes_put_i32(out, (int32_t)matrix->rows);
    ks_bytes_put_i32(out, (int32_t)matrix->columns);
    for (uint32_t r = 0; r < matrix->rows; r++) {
        if (matrix->first[r] < matrix->first[r + 1])
            ks_bytes_put_i32(out, -(int32_t)r - 1);
        for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
            ks_bytes_put_i32(out, (int32_t)matrix->column[i] + 1);
    }
    ks_bytes_put_i32(out, 0);
}

void ks_pchk_write(ks_bytes *out, const ks_matrix *matrix) {
    ks_bytes_put_i32(out, MAGIC);
    ks_bytes_put_matrix(out, matrix);
}
