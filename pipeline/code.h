/* SPDX-License-Identifier: Apache-2.0 */
/* Imported codes and matrices are the same thing: the one is public and has a digest, the other is what ldpc/
 * works on. */
#ifndef KS_PIPELINE_CODE_H
#define KS_PIPELINE_CODE_H

#include <keystill/code.h>

#include "ldpc/matrix.h"

/* Takes the matrix over, also when it fails. Errors as of ks_code_create. */
KS_API KS_MUST_CHECK ks_status ks_code_of_matrix(ks_code **out, ks_matrix *matrix);

/* Of any matrix, as ks_code.digest. */
KS_API void ks_code_digest(uint8_t digest[KS_CODE_DIGEST_BYTES], const ks_matrix *matrix);

static inline ks_matrix ks_code_matrix(const ks_code *code) {
    return (ks_matrix){code->rows, code->columns, code->ones, code->first, code->column};
}

#endif
