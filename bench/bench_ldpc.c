/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench ldpc: random frames through a binary symmetric channel, decoded with retries as the protocol
 * does, all that is disclosed counted, every decoded frame compared with the sent one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "ldpc/ldpc.h"
#include "ldpc/splitmix.h"
#include "pipeline/status.h"

typedef struct options {
    const char *qber, *effort;
    uint64_t log2n, frames, seed, real_bits, iterations, rate, retries;
    double seconds;
} options;

typedef struct totals {
    uint64_t frames, failed, undetected, first_failed, bits, leak, first_leak, rounds, iterations;
    double edges, decode_seconds, encode_seconds;
} totals;

typedef struct bench_state {
    ks_ldpc_workspace *workspace;
    uint64_t *alice, *bob, *decoded, *mother, *syndrome, *extra;
    uint64_t seed;
} bench_state;

static double uniform(uint64_t *state) {
    return ((double)(ks_splitmix(state) >> 11) + 0.5) * 0x1p-53;
}

/* Time this thread was running: what other programs take of the processor does not count. */
static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Error positions by geometric gaps. */
static void draw_frame(bench_state *s, const options *o, double q) {
    size_t n = (size_t)1 << o->log2n;
    for (size_t i = 0; i < n / 64; i++)
        s->alice[i] = ks_splitmix(&s->seed);
    for (size_t i = o->real_bits; i < n; i++)
        s->alice[i / 64] &= ~(UINT64_C(1) << i % 64);
    memcpy(s->bob, s->alice, n / 8);
    double scale = 1 / log1p(-q), at = floor(log(uniform(&s->seed)) * scale);
    while (q > 0 && at < (double)o->real_bits) {
        size_t i = (size_t)at;
        s->bob[i / 64] ^= UINT64_C(1) << i % 64;
        at += 1 + floor(log(uniform(&s->seed)) * scale);
    }
}

static double edges_of(uint16_t rate, unsigned log2n) {
    ks_ldpc_rate info;
    if (ks_ldpc_rate_info(&info, rate) != KS_OK)
        return 0;
    return (double)info.edges * (double)((size_t)1 << log2n) / info.columns;
}

static ks_status decode_once(bench_state *s, const options *o, totals *t, uint16_t rate, double q,
                             ks_ldpc_result *result) {
    const ks_ldpc_request request = {.received = s->bob,
                                     .syndrome = s->syndrome,
                                     .rate = rate,
                                     .real_bits = o->real_bits,
                                     .qber = q,
                                     .max_iterations = (unsigned)o->iterations};
    double start = processor_seconds();
    ks_status status = ks_ldpc_decode(s->workspace, result, s->decoded, &request);
    t->decode_seconds += processor_seconds() - start;
    t->iterations += result->iterations;
    t->edges += result->iterations * edges_of(rate, (unsigned)o->log2n);
    t->rounds++;
    return status;
}

/* One frame from the first syndrome to success or the end of the base's syndrome. */
static ks_status run_frame(bench_state *s, const options *o, totals *t, uint16_t rate, double q) {
    unsigned log2n = (unsigned)o->log2n;
    ks_ldpc_result result;
    double start = processor_seconds();
    KS_TRY(ks_ldpc_syndrome(s->mother, s->alice, rate, log2n));
    t->encode_seconds += processor_seconds() - start;
    KS_TRY(ks_ldpc_merge(s->syndrome, s->mother, rate, log2n));
    KS_TRY(decode_once(s, o, t, rate, q, &result));
    t->first_failed += !result.converged;
    t->first_leak += ks_ldpc_syndrome_bits(rate, log2n);
    uint16_t next;
    for (uint64_t k = 0; !result.converged && k < o->retries && ks_ldpc_next(&next, rate) == KS_OK;
         k++, rate = next) {
        KS_TRY(ks_ldpc_extra(s->extra, s->mother, rate, next, log2n));
        KS_TRY(ks_ldpc_extend(s->syndrome, s->extra, rate, next, log2n));
        KS_TRY(decode_once(s, o, t, next, q, &result));
    }
    t->frames++;
    t->failed += !result.converged;
    t->bits += o->real_bits;
    t->leak += result.converged ? ks_ldpc_syndrome_bits(rate, log2n) : o->real_bits;
    t->undetected += result.converged && memcmp(s->decoded, s->alice, ((size_t)1 << log2n) / 8) != 0;
    return KS_OK;
}

static double entropy(double q) {
    return q <= 0 ? 0 : -q * log2(q) - (1 - q) * log2(1 - q);
}

