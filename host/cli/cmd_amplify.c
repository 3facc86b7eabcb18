/* SPDX-License-Identifier: Apache-2.0 */
/* keystill amplify: one Toeplitz hash from files, so that results compare with other programs. */
#include <errno.h>
#include <keystill/amplify.h>
#include <keystill/secret.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/cli.h"
#include "kernels/kernels.h"

typedef struct request {
    const char *input, *seed, *output, *form_name, *order_name, *words_name;
    uint64_t bits, output_bits, threads;
    ks_toeplitz_form form;
    ks_seed_order order;
    ks_bit_order words;
} request;

/* Index of `name` among `names`, or -1 after saying what is allowed. */
static int choose(const char *option, const char *name, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    (void)ks_cli_fail(KS_EXIT_USAGE, "--%s %s: not one of %s, %s%s%s", option, name, names[0], names[1],
                      names[2] ? ", " : "", names[2] ? names[2] : "");
    return -1;
}

static int parse_names(request *r) {
    static const char *const forms[] = {"modified", "standard", NULL};
    static const char *const orders[] = {"default", "column", "row", NULL};
    static const char *const words[] = {"lsb", "msb", "nicoboss", NULL};
    int form = choose("form", r->form_name, forms), order = choose("seed-order", r->order_name, orders);
    int word = choose("words", r->words_name, words);
    if (form < 0 || order < 0 || word < 0)
        return KS_EXIT_USAGE;
    r->form = (ks_toeplitz_form)form;
    r->order = (ks_seed_order)order;
    r->words = (ks_bit_order)word;
    return KS_EXIT_OK;
}

/* Reads up to `bytes` bytes; *got says how many there were. */
static int read_all(int fd, const char *path, uint8_t *out, size_t bytes, size_t *got) {
    *got = 0;
    while (*got < bytes) {
        ssize_t r = read(fd, out + *got, bytes - *got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return ks_cli_fail(KS_EXIT_FAILED, "%s: %s", path, strerror(errno));
        if (r == 0)
            break;
        *got += (size_t)r;
    }
    return KS_EXIT_OK;
}

/* *words = `bits` bits from the open file, in secret memory. */
static int read_bits(uint64_t **words, int fd, const char *path, size_t bits, ks_bit_order order) {
    size_t bytes = ks_bits_import_bytes(bits, order), got;
    uint8_t *raw = NULL;
    ks_status status = ks_secret_alloc((void **)&raw, bytes + 1, KS_SECRET_BLOCK);
    if (status == KS_OK)
        status = ks_secret_alloc((void **)words, (ks_toeplitz_words(bits) + 1) * 8, KS_SECRET_BLOCK);
    if (status != KS_OK) {
        ks_secret_free(raw);
        return ks_cli_fail_status(status, path);
    }
    int code = read_all(fd, path, raw, bytes + 1, &got);
    if (code == KS_EXIT_OK && got < bytes)
        code = ks_cli_fail(KS_EXIT_MALFORMED, "%s ends at byte %zu: %zu bits need %zu bytes", path, got, bits,
                           bytes);
    if (code == KS_EXIT_OK) {
        if (got > bytes)
            ks_cli_say(1, "%s: only the first %zu bytes are used", path, bytes);
        ks_bits_import(*words, raw, bits, order);
    }
    ks_secret_free(raw);
    return code;
}

/* Without --bits all bits of the input file count. */
static int find_bits(request *r, int fd) {
    struct stat st;
    if (r->bits == 0) {
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
            return ks_cli_fail(KS_EXIT_USAGE, "--bits is needed: %s is not a regular file", r->input);
        r->bits = (uint64_t)st.st_size * 8;
    }
    if (r->bits < 1 || r->bits > KS_TOEPLITZ_INPUT_MAX)
        return ks_cli_fail(KS_EXIT_USAGE, "%llu input bits: 1 .. %zu", (unsigned long long)r->bits,
                           KS_TOEPLITZ_INPUT_MAX);
    if (r->output_bits < 1 || r->output_bits > r->bits)
        return ks_cli_fail(KS_EXIT_USAGE, "%llu output bits from %llu input bits: 1 .. %llu",
                           (unsigned long long)r->output_bits, (unsigned long long)r->bits,
                           (unsigned long long)r->bits);
    return KS_EXIT_OK;
}

static int read_seed(uint64_t **seed, const request *r) {
    size_t bits = ks_toeplitz_seed_bits((size_t)r->bits, (size_t)r->output_bits, r->form);
    uint64_t *raw = NULL;
    int fd = ks_cli_open_input(r->seed);
    if (fd < 0)
        return KS_EXIT_FAILED;
    int code = read_bits(&raw, fd, r->seed, bits, r->words);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    *seed = calloc(ks_toeplitz_words(bits) + 1, 8);
    if (code == KS_EXIT_OK && !*seed)
        code = ks_cli_fail(KS_EXIT_FAILED, "no memory for a seed of %zu bits", bits);
    if (code == KS_EXIT_OK) {
        ks_status status =
            ks_toeplitz_seed_reorder(*seed, raw, (size_t)r->bits, (size_t)r->output_bits, r->form, r->order);
        code = status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, r->seed);
    }
    ks_secret_free(raw);
    return code;
}

