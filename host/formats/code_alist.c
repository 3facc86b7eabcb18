/* SPDX-License-Identifier: Apache-2.0 */
/* alist: sizes, longest lists, lengths of all lists, then the lists themselves, twice: by one side and by the
 * other. MacKay begins with the columns, Neal with the rows. Here `lists` are what comes first, whichever it
 * is. */
#include "host/formats/code_text.h"

#include <stdlib.h>

#include "pipeline/status.h"

/* Lengths of `n` lists, at most `longest` each, in all *total. */
static ks_status read_lengths(uint32_t *lengths, size_t *total, uint32_t n, int64_t longest, ks_text *t) {
    *total = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t length;
        KS_TRY(ks_text_need(&length, t, 0, longest, "the length of a list"));
        lengths[i] = (uint32_t)length;
        *total += lengths[i];
    }
    return KS_OK;
}

/* The lists themselves: `lengths[i]` members of 1..side each; zeros count for nothing. */
static ks_status read_lists(ks_matrix_entry *entries, const uint32_t *lengths, uint32_t n, uint32_t side,
                            ks_text *t) {
    size_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < lengths[i];) {
            int64_t member;
            KS_TRY(ks_text_need(&member, t, 0, side, "a member of a list"));
            if (member == 0)
                continue;
            entries[count++] = (ks_matrix_entry){i, (uint32_t)member - 1};
            k++;
        }
    return KS_OK;
}

static ks_status read_matrix(ks_matrix **out, const uint32_t *lengths, size_t total, uint32_t n,
                             uint32_t side, ks_text *t) {
    *out = NULL;
    /* Every member takes two bytes at least. */
    if (total > (t->bytes - t->at + 1) / 2)
        return ks_fail(KS_ERR_FORMAT, "line %lu, byte %zu: %zu members cannot stand in %zu bytes",
                       t->line + 1, t->at, total, t->bytes - t->at);
    ks_matrix_entry *entries = malloc((total + 1) * sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu entries", total);
    ks_status status = read_lists(entries, lengths, n, side, t);
    if (status == KS_OK)
        status = ks_matrix_create(out, n, side, entries, total);
    free(entries);
    if (status == KS_OK && (*out)->ones != total) {
        ks_matrix_destroy(*out);
        *out = NULL;
        status = ks_fail(KS_ERR_FORMAT, "line %lu: a list before here names a member twice", t->line + 1);
    }
    return status;
}

static ks_status read_end(ks_text *t) {
    int64_t zero;
    ks_status status;
    while ((status = ks_text_number(&zero, t, 0, 0, 0, "padding after the last list")) == KS_OK)
        ;
    return status == KS_ERR_EMPTY ? KS_OK : status;
}

/* Both lists; they must tell the same. */
static ks_status read_both(ks_matrix **out, uint32_t *lengths, uint32_t n, uint32_t side,
                           const int64_t longest[2], ks_text *t) {
    ks_matrix *second = NULL, *turned = NULL;
    size_t total[2];
    KS_TRY(read_lengths(lengths, &total[0], n, longest[0], t));
    KS_TRY(read_lengths(lengths + n, &total[1], side, longest[1], t));
    if (total[0] != total[1])
        return ks_fail(KS_ERR_FORMAT, "line %lu: %zu ones by one side, %zu by the other", t->line + 1,
                       total[0], total[1]);
    KS_TRY(read_matrix(out, lengths, total[0], n, side, t));
    ks_status status = read_matrix(&second, lengths + n, total[1], side, n, t);
    if (status == KS_OK)
        status = read_end(t);
    if (status == KS_OK)
        status = ks_matrix_transpose(&turned, second);
    if (status == KS_OK && !ks_matrix_equal(*out, turned))
        status = ks_fail(KS_ERR_FORMAT, "line %lu: the two halves of the file tell different matrices",
                         t->line + 1);
    ks_matrix_destroy(second);
    ks_matrix_destroy(turned);
    if (status != KS_OK) {
        ks_matrix_destroy(*out);
        *out = NULL;
    }
    return status;
}

ks_status ks_alist_read(ks_matrix **out, int rows_first, const uint8_t *data, size_t bytes) {
    *out = NULL;
    ks_text t = {data, bytes, 0, 0};
    int64_t n, side, longest[2];
    KS_TRY(ks_text_need(&n, &t, 1, KS_MATRIX_SIDE_MAX, "a number of rows or columns"));
    KS_TRY(ks_text_need(&side, &t, 1, KS_MATRIX_SIDE_MAX, "a number of rows or columns"));
    KS_TRY(ks_text_need(&longest[0], &t, 0, side, "the length of the longest list"));
    KS_TRY(ks_text_need(&longest[1], &t, 0, n, "the length of the longest list"));
    if ((uint64_t)(n + side) > bytes)
        return ks_fail(KS_ERR_FORMAT, "line 1: %lld and %lld lists cannot stand in %zu bytes", (long long)n,
                       (long long)side, bytes);
    uint32_t *lengths = malloc((size_t)(n + side) * sizeof *lengths);
    if (!lengths)
        return ks_fail(KS_ERR_MEMORY, "no memory for %lld lists", (long long)(n + side));
    ks_matrix *read;
    ks_status status = read_both(&read, lengths, (uint32_t)n, (uint32_t)side, longest, &t);
    free(lengths);
    if (status == KS_OK && !rows_first) {
        status = ks_matrix_transpose(out, read);
        ks_matrix_destroy(read);
    } else if (status == KS_OK) {
        *out = read;
    }
    return status;
}

static uint32_t longest_row(const ks_matrix *m) {
    uint32_t longest = 0;
    for (uint32_t r = 0; r < m->rows; r++)
        if (m->first[r + 1] - m->first[r] > longest)
            longest = m->first[r + 1] - m->first[r];
    return longest;
}

static void put_lengths(ks_bytes *out, const ks_matrix *m) {
    for (uint32_t r = 0; r < m->rows; r++)
        ks_bytes_put_text(out, r ? " %u" : "%u", m->first[r + 1] - m->first[r]);
    ks_bytes_put(out, "\n", 1);
}

static void put_lists(ks_bytes *out, const ks_matrix *m, uint32_t padded) {
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t first = m->first[r], last = m->first[r + 1];
        for (uint32_t i = first; i < last || i < first + padded; i++)
            ks_bytes_put_text(out, i > first ? " %u" : "%u", i < last ? m->column[i] + 1 : 0);
        ks_bytes_put(out, "\n", 1);
    }
}

ks_status ks_alist_write(ks_bytes *out, const ks_matrix *matrix, int rows_first, int pad) {
    ks_matrix *turned;
    KS_TRY(ks_matrix_transpose(&turned, matrix));
    const ks_matrix *a = rows_first ? matrix : turned, *b = rows_first ? turned : matrix;
    const uint32_t longest[2] = {longest_row(a), longest_row(b)};
    ks_bytes_put_text(out, "%u %u\n%u %u\n", a->rows, b->rows, longest[0], longest[1]);
    put_lengths(out, a);
    put_lengths(out, b);
    put_lists(out, a, pad ? longest[0] : 0);
    put_lists(out, b, pad ? longest[1] : 0);
    ks_matrix_destroy(turned);
    return KS_OK;
}
