/* SPDX-License-Identifier: Apache-2.0 */
#include "host/formats/codes.h"
#include "pipeline/code.h"
#include "pipeline/status.h"

ks_status ks_code_parse(ks_code **out, const uint8_t *file, size_t bytes) {
    *out = NULL;
    ks_code_format format;
    ks_matrix *matrix;
    KS_TRY(ks_code_format_guess(&format, file, bytes));
    KS_TRY(ks_code_read(&matrix, format, file, bytes));
    return ks_code_of_matrix(out, matrix);
}
