/* SPDX-License-Identifier: Apache-2.0 */
/* What .pchk and .gen files have in common. */
#ifndef KS_HOST_FORMATS_CODE_PCHK_H
#define KS_HOST_FORMATS_CODE_PCHK_H

#include "host/formats/codes.h"

typedef struct ks_binary {
    const uint8_t *data;
    size_t bytes, at;
} ks_binary;

/* `what` names it in the message when the file ends. */
KS_MUST_CHECK ks_status ks_binary_i32(int32_t *out, ks_binary *b, const char *what);
/* Two integers, within the limits of a matrix. */
KS_MUST_CHECK ks_status ks_binary_size(uint32_t *rows, uint32_t *columns, ks_binary *b);
/* The entries of a sparse matrix behind its size, up to and with the closing 0. */
KS_MUST_CHECK ks_status ks_binary_matrix(ks_matrix **out, uint32_t rows, uint32_t columns, ks_binary *b);
/* Size, entries, closing 0. */
void ks_bytes_put_matrix(ks_bytes *out, const ks_matrix *matrix);

#endif
