/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/code_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"
#include "pipeline/status.h"

#define LONGEST_FILE ((size_t)1 << 31)

ks_code_text ks_code_digest_text(const uint8_t digest[KS_CODE_DIGEST_BYTES]) {
    ks_code_text t;
    for (size_t i = 0; i < KS_CODE_DIGEST_BYTES; i++)
        snprintf(t.text + 2 * i, 3, "%02x", digest[i]);
    return t;
}

static int read_all(ks_bytes *out, int fd) {
    uint8_t piece[1 << 16];
    ssize_t got = 0;
    while (!out->failed && out->bytes < LONGEST_FILE) {
        got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR && !ks_cli_interrupted())
            continue;
        if (got <= 0)
            break;
        ks_bytes_put(out, piece, (size_t)got);
    }
    ks_wipe(piece, sizeof piece);
    return got < 0 ? -1 : 0;
}

int ks_read_whole(ks_bytes *out, const char *path) {
    *out = (ks_bytes){0};
    const int fd = ks_cli_open_input(path);
    if (fd < 0)
        return KS_EXIT_FAILED;
    const int failed = read_all(out, fd), error = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    int code = KS_EXIT_OK;
    if (ks_cli_interrupted())
        code = KS_EXIT_INTERRUPTED;
    else if (failed)
        code = ks_cli_fail(KS_EXIT_FAILED, "cannot read %s: %s", path, strerror(error));
    else if (out->failed || out->bytes >= LONGEST_FILE)
        code = ks_cli_fail(KS_EXIT_FAILED, "%s is too large: %zu MB were read", path, out->bytes >> 20);
    if (code != KS_EXIT_OK)
        ks_bytes_release(out);
    return code;
}

int ks_write_whole(const ks_bytes *bytes, const char *path) {
    ks_cli_output output;
    if (bytes->failed)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    if (ks_cli_open_output(&output, path) < 0)
        return KS_EXIT_FAILED;
    if (ks_cli_write_all(output.fd, bytes->data, bytes->bytes) != 0) {
        const int error = errno;
        ks_cli_close_output(&output, 0);
        if (error == EPIPE)
            return KS_EXIT_CLOSED;
        return ks_cli_interrupted()
                   ? KS_EXIT_INTERRUPTED
                   : ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", path, strerror(error));
    }
    return ks_cli_close_output(&output, 1) == 0 ? KS_EXIT_OK : KS_EXIT_FAILED;
}

static int merge(ks_matrix **matrix, const ks_code_source *source) {
    ks_bytes file;
    int code = ks_read_whole(&file, source->pairs);
    if (code != KS_EXIT_OK)
        return code;
    ks_row_pair *pairs;
    size_t count;
    ks_matrix *merged = NULL;
    ks_status status = ks_pairs_read(&pairs, &count, file.data, file.bytes);
    if (status == KS_OK && source->merges != UINT64_MAX && source->merges > count)
        status = ks_fail(KS_ERR_ARGUMENT, "it has %zu pairs, --merges asks for %llu", count,
                         (unsigned long long)source->merges);
    if (status == KS_OK)
        status = ks_matrix_merge(&merged, *matrix, pairs,
                                 source->merges == UINT64_MAX ? count : (size_t)source->merges);
    if (status == KS_OK) {
        ks_matrix_destroy(*matrix);
        *matrix = merged;
    } else {
        code = ks_cli_fail_status(status, source->pairs);
    }
    free(pairs);
    ks_bytes_release(&file);
    return code;
}

int ks_code_load(ks_matrix **out, ks_code_format *format, const char *path, const ks_code_source *source) {
    *out = NULL;
    if (source->format && ks_code_format_find(format, source->format) != 0)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown format '%s': pchk, alist, alist-rows or qc",
                           source->format);
    if (source->merges != UINT64_MAX && !source->pairs)
        return ks_cli_fail(KS_EXIT_USAGE, "--merges needs --pairs FILE");
    ks_bytes file;
    int code = ks_read_whole(&file, path);
    if (code != KS_EXIT_OK)
        return code;
    ks_status status = source->format ? KS_OK : ks_code_format_guess(format, file.data, file.bytes);
    if (status == KS_OK)
        status = ks_code_read(out, *format, file.data, file.bytes);
    ks_bytes_release(&file);
    if (status != KS_OK)
        return ks_cli_fail_status(status, path);
    if (source->pairs)
        code = merge(out, source);
    if (code != KS_EXIT_OK) {
        ks_matrix_destroy(*out);
        *out = NULL;
    }
    return code;
}
