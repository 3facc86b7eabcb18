/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench ldpc: random frames through a binary symmetric channel, decoded with retries as the protocol
 * does, all that is disclosed counted, every decoded frame compared with the sent one. Here: on threads of
 * the processor. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "bench/bench_ldpc.h"
#include "host/cli/cli.h"
#include "ldpc/ldpc.h"
#include "pipeline/positions.h"
#include "pipeline/status.h"

typedef struct bench_state {
    ks_ldpc_workspace *workspace;
    uint64_t *alice, *bob, *decoded, *mother, *syndrome, *extra, allowance;
    ks_ldpc_memory *memory; /* of the frame at work */
} bench_state;

/* One row at work: threads take frames by number, and the number alone decides what is in a frame. */
typedef struct point {
    const ks_bench_ldpc_options *o;
    ks_ldpc_decoders decoders;
    uint16_t rate;
    double q, start;
    uint64_t next;
} point;

typedef struct worker {
    point *p;
    pthread_t thread;
    bench_state state;
    ks_bench_ldpc_totals sum;
    ks_status status;
} worker;

/* Either of them. */
typedef struct place_of_work {
    worker *workers;
    ks_bench_ldpc_device *device;
} place_of_work;

enum { THREADS_MAX = 1024, SYNDROMES = 16, BATCH_MAX = 65536 };

/* Time this thread was running: what other programs take of the processor does not count. */
static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static ks_status decode_once(bench_state *s, const point *p, ks_bench_ldpc_totals *t, uint16_t rate,
                             int is_retry, ks_ldpc_result *result) {
    const ks_bench_ldpc_options *o = p->o;
    uint16_t next;
    /* As in a session: at its last syndrome a frame has the exact decoder in any case. */
    const int is_last = !o->decoders && ks_ldpc_next(&next, rate) != KS_OK;
    const ks_ldpc_request request = {.received = s->bob,
                                     .syndrome = s->syndrome,
                                     .rate = rate,
                                     .real_bits = o->real_bits,
                                     .qber = p->q,
                                     .max_iterations = (unsigned)o->iterations,
                                     .decoders = is_last ? KS_LDPC_FAST_THEN_EXACT : p->decoders,
                                     .memory = o->anew ? NULL : &s->memory,
                                     .allowance = &s->allowance};
    double start = processor_seconds();
    ks_status status = ks_ldpc_decode(s->workspace, result, s->decoded, &request);
    t->decode_seconds += processor_seconds() - start;
    t->iterations += result->iterations;
    t->exact_decodings += result->exact_iterations > 0;
    t->exact_iterations += result->exact_iterations;
    t->edges +=
        (result->iterations + result->exact_iterations) * ks_bench_ldpc_edges(rate, (unsigned)o->log2n);
    t->rounds++;
    if (is_retry) {
        t->retries++;
        t->retry_iterations += result->iterations;
        t->retry_exact_iterations += result->exact_iterations;
    }
    return status;
}

/* What the session does with a frame that has no more syndrome: its least reliable bits become known, and are
 * paid with their positions. */
static ks_status disclose(bench_state *s, unsigned log2n, uint64_t *paid) {
    uint32_t positions[1 << (KS_LDPC_LOG2N_MAX - KS_POSITIONS_LOW)];
    uint8_t bits[sizeof positions / sizeof *positions / 8];
    const size_t count = ks_positions_count(log2n);
    KS_TRY(ks_ldpc_least_reliable(positions, count, s->memory));
    ks_positions_take(bits, s->alice, positions, count);
    ks_positions_put(s->bob, bits, positions, count);
    *paid += 8 * ks_positions_bytes(log2n) + count;
    return ks_ldpc_know(s->memory, positions, count, s->bob);
}

