/* SPDX-License-Identifier: Apache-2.0 */
/* Codes from files, as the commands name them. Functions return an exit code, KS_EXIT_OK or after saying why.
 */
#ifndef KS_HOST_CLI_CODE_FILES_H
#define KS_HOST_CLI_CODE_FILES_H

#include <keystill/code.h>

#include "host/formats/codes.h"

/* Where a code comes from: options --from, --pairs, --merges. */
typedef struct ks_code_source {
    const char *format; /* NULL: guessed */
    const char *pairs;  /* file of row pairs */
    uint64_t merges;    /* how many of them; UINT64_MAX: all */
} ks_code_source;

/* The whole of FILE or "-". Release with ks_bytes_release. */
int ks_read_whole(ks_bytes *out, const char *path);
/* Writes to FILE (never half) or "-". */
int ks_write_whole(const ks_bytes *bytes, const char *path);

/* Reads and checks a matrix; the format that was read is told. */
int ks_code_load(ks_matrix **out, ks_code_format *format, const char *path, const ks_code_source *source);

/* NAME is a code of ours, for frames of 2^log2n bits, or a file. Where *z is 0 it becomes the size of our
 * circulants. */
int ks_code_load_named(ks_matrix **out, uint64_t *z, const char *name, const ks_code_source *source,
                       uint64_t log2n);
int ks_code_is_file(const char *name); /* with a dot or a slash, or "-" */

/* A digest in hexadecimal digits. */
typedef struct ks_code_text {
    char text[2 * KS_CODE_DIGEST_BYTES + 1];
} ks_code_text;
ks_code_text ks_code_digest_text(const uint8_t digest[KS_CODE_DIGEST_BYTES]);

int ks_codes_import(int argc, char **argv);
int ks_codes_export(int argc, char **argv);
int ks_codes_decode(int argc, char **argv);
int ks_codes_measure_file(int argc, char **argv);

/* "k097" or "k097-5": base and merges; without merges those of the middle. -1 after saying why. */
int ks_find_code(uint16_t *rate, const char *name);

#endif