/* Hashes in place. */
static int hash(const request *r, uint64_t *key, const uint64_t *seed) {
    ks_toeplitz_plan *plan = NULL;
    const size_t n = (size_t)r->bits, m = (size_t)r->output_bits;
    ks_status status = ks_toeplitz_plan_create(&plan, n, m, r->form, (unsigned)r->threads);
    if (status == KS_OK)
        status = ks_toeplitz_apply(plan, key, key, n, m, seed);
    ks_toeplitz_plan_destroy(plan);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "hash");
}

static int write_result(const request *r, const uint64_t *words) {
    const size_t bytes = (size_t)(r->output_bits + 7) / 8;
    uint8_t *raw = NULL;
    ks_cli_output out;
    ks_status status = ks_secret_alloc((void **)&raw, bytes, KS_SECRET_BLOCK);
    if (status != KS_OK)
        return ks_cli_fail_status(status, r->output);
    ks_bits_export(raw, words, (size_t)r->output_bits, r->words);
    int code = KS_EXIT_FAILED;
    if (ks_cli_open_output(&out, r->output) >= 0) {
        int written = ks_cli_write_all(out.fd, raw, bytes) == 0;
        if (!written)
            (void)ks_cli_fail(KS_EXIT_FAILED, "%s: %s", r->output, strerror(errno));
        code = ks_cli_close_output(&out, written) == 0 && written ? KS_EXIT_OK : KS_EXIT_FAILED;
    }
    ks_secret_free(raw);
    return code;
}

static int run(request *r) {
    uint64_t *key = NULL, *seed = NULL;
    int fd = ks_cli_open_input(r->input);
    if (fd < 0)
        return KS_EXIT_FAILED;
    int code = find_bits(r, fd);
    if (code == KS_EXIT_OK)
        code = read_bits(&key, fd, r->input, (size_t)r->bits, r->words);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    if (code == KS_EXIT_OK)
        code = read_seed(&seed, r);
    if (code == KS_EXIT_OK)
        code = hash(r, key, seed);
    if (code == KS_EXIT_OK)
        code = write_result(r, key);
    if (code == KS_EXIT_OK)
        ks_cli_say(1, "%llu bits hashed to %llu", (unsigned long long)r->bits,
                   (unsigned long long)r->output_bits);
    ks_secret_free(key);
    free(seed);
    return code;
}

int ks_cmd_amplify(int argc, char **argv) {
    request r = {
        .output = "-", .form_name = "modified", .order_name = "default", .words_name = "lsb", .threads = 1};
    int rest;
    const ks_option options[] = {
        {"input", 'i', KS_OPTION_TEXT, &r.input, "FILE", "the bits to hash", NULL},
        {"seed", 's', KS_OPTION_TEXT, &r.seed, "FILE",
         "the seed: N - 1 bits (modified) or N + M - 1 (standard)", NULL},
        {"bits", 'n', KS_OPTION_U64, &r.bits, "N", "input bits (default: the whole file)", NULL},
        {"output-bits", 'm', KS_OPTION_U64, &r.output_bits, "M", "output bits", NULL},
        {"form", 'f', KS_OPTION_TEXT, &r.form_name, "FORM", "modified (T | I, default) or standard (T)",
         NULL},
        {"seed-order", 0, KS_OPTION_TEXT, &r.order_name, "ORDER", "default, column or row", NULL},
        {"words", 'w', KS_OPTION_TEXT, &r.words_name, "ORDER",
         "bit order of the files: lsb (default), msb or nicoboss", NULL},
        {"output", 'o', KS_OPTION_TEXT, &r.output, "FILE", "where the hash goes (default: standard output)",
         NULL},
        {"threads", 't', KS_OPTION_U64, &r.threads, "N", "threads (default 1)", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("amplify --input FILE --seed FILE --output-bits M [options]", options, argc, argv,
                            &rest);
    if (code >= 0)
        return code;
    if (!r.input || !r.seed || r.output_bits == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--input, --seed and --output-bits are needed");
    if (strcmp(r.input, "-") == 0 && strcmp(r.seed, "-") == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "input and seed cannot both be standard input");
    if (r.threads < 1 || r.threads > KS_TOEPLITZ_THREADS_MAX)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads: 1 .. %u", KS_TOEPLITZ_THREADS_MAX);
    code = parse_names(&r);
    return code == KS_EXIT_OK ? run(&r) : code;
}
