/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench events: bytes of a tagger through a pipe to detections, and each stage by itself. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/entropy.h>
#include <keystill/frontend.h>
#include <keystill/reader.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "host/formats/writer.h"
#include "pipeline/status.h"

enum { FIRST_LANE = 1, MARKER_SLOTS = 4000, PIPE_BYTES = 65536, BATCH = 4096 };

/* A digest of detections that depends on their order: sum of (2 i + 1) d_i. Cheap, since it is timed. */
typedef struct digest {
    uint64_t sum, count;
} digest;

static void digest_add(digest *d, const ks_detection *detections, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += detections[i] * (2 * (d->count + i) + 1);
    d->sum += sum;
    d->count += n;
}

/* What every body works on. */
typedef struct events_bench {
    ks_format format;
    ks_frontend_config config;
    unsigned detectors; /* lanes FIRST_LANE and up; the lane after them carries markers */
    ks_event *events;   /* as the reader gives them */
    size_t n, clicks;
    uint8_t *bytes;
    size_t size;
    digest expected; /* of the detections that the slots of the generator make */
    digest got;
    uint64_t got_events;
    ks_status status;
} events_bench;

/* ---- the stream: a 1 GHz source, one click in ten slots, 100 million clicks a second of true time ---- */

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Triangular jitter of standard deviation 49 ps; Bob's clock is 10 ppm fast. */
static int64_t time_of(uint64_t slot, uint64_t r) {
    int64_t jitter = (int64_t)(r % 121) + (int64_t)(r / 121 % 121) - 120;
    return (int64_t)(slot * 1000 + slot / 100) + jitter;
}

static void settings(events_bench *b) {
    b->config = (ks_frontend_config){.clock_hz = 1e9,
                                     .clock_tolerance = 50e-6,
                                     .marker_slots = MARKER_SLOTS,
                                     .gate_ps = 500,
                                     .dead_time_ps = 4000,
                                     .kind = KS_TIME_TAGS};
    /* S-Fifteen devices have four inputs. */
    int s15 = b->format >= KS_FORMAT_S15_A0 && b->format <= KS_FORMAT_S15_A2;
    b->detectors = s15 ? 3 : 4;
    for (unsigned d = 0; d < b->detectors; d++)
        b->config.lanes[FIRST_LANE + d] =
            (ks_lane){.role = KS_LANE_DETECTOR, .basis = (uint8_t)(d >> 1), .bit = (uint8_t)(d & 1)};
    b->config.lanes[FIRST_LANE + b->detectors].role = KS_LANE_MARKER;
}

static ks_status generate(events_bench *b, size_t n, uint64_t seed) {
    b->events = malloc((n + n / 256 + 16) * sizeof *b->events);
    if (!b->events)
        return ks_fail(KS_ERR_MEMORY, "no memory for %zu events", n);
    const uint32_t marker_lane = 1u << (FIRST_LANE + b->detectors);
    uint64_t slot = 0, marker = 0, last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next_random(&seed);
        slot += 1 + r % 19;
        for (; marker <= slot; marker += MARKER_SLOTS)
            b->events[b->n++] = (ks_event){.time = time_of(marker, 14640), .lanes = marker_lane};
        unsigned d = (unsigned)(r >> 48) % b->detectors;
        int64_t time = time_of(slot, r >> 20 & 0xFFFFFFF);
        if (time < b->events[b->n - 1].time)
            time = b->events[b->n - 1].time;
        b->events[b->n++] = (ks_event){.time = time, .lanes = 1u << (FIRST_LANE + d)};
        b->clicks++;
        if (i == 0 || slot - last > 4) {
            ks_detection detection = ks_detection_make(slot, d >> 1, d & 1, 0);
            digest_add(&b->expected, &detection, 1);
        }
        last = slot;
    }
    b->events[b->n++] = (ks_event){.time = time_of(marker, 14640), .lanes = marker_lane};
    return KS_OK;
}

static ks_status write_bytes(events_bench *b) {
    ks_writer *writer = NULL;
    ks_writer_options options = {.format = b->format, .unit = {1, 1000000000000}};
    KS_TRY(ks_writer_create(&writer, &options));
    size_t capacity = 48 * b->n + 65536, taken = 0, count;
    b->bytes = malloc(capacity);
    ks_status status = b->bytes ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for %zu bytes", capacity);
    if (status == KS_OK) {
        status = ks_writer_put(writer, b->events, b->n, &taken, b->bytes, capacity, &b->size);
        do {
            if (status == KS_OK)
                status = ks_writer_finish(writer, b->bytes + b->size, capacity - b->size, &count);
            b->size += count;
        } while (status == KS_OK && count);
    }
    ks_writer_destroy(writer);
    return status;
}

