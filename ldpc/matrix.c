/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/matrix.h"

#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "pipeline/status.h"

ks_status ks_matrix_check_size(uint64_t rows, uint64_t columns) {
    if (rows == 0 || columns == 0)
        return ks_fail(KS_ERR_FORMAT, "a matrix of %llu rows and %llu columns", (unsigned long long)rows,
                       (unsigned long long)columns);
    if (rows > KS_MATRIX_SIDE_MAX || columns > KS_MATRIX_SIDE_MAX)
        return ks_fail(KS_ERR_LIMIT, "a matrix of %llu rows and %llu columns: at most %d of each are served",
                       (unsigned long long)rows, (unsigned long long)columns, KS_MATRIX_SIDE_MAX);
    return KS_OK;
}

/* A matrix with room for `ones`; first[] all zero. */
static ks_matrix *make(uint32_t rows, uint32_t columns, size_t ones) {
    const size_t head = (sizeof(ks_matrix) + 15) / 16 * 16;
    char *memory = calloc(1, head + ((size_t)rows + 1 + ones) * sizeof(uint32_t));
    if (!memory) {
        (void)ks_fail(KS_ERR_MEMORY, "no memory for a matrix of %u rows and %zu ones", rows, ones);
        return NULL;
    }
    uint32_t *first = (uint32_t *)(void *)(memory + head);
    ks_matrix *m = (ks_matrix *)(void *)memory;
    *m = (ks_matrix){.rows = rows, .columns = columns, .first = first, .column = first + rows + 1};
    return m;
}

void ks_matrix_destroy(ks_matrix *matrix) {
    free(matrix);
}

/* Drops what stands twice in a row, after rows were filled in ascending order. */
static void collapse(ks_matrix *m) {
    uint32_t *first = (uint32_t *)m->first, *column = (uint32_t *)m->column, to = 0;
    for (uint32_t r = 0, from = 0; r < m->rows; r++) {
        const uint32_t start = to;
        for (; from < m->first[r + 1]; from++)
            if (to == start || column[to - 1] != column[from])
                column[to++] = column[from];
        first[r] = start;
    }
    first[m->rows] = m->ones = to;
}

static ks_status check_entries(uint32_t rows, uint32_t columns, const ks_matrix_entry *entries,
                               size_t count) {
    KS_TRY(ks_matrix_check_size(rows, columns));
    if (count > KS_MATRIX_ONES_MAX)
        return ks_fail(KS_ERR_LIMIT, "a matrix of %zu ones: at most %d are served", count,
                       KS_MATRIX_ONES_MAX);
    for (size_t i = 0; i < count; i++)
        if (entries[i].row >= rows || entries[i].column >= columns)
            return ks_fail(KS_ERR_FORMAT, "entry (%u, %u) is outside a matrix of %u rows and %u columns",
                           entries[i].row, entries[i].column, rows, columns);
    return KS_OK;
}

ks_status ks_matrix_create(ks_matrix **out, uint32_t rows, uint32_t columns, const ks_matrix_entry *entries,
                           size_t count) {
    *out = NULL;
    KS_TRY(check_entries(rows, columns, entries, count));
    /* Sorted by columns first, then kept in that order while sorted by rows. */
    uint32_t *next = calloc((size_t)columns + 1, sizeof *next);
    ks_matrix_entry *by_column = malloc((count + 1) * sizeof *by_column);
    ks_matrix *m = next && by_column ? make(rows, columns, count) : NULL;
    if (m) {
        uint32_t *first = (uint32_t *)m->first, *column = (uint32_t *)m->column;
        for (size_t i = 0; i < count; i++)
            next[entries[i].column + 1]++;
        for (uint32_t c = 0; c < columns; c++)
            next[c + 1] += next[c];
        for (size_t i = 0; i < count; i++)
            by_column[next[entries[i].column]++] = entries[i];
        for (size_t i = 0; i < count; i++)
            first[entries[i].row + 1]++;
        for (uint32_t r = 0; r < rows; r++)
            first[r + 1] += first[r];
        for (size_t i = 0; i < count; i++)
            column[first[by_column[i].row]++] = by_column[i].column;
        memmove(first + 1, first, rows * sizeof *first); /* first[r] had moved to the end of row r */
        first[0] = 0;
        collapse(m);
    }
    free(next);
    free(by_column);
    *out = m;
    return m ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a matrix of %zu ones", count);
}

int ks_matrix_equal(const ks_matrix *a, const ks_matrix *b) {
    return a->rows == b->rows && a->columns == b->columns && a->ones == b->ones &&
           memcmp(a->first, b->first, ((size_t)a->rows + 1) * sizeof *a->first) == 0 &&
           memcmp(a->column, b->column, (size_t)a->ones * sizeof *a->column) == 0;
}

