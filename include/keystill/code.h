/* SPDX-License-Identifier: Apache-2.0 */
/* Codes that are not of the library's own family: any sparse parity-check matrix, by which a session
 * reconciles when its configuration names one (ks_session_config.code). Alice sends the syndrome of each
 * frame, Bob decodes towards it (docs/reconciliation.md). */
#ifndef KEYSTILL_CODE_H
#define KEYSTILL_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_CODE_DIGEST_BYTES = 32 };

/* A one of the matrix; rows are checks, columns are bits of a frame, both from 0. */
typedef struct ks_code_one {
    uint32_t row, column;
} ks_code_one;

/* Made by the functions below alone, then only read: sessions and devices share one. A plain structure,
 * because plugins read it without calling back. */
typedef struct ks_code {
    uint32_t rows, columns, ones;
    const uint32_t *first;  /* rows + 1: row r has its ones at column[first[r]] .. column[first[r + 1] - 1] */
    const uint32_t *column; /* ones, ascending within a row */
    /* SHA-256 of rows, columns, then for each row the number of its ones and their columns, each as a
     * little-endian 32-bit integer: equal matrices have equal digests, whatever file they came from. */
    uint8_t digest[KS_CODE_DIGEST_BYTES];
} ks_code;

/* Ones in any order; one that is named twice counts once. KS_ERR_FORMAT: a one outside, a row or a column
 * without ones. KS_ERR_LIMIT: more than 2^22 rows or columns or 2^26 ones, a row of more than 255. */
KS_API KS_MUST_CHECK ks_status ks_code_create(ks_code **out, uint32_t rows, uint32_t columns,
                                              const ks_code_one *ones, size_t count);
KS_API void ks_code_destroy(ks_code *code); /* NULL is allowed; no session or job may use it any more */

/* In libkeystill-host: from the bytes of a whole file of another program, .pchk, alist in both orders or
 * circulant exponents, told apart by what stands there (docs/codes-formats.md). KS_ERR_FORMAT with the place;
 * else as ks_code_create. */
KS_API KS_MUST_CHECK ks_status ks_code_parse(ks_code **out, const uint8_t *file, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
