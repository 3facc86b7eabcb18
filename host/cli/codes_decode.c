/* SPDX-License-Identifier: Apache-2.0 */
/* keystill codes decode, and codes measure of a file: words through the decoder of any matrix. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"
#include "host/cli/code_files.h"
#include "ldpc/sparse.h"
#include "ldpc/splitmix.h"

typedef struct tally {
    uint64_t words, failed, changed, passes, undetected;
} tally;

static uint64_t differences(const uint64_t *a, const uint64_t *b, size_t words) {
    uint64_t count = 0;
    for (size_t i = 0; i < words; i++)
        count += (uint64_t)__builtin_popcountll(a[i] ^ b[i]);
    return count;
}

/* ---- decode */

typedef struct job {
    uint64_t *received, *syndrome, *decoded; /* secret */
    size_t count;
} job;

static int read_words(uint64_t **out, size_t *count, const char *path, size_t length, int packed) {
    ks_bytes file;
    int code = ks_read_whole(&file, path);
    if (code != KS_EXIT_OK)
        return code;
    const ks_status status = ks_words_read(out, count, length, packed, file.data, file.bytes);
    ks_bytes_release(&file);
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, path);
}

static int read_job(job *j, const ks_matrix *m, const char *received, const char *syndrome, int packed) {
    int code = read_words(&j->received, &j->count, received, m->columns, packed);
    if (code != KS_EXIT_OK)
        return code;
    size_t syndromes = j->count;
    if (syndrome)
        code = read_words(&j->syndrome, &syndromes, syndrome, m->rows, packed);
    else if (ks_secret_alloc((void **)&j->syndrome, j->count * ks_matrix_syndrome_words(m) * 8,
                             KS_SECRET_BLOCK) != KS_OK)
        code = ks_cli_fail_status(KS_ERR_MEMORY, "syndromes");
    if (code == KS_EXIT_OK && syndromes != j->count)
        code =
            ks_cli_fail(KS_EXIT_MALFORMED, "%s: %zu syndromes for %zu words", syndrome, syndromes, j->count);
    if (code == KS_EXIT_OK && ks_secret_alloc((void **)&j->decoded, j->count * ks_matrix_frame_words(m) * 8,
                                              KS_SECRET_BLOCK) != KS_OK)
        code = ks_cli_fail_status(KS_ERR_MEMORY, "words");
    return code;
}

/* A word that is not decoded is written as it was received. */
static int decode_all(tally *t, const job *j, ks_sparse_decoder *decoder, const ks_matrix *m,
                      uint64_t passes) {
    const size_t words = ks_matrix_frame_words(m), checks = ks_matrix_syndrome_words(m);
    ks_ldpc_outcome outcomes[KS_SPARSE_FRAMES];
    for (size_t at = 0; at < j->count && !ks_cli_interrupted(); at += KS_SPARSE_FRAMES) {
        const size_t left = j->count - at, n = left < KS_SPARSE_FRAMES ? left : KS_SPARSE_FRAMES;
        ks_sparse_decode(decoder, outcomes, j->decoded + at * words, j->received + at * words,
                         j->syndrome + at * checks, (uint32_t)n, (uint32_t)passes);
        for (size_t i = 0; i < n; i++) {
            uint64_t *decoded = j->decoded + (at + i) * words, *received = j->received + (at + i) * words;
            t->words++;
            t->passes += outcomes[i].passes;
            if (outcomes[i].converged) {
                t->changed += differences(decoded, received, words);
            } else {
                memcpy(decoded, received, words * 8);
                t->failed++;
            }
        }
        ks_cli_progress("%" PRIu64 " of %zu words, %" PRIu64 " failed", t->words, j->count, t->failed);
    }
    ks_cli_progress_end();
    return ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : KS_EXIT_OK;
}

static int write_decoded(const job *j, const ks_matrix *m, const char *path, int packed) {
    ks_bytes out = {0};
    ks_words_write(&out, j->decoded, j->count, m->columns, packed);
    const int code = ks_write_whole(&out, path);
    ks_bytes_release(&out);
    return code;
}

static int decode_words(const ks_matrix *m, double q, job *j, uint64_t passes) {
    ks_sparse_decoder *decoder;
    const ks_status status = ks_sparse_decoder_create(&decoder, m, q);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "codes decode");
    tally t = {0};
    const int code = decode_all(&t, j, decoder, m, passes);
    ks_sparse_decoder_destroy(decoder);
    if (code == KS_EXIT_OK)
        ks_cli_say(1,
                   "%" PRIu64 " words: %" PRIu64 " not decoded, %" PRIu64 " bits changed, %.1f passes a word",
                   t.words, t.failed, t.changed, (double)t.passes / (double)t.words);
    return code == KS_EXIT_OK && t.failed ? KS_EXIT_FAILED : code;
}

