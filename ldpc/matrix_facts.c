/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of a matrix: its rank, its girth. */
#include <stdlib.h>
#include <string.h>

#include "ldpc/matrix.h"
#include "pipeline/status.h"

/* Eliminates with the row at `pivot` from all below; words before `from` are zero already. */
static void clear_below(uint64_t **row, uint32_t rows, uint32_t pivot, size_t from, size_t words,
                        uint64_t bit) {
    for (uint32_t r = pivot + 1; r < rows; r++)
        if (row[r][from] & bit)
            for (size_t w = from; w < words; w++)
                row[r][w] ^= row[pivot][w];
}

static uint32_t eliminate(uint64_t **row, uint32_t rows, uint32_t columns) {
    const size_t words = ((size_t)columns + 63) / 64;
    uint32_t rank = 0;
    for (uint32_t c = 0; c < columns && rank < rows; c++) {
        const uint64_t bit = UINT64_C(1) << c % 64;
        uint32_t r = rank;
        while (r < rows && !(row[r][c / 64] & bit))
            r++;
        if (r == rows)
            continue;
        uint64_t *found = row[r];
        row[r] = row[rank];
        row[rank] = found;
        clear_below(row, rows, rank, c / 64, words, bit);
        rank++;
    }
    return rank;
}

ks_status ks_matrix_rank(uint32_t *rank, const ks_matrix *matrix, size_t most_bytes) {
    const size_t words = ks_matrix_frame_words(matrix);
    if ((uint64_t)words * 8 * matrix->rows > most_bytes)
        return ks_fail(KS_ERR_LIMIT, "%u rows of %u bits are too many to eliminate", matrix->rows,
                       matrix->columns);
    uint64_t *bits = calloc(words * matrix->rows, 8);
    uint64_t **row = malloc(matrix->rows * sizeof *row);
    if (bits && row) {
        for (uint32_t r = 0; r < matrix->rows; r++) {
            row[r] = bits + r * words;
            for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
                row[r][matrix->column[i] / 64] |= UINT64_C(1) << matrix->column[i] % 64;
        }
        *rank = eliminate(row, matrix->rows, matrix->columns);
    }
    const int short_of_memory = !bits || !row;
    free(bits);
    free(row);
    return short_of_memory ? ks_fail(KS_ERR_MEMORY, "no memory to eliminate %u rows", matrix->rows) : KS_OK;
}

typedef struct search {
    const ks_matrix *by_row, *by_column;
    /* For the column at work: by which of its rows another column or a row was reached; the stamp says whose
     * entry it is. */
    uint32_t *column_stamp, *column_via, *row_stamp, *row_via;
    uint32_t *near; /* columns at distance 2 */
} search;

/* Shortest cycle through column c, if it is shorter than `shortest` (4, 6 or 8). A cycle through c uses two
 * different rows of c. */
static uint32_t through(search *s, uint32_t c, uint32_t shortest) {
    const ks_matrix *rows = s->by_row, *columns = s->by_column;
    const uint32_t stamp = c + 1;
    uint32_t count = 0;
    for (uint32_t i = columns->first[c]; i < columns->first[c + 1]; i++) {
        const uint32_t via = columns->column[i];
        for (uint32_t k = rows->first[via]; k < rows->first[via + 1]; k++) {
            const uint32_t d = rows->column[k];
            if (d == c)
                continue;
            if (s->column_stamp[d] == stamp)
                return 4;
            s->column_stamp[d] = stamp;
            s->column_via[d] = via;
            s->near[count++] = d;
        }
    }
    for (uint32_t n = 0; n < count && shortest > 6; n++) {
        const uint32_t d = s->near[n], via = s->column_via[d];
        for (uint32_t i = columns->first[d]; i < columns->first[d + 1]; i++) {
            const uint32_t row = columns->column[i];
            if (row == via)
                continue;
            if (s->row_stamp[row] == stamp && s->row_via[row] != via)
                return 6;
            s->row_stamp[row] = stamp;
            s->row_via[row] = via;
        }
    }
    return shortest;
}

/* A cycle of 8 through c joins two columns at distance 2 that came by different rows of c, over two further
 * rows and a column between them. */
static int has_eight(search *s, uint32_t c, uint32_t *far_stamp, uint32_t *far_via) {
    const ks_matrix *rows = s->by_row, *columns = s->by_column;
    const uint32_t stamp = c + 1;
    for (uint32_t i = columns->first[c]; i < columns->first[c + 1]; i++) {
        const uint32_t via = columns->column[i];
        for (uint32_t k = rows->first[via]; k < rows->first[via + 1]; k++) {
            const uint32_t d = rows->column[k];
            for (uint32_t j = columns->first[d]; d != c && j < columns->first[d + 1]; j++) {
                const uint32_t row = columns->column[j];
                for (uint32_t m = rows->first[row]; row != via && m < rows->first[row + 1]; m++) {
                    const uint32_t e = rows->column[m];
                    if (e == d)
                        continue;
                    if (far_stamp[e] == stamp && far_via[e] != via)
                        return 1;
                    far_stamp[e] = stamp;
                    far_via[e] = via;
                }
            }
        }
    }
    return 0;
}

static uint32_t find_girth(search *s) {
    uint32_t shortest = 10;
    for (uint32_t c = 0; c < s->by_column->rows && shortest > 4; c++) {
        const uint32_t here = through(s, c, shortest);
        shortest = here < shortest ? here : shortest;
    }
    if (shortest > 8)
        memset(s->column_stamp, 0, s->by_column->rows * sizeof(uint32_t));
    for (uint32_t c = 0; c < s->by_column->rows && shortest > 8; c++)
        if (has_eight(s, c, s->column_stamp, s->column_via))
            shortest = 8;
    return shortest > 8 ? 0 : shortest;
}

ks_status ks_matrix_girth(uint32_t *girth, const ks_matrix *matrix) {
    ks_matrix *by_column;
    KS_TRY(ks_matrix_transpose(&by_column, matrix));
    const size_t columns = matrix->columns, rows = matrix->rows;
    uint32_t *memory = calloc(3 * columns + 2 * rows, sizeof *memory);
    if (memory) {
        search s = {.by_row = matrix,
                    .by_column = by_column,
                    .column_stamp = memory,
                    .column_via = memory + columns,
                    .near = memory + 2 * columns,
                    .row_stamp = memory + 3 * columns,
                    .row_via = memory + 3 * columns + rows};
        *girth = find_girth(&s);
    }
    ks_matrix_destroy(by_column);
    const int ok = memory != NULL;
    free(memory);
    return ok ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for the girth of %zu columns", columns);
}
