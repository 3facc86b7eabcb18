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
#include "host/cli/device_files.h"
#include "ldpc/sparse.h"
#include "ldpc/splitmix.h"
#include "pipeline/code.h"

typedef struct tally {
    uint64_t words, failed, changed, passes, undetected;
} tally;

static uint64_t differences(const uint64_t *a, const uint64_t *b, size_t words) {
    uint64_t count = 0;
    for (size_t i = 0; i < words; i++)
        count += (uint64_t)__builtin_popcountll(a[i] ^ b[i]);
    return count;
}

/* ---- the decoder: this program's own, or a device's jobs */

enum { DEVICE_GROUP = 1024 }; /* words a job */

typedef struct decoder {
    const ks_matrix *matrix;
    double q;
    ks_sparse_decoder *own;
    ks_device *device;
    ks_code code; /* the matrix, as jobs name it */
    ks_frame_task tasks[DEVICE_GROUP];
} decoder;

static int open_decoder(decoder **out, const ks_matrix *m, double q, const char *backend) {
    decoder *d = *out = calloc(1, sizeof *d);
    if (!d)
        return ks_cli_fail_status(KS_ERR_MEMORY, "decoder");
    d->matrix = m;
    d->q = q;
    if (strcmp(backend, "cpu") == 0) {
        const ks_status status = ks_sparse_decoder_create(&d->own, m, q);
        return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "decoder");
    }
    d->code = (ks_code){
        .rows = m->rows, .columns = m->columns, .ones = m->ones, .first = m->first, .column = m->column};
    ks_code_digest(d->code.digest, m);
    return ks_device_open_named(&d->device, backend, 1);
}

static void close_decoder(decoder *d) {
    if (!d)
        return;
    ks_device_close(d->device);
    ks_sparse_decoder_destroy(d->own);
    free(d);
}

static size_t group_of(const decoder *d) {
    return d->device ? DEVICE_GROUP : KS_SPARSE_FRAMES;
}

