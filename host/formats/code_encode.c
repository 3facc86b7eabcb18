/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding by Neal's generators, 64 messages side by side, and the check of a generator by that. */
#include <stdlib.h>
#include <string.h>

#include "host/formats/codes.h"
#include "ldpc/splitmix.h"
#include "pipeline/status.h"

/* sums = H restricted to the message bits, times the messages. */
static void message_sums(uint64_t *sums, const uint64_t *block, const uint8_t *is_message,
                         const ks_matrix *m) {
    for (uint32_t r = 0; r < m->rows; r++) {
        sums[r] = 0;
        for (uint32_t i = m->first[r]; i < m->first[r + 1]; i++)
            if (is_message[m->column[i]])
                sums[r] ^= block[m->column[i]];
    }
}

/* to (dense_rows words) = dense matrix times `from` (dense_columns words). */
static void dense_times(uint64_t *to, const uint64_t *from, const ks_generator *g) {
    const size_t column_words = ((size_t)g->dense_rows + 31) / 32;
    memset(to, 0, g->dense_rows * sizeof *to);
    for (uint32_t c = 0; c < g->dense_columns; c++) {
        const uint32_t *column = g->dense + c * column_words;
        for (uint32_t r = 0; r < g->dense_rows; r++)
            to[r] ^= from[c] & (0 - (uint64_t)(column[r / 32] >> r % 32 & 1));
    }
}

/* Solves L U z = sums, L lower and U upper triangular in the generator's orders; a unit that stands on no
 * diagonal is free and becomes zero. */
static void solve(uint64_t *block, const uint64_t *sums, uint64_t *y, const ks_generator *g) {
    const ks_matrix *lower = g->lower, *upper = g->upper;
    memset(y, 0, g->rows * sizeof *y);
    for (uint32_t k = 0; k < g->rows; k++) {
        const uint32_t row = g->row_order[k];
        uint64_t sum = sums[row], diagonal = 0;
        for (uint32_t i = lower->first[row]; i < lower->first[row + 1]; i++) {
            if (lower->column[i] == k)
                diagonal = UINT64_MAX;
            else
                sum ^= y[lower->column[i]];
        }
        y[k] = sum & diagonal;
    }
    for (uint32_t k = g->rows; k-- > 0;) {
        uint64_t sum = y[k], diagonal = 0;
        for (uint32_t i = upper->first[k]; i < upper->first[k + 1]; i++) {
            if (upper->column[i] == g->order[k])
                diagonal = UINT64_MAX;
            else
                sum ^= block[upper->column[i]];
        }
        block[g->order[k]] = sum & diagonal;
    }
}

ks_status ks_generator_encode(uint64_t *block, const uint64_t *message, const ks_generator *g,
                              const ks_matrix *matrix) {
    if (matrix->rows != g->rows || matrix->columns != g->columns)
        return ks_fail(KS_ERR_FORMAT, "a generator of %u checks and %u bits, a matrix of %u and %u", g->rows,
                       g->columns, matrix->rows, matrix->columns);
    uint8_t *is_message = calloc(g->columns, 1);
    uint64_t *sums = calloc(2 * (size_t)g->rows, sizeof *sums);
    if (!is_message || !sums) {
        free(is_message);
        free(sums);
        return ks_fail(KS_ERR_MEMORY, "no memory to encode %u bits", g->columns);
    }
    memset(block, 0, g->columns * sizeof *block);
    for (uint32_t k = g->rows; k < g->columns; k++) {
        block[g->order[k]] = message[k - g->rows];
        is_message[g->order[k]] = 1;
    }
    uint64_t *checks = sums + g->rows;
    if (g->type != 'd')
        message_sums(sums, block, is_message, matrix);
    if (g->type == 's')
        solve(block, sums, checks, g);
    else
        dense_times(checks, g->type == 'd' ? message : sums, g);
    for (uint32_t k = 0; k < g->rows && g->type != 's'; k++)
        block[g->order[k]] = checks[k];
    free(is_message);
    free(sums);
    return KS_OK;
}

ks_status ks_generator_check(const ks_generator *g, const ks_matrix *matrix) {
    const size_t messages = g->columns - g->rows;
    uint64_t *message = malloc((messages + g->columns) * sizeof *message), seed = 1;
    if (!message)
        return ks_fail(KS_ERR_MEMORY, "no memory to check a generator of %u bits", g->columns);
    uint64_t *block = message + messages;
    for (size_t i = 0; i < messages; i++)
        message[i] = ks_splitmix(&seed);
    ks_status status = ks_generator_encode(block, message, g, matrix);
    for (uint32_t r = 0; r < matrix->rows && status == KS_OK; r++) {
        uint64_t parity = 0;
        for (uint32_t i = matrix->first[r]; i < matrix->first[r + 1]; i++)
            parity ^= block[matrix->column[i]];
        if (parity)
            status =
                ks_fail(KS_ERR_FORMAT, "the generator is not of this matrix: its words violate check %u", r);
    }
    free(message);
    return status;
}