/* After the first round: further syndrome while there is any, then disclosures. Sets what these cost. */
static ks_status retry(bench_state *s, const point *p, ks_bench_ldpc_totals *t, uint16_t *rate,
                       ks_ldpc_result *result, uint64_t *paid) {
    const ks_bench_ldpc_options *o = p->o;
    const unsigned log2n = (unsigned)o->log2n;
    uint64_t disclosures = 0;
    uint16_t next;
    for (uint64_t k = 0; !result->converged && k < o->retries; k++) {
        if (ks_ldpc_next(&next, *rate) == KS_OK) {
            KS_TRY(ks_ldpc_extra(s->extra, s->mother, *rate, next, log2n));
            KS_TRY(ks_ldpc_extend(s->syndrome, s->extra, *rate, next, log2n));
            *rate = next;
        } else if (s->memory && disclosures < o->disclosures) {
            t->exhausted += disclosures++ == 0;
            KS_TRY(disclose(s, log2n, paid));
        } else {
            break;
        }
        KS_TRY(decode_once(s, p, t, *rate, 1, result));
    }
    t->saved += result->converged && disclosures;
    return KS_OK;
}

/* One frame from the first syndrome to success or the end of what can be disclosed. */
static ks_status run_frame(bench_state *s, const point *p, ks_bench_ldpc_totals *t) {
    const ks_bench_ldpc_options *o = p->o;
    uint16_t rate = p->rate;
    unsigned log2n = (unsigned)o->log2n;
    ks_ldpc_result result;
    KS_TRY(ks_ldpc_syndrome(s->mother, s->alice, rate, log2n));
    double start = processor_seconds(); /* warm: Alice's frames follow each other */
    for (int i = 0; i < SYNDROMES; i++)
        KS_TRY(ks_ldpc_syndrome(s->mother, s->alice, rate, log2n));
    t->encode_seconds += (processor_seconds() - start) / SYNDROMES;
    KS_TRY(ks_ldpc_merge(s->syndrome, s->mother, rate, log2n));
    KS_TRY(decode_once(s, p, t, rate, 0, &result));
    t->first_failed += !result.converged;
    t->first_leak += ks_ldpc_syndrome_bits(rate, log2n);
    uint64_t paid = 0;
    KS_TRY(retry(s, p, t, &rate, &result, &paid));
    ks_ldpc_forget(s->memory);
    s->memory = NULL;
    t->frames++;
    t->failed += !result.converged;
    t->bits += o->real_bits;
    t->leak += (result.converged ? ks_ldpc_syndrome_bits(rate, log2n) : o->real_bits) + paid;
    t->undetected += result.converged && memcmp(s->decoded, s->alice, ((size_t)1 << log2n) / 8) != 0;
    return KS_OK;
}

static int fail(ks_status status) {
    return ks_cli_fail_status(status, "bench ldpc");
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
    s->allowance = UINT64_MAX;
    return ks_ldpc_workspace_create(&s->workspace, log2n);
}

static void free_state(bench_state *s) {
    ks_ldpc_workspace_destroy(s->workspace);
    free(s->alice);
}

static int take_frame(point *p, uint64_t *number) {
    *number = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);
    return *number < p->o->frames && (*number == 0 || ks_bench_now() - p->start < p->o->seconds) &&
           !ks_cli_interrupted();
}

static void *work(void *context) {
    worker *w = context;
    uint64_t number;
    while (w->status == KS_OK && take_frame(w->p, &number)) {
        ks_bench_ldpc_draw(w->state.alice, w->state.bob, w->p->o, number, w->p->q);
        w->status = run_frame(&w->state, w->p, &w->sum);
    }
    return NULL;
}

static void add_totals(ks_bench_ldpc_totals *to, const ks_bench_ldpc_totals *t) {
    to->frames += t->frames;
    to->failed += t->failed;
    to->undetected += t->undetected;
    to->first_failed += t->first_failed;
    to->bits += t->bits;
    to->leak += t->leak;
    to->first_leak += t->first_leak;
    to->rounds += t->rounds;
    to->iterations += t->iterations;
    to->exact_decodings += t->exact_decodings;
    to->exact_iterations += t->exact_iterations;
    to->exhausted += t->exhausted;
    to->saved += t->saved;
    to->retries += t->retries;
    to->retry_iterations += t->retry_iterations;
    to->retry_exact_iterations += t->retry_exact_iterations;
    to->edges += t->edges;
    to->decode_seconds += t->decode_seconds;
    to->encode_seconds += t->encode_seconds;
    /* Each thread by the time it had a core: other programs do not count, memory that the threads share does.
     */
    to->mbps += t->decode_seconds > 0 ? (double)t->bits / t->decode_seconds * 1e-6 : 0;
}