int ks_codes_decode(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    const char *name = NULL, *received = NULL, *syndrome = NULL, *output = "-";
    double q = 0;
    uint64_t passes = 0, log2n = 18, z = 0;
    int packed = 0, rest;
    const ks_option options[] = {
        {"code", 0, KS_OPTION_TEXT, &name, "CODE|FILE", "a code of ours or a file (with a dot or slash)",
         NULL},
        {"bsc", 0, KS_OPTION_NUMBER, &q, "P", "error rate of the channel", NULL},
        {"received", 0, KS_OPTION_TEXT, &received, "FILE", "words with errors", NULL},
        {"syndrome", 0, KS_OPTION_TEXT, &syndrome, "FILE", "their syndromes; without: code words", NULL},
        {"output", 'o', KS_OPTION_TEXT, &output, "FILE", "decoded words (default: stdout)", NULL},
        {"packed", 0, KS_OPTION_FLAG, &packed, NULL, "words are packed bits, not text", NULL},
        {"max-iterations", 0, KS_OPTION_U64, &passes, "N", "default 200", NULL},
        {"log2n", 0, KS_OPTION_U64, &log2n, "K", "a code of ours for frames of 2^K bits (default 18)", NULL},
        {"from", 0, KS_OPTION_TEXT, &source.format, "F", "format of the code (default: seen from the file)",
         NULL},
        {"pairs", 0, KS_OPTION_TEXT, &source.pairs, "FILE", "row pairs whose sums replace them", NULL},
        {"merges", 0, KS_OPTION_U64, &source.merges, "K", "the first K pairs only", NULL},
        {0}};
    int code = ks_cli_parse("codes decode --code CODE|FILE --bsc P --received FILE [options]", options, argc,
                            argv, &rest);
    if (code >= 0)
        return code;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (!name || !received || !(q > 0 && q < 0.5) || passes > 100000)
        return ks_cli_fail(KS_EXIT_USAGE, "--code, --received and --bsc (between 0 and 0.5) are needed; "
                                          "--max-iterations is at most 100000");
    ks_cli_catch_signals();
    ks_matrix *m = NULL;
    job j = {0};
    code = ks_code_load_named(&m, &z, name, &source, log2n);
    if (code == KS_EXIT_OK)
        code = read_job(&j, m, received, syndrome, packed);
    if (code == KS_EXIT_OK) {
        code = decode_words(m, q, &j, passes);
        if (code == KS_EXIT_OK || code == KS_EXIT_FAILED) {
            const int written = write_decoded(&j, m, output, packed);
            code = written == KS_EXIT_OK ? code : written;
        }
    }
    ks_secret_free(j.received);
    ks_secret_free(j.syndrome);
    ks_secret_free(j.decoded);
    ks_matrix_destroy(m);
    return code;
}

/* ---- measure */

typedef struct bench {
    uint64_t *alice, *bob, *syndrome, *decoded;
    size_t words, checks;
} bench;

static void draw(const bench *b, const ks_matrix *m, uint32_t frames, double q, uint64_t *seed) {
    const uint64_t threshold = (uint64_t)(q * 0x1p64);
    memset(b->alice, 0, frames * b->words * 8);
    for (uint32_t f = 0; f < frames; f++) {
        uint64_t *alice = b->alice + f * b->words, *bob = b->bob + f * b->words;
        for (uint32_t i = 0; i < m->columns; i += 64)
            alice[i / 64] = ks_splitmix(seed);
        if (m->columns % 64)
            alice[b->words - 1] &= (UINT64_C(1) << m->columns % 64) - 1;
        memcpy(bob, alice, b->words * 8);
        for (uint32_t i = 0; i < m->columns; i++)
            bob[i / 64] ^= (uint64_t)(ks_splitmix(seed) < threshold) << i % 64;
        ks_matrix_syndrome(b->syndrome + f * b->checks, alice, m);
    }
}

static void count(tally *t, const bench *b, const ks_ldpc_outcome *outcomes, uint32_t frames) {
    for (uint32_t f = 0; f < frames; f++) {
        const uint64_t wrong = differences(b->decoded + f * b->words, b->alice + f * b->words, b->words);
        t->words++;
        t->passes += outcomes[f].passes;
        t->failed += !outcomes[f].converged || wrong;
        t->undetected += outcomes[f].converged && wrong;
    }
}