/* Up to group_of(d) words, as ks_sparse_decode; what a device does not decode stays as received. */
static ks_status decode_group(decoder *d, ks_ldpc_outcome *outcomes, uint64_t *decoded,
                              const uint64_t *received, const uint64_t *syndrome, size_t count,
                              uint32_t passes) {
    if (!d->device) {
        ks_sparse_decode(d->own, outcomes, decoded, received, syndrome, (uint32_t)count, passes);
        return KS_OK;
    }
    const size_t words = ks_matrix_frame_words(d->matrix), checks = ks_matrix_syndrome_words(d->matrix);
    memcpy(decoded, received, count * words * 8);
    for (size_t i = 0; i < count; i++)
        d->tasks[i] =
            (ks_frame_task){.frame = decoded + i * words,
                            .syndrome = (uint64_t *)(uintptr_t)(syndrome + i * checks), /* read only */
                            .real_bits = d->matrix->columns,
                            .qber = d->q,
                            .code = &d->code,
                            .iterations = passes};
    ks_job job = {.op = KS_OP_DECODE, .as.frames = {d->tasks, count}};
    const ks_status status = ks_device_submit(d->device, &job);
    if (status != KS_OK)
        return status;
    ks_device_wait(d->device, &job);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (ks_ldpc_outcome){.passes = d->tasks[i].iterations, .converged = d->tasks[i].converged};
    return job.status;
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
static int decode_all(tally *t, const job *j, decoder *d, const ks_matrix *m, uint64_t passes) {
    const size_t words = ks_matrix_frame_words(m), checks = ks_matrix_syndrome_words(m);
    ks_ldpc_outcome outcomes[DEVICE_GROUP];
    const size_t group = group_of(d);
    for (size_t at = 0; at < j->count && !ks_cli_interrupted(); at += group) {
        const size_t left = j->count - at, n = left < group ? left : group;
        const ks_status status = decode_group(d, outcomes, j->decoded + at * words, j->received + at * words,
                                              j->syndrome + at * checks, n, (uint32_t)passes);
        if (status != KS_OK)
            return ks_cli_fail_status(status, "codes decode");
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

static int decode_words(const ks_matrix *m, double q, job *j, uint64_t passes, const char *backend) {
    decoder *d;
    tally t = {0};
    int code = open_decoder(&d, m, q, backend);
    if (code == KS_EXIT_OK)
        code = decode_all(&t, j, d, m, passes);
    close_decoder(d);
    if (code == KS_EXIT_OK)
        ks_cli_say(1,
                   "%" PRIu64 " words: %" PRIu64 " not decoded, %" PRIu64 " bits changed, %.1f passes a word",
                   t.words, t.failed, t.changed, (double)t.passes / (double)t.words);
    return code == KS_EXIT_OK && t.failed ? KS_EXIT_FAILED : code;
}

int ks_codes_decode(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    const char *name = NULL, *received = NULL, *syndrome = NULL, *output = "-", *backend = "cpu";
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
        {"backend", 0, KS_OPTION_TEXT, &backend, "NAME", "cpu, opencl[:N] or cuda[:N] (default: cpu)", NULL},
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
        code = decode_words(m, q, &j, passes, backend);
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

static void report(const tally *t, const decoder *d, double q, uint64_t seed, double seconds) {
    const ks_matrix *m = d->matrix;
    const double n = m->columns, h = -q * log2(q) - (1 - q) * log2(1 - q), words = (double)t->words;
    const double fer = (double)t->failed / words, f = ((1 - fer) * m->rows + fer * n) / (n * h);
    const double passes = (double)t->passes / words, edges = (double)t->passes * m->ones / seconds;
    if (ks_cli_json)
        printf("{\"bench\":\"codes "
               "measure\",\"backend\":\"%s\",\"frame_bits\":%u,\"rows\":%u,\"qber\":%g,\"seed\":%" PRIu64
               ",\"frames\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"fer\":%g,\"undetected\":%" PRIu64
               ",\"efficiency\":%.4f,\"first_efficiency\":%.4f,\"iterations_mean\":%.2f,\"throughput_mbps\":%"
               ".2f,"
               "\"gedges_per_second\":%.3f}\n",
               d->device ? d->device->vtable->backend : "cpu", m->columns, m->rows, q, seed, t->words,
               t->failed, fer, t->undetected, f, m->rows / (n * h), passes, words * n / seconds / 1e6,
               edges / 1e9);
    else
        printf("QBER %g: %" PRIu64 " of %" PRIu64 " frames of %u bits failed (%" PRIu64
               " undetected), f %.4f (%.4f without failures), %.1f passes, %.1f Mbit/s, %.2f Gedge/s\n",
               q, t->failed, t->words, m->columns, t->undetected, f, m->rows / (n * h), passes,
               words * n / seconds / 1e6, edges / 1e9);
}

/* The processor's time for this program's own decoder, wall time for a device. */
static double seconds_of(const decoder *d) {
    struct timespec now;
    clock_gettime(d->device ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int run_bench(decoder *d, bench *b, double q, uint64_t frames, uint64_t seed) {
    ks_ldpc_outcome outcomes[DEVICE_GROUP];
    const size_t group = group_of(d);
    tally t = {0};
    uint64_t state = seed;
    double seconds = 0;
    while (t.words < frames && !ks_cli_interrupted()) {
        const uint64_t left = frames - t.words;
        const uint32_t n = left < group ? (uint32_t)left : (uint32_t)group;
        draw(b, d->matrix, n, q, &state);
        const double start = seconds_of(d);
        const ks_status status = decode_group(d, outcomes, b->decoded, b->bob, b->syndrome, n, 0);
        if (status != KS_OK)
            return ks_cli_fail_status(status, "codes measure");
        seconds += seconds_of(d) - start;
        count(&t, b, outcomes, n);
    }
    if (t.words)
        report(&t, d, q, seed, seconds);
    return ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : KS_EXIT_OK;
}

static int measure(const ks_matrix *m, double q, uint64_t frames, uint64_t seed, const char *backend) {
    bench b = {.words = ks_matrix_frame_words(m), .checks = ks_matrix_syndrome_words(m)};
    decoder *d;
    int code = open_decoder(&d, m, q, backend);
    uint64_t *memory = code == KS_EXIT_OK ? calloc((3 * b.words + b.checks) * group_of(d), 8) : NULL;
    if (memory) {
        b.alice = memory;
        b.bob = b.alice + b.words * group_of(d);
        b.decoded = b.bob + b.words * group_of(d);
        b.syndrome = b.decoded + b.words * group_of(d);
        code = run_bench(d, &b, q, frames, seed);
    } else if (code == KS_EXIT_OK) {
        code = ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    }
    free(memory);
    close_decoder(d);
    return code;
}

int ks_codes_measure_file(int argc, char **argv) {
    ks_code_source source = {.merges = UINT64_MAX};
    const char *backend = "cpu";
    double q = 0;
    uint64_t frames = 1000, seed = 1;
    int rest;
    const ks_option options[] = {
        {"qber", 0, KS_OPTION_NUMBER, &q, "Q", "error rate", NULL},
        {"frames", 0, KS_OPTION_U64, &frames, "N", "default 1000", NULL},
        {"backend", 0, KS_OPTION_TEXT, &backend, "NAME", "cpu, opencl[:N] or cuda[:N] (default: cpu)", NULL},
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
    code = measure(m, q, frames, seed, backend);
    ks_matrix_destroy(m);
    return code;
}
