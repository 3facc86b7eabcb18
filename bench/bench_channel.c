/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench channel: messages of the size of bulk data (seeds above all) from one thread to another,
 * over each transport on this machine. */
#include <keystill/link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "host/cli/cli.h"
#include "pipeline/message.h"
#include "pipeline/status.h"

enum { WAIT_MS = 5000 };

typedef struct channel {
    char address[128];
    ks_link *near, *far;
    uint64_t bytes, received;
    double end; /* when the last byte was there */
    ks_status far_status;
    int agrees;
} channel;

static uint8_t content(uint64_t message, size_t i) {
    return (uint8_t)(i * 131 + message);
}

/* The other end: takes messages until the link is closed, and compares the ends and the middle of each. */
static void *take(void *context) {
    channel *c = context;
    if (!c->far) {
        ks_link_options options;
        ks_link_options_init(&options);
        options.open_timeout = WAIT_MS;
        c->far_status = ks_link_open(&c->far, c->address, 0, &options);
    }
    for (uint64_t n = 0; c->far_status == KS_OK; n++) {
        const uint8_t *message;
        size_t bytes;
        c->far_status = ks_link_receive(c->far, &message, &bytes, WAIT_MS);
        if (c->far_status != KS_OK)
            break;
        c->received += bytes;
        c->end = ks_bench_now();
        c->agrees &= bytes == KS_MESSAGE_CHUNK && message[0] == content(n, 0) &&
                     message[bytes / 2] == content(n, bytes / 2) &&
                     message[bytes - 1] == content(n, bytes - 1);
    }
    ks_link_close(c->far, 0);
    return NULL;
}

static ks_status give(channel *c, uint8_t *message) {
    for (uint64_t n = 0; n < c->bytes / KS_MESSAGE_CHUNK; n++) {
        for (size_t k = 0; k < 3; k++) {
            const size_t i = k == 2 ? KS_MESSAGE_CHUNK - 1 : k * (KS_MESSAGE_CHUNK / 2);
            message[i] = content(n, i);
        }
        KS_TRY(ks_link_send(c->near, message, KS_MESSAGE_CHUNK, WAIT_MS));
    }
    return ks_link_flush(c->near, WAIT_MS);
}

/* A listener tells its address once it is open; the other end comes then. */
typedef struct opener {
    channel *c;
    pthread_t thread;
    int started;
} opener;

static void start_other_end(void *context, const char *spec) {
    opener *o = context;
    snprintf(o->c->address, sizeof o->c->address, "%s", spec);
    o->started = pthread_create(&o->thread, NULL, take, o->c) == 0;
}

static ks_status open_ends(channel *c, opener *o, const char *spec) {
    ks_link_options options;
    ks_link_options_init(&options);
    options.open_timeout = WAIT_MS;
    options.listening = start_other_end;
    options.context = o;
    if (spec)
        return ks_link_open(&c->near, spec, 1, &options);
    KS_TRY(ks_link_pair(&c->near, &c->far, &options));
    start_other_end(o, "");
    return o->started ? KS_OK : ks_fail(KS_ERR_MEMORY, "no thread");
}

static int measure(const char *name, const char *spec, uint8_t *message, uint64_t bytes) {
    channel c = {.bytes = bytes / KS_MESSAGE_CHUNK * KS_MESSAGE_CHUNK, .agrees = 1};
    opener o = {.c = &c};
    ks_status status = open_ends(&c, &o, spec);
    const double start = ks_bench_now();
    if (status == KS_OK)
        status = give(&c, message);
    ks_link_close(c.near, WAIT_MS);
    if (o.started)
        (void)pthread_join(o.thread, NULL);
    const double seconds = c.end - start;
    if (status != KS_OK)
        return ks_cli_fail_status(status, name);
    ks_bench_row row;
    ks_bench_row_begin(&row, "channel", "cpu", NULL, 2);
    ks_bench_row_text(&row, "transport", name);
    ks_bench_row_u64(&row, "message_bytes", KS_MESSAGE_CHUNK);
    ks_bench_row_u64(&row, "bytes", c.bytes);
    ks_bench_row_number(&row, "mbps", 8e-6 * (double)c.bytes / seconds);
    return ks_bench_row_end(&row, seconds,
                            c.agrees && c.received == c.bytes && c.far_status == KS_ERR_CLOSED);
}

int ks_bench_channel(int argc, char **argv) {
    uint64_t bytes = 1 << 30;
    const ks_option options[] = {{"bytes", 'n', KS_OPTION_U64, &bytes, "N", "bytes a row (1 Gi)", NULL},
                                 {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("bench channel [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (bytes < KS_MESSAGE_CHUNK)
        return ks_cli_fail(KS_EXIT_USAGE, "--bytes is at least %d", KS_MESSAGE_CHUNK);
    uint8_t *message = malloc(KS_MESSAGE_CHUNK);
    if (!message)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    memset(message, 0x5a, KS_MESSAGE_CHUNK);
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/keystill-channel-%d", (int)getpid());
    code = measure("tcp", "tcp:127.0.0.1:0", message, bytes);
    if (code == KS_EXIT_OK)
        code = measure("unix", path, message, bytes);
    if (code == KS_EXIT_OK)
        code = measure("process", NULL, message, bytes);
    free(message);
    return code;
}