static void report(const tally *t, const ks_matrix *m, double q, uint64_t seed, double seconds) {
    const double n = m->columns, h = -q * log2(q) - (1 - q) * log2(1 - q), words = (double)t->words;
    const double fer = (double)t->failed / words, f = ((1 - fer) * m->rows + fer * n) / (n * h);
    const double passes = (double)t->passes / words, edges = (double)t->passes * m->ones / seconds;
    if (ks_cli_json)
        printf("{\"bench\":\"codes measure\",\"frame_bits\":%u,\"rows\":%u,\"qber\":%g,\"seed\":%" PRIu64
               ",\"frames\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"fer\":%g,\"undetected\":%" PRIu64
               ",\"efficiency\":%.4f,\"first_efficiency\":%.4f,\"iterations_mean\":%.2f,\"throughput_mbps\":%"
               ".2f,"
               "\"gedges_per_second\":%.3f}\n",
               m->columns, m->rows, q, seed, t->words, t->failed, fer, t->undetected, f, m->rows / (n * h),
               passes, words * n / seconds / 1e6, edges / 1e9);
    else
        printf("QBER %g: %" PRIu64 " of %" PRIu64 " frames of %u bits failed (%" PRIu64
               " undetected), f %.4f (%.4f without failures), %.1f passes, %.1f Mbit/s, %.2f Gedge/s\n",
               q, t->failed, t->words, m->columns, t->undetected, f, m->rows / (n * h), passes,
               words * n / seconds / 1e6, edges / 1e9);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int run_bench(const ks_matrix *m, bench *b, double q, uint64_t frames, uint64_t seed) {
    ks_sparse_decoder *decoder;
    const ks_status status = ks_sparse_decoder_create(&decoder, m, q);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "codes measure");
    ks_ldpc_outcome outcomes[KS_SPARSE_FRAMES];
    tally t = {0};
    uint64_t state = seed;
    double seconds = 0;
    while (t.words < frames && !ks_cli_interrupted()) {
        const uint64_t left = frames - t.words;
        const uint32_t n = left < KS_SPARSE_FRAMES ? (uint32_t)left : KS_SPARSE_FRAMES;
        draw(b, m, n, q, &state);
        const double start = cpu_seconds();
        ks_sparse_decode(decoder, outcomes, b->decoded, b->bob, b->syndrome, n, 0);
        seconds += cpu_seconds() - start;
        count(&t, b, outcomes, n);
    }
    ks_sparse_decoder_destroy(decoder);
    if (t.words)
        report(&t, m, q, seed, seconds);
    return ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : KS_EXIT_OK;
}

int ks_codes_measure_file(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    double q = 0;
    uint64_t frames = 1000, seed = 1;
    int rest;
    const ks_option options[] = {
        {"qber", 0, KS_OPTION_NUMBER, &q, "Q", "error rate", NULL},
        {"frames", 0, KS_OPTION_U64, &frames, "N", "default 1000", NULL},
        {"seed", 0, KS_OPTION_U64, &seed, "S", "default 1", NULL},
        {"from", 0, KS_OPTION_TEXT, &source.format, "F", "format of the file (default: seen from it)", NULL},
        {"pairs", 0, KS_OPTION_TEXT, &source.pairs, "FILE", "row pairs whose sums replace them", NULL},
        {"merges", 0, KS_OPTION_U64, &source.merges, "K", "the first K pairs only", NULL},
        {0}};
    int code = ks_cli_parse("codes measure FILE --qber Q [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1 || !(q > 0 && q < 0.5) || frames == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "expected one FILE, --qber between 0 and 0.5, --frames from 1");
    ks_matrix *m;
    ks_code_format format;
    code = ks_code_load(&m, &format, argv[rest], &source);
    if (code != KS_EXIT_OK)
        return code;
    ks_cli_catch_signals();
    bench b = {.words = ks_matrix_frame_words(m), .checks = ks_matrix_syndrome_words(m)};
    uint64_t *memory = calloc((3 * b.words + b.checks) * KS_SPARSE_FRAMES, 8);
    if (memory) {
        b.alice = memory;
        b.bob = b.alice + b.words * KS_SPARSE_FRAMES;
        b.decoded = b.bob + b.words * KS_SPARSE_FRAMES;
        b.syndrome = b.decoded + b.words * KS_SPARSE_FRAMES;
        code = run_bench(m, &b, q, frames, seed);
    } else {
        code = ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    }
    free(memory);
    ks_matrix_destroy(m);
    return code;
}