ks_status ks_matrix_transpose(ks_matrix **out, const ks_matrix *matrix) {
    ks_matrix *m = *out = make(matrix->columns, matrix->rows, matrix->ones);
    if (!m)
        return KS_ERR_MEMORY;
    uint32_t *first = (uint32_t *)m->first, *column = (uint32_t *)m->column;
    for (uint32_t i = 0; i < matrix->ones; i++)
        first[matrix->column[i] + 1]++;
    for (uint32_t c = 0; c < m->rows; c++)
        first[c + 1] += first[c];
    for (uint32_t r = 0; r < matrix->rows; r++)
        for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
            column[first[matrix->column[i]]++] = r;
    memmove(first + 1, first, m->rows * sizeof *first);
    first[0] = 0;
    m->ones = matrix->ones;
    return KS_OK;
}

/* The sum of two rows: what is in one of them alone. */
static uint32_t add_rows(uint32_t *to, const ks_matrix *m, ks_row_pair pair) {
    uint32_t i = m->first[pair.a], j = m->first[pair.b], n = 0;
    const uint32_t i_end = m->first[pair.a + 1], j_end = m->first[pair.b + 1];
    while (i < i_end || j < j_end) {
        if (j == j_end || (i < i_end && m->column[i] < m->column[j])) {
            to[n++] = m->column[i++];
        } else if (i == i_end || m->column[j] < m->column[i]) {
            to[n++] = m->column[j++];
        } else {
            i++;
            j++;
        }
    }
    return n;
}

static ks_status mark_pairs(uint8_t *used, const ks_matrix *matrix, const ks_row_pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < 2; k++) {
            const uint32_t row = k ? pairs[i].b : pairs[i].a;
            if (row >= matrix->rows)
                return ks_fail(KS_ERR_FORMAT, "row pair %zu names row %u of %u", i, row, matrix->rows);
            if (used[row]++)
                return ks_fail(KS_ERR_FORMAT, "row pair %zu names row %u for the second time", i, row);
        }
    return KS_OK;
}

ks_status ks_matrix_merge(ks_matrix **out, const ks_matrix *matrix, const ks_row_pair *pairs, size_t count) {
    *out = NULL;
    uint8_t *used = calloc(matrix->rows, 1);
    if (!used)
        return ks_fail(KS_ERR_MEMORY, "no memory for the merges of %u rows", matrix->rows);
    ks_status status = mark_pairs(used, matrix, pairs, count);
    if (status != KS_OK) {
        free(used);
        return status;
    }
    ks_matrix *m = *out = make(matrix->rows - (uint32_t)count, matrix->columns, matrix->ones);
    if (m) {
        uint32_t *first = (uint32_t *)m->first, *column = (uint32_t *)m->column, row = 0;
        for (; row < count; row++)
            first[row + 1] = first[row] + add_rows(column + first[row], matrix, pairs[row]);
        for (uint32_t r = 0; r < matrix->rows; r++)
            if (!used[r]) {
                const uint32_t n = matrix->first[r + 1] - matrix->first[r];
                memcpy(column + first[row], matrix->column + matrix->first[r], n * sizeof *column);
                first[row + 1] = first[row] + n;
                row++;
            }
        m->ones = first[m->rows];
    }
    free(used);
    return m ? KS_OK : KS_ERR_MEMORY;
}

ks_status ks_matrix_of_rate(ks_matrix **out, uint16_t rate, unsigned log2n) {
    *out = NULL;
    if (!ks_ldpc_supports(rate, log2n))
        return ks_fail(KS_ERR_ARGUMENT, "rate %u does not serve frames of 2^%u bits", rate, log2n);
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    const ks_base_graph *graph = ks_code_graph(r->base);
    const uint32_t z = (1u << log2n) / spec->columns;
    ks_code_decoder *d = graph ? malloc(sizeof *d) : NULL;
    ks_matrix_entry *entries = d ? malloc((size_t)graph->edges * z * sizeof *entries) : NULL;
    ks_status status = KS_OK;
    if (entries) {
        ks_code_decoder_make(d, spec, graph, r->merges, z, spec->columns);
        size_t n = 0;
        for (uint32_t row = 0; row < d->by_row.rows; row++)
            for (uint32_t e = d->first[row]; e < d->first[row + 1]; e++)
                for (uint32_t i = 0; i < z; i++)
                    entries[n++] = (ks_matrix_entry){row * z + i, d->edges[e].node * z +
                                                                      ((i + d->edges[e].shift) & (z - 1))};
        status = ks_matrix_create(out, d->by_row.rows * z, spec->columns * z, entries, n);
    } else {
        status = ks_fail(KS_ERR_MEMORY, "no memory for the matrix of %s", spec->name);
    }
    free(entries);
    free(d);
    return status;
}

void ks_matrix_syndrome(uint64_t *syndrome, const uint64_t *frame, const ks_matrix *matrix) {
    memset(syndrome, 0, ks_matrix_syndrome_words(matrix) * 8);
    for (uint32_t r = 0; r < matrix->rows; r++) {
        uint64_t parity = 0;
        for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
            parity ^= frame[matrix->column[i] / 64] >> (matrix->column[i] % 64);
        syndrome[r / 64] |= (parity & 1) << (r % 64);
    }
}
