/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in text files of codes, with the place of each for messages. */
#ifndef KS_HOST_FORMATS_CODE_TEXT_H
#define KS_HOST_FORMATS_CODE_TEXT_H

#include "host/formats/codes.h"

typedef struct ks_text {
    const uint8_t *data;
    size_t bytes, at;
    unsigned long line;
} ks_text;

/* The next number. It ends at a blank, a line end, or `separator` when that is not 0. KS_ERR_EMPTY
 * at the end of the text, KS_ERR_FORMAT for anything else than a number from `least` to `most`; `what` names
 * it. */
KS_MUST_CHECK ks_status ks_text_number(int64_t *out, ks_text *text, char separator, int64_t least,
                                       int64_t most, const char *what);
/* The same, where the end of the text is a fault too. */
KS_MUST_CHECK ks_status ks_text_need(int64_t *out, ks_text *text, int64_t least, int64_t most,
                                     const char *what);
KS_MUST_CHECK ks_status ks_text_fail(const ks_text *text, const char *what);
/* 1 when nothing but blanks stands before the end of the line. */
int ks_text_line_ends(const ks_text *text);

#endif