/* A row by threads. */
static int run_threads(worker *workers, point *p) {
    const ks_bench_ldpc_options *o = p->o;
    ks_bench_ldpc_totals t = {0};
    ks_status status = KS_OK;
    uint64_t started = 0;
    for (; started < o->threads; started++) {
        workers[started].p = p;
        workers[started].sum = (ks_bench_ldpc_totals){0};
        workers[started].status = KS_OK;
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]))
            break;
    }
    if (started < o->threads)
        status = ks_fail(KS_ERR_MEMORY, "no thread %llu", (unsigned long long)started);
    for (uint64_t i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        if (status == KS_OK && workers[i].status != KS_OK)
            status = ks_fail(workers[i].status, "a frame could not be decoded");
        add_totals(&t, &workers[i].sum);
    }
    const ks_bench_ldpc_place place = {.backend = "cpu", .threads = (int)o->threads};
    return status == KS_OK ? ks_bench_ldpc_report(&t, o, p->decoders, p->rate, p->q, &place) : fail(status);
}

static int run_point(const place_of_work *at, const ks_bench_ldpc_options *o, ks_ldpc_effort effort,
                     ks_ldpc_decoders decoders, double q) {
    point p = {.o = o, .decoders = decoders, .rate = (uint16_t)o->rate, .q = q, .start = ks_bench_now()};
    ks_status status = KS_OK;
    if (o->rate == UINT64_MAX)
        status = ks_ldpc_pick(&p.rate, (unsigned)o->log2n, q, o->real_bits, effort);
    if (status != KS_OK)
        return fail(status);
    return at->device ? ks_bench_ldpc_device_run(at->device, decoders, p.rate, q)
                      : run_threads(at->workers, &p);
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

static int parse_decoders(ks_ldpc_decoders *out, const char *name, ks_ldpc_effort effort) {
    *out = effort == KS_LDPC_FAST ? KS_LDPC_FAST_ONLY : KS_LDPC_FAST_THEN_EXACT;
    for (int i = 0; name && i < 3; i++)
        if (strcmp(name, ks_bench_ldpc_decoders[i]) == 0) {
            *out = (ks_ldpc_decoders)i;
            return 1;
        }
    return !name;
}

static int run_list(const place_of_work *place, const ks_bench_ldpc_options *o, ks_ldpc_effort effort,
                    ks_ldpc_decoders decoders) {
    int code = KS_EXIT_OK;
    const char *at = o->qber;
    while (*at && code == KS_EXIT_OK && !ks_cli_interrupted()) {
        char *end;
        double q = strtod(at, &end);
        if (end == at || !(q >= 0 && q < 0.5) || (*end && *end != ','))
            return ks_cli_fail(KS_EXIT_USAGE, "--qber takes rates below 0.5 with commas between, not '%s'",
                               at);
        code = run_point(place, o, effort, decoders, q);
        at = *end ? end + 1 : end;
    }
    return code;
}

static int run_on_threads(const ks_bench_ldpc_options *o, ks_ldpc_effort effort, ks_ldpc_decoders decoders) {
    worker *workers = calloc(o->threads, sizeof *workers);
    ks_status status = workers ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for threads");
    for (uint64_t i = 0; status == KS_OK && i < o->threads; i++)
        status = make_state(&workers[i].state, (unsigned)o->log2n);
    int code =
        status == KS_OK ? run_list(&(place_of_work){.workers = workers}, o, effort, decoders) : fail(status);
    for (uint64_t i = 0; workers && i < o->threads; i++)
        free_state(&workers[i].state);
    free(workers);
    return code;
}

static int run_on_device(const ks_bench_ldpc_options *o, ks_ldpc_effort effort, ks_ldpc_decoders decoders) {
    ks_bench_ldpc_device *device;
    int code = ks_bench_ldpc_device_open(&device, o);
    if (code == KS_EXIT_OK)
        code = run_list(&(place_of_work){.device = device}, o, effort, decoders);
    ks_bench_ldpc_device_close(device);
    return code;
}

int ks_bench_ldpc(int argc, char **argv) {
    ks_bench_ldpc_options o = {.qber = "0.01,0.02,0.03,0.05,0.08,0.11",
                               .effort = "balanced",
                               .backend = "cpu",
                               .batch = 256,
                               .log2n = 18,
                               .frames = 50,
                               .seed = 1,
                               .rate = UINT64_MAX,
                               .retries = 64,
                               .disclosures = 8,
                               .threads = 1,
                               .seconds = 10};
    const ks_option table[] = {
        {"qber", 0, KS_OPTION_TEXT, &o.qber, "Q,...", "error rates", NULL},
        {"log2n", 0, KS_OPTION_U64, &o.log2n, "K", "frames of 2^K bits: 14, 16, 18 or 20", NULL},
        {"bits", 0, KS_OPTION_U64, &o.real_bits, "N", "bits in use of each frame; default: all", NULL},
        {"effort", 0, KS_OPTION_TEXT, &o.effort, "NAME", "fast, balanced or efficient", NULL},
        {"decoders", 0, KS_OPTION_TEXT, &o.decoders, "NAME",
         "fast, both or exact instead of those of the effort", NULL},
        {"backend", 0, KS_OPTION_TEXT, &o.backend, "NAME",
         "cpu: threads of this program; or jobs on a device: cpu:0, opencl[:N], cuda[:N]", NULL},
        {"batch", 0, KS_OPTION_U64, &o.batch, "K", "frames a job of a device", NULL},
        {"threads", 0, KS_OPTION_U64, &o.threads, "K", "threads, a frame each at a time", NULL},
        {"rate", 0, KS_OPTION_U64, &o.rate, "R", "this rate instead of the one for the error rate", NULL},
        {"retries", 0, KS_OPTION_U64, &o.retries, "K", "most retries with more syndrome", NULL},
        {"disclosures", 0, KS_OPTION_U64, &o.disclosures, "K",
         "most disclosures of least reliable bits to a frame without more syndrome; processor only", NULL},
        {"anew", 0, KS_OPTION_FLAG, &o.anew, NULL, "retries begin with the received bits again", NULL},
        {"iterations", 0, KS_OPTION_U64, &o.iterations, "K", "most iterations of a decoding", NULL},
        {"frames", 0, KS_OPTION_U64, &o.frames, "K", "most frames a row", NULL},
        {"seconds", 0, KS_OPTION_NUMBER, &o.seconds, "S", "most time a row", NULL},
        {"seed", 0, KS_OPTION_U64, &o.seed, "S", "of frames and errors", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("bench ldpc [options]", table, argc, argv, &rest);
    if (code >= 0)
        return code;
    ks_ldpc_effort effort;
    ks_ldpc_decoders decoders;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (!parse_effort(&effort, o.effort))
        return ks_cli_fail(KS_EXIT_USAGE, "--effort is fast, balanced or efficient, not '%s'", o.effort);
    if (!parse_decoders(&decoders, o.decoders, effort))
        return ks_cli_fail(KS_EXIT_USAGE, "--decoders is fast, both or exact, not '%s'", o.decoders);
    if (o.threads == 0 || o.threads > THREADS_MAX)
        return ks_cli_fail(KS_EXIT_USAGE, "--threads is 1 to %d", THREADS_MAX);
    const int device = strcmp(o.backend, "cpu") != 0;
    if (o.batch == 0 || o.batch > BATCH_MAX || (device && decoders == KS_LDPC_EXACT_ONLY))
        return ks_cli_fail(KS_EXIT_USAGE, "--batch is 1 to %d; jobs have no --decoders exact", BATCH_MAX);
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
    return device ? run_on_device(&o, effort, decoders) : run_on_threads(&o, effort, decoders);
}
