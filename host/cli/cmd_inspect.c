/* SPDX-License-Identifier: Apache-2.0 */
/* keystill inspect FILE|-: what is in a file or stream of detector data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"
#include "host/cli/inspect.h"

enum { BLOCK_BYTES = 1 << 18, BLOCK_EVENTS = 1 << 14 };

typedef struct request {
    ks_reader_options reader;
    ks_inspect inspect;
    const char *path;
    const char *format, *unit, *fine_unit;
    double period_ps, window_ps;
    int begun;
    ks_status status; /* why the stream ended early */
    char detail[512];
} request;

static uint8_t block[BLOCK_BYTES];
static ks_event events[BLOCK_EVENTS];

/* ---- options */

/* NAME=NUMBER or NUMBER, separated by commas: lanes in this order. */
static int take_channels(void *context, const char *argument) {
    request *job = context;
    ks_lane_map *map = &job->reader.lanes;
    if (map->used == KS_LANES_BY_APPEARANCE)
        map->used = 0;
    for (const char *text = argument;;) {
        size_t item = strcspn(text, ",");
        const char *equals = memchr(text, '=', item), *digits = equals ? equals + 1 : text;
        size_t name = equals ? (size_t)(equals - text) : 0;
        char *end = NULL;
        errno = 0;
        long raw = strtol(digits, &end, 10);
        if (errno || end == digits || end != text + item || raw <= INT32_MIN || raw > INT32_MAX ||
            name >= KS_INSPECT_NAME || (equals && name == 0))
            return ks_cli_fail(KS_EXIT_USAGE, "--channels: expected [NAME=]NUMBER, found '%.*s'", (int)item,
                               text);
        if (map->used == KS_LANES)
            return ks_cli_fail(KS_EXIT_USAGE, "--channels: more than %d channels", KS_LANES);
        memcpy(job->inspect.names[map->used], text, name);
        map->raw[map->used++] = (int32_t)raw;
        if (text[item] == '\0')
            return 0;
        text += item + 1;
    }
}

static int parse_options(request *job, int argc, char **argv) {
    int rest = 0;
    uint64_t reorder = 0;
    const ks_option options[] = {
        {"format", 'f', KS_OPTION_TEXT, &job->format, "NAME",
         "auto (default: ptu, qutag and slots are recognised), ptu, pq-t2-raw, pq-t3-raw, swabian, s15-a0, "
         "s15-a1, "
         "s15-a1x, s15-a2, qutag, qutag-raw, qutag-5, csv, slots",
         NULL},
        {"channels", 'c', KS_OPTION_CALL, job, "LIST",
         "channels to look at, with names: H=1,V=2,D=3,A=4 (default: all)", take_channels},
        {"unit", 0, KS_OPTION_TEXT, &job->unit, "UNIT",
         "tick of formats that state none: 1ps, 80.955ps, 1/256ns (T3: the sync period)", NULL},
        {"fine-unit", 0, KS_OPTION_TEXT, &job->fine_unit, "UNIT", "delay tick of pq-t3-raw (default 1ps)",
         NULL},
        {"period", 'p', KS_OPTION_NUMBER, &job->period_ps, "PS", "fold arrivals at this period", NULL},
        {"window", 'w', KS_OPTION_NUMBER, &job->window_ps, "PS",
         "count coincidences between channels within this window (default 1000; 0: none)", NULL},
        {"reorder", 0, KS_OPTION_U64, &reorder, "TICKS", "put records late by at most this back in order",
         NULL},
        {0}};
    int code = ks_cli_parse("inspect [options] FILE|-", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest != 1)
        return ks_cli_fail(KS_EXIT_USAGE, "expected one FILE, or - for standard input");
    job->path = argv[rest];
    job->reader.reorder = reorder;
    if (job->format && ks_format_parse(&job->reader.format, job->format) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "--format: %s", ks_error_detail());
    if (job->unit && ks_unit_parse(&job->reader.unit, job->unit) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "--unit: %s", ks_error_detail());
    if (job->fine_unit && ks_unit_parse(&job->reader.fine_unit, job->fine_unit) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "--fine-unit: %s", ks_error_detail());
    if (!(job->period_ps >= 0) || !(job->window_ps >= 0))
        return ks_cli_fail(KS_EXIT_USAGE, "--period and --window are not negative");
    return -1;
}