/* ---- stages ---- */

typedef struct sink {
    events_bench *bench;
    ks_reader *reader;
    ks_frontend *frontend;
    ks_event events[BATCH];
    ks_detection detections[BATCH];
    uint64_t seed;
} sink;

static ks_status open_frontend(sink *s) {
    ks_random random = ks_random_seeded(&s->seed);
    return ks_frontend_create(&s->frontend, &s->bench->config, &random);
}

static ks_status push(sink *s, const ks_event *events, size_t n) {
    for (size_t done = 0, taken, count; done < n; done += taken) {
        uint64_t frontier;
        KS_TRY(ks_frontend_push(s->frontend, events + done, n - done, &taken, s->detections, BATCH, &count,
                                &frontier));
        digest_add(&s->bench->got, s->detections, count);
    }
    return KS_OK;
}

static ks_status finish(sink *s) {
    size_t count;
    do {
        uint64_t frontier;
        KS_TRY(ks_frontend_finish(s->frontend, s->detections, BATCH, &count, &frontier));
        digest_add(&s->bench->got, s->detections, count);
    } while (count);
    return KS_OK;
}

static ks_status deliver(sink *s, size_t count) {
    s->bench->got_events += count;
    if (!s->frontend && count) {
        s->bench->config.unit = ks_reader_get_info(s->reader)->unit;
        KS_TRY(open_frontend(s));
    }
    return count ? push(s, s->events, count) : KS_OK;
}

/* Decodes `size` bytes, and gates the events when `gate` is set. */
static ks_status decode(sink *s, const uint8_t *data, size_t size, int gate) {
    for (size_t done = 0, consumed, count; done < size; done += consumed) {
        KS_TRY(ks_reader_feed(s->reader, data + done, size - done, &consumed, s->events, BATCH, &count));
        if (gate)
            KS_TRY(deliver(s, count));
        else
            s->bench->got_events += count;
    }
    return KS_OK;
}

static ks_status decode_end(sink *s, int gate) {
    size_t count;
    do {
        KS_TRY(ks_reader_finish(s->reader, s->events, BATCH, &count));
        if (gate)
            KS_TRY(deliver(s, count));
        else
            s->bench->got_events += count;
    } while (count);
    return gate ? finish(s) : KS_OK;
}

static ks_status open_reader(sink *s) {
    ks_reader_options options = {.format = s->bench->format};
    return ks_reader_create(&s->reader, &options);
}

static void close_sink(sink *s) {
    ks_reader_destroy(s->reader);
    ks_frontend_destroy(s->frontend);
    free(s);
}

static sink *open_sink(events_bench *b) {
    sink *s = calloc(1, sizeof *s);
    b->got = (digest){0};
    b->got_events = 0;
    b->status = s ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory");
    if (s)
        s->bench = b;
    return s;
}

static void run_decode(void *context) {
    events_bench *b = context;
    sink *s = open_sink(b);
    if (!s)
        return;
    b->status = open_reader(s);
    for (size_t at = 0; at < b->size && b->status == KS_OK; at += PIPE_BYTES)
        b->status = decode(s, b->bytes + at, b->size - at < PIPE_BYTES ? b->size - at : PIPE_BYTES, 0);
    if (b->status == KS_OK)
        b->status = decode_end(s, 0);
    close_sink(s);
}

static void run_frontend(void *context) {
    events_bench *b = context;
    sink *s = open_sink(b);
    if (!s)
        return;
    b->config.unit = (ks_unit){1, 1000000000000};
    b->status = open_frontend(s);
    for (size_t at = 0; at < b->n && b->status == KS_OK; at += BATCH)
        b->status = push(s, b->events + at, b->n - at < BATCH ? b->n - at : BATCH);
    if (b->status == KS_OK)
        b->status = finish(s);
    b->got_events = b->n;
    close_sink(s);
}

/* ---- through a pipe ---- */

typedef struct feeder {
    int fd;
    const uint8_t *bytes;
    size_t size;
} feeder;

