/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of circulant exponents, and lists of row pairs. */
#include <stdlib.h>

#include "host/formats/code_text.h"
#include "pipeline/status.h"

/* Exponents of `rows` times `columns`, -1 for no circulant; *ones: circulants. */
static ks_status read_table(int32_t *table, size_t *ones, size_t cells, int64_t z, ks_text *t) {
    int64_t exponent;
    *ones = 0;
    for (size_t i = 0; i < cells; i++) {
        KS_TRY(ks_text_need(&exponent, t, -1, z - 1, "an exponent"));
        table[i] = (int32_t)exponent;
        *ones += exponent >= 0;
    }
    const ks_status status = ks_text_number(&exponent, t, 0, 0, 0, "the end of the table");
    return status == KS_ERR_EMPTY ? KS_OK
           : status == KS_OK      ? ks_text_fail(t, "the end of the table")
                                  : status;
}

static ks_status expand(ks_matrix **out, const int32_t *table, size_t circulants, uint32_t rows,
                        uint32_t columns, uint32_t z) {
    if ((uint64_t)circulants * z > KS_MATRIX_ONES_MAX)
        return ks_fail(KS_ERR_LIMIT, "%zu circulants of %u: at most %d ones are served", circulants, z,
                       KS_MATRIX_ONES_MAX);
    ks_matrix_entry *entries = malloc((circulants * z + 1) * sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu circulants of %u", circulants, z);
    size_t n = 0;
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < columns; c++) {
            const int32_t exponent = table[(size_t)r * columns + c];
            for (uint32_t i = 0; exponent >= 0 && i < z; i++)
                entries[n++] = (ks_matrix_entry){r * z + i, c * z + (i + (uint32_t)exponent) % z};
        }
    const ks_status status = ks_matrix_create(out, rows * z, columns * z, entries, n);
    free(entries);
    return status;
}

ks_status ks_qc_read(ks_matrix **out, uint32_t *z, const uint8_t *data, size_t bytes) {
    *out = NULL;
    ks_text t = {data, bytes, 0, 0};
    int64_t columns, rows, size;
    KS_TRY(ks_text_need(&columns, &t, 1, KS_MATRIX_SIDE_MAX, "the number of block columns"));
    KS_TRY(ks_text_need(&rows, &t, 1, KS_MATRIX_SIDE_MAX, "the number of block rows"));
    KS_TRY(ks_text_need(&size, &t, 1, KS_MATRIX_SIDE_MAX, "the size of a circulant"));
    KS_TRY(ks_matrix_check_size((uint64_t)(rows * size), (uint64_t)(columns * size)));
    if ((uint64_t)rows * (uint64_t)columns > bytes / 2)
        return ks_fail(KS_ERR_FORMAT, "line %lu, byte %zu: a table of %lld by %lld cannot stand in %zu bytes",
                       t.line + 1, t.at, (long long)rows, (long long)columns, bytes);
    const size_t cells = (size_t)(rows * columns);
    int32_t *table = malloc(cells * sizeof *table);
    if (!table)
        return ks_fail(KS_ERR_MEMORY, "no memory for a table of %zu exponents", cells);
    size_t circulants;
    ks_status status = read_table(table, &circulants, cells, size, &t);
    if (status == KS_OK)
        status = expand(out, table, circulants, (uint32_t)rows, (uint32_t)columns, (uint32_t)size);
    free(table);
    *z = (uint32_t)size;
    return status;
}

/* Exponents of one block row into table[columns]; -1 when its z rows are not circulants. */
static int block_row(int32_t *table, const ks_matrix *m, uint32_t row, uint32_t z) {
    const uint32_t columns = m->columns / z, first = m->first[row * z], n = m->first[row * z + 1] - first;
    for (uint32_t c = 0; c < columns; c++)
        table[c] = -1;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t at = m->column[first + k];
        if (table[at / z] >= 0)
            return -1;
        table[at / z] = (int32_t)(at % z);
    }
    for (uint32_t i = 0; i < z; i++) {
        const uint32_t from = m->first[row * z + i];
        if (m->first[row * z + i + 1] - from != n)
            return -1;
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t at = m->column[from + k];
            if (table[at / z] < 0 || (i + (uint32_t)table[at / z]) % z != at % z)
                return -1;
        }
    }
    return 0;
}

ks_status ks_qc_write(ks_bytes *out, const ks_matrix *matrix, uint32_t z) {
    if (z == 0 || matrix->rows % z || matrix->columns % z)
        return ks_fail(KS_ERR_FORMAT, "%u rows and %u columns are not made of circulants of %u", matrix->rows,
                       matrix->columns, z);
    const uint32_t columns = matrix->columns / z, rows = matrix->rows / z;
    int32_t *table = malloc(columns * sizeof *table);
    if (!table)
        return ks_fail(KS_ERR_MEMORY, "no memory for %u exponents", columns);
    ks_bytes_put_text(out, "%u %u %u\n", columns, rows, z);
    ks_status status = KS_OK;
    for (uint32_t r = 0; r < rows && status == KS_OK; r++) {
        if (block_row(table, matrix, r, z) != 0)
            status = ks_fail(KS_ERR_FORMAT, "rows %u to %u are not single circulants of %u", r * z,
                             r * z + z - 1, z);
        for (uint32_t c = 0; c < columns; c++)
            ks_bytes_put_text(out, c ? " %d" : "%d", table[c]);
        ks_bytes_put(out, "\n", 1);
    }
    free(table);
    return status;
}

static ks_status read_pair(ks_row_pair *pair, ks_text *t) {
    int64_t a, b;
    KS_TRY(ks_text_number(&a, t, ',', 0, KS_MATRIX_SIDE_MAX - 1, "a row"));
    while (t->at < t->bytes && t->data[t->at] == ' ')
        t->at++;
    if (t->at < t->bytes && t->data[t->at] == ',')
        t->at++;
    if (ks_text_line_ends(t))
        return ks_text_fail(t, "the second row of a pair");
    KS_TRY(ks_text_need(&b, t, 0, KS_MATRIX_SIDE_MAX - 1, "a row"));
    if (!ks_text_line_ends(t))
        return ks_text_fail(t, "the end of the line after a pair");
    *pair = (ks_row_pair){(uint32_t)a, (uint32_t)b};
    return KS_OK;
}

ks_status ks_pairs_read(ks_row_pair **out, size_t *count, const uint8_t *data, size_t bytes) {
    ks_text t = {data, bytes, 0, 0};
    *count = 0;
    *out = malloc((bytes / 3 + 1) * sizeof **out); /* a pair takes three bytes at least */
    if (!*out)
        return ks_fail(KS_ERR_MEMORY, "no memory for row pairs");
    ks_status status;
    while ((status = read_pair(&(*out)[*count], &t)) == KS_OK)
        ++*count;
    if (status == KS_ERR_EMPTY && *count == 0)
        status = ks_text_fail(&t, "row pairs");
    if (status == KS_ERR_EMPTY)
        return KS_OK;
    free(*out);
    *out = NULL;
    return status;
}

void ks_pairs_write(ks_bytes *out, const ks_row_pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++)
        ks_bytes_put_text(out, "%u,%u\n", pairs[i].a, pairs[i].b);
}
