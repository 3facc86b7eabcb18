/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of matrices by name. */
#include <string.h>

#include "host/formats/code_text.h"
#include "pipeline/status.h"

static const char *const names[KS_CODE_FORMATS] = {"pchk", "alist", "alist-rows", "qc"};

const char *ks_code_format_name(ks_code_format format) {
    return names[format];
}

int ks_code_format_find(ks_code_format *format, const char *name) {
    for (int i = 0; i < KS_CODE_FORMATS; i++)
        if (strcmp(names[i], name) == 0) {
            *format = (ks_code_format)i;
            return 0;
        }
    return -1;
}

ks_status ks_code_format_guess(ks_code_format *format, const uint8_t *data, size_t bytes) {
    static const uint8_t magic[4] = {0x80, 'P', 0, 0};
    if (bytes >= sizeof magic && memcmp(data, magic, sizeof magic) == 0) {
        *format = KS_CODE_PCHK;
        return KS_OK;
    }
    ks_text t = {data, bytes, 0, 0};
    int64_t a, b;
    if (ks_text_need(&a, &t, 1, KS_MATRIX_SIDE_MAX, "a size") != KS_OK ||
        ks_text_need(&b, &t, 1, KS_MATRIX_SIDE_MAX, "a size") != KS_OK)
        return ks_fail_in(KS_ERR_FORMAT, "neither .pchk nor alist nor qc");
    *format = !ks_text_line_ends(&t) ? KS_CODE_QC : a < b ? KS_CODE_ALIST_ROWS : KS_CODE_ALIST;
    return KS_OK;
}

ks_status ks_code_read(ks_matrix **out, ks_code_format format, const uint8_t *data, size_t bytes) {
    uint32_t z;
    switch (format) {
    case KS_CODE_PCHK:
        return ks_pchk_read(out, data, bytes);
    case KS_CODE_ALIST:
    case KS_CODE_ALIST_ROWS:
        return ks_alist_read(out, format == KS_CODE_ALIST_ROWS, data, bytes);
    case KS_CODE_QC:
        return ks_qc_read(out, &z, data, bytes);
    case KS_CODE_FORMATS:
        break;
    }
    return ks_fail(KS_ERR_ARGUMENT, "no such format");
}

ks_status ks_code_write(ks_bytes *out, ks_code_format format, const ks_matrix *matrix, uint32_t z,
                        int flags) {
    switch (format) {
    case KS_CODE_PCHK:
        ks_pchk_write(out, matrix);
        break;
    case KS_CODE_ALIST:
    case KS_CODE_ALIST_ROWS:
        KS_TRY(ks_alist_write(out, matrix, format == KS_CODE_ALIST_ROWS, flags & KS_CODE_PAD));
        break;
    case KS_CODE_QC:
        KS_TRY(ks_qc_write(out, matrix, z));
        break;
    case KS_CODE_FORMATS:
        return ks_fail(KS_ERR_ARGUMENT, "no such format");
    }
    return out->failed ? ks_fail(KS_ERR_MEMORY, "no memory for the file") : KS_OK;
}
