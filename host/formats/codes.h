/* SPDX-License-Identifier: Apache-2.0 */
/* Files of codes as other programs write them: parity-check matrices, generators, lists of row pairs, words.
 * docs/codes-formats.md describes each. Readers take a whole file; what is wrong with one is refused as
 * KS_ERR_FORMAT (or KS_ERR_LIMIT) with its byte offset, or its line for text. No size is believed before the
 * file has been seen to be long enough for it, or the limits of ldpc/matrix.h hold. */
#ifndef KS_HOST_FORMATS_CODES_H
#define KS_HOST_FORMATS_CODES_H

#include "ldpc/matrix.h"

/* Bytes that grow. `failed`: memory ran out, nothing more is taken. */
typedef struct ks_bytes {
    uint8_t *data;
    size_t bytes, capacity;
    int failed;
} ks_bytes;
void ks_bytes_put(ks_bytes *b, const void *data, size_t bytes);
void ks_bytes_put_i32(ks_bytes *b, int32_t value);                            /* little endian */
void ks_bytes_put_text(ks_bytes *b, const char *format, ...) KS_PRINTF(2, 3); /* less than 64 bytes */
void ks_bytes_release(ks_bytes *b);                                           /* wipes */

typedef enum ks_code_format {
    KS_CODE_PCHK,       /* Neal's .pchk */
    KS_CODE_ALIST,      /* MacKay's order: columns first */
    KS_CODE_ALIST_ROWS, /* Neal's order: rows first */
    KS_CODE_QC,         /* circulant exponents: columns, rows, z, then a table with -1 for nothing */
    KS_CODE_FORMATS
} ks_code_format;

const char *ks_code_format_name(ks_code_format format); /* "pchk", "alist", "alist-rows", "qc" */
int ks_code_format_find(ks_code_format *format, const char *name);
/* By what stands in the file: pchk by its magic, qc by its third number in the first line; of the two alists
 * the one with more columns than rows. */
ks_status ks_code_format_guess(ks_code_format *format, const uint8_t *data, size_t bytes);

KS_MUST_CHECK ks_status ks_code_read(ks_matrix **out, ks_code_format format, const uint8_t *data,
                                     size_t bytes);
enum { KS_CODE_PAD = 1 /* alist: zeros up to the longest row or column */ };
/* KS_CODE_QC needs z and a matrix made of circulants of z: KS_ERR_FORMAT when it is not. */
KS_MUST_CHECK ks_status ks_code_write(ks_bytes *out, ks_code_format format, const ks_matrix *matrix,
                                      uint32_t z, int flags);

/* The readers behind ks_code_read. */
KS_MUST_CHECK ks_status ks_pchk_read(ks_matrix **out, const uint8_t *data, size_t bytes);
KS_MUST_CHECK ks_status ks_alist_read(ks_matrix **out, int rows_first, const uint8_t *data, size_t bytes);
KS_MUST_CHECK ks_status ks_qc_read(ks_matrix **out, uint32_t *z, const uint8_t *data, size_t bytes);
void ks_pchk_write(ks_bytes *out, const ks_matrix *matrix);
KS_MUST_CHECK ks_status ks_alist_write(ks_bytes *out, const ks_matrix *matrix, int rows_first, int pad);
KS_MUST_CHECK ks_status ks_qc_write(ks_bytes *out, const ks_matrix *matrix, uint32_t z);

/* Lists of row pairs whose sums make a rate with less syndrome (LDPC4QKD): a line "a,b" each, from 0. */
KS_MUST_CHECK ks_status ks_pairs_read(ks_row_pair **out, size_t *count, const uint8_t *data, size_t bytes);
void ks_pairs_write(ks_bytes *out, const ks_row_pair *pairs, size_t count);

/* Neal's .gen. */
typedef struct ks_generator {
    char type;                /* 's', 'd', 'm' */
    uint32_t rows, columns;   /* of its parity-check matrix */
    uint32_t *order;          /* columns: check bits, then message bits */
    uint32_t *row_order;      /* 's': rows */
    ks_matrix *lower, *upper; /* 's' */
    uint32_t dense_rows, dense_columns;
    uint32_t *dense; /* 'd', 'm': dense_columns times (dense_rows + 31) / 32 words */
} ks_generator;
KS_MUST_CHECK ks_status ks_generator_read(ks_generator **out, const uint8_t *data, size_t bytes);
void ks_generator_write(ks_bytes *out, const ks_generator *generator);
void ks_generator_destroy(ks_generator *generator);
/* 64 messages at once: word i of `message` (columns - rows words) holds bit i of all of them, word j of
 * `block` (columns words) gets bit j of all code words. */
KS_MUST_CHECK ks_status ks_generator_encode(uint64_t *block, const uint64_t *message, const ks_generator *g,
                                            const ks_matrix *matrix);
/* KS_ERR_FORMAT when it is not of this matrix: 64 random messages are encoded and all their checks
 * computed; a wrong generator passes with probability 2^-64. */
KS_MUST_CHECK ks_status ks_generator_check(const ks_generator *g, const ks_matrix *matrix);

/* Words of `length` bits each, packed LSB first, every word in (length + 63) / 64 words of memory (secret;
 * free with ks_secret_free). Text: '0' and '1', blanks and line ends anywhere. Packed: (length + 7) / 8 bytes
 * a word. A file that ends within a word is refused. */
KS_MUST_CHECK ks_status ks_words_read(uint64_t **out, size_t *count, size_t length, int packed,
                                      const uint8_t *data, size_t bytes);
void ks_words_write(ks_bytes *out, const uint64_t *words, size_t count, size_t length, int packed);

#endif