/* Upper tail of the standard normal distribution, inverted by bisection. */
static double normal_quantile(double tail) {
    double low = -10, high = 10;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (erfc(middle / sqrt(2)) / 2 > tail)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* No code of one syndrome does better than n h + sqrt(n v) z - log2(n) / 2 bits (Tomamichel, Martinez-Mateo,
 * Pacher, Elkouss, QIP 16, 280 (2017), normal approximation). The failure rate is taken three deviations
 * above what was counted. */
static int is_possible(const totals *t, const options *o, double q) {
    double n = (double)o->real_bits, frames = (double)t->frames, rate = (double)t->first_failed / frames;
    double failure = rate + 3 * sqrt(rate * (1 - rate) / frames) + 3 / frames;
    if (q <= 0 || failure >= 1)
        return 1;
    double l = log2((1 - q) / q), v = q * (1 - q) * l * l;
    return (double)t->first_leak / frames >=
           n * entropy(q) + sqrt(n * v) * normal_quantile(failure) - log2(n) / 2;
}

static int report(const totals *t, const options *o, uint16_t rate, double q) {
    static ks_bench_row row;
    ks_ldpc_rate info;
    if (ks_ldpc_rate_info(&info, rate) != KS_OK)
        return KS_EXIT_FAILED;
    char code[64];
    snprintf(code, sizeof code, "%s-%u", info.base, info.merges);
    double frames = (double)t->frames, bits = (double)t->bits;
    ks_bench_row_begin(&row, "ldpc", "cpu", NULL, 1);
    ks_bench_row_number(&row, "qber", q);
    ks_bench_row_text(&row, "code", code);
    ks_bench_row_u64(&row, "frame_bits", (uint64_t)1 << o->log2n);
    ks_bench_row_u64(&row, "real_bits", o->real_bits);
    ks_bench_row_text(&row, "effort", o->effort);
    ks_bench_row_u64(&row, "frames", t->frames);
    ks_bench_row_number(&row, "fer", (double)t->failed / frames);
    ks_bench_row_number(&row, "first_fer", (double)t->first_failed / frames);
    ks_bench_row_u64(&row, "undetected", t->undetected);
    if (q > 0) {
        ks_bench_row_number(&row, "efficiency", (double)t->leak / (bits * entropy(q)));
        ks_bench_row_number(&row, "first_efficiency", (double)t->first_leak / (bits * entropy(q)));
    }
    ks_bench_row_number(&row, "leak_bits_per_frame", (double)t->leak / frames);
    ks_bench_row_number(&row, "rounds_mean", (double)t->rounds / frames);
    ks_bench_row_number(&row, "iterations_mean", (double)t->iterations / frames);
    ks_bench_row_number(&row, "throughput_mbps", bits / t->decode_seconds * 1e-6);
    ks_bench_row_number(&row, "gedges", t->edges / t->decode_seconds * 1e-9);
    ks_bench_row_number(&row, "syndrome_gbps", bits / t->encode_seconds * 1e-9);
    int possible = is_possible(t, o, q);
    if (!possible)
        ks_cli_say(0, "bench ldpc: qber %g is below the finite-length bound: something is counted wrong\n",
                   q);
    return ks_bench_row_end(&row, t->decode_seconds, possible);
}

static int fail(ks_status status) {
    return ks_cli_fail_status(status, "bench ldpc");
}

static int run_point(bench_state *s, const options *o, ks_ldpc_effort effort, double q) {
    totals t = {0};
    uint16_t rate = (uint16_t)o->rate;
    ks_status status = KS_OK;
    if (o->rate == UINT64_MAX)
        status = ks_ldpc_pick(&rate, (unsigned)o->log2n, q, o->real_bits, effort);
    double start = ks_bench_now();
    s->seed = o->seed;
    while (status == KS_OK && t.frames < o->frames &&
           (t.frames == 0 || ks_bench_now() - start < o->seconds) && !ks_cli_interrupted()) {
        draw_frame(s, o, q);
        status = run_frame(s, o, &t, rate, q);
        ks_cli_progress("qber %g: %llu frames, %llu failed", q, (unsigned long long)t.frames,
                        (unsigned long long)t.failed);
    }
    ks_cli_progress_end();
    return status == KS_OK ? report(&t, o, rate, q) : fail(status);
}

static ks_status make_state(bench_state *s, unsigned log2n) {
    size_t words = ((size_t)1 << log2n) / 64;
    memset(s, 0, sizeof *s);
    uint64_t *memory = calloc(6 * words, 8);
    if (!memory)
        return ks_fail(KS_ERR_MEMORY, "no memory for frames of 2^%u bits", log2n);
    s->alice = memory;
    s->bob = memory + words;
    s->decoded = memory + 2 * words;
    s->mother = memory + 3 * words;
    s->syndrome = memory + 4 * words;
    s->extra = memory + 5 * words;
    return ks_ldpc_workspace_create(&s->workspace, log2n);
}

static void free_state(bench_state *s) {
    ks_ldpc_workspace_destroy(s->workspace);
    free(s->alice);
}

static int parse_effort(ks_ldpc_effort *out, const char *name) {
    static const char *const names[] = {"fast", "balanced", "efficient"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (ks_ldpc_effort)i;
            return 1;
        }
    return 0;
}

static int run_list(bench_state *s, const options *o, ks_ldpc_effort effort) {
    int code = KS_EXIT_OK;
    const char *at = o->qber;
    while (*at && code == KS_EXIT_OK && !ks_cli_interrupted()) {
        char *end;
        double q = strtod(at, &end);
        if (end == at || !(q >= 0 && q < 0.5) || (*end && *end != ','))
            return ks_cli_fail(KS_EXIT_USAGE, "--qber takes rates below 0.5 with commas between, not '%s'",
                               at);
        code = run_point(s, o, effort, q);
        at = *end ? end + 1 : end;
    }
    return code;
}

int ks_bench_ldpc(int argc, char **argv) {
    options o = {.qber = "0.01,0.02,0.03,0.05,0.08,0.11",
                 .effort = "balanced",
                 .log2n = 18,
                 .frames = 50,
                 .seed = 1,
                 .rate = UINT64_MAX,
                 .retries = 64,
                 .seconds = 10};
    const ks_option table[] = {
        {"qber", 0, KS_OPTION_TEXT, &o.qber, "Q,...", "error rates", NULL},
        {"log2n", 0, KS_OPTION_U64, &o.log2n, "K", "frames of 2^K bits: 14, 16, 18 or 20", NULL},
        {"bits", 0, KS_OPTION_U64, &o.real_bits, "N", "bits in use of each frame; default: all", NULL},
        {"effort", 0, KS_OPTION_TEXT, &o.effort, "NAME", "fast, balanced or efficient", NULL},
        {"rate", 0, KS_OPTION_U64, &o.rate, "R", "this rate instead of the one for the error rate", NULL},
        {"retries", 0, KS_OPTION_U64, &o.retries, "K", "most retries with more syndrome", NULL},
        {"iterations", 0, KS_OPTION_U64, &o.iterations, "K", "most iterations of a decoding", NULL},
        {"frames", 0, KS_OPTION_U64, &o.frames, "K", "most frames a row", NULL},
        {"seconds", 0, KS_OPTION_NUMBER, &o.seconds, "S", "most time a row", NULL},
        {"seed", 0, KS_OPTION_U64, &o.seed, "S", "of frames and errors", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("bench ldpc [options]", table, argc, argv, &rest);
    if (code >= 0)
        return code;
    ks_ldpc_effort effort;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (!parse_effort(&effort, o.effort))
        return ks_cli_fail(KS_EXIT_USAGE, "--effort is fast, balanced or efficient, not '%s'", o.effort);
    if (o.log2n < KS_LDPC_LOG2N_MIN || o.log2n > KS_LDPC_LOG2N_MAX || o.log2n % 2)
        return ks_cli_fail(KS_EXIT_USAGE, "--log2n is 14, 16, 18 or 20");
    if (o.real_bits > UINT64_C(1) << o.log2n || o.frames == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "--bits is at most the frame, --frames at least 1");
    if (o.rate != UINT64_MAX &&
        (o.rate > UINT16_MAX || !ks_ldpc_supports((uint16_t)o.rate, (unsigned)o.log2n)))
        return ks_cli_fail(KS_EXIT_USAGE, "--rate %llu does not serve frames of 2^%llu bits",
                           (unsigned long long)o.rate, (unsigned long long)o.log2n);
    if (o.real_bits == 0)
        o.real_bits = UINT64_C(1) << o.log2n;
    ks_cli_catch_signals();
    bench_state s;
    ks_status status = make_state(&s, (unsigned)o.log2n);
    code = status == KS_OK ? run_list(&s, &o, effort) : fail(status);
    free_state(&s);
    return code;
}
