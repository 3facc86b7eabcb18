/* SPDX-License-Identifier: Apache-2.0 */
/* keystill codes import|export: matrices of other programs, read, checked, described, written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/cli/code_files.h"
#include "ldpc/ldpc.h"
#include "pipeline/code.h"

#define RANK_BYTES ((size_t)64 << 20)

typedef struct range {
    uint32_t least, most;
} range;

static range degrees(const ks_matrix *m) {
    range r = {UINT32_MAX, 0};
    for (uint32_t i = 0; i < m->rows; i++) {
        const uint32_t d = m->first[i + 1] - m->first[i];
        r.least = d < r.least ? d : r.least;
        r.most = d > r.most ? d : r.most;
    }
    return r;
}

typedef struct facts {
    range row, column;
    uint32_t girth, rank;
    int rank_known;
} facts;

static ks_status gather(facts *f, const ks_matrix *m) {
    ks_matrix *turned;
    ks_status status = ks_matrix_transpose(&turned, m);
    if (status != KS_OK)
        return status;
    *f = (facts){.row = degrees(m), .column = degrees(turned)};
    ks_matrix_destroy(turned);
    status = ks_matrix_girth(&f->girth, m);
    if (status != KS_OK)
        return status;
    status = ks_matrix_rank(&f->rank, m, RANK_BYTES);
    f->rank_known = status == KS_OK;
    return status == KS_ERR_LIMIT ? KS_OK : status;
}

static void describe(const ks_matrix *m, const facts *f, ks_code_format format, const char *generator) {
    uint8_t digest[KS_CODE_DIGEST_BYTES];
    ks_code_digest(digest, m);
    if (ks_cli_json) {
        printf("{\"format\":\"%s\",\"rows\":%u,\"columns\":%u,\"ones\":%u,\"leak\":%.6f,"
               "\"row_degree_least\":%u,\"row_degree_most\":%u,\"column_degree_least\":%u,"
               "\"column_degree_most\":%u,\"girth\":%u,",
               ks_code_format_name(format), m->rows, m->columns, m->ones, (double)m->rows / m->columns,
               f->row.least, f->row.most, f->column.least, f->column.most, f->girth);
        if (f->rank_known)
            printf("\"rank\":%u,", f->rank);
        printf("\"generator\":%s,\"sha256\":\"%s\"}\n", generator ? "\"agrees\"" : "null",
               ks_code_digest_text(digest).text);
        return;
    }
    printf("format     %s\n", ks_code_format_name(format));
    printf("matrix     %u rows, %u columns, %u ones: leak %.5f\n", m->rows, m->columns, m->ones,
           (double)m->rows / m->columns);
    printf("degrees    rows %u to %u, columns %u to %u\n", f->row.least, f->row.most, f->column.least,
           f->column.most);
    if (f->girth)
        printf("girth      %u\n", f->girth);
    else
        printf("girth      10 or more, or no cycle\n");
    if (f->rank_known)
        printf("rank       %u, %u rows too many\n", f->rank, m->rows - f->rank);
    if (generator)
        printf("generator  agrees with the matrix\n");
    printf("SHA-256    %s\n", ks_code_digest_text(digest).text);
}

static int check_generator(const ks_matrix *m, const char *path) {
    ks_bytes file;
    int code = ks_read_whole(&file, path);
    if (code != KS_EXIT_OK)
        return code;
    ks_generator *generator = NULL;
    ks_status status = ks_generator_read(&generator, file.data, file.bytes);
    if (status == KS_OK)
        status = ks_generator_check(generator, m);
    ks_generator_destroy(generator);
    ks_bytes_release(&file);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, path);
}

int ks_codes_import(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    const char *generator = NULL;
    int rest;
    const ks_option options[] = {
        {"from", 0, KS_OPTION_TEXT, &source.format, "F",
         "pchk, alist (columns first), alist-rows or qc (default: seen from the file)", NULL},
        {"pairs", 0, KS_OPTION_TEXT, &source.pairs, "FILE", "row pairs whose sums replace them", NULL},
        {"merges", 0, KS_OPTION_U64, &source.merges, "K", "the first K pairs only", NULL},
        {"gen", 0, KS_OPTION_TEXT, &generator, "FILE", "a .gen that must be of this matrix", NULL},
        {0}};
    int code = ks_cli_parse("codes import [options] FILE", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "expected one FILE");
    ks_matrix *matrix;
    ks_code_format format;
    code = ks_code_load(&matrix, &format, argv[rest], &source);
    if (code == KS_EXIT_OK && generator)
        code = check_generator(matrix, generator);
    facts f;
    if (code == KS_EXIT_OK) {
        const ks_status status = gather(&f, matrix);
        if (status == KS_OK)
            describe(matrix, &f, format, generator);
        else
            code = ks_cli_fail_status(status, argv[rest]);
    }
    ks_matrix_destroy(matrix);
    return code;
}

int ks_code_is_file(const char *name) {
    return strchr(name, '/') || strchr(name, '.') || strcmp(name, "-") == 0;
}

int ks_code_load_named(ks_matrix **matrix, uint64_t *z, const char *name, const ks_code_source *source,
                       uint64_t log2n) {
    ks_code_format format;
    if (ks_code_is_file(name))
        return ks_code_load(matrix, &format, name, source);
    uint16_t rate;
    ks_ldpc_rate info;
    if (ks_find_code(&rate, name) != 0)
        return KS_EXIT_USAGE;
    if (log2n > KS_LDPC_LOG2N_MAX || !ks_ldpc_supports(rate, (unsigned)log2n))
        return ks_cli_fail(KS_EXIT_USAGE, "%s does not serve frames of 2^%llu bits", name,
                           (unsigned long long)log2n);
    ks_status status = ks_ldpc_rate_info(&info, rate);
    if (status == KS_OK)
        status = ks_matrix_of_rate(matrix, rate, (unsigned)log2n);
    if (status != KS_OK)
        return ks_cli_fail_status(status, name);
    *z = *z ? *z : (UINT64_C(1) << log2n) / info.columns;
    return KS_EXIT_OK;
}

int ks_codes_export(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    const char *format_name = "pchk", *output = "-";
    uint64_t z = 0, log2n = 18;
    int pad = 1, rest;
    const ks_option options[] = {
        {"format", 0, KS_OPTION_TEXT, &format_name, "F",
         "pchk (default), alist (columns first), alist-rows or qc", NULL},
        {"output", 'o', KS_OPTION_TEXT, &output, "FILE", "default: stdout", NULL},
        {"log2n", 0, KS_OPTION_U64, &log2n, "K", "a code of ours for frames of 2^K bits (default 18)", NULL},
        {"pad", 0, KS_OPTION_FLAG, &pad, NULL, "alist: fill short lists with zeros (default)", NULL},
        {"z", 0, KS_OPTION_U64, &z, "Z", "qc from a file: size of its circulants", NULL},
        {"from", 0, KS_OPTION_TEXT, &source.format, "F", "format of a file (default: seen from it)", NULL},
        {"pairs", 0, KS_OPTION_TEXT, &source.pairs, "FILE", "row pairs whose sums replace them", NULL},
        {"merges", 0, KS_OPTION_U64, &source.merges, "K", "the first K pairs only", NULL},
        {0}};
    int code = ks_cli_parse("codes export [options] CODE[-MERGES]|FILE", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    ks_code_format format;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "expected one CODE or FILE (a name with a dot or slash is a file)");
    if (ks_code_format_find(&format, format_name) != 0)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown format '%s': pchk, alist, alist-rows or qc", format_name);
    ks_matrix *matrix = NULL;
    code = ks_code_load_named(&matrix, &z, argv[rest], &source, log2n);
    if (code != KS_EXIT_OK)
        return code;
    ks_bytes bytes = {0};
    if (format == KS_CODE_QC && (z == 0 || z > KS_MATRIX_SIDE_MAX)) {
        code = ks_cli_fail(KS_EXIT_USAGE, "qc needs --z, the size of the circulants");
    } else {
        const ks_status status = ks_code_write(&bytes, format, matrix, (uint32_t)z, pad ? KS_CODE_PAD : 0);
        code = status == KS_OK ? ks_write_whole(&bytes, output) : ks_cli_fail_status(status, argv[rest]);
    }
    ks_bytes_release(&bytes);
    ks_matrix_destroy(matrix);
    return code;
}