static void *feed(void *argument) {
    feeder *f = argument;
    for (size_t at = 0; at < f->size;) {
        size_t n = f->size - at < PIPE_BYTES ? f->size - at : PIPE_BYTES;
        ssize_t written = write(f->fd, f->bytes + at, n);
        if (written < 0)
            break;
        at += (size_t)written;
    }
    close(f->fd);
    return NULL;
}

static ks_status drain_pipe(sink *s, int fd, int work) {
    static uint8_t block[PIPE_BYTES];
    size_t total = 0;
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0) {
        total += (size_t)got;
        if (work)
            KS_TRY(decode(s, block, (size_t)got, 1));
    }
    if (total != s->bench->size)
        return ks_fail(KS_ERR_IO, "%zu of %zu bytes came through the pipe", total, s->bench->size);
    return work ? decode_end(s, 1) : KS_OK;
}

static void run_pipe(events_bench *b, int work) {
    int fds[2];
    pthread_t thread;
    sink *s = open_sink(b);
    if (!s)
        return;
    b->status = open_reader(s);
    if (b->status == KS_OK && pipe2(fds, O_CLOEXEC) == 0) {
        feeder f = {.fd = fds[1], .bytes = b->bytes, .size = b->size};
        if (pthread_create(&thread, NULL, feed, &f) == 0) {
            b->status = drain_pipe(s, fds[0], work);
            close(fds[0]);
            (void)pthread_join(thread, NULL);
        } else {
            b->status = ks_fail(KS_ERR_MEMORY, "no thread for the writer");
        }
    } else if (b->status == KS_OK) {
        b->status = ks_fail(KS_ERR_IO, "no pipe");
    }
    close_sink(s);
}

static void run_whole(void *context) {
    run_pipe(context, 1);
}

static void run_floor(void *context) {
    run_pipe(context, 0);
}

/* ---- rows ---- */

typedef struct stage {
    const char *name;
    void (*body)(void *context);
    int threads, events, detections; /* which results are checked */
} stage;

static const stage stages[] = {{"pipe", run_floor, 2, 0, 0},
                               {"decode", run_decode, 1, 1, 0},
                               {"frontend", run_frontend, 1, 1, 1},
                               {"all", run_whole, 2, 1, 1}};

static int measure(events_bench *b, const stage *stage, double seconds) {
    ks_bench_times times = ks_bench_time(stage->body, b, 3, seconds);
    if (b->status != KS_OK)
        return ks_cli_fail_status(b->status, stage->name);
    int verified =
        (!stage->events || b->got_events == b->n) &&
        (!stage->detections || (b->got.sum == b->expected.sum && b->got.count == b->expected.count));
    ks_bench_row row;
    ks_bench_row_begin(&row, "events", "cpu", NULL, stage->threads);
    ks_bench_row_text(&row, "format", ks_format_name(b->format));
    ks_bench_row_text(&row, "stage", stage->name);
    ks_bench_row_u64(&row, "events", b->n);
    ks_bench_row_number(&row, "bytes_per_event", (double)b->size / (double)b->n);
    ks_bench_row_rate(&row, "events_per_second", times, (double)b->n, 1);
    return ks_bench_row_end(&row, times.best, verified);
}

static int run_format(events_bench *b, uint64_t events, double seconds, uint64_t seed) {
    settings(b);
    ks_status status = generate(b, events, seed);
    if (status == KS_OK)
        status = write_bytes(b);
    int code = status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "events");
    for (size_t i = 0; i < sizeof stages / sizeof *stages && code == KS_EXIT_OK; i++)
        code = measure(b, &stages[i], seconds);
    free(b->events);
    free(b->bytes);
    return code;
}

int ks_bench_events(int argc, char **argv) {
    const char *format = "swabian";
    uint64_t events = 1000000, seed = 1;
    double seconds = 1;
    int rest;
    const ks_option options[] = {
        {"format", 'f', KS_OPTION_TEXT, &format, "NAME",
         "format of the bytes: swabian, pq-t2-raw, s15-a1, ...", NULL},
        {"events", 'n', KS_OPTION_U64, &events, "N", "clicks in the stream (default 1M)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 1)", NULL},
        {"seed", 0, KS_OPTION_U64, &seed, "S", "seed of the stream", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench events [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    events_bench b = {0};
    if (ks_format_parse(&b.format, format) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "unknown format '%s'", format);
    if (events < 1000 || events > 100000000)
        return ks_cli_fail(KS_EXIT_USAGE, "--events must lie within 1000 and 100M");
    return run_format(&b, events, seconds, seed);
}
