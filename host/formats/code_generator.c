/* SPDX-License-Identifier: Apache-2.0 */
/* Radford Neal's .gen: what turns messages into code words. Needed by nobody here but to check files against
 * their .pchk. docs/codes-formats.md. */
#include <stdlib.h>

#include "host/formats/code_pchk.h"
#include "pipeline/status.h"

enum { MAGIC = ('G' << 8) + 0x80 };

/* A permutation of 0..n-1. */
static ks_status read_order(uint32_t **out, uint32_t n, ks_binary *b, const char *what) {
    if ((b->bytes - b->at) / 4 < n)
        return ks_fail(KS_ERR_FORMAT, "byte %zu: an order of %u %s cannot stand in %zu bytes", b->at, n, what,
                       b->bytes - b->at);
    uint8_t *seen = calloc(n, 1);
    uint32_t *order = *out = malloc(n * sizeof *order);
    ks_status status = seen && order ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for %u %s", n, what);
    for (uint32_t i = 0; i < n && status == KS_OK; i++) {
        int32_t value;
        status = ks_binary_i32(&value, b, what);
        if (status == KS_OK && (value < 0 || (uint32_t)value >= n || seen[value]++))
            status =
                ks_fail(KS_ERR_FORMAT, "byte %zu: %d is not a new one of %u %s", b->at - 4, value, n, what);
        else if (status == KS_OK)
            order[i] = (uint32_t)value;
    }
    free(seen);
    return status;
}

static ks_status read_sparse(ks_matrix **out, uint32_t rows, uint32_t columns, ks_binary *b) {
    uint32_t m, n;
    const size_t at = b->at;
    KS_TRY(ks_binary_size(&m, &n, b));
    if (m != rows || n != columns)
        return ks_fail(KS_ERR_FORMAT, "byte %zu: a matrix of %u by %u, expected %u by %u", at, m, n, rows,
                       columns);
    return ks_binary_matrix(out, m, n, b);
}

static ks_status read_dense(ks_generator *g, uint32_t columns, ks_binary *b) {
    const size_t at = b->at;
    int32_t m, n;
    KS_TRY(ks_binary_i32(&m, b, "the rows of a dense matrix"));
    KS_TRY(ks_binary_i32(&n, b, "the columns of a dense matrix"));
    if (m < 0 || n < 0 || (uint32_t)m != g->rows || (uint32_t)n != columns)
        return ks_fail(KS_ERR_FORMAT, "byte %zu: a dense matrix of %d by %d, expected %u by %u", at, m, n,
                       g->rows, columns);
    const size_t words = ((size_t)m + 31) / 32 * (size_t)n;
    if ((b->bytes - b->at) / 4 < words)
        return ks_fail(KS_ERR_FORMAT, "byte %zu: %zu words of a dense matrix cannot stand in %zu bytes",
                       b->at, words, b->bytes - b->at);
    g->dense_rows = (uint32_t)m;
    g->dense_columns = (uint32_t)n;
    g->dense = malloc(words * sizeof *g->dense);
    if (!g->dense)
        return ks_fail(KS_ERR_MEMORY, "no memory for a dense matrix of %zu words", words);
    for (size_t i = 0; i < words; i++) {
        int32_t word;
        KS_TRY(ks_binary_i32(&word, b, "a word of a dense matrix"));
        g->dense[i] = (uint32_t)word;
    }
    return KS_OK;
}

static ks_status read_body(ks_generator *g, ks_binary *b) {
    KS_TRY(ks_binary_size(&g->rows, &g->columns, b));
    if (g->columns <= g->rows)
        return ks_fail(KS_ERR_FORMAT, "byte 5: %u checks of %u bits leave no message", g->rows, g->columns);
    KS_TRY(read_order(&g->order, g->columns, b, "columns"));
    if (g->type == 's') {
        KS_TRY(read_order(&g->row_order, g->rows, b, "rows"));
        KS_TRY(read_sparse(&g->lower, g->rows, g->rows, b));
        return read_sparse(&g->upper, g->rows, g->columns, b);
    }
    return read_dense(g, g->type == 'd' ? g->columns - g->rows : g->rows, b);
}

ks_status ks_generator_read(ks_generator **out, const uint8_t *data, size_t bytes) {
    *out = NULL;
    ks_binary b = {data, bytes, 0};
    int32_t magic;
    KS_TRY(ks_binary_i32(&magic, &b, "the magic number of a .gen"));
    if (magic != MAGIC)
        return ks_fail(KS_ERR_FORMAT, "byte 0: magic number %#x, expected %#x of a .gen", (unsigned)magic,
                       (unsigned)MAGIC);
    if (bytes < 5 || (data[4] != 's' && data[4] != 'd' && data[4] != 'm'))
        return ks_fail(KS_ERR_FORMAT, "byte 4: expected the letter s, d or m");
    b.at = 5;
    ks_generator *g = calloc(1, sizeof *g);
    if (!g)
        return ks_fail(KS_ERR_MEMORY, "no memory for a generator");
    g->type = (char)data[4];
    const ks_status status = read_body(g, &b);
    if (status != KS_OK) {
        ks_generator_destroy(g);
        return status;
    }
    *out = g;
    return KS_OK;
}

void ks_generator_destroy(ks_generator *generator) {
    if (!generator)
        return;
    free(generator->order);
    free(generator->row_order);
    free(generator->dense);
    ks_matrix_destroy(generator->lower);
    ks_matrix_destroy(generator->upper);
    free(generator);
}

static void put_order(ks_bytes *out, const uint32_t *order, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        ks_bytes_put_i32(out, (int32_t)order[i]);
}

void ks_generator_write(ks_bytes *out, const ks_generator *g) {
    ks_bytes_put_i32(out, MAGIC);
    ks_bytes_put(out, &g->type, 1);
    ks_bytes_put_i32(out, (int32_t)g->rows);
    ks_bytes_put_i32(out, (int32_t)g->columns);
    put_order(out, g->order, g->columns);
    if (g->type == 's') {
        put_order(out, g->row_order, g->rows);
        ks_bytes_put_matrix(out, g->lower);
        ks_bytes_put_matrix(out, g->upper);
        return;
    }
    ks_bytes_put_i32(out, (int32_t)g->dense_rows);
    ks_bytes_put_i32(out, (int32_t)g->dense_columns);
    const size_t words = ((size_t)g->dense_rows + 31) / 32 * g->dense_columns;
    for (size_t i = 0; i < words; i++)
        ks_bytes_put_i32(out, (int32_t)g->dense[i]);
}