/* ---- reading */

static void note_failure(request *job, ks_status status) {
    if (status == KS_OK || job->status != KS_OK)
        return;
    job->status = status;
    strncpy(job->detail, ks_error_detail(), sizeof job->detail - 1);
}

static void take_events(request *job, const ks_reader *reader, size_t count) {
    const ks_reader_info *info = ks_reader_get_info(reader);
    if (!job->begun && count > 0) {
        ks_inspect_begin(&job->inspect, info, job->period_ps, job->window_ps);
        job->begun = 1;
    }
    ks_inspect_add(&job->inspect, events, count);
    ks_cli_progress("%.1f MB, %.3f million events", (double)info->bytes * 1e-6, (double)info->events * 1e-6);
}

static void feed(request *job, ks_reader *reader, size_t bytes) {
    for (size_t at = 0; at < bytes && job->status == KS_OK;) {
        size_t consumed = 0, count = 0;
        note_failure(job,
                     ks_reader_feed(reader, block + at, bytes - at, &consumed, events, BLOCK_EVENTS, &count));
        take_events(job, reader, count);
        at += consumed;
    }
}

/* Reads to the end, to a fault of the stream, or until interrupted. Returns 0, or the errno of a failed read.
 */
static int read_stream(request *job, ks_reader *reader, int fd) {
    ssize_t n = 0;
    size_t count = 0;
    while (job->status == KS_OK && !ks_cli_interrupted() && (n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        feed(job, reader, (size_t)n);
    }
    do {
        ks_status status = ks_reader_finish(reader, events, BLOCK_EVENTS, &count);
        if (!ks_cli_interrupted())
            note_failure(job, status);
        take_events(job, reader, count);
    } while (count > 0);
    ks_cli_progress_end();
    return 0;
}

static int report(request *job, const ks_reader *reader) {
    const ks_reader_info *info = ks_reader_get_info(reader);
    if (!job->begun)
        ks_inspect_begin(&job->inspect, info, job->period_ps, job->window_ps);
    if (ks_cli_json &&
        ks_inspect_print_json(&job->inspect, info, job->path, job->status ? job->detail : NULL) != 0)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory for the JSON report");
    if (!ks_cli_json && (info->records > 0 || job->status == KS_OK))
        ks_inspect_print(&job->inspect, info, job->path);
    if (job->status != KS_OK)
        return ks_cli_fail(ks_cli_exit_code(job->status), "%s: %s", job->path, job->detail);
    return ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : KS_EXIT_OK;
}

int ks_cmd_inspect(int argc, char **argv) {
    static request job;
    job = (request){.window_ps = 1000, .reader.lanes.used = KS_LANES_BY_APPEARANCE};
    int code = parse_options(&job, argc, argv);
    if (code >= 0)
        return code;
    ks_reader *reader = NULL;
    ks_status status = ks_reader_create(&reader, &job.reader);
    if (status != KS_OK)
        return ks_cli_fail(status == KS_ERR_ARGUMENT ? KS_EXIT_USAGE : KS_EXIT_FAILED, "%s",
                           ks_error_detail());
    int fd = ks_cli_open_input(job.path);
    if (fd < 0) {
        ks_reader_destroy(reader);
        return KS_EXIT_FAILED;
    }
    ks_cli_catch_signals();
    int error = read_stream(&job, reader, fd);
    code = report(&job, reader);
    if (error)
        code = ks_cli_fail(KS_EXIT_FAILED, "%s: %s", job.path, strerror(error));
    if (fd != STDIN_FILENO)
        close(fd);
    ks_reader_destroy(reader);
    return code;
}
