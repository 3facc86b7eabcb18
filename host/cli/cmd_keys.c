/* SPDX-License-Identifier: Apache-2.0 */
/* keystill keys status|take|follow|wipe: a key ring from the outside. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/ring_host.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"
#include "host/cli/words.h"

enum { MAX_KEY_BYTES = 4096, LINE_BYTES = 2 * MAX_KEY_BYTES + 128, POLL_MS = 50 };

typedef enum key_format { FORMAT_HEX, FORMAT_BASE64, FORMAT_JSON, FORMAT_RAW } key_format;

typedef struct request {
    const char *ring, *id, *format_name;
    uint64_t count;
    int yes, remove;
    key_format format;
    ks_ring_map *map;
} request;

static size_t put_hex(char *out, const uint8_t *key, size_t bytes) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = digits[key[i] >> 4];
        out[2 * i + 1] = digits[key[i] & 15];
    }
    return 2 * bytes;
}

static size_t put_base64(char *out, const uint8_t *key, size_t bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t group = (uint32_t)key[i] << 16 | (left > 1 ? (uint32_t)key[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)key[i + 2] : 0);
        out[used++] = digits[group >> 18];
        out[used++] = digits[group >> 12 & 63];
        out[used++] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[used++] = left > 2 ? digits[group & 63] : '=';
    }
    return used;
}

static size_t put_line(char *line, key_format format, const char *id, const uint8_t *key, size_t bytes) {
    if (format == FORMAT_RAW) {
        memcpy(line, key, bytes);
        return bytes;
    }
    const char *opening = format == FORMAT_JSON ? "{\"key_ID\":\"%s\",\"key\":\"" : "%s ";
    size_t used = (size_t)snprintf(line, LINE_BYTES, opening, id);
    used += format == FORMAT_HEX ? put_hex(line + used, key, bytes) : put_base64(line + used, key, bytes);
    if (format == FORMAT_JSON) {
        line[used++] = '"';
        line[used++] = '}';
    }
    line[used++] = '\n';
    return used;
}

/* Prints a key that was taken. It is gone from the ring whether it arrives or not. */
static int print_key(const request *job, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    char name[37], line[LINE_BYTES];
    ks_key_id_format(name, id);
    size_t used = put_line(line, job->format, name, key, bytes);
    int result = ks_cli_write_all(STDOUT_FILENO, line, used);
    int error = errno;
    ks_wipe(line, sizeof line);
    if (result == 0)
        return KS_EXIT_OK;
    return ks_cli_fail(error == EPIPE ? KS_EXIT_CLOSED : KS_EXIT_FAILED,
                       "key %s was taken from the ring and could not be written, it is lost: %s", name,
                       strerror(error));
}

/* Takes one key and prints it. -1: none there. */
static int hand_out(const request *job) {
    uint8_t key[MAX_KEY_BYTES];
    ks_key_id id;
    ks_ring_status about;
    ks_ring *ring = ks_ring_map_ring(job->map);
    ks_status status;
    ks_ring_map_get_status(job->map, &about);
    if (job->id) {
        status = ks_key_id_parse(&id, job->id);
        if (status == KS_OK)
            status = ks_ring_take_id(ring, &id, key, sizeof key);
    } else {
        status = ks_ring_take(ring, &id, key, sizeof key);
    }
    if (status == KS_ERR_EMPTY)
        return -1;
    int code =
        status == KS_OK ? print_key(job, &id, key, about.key_bytes) : ks_cli_fail_status(status, job->ring);
    ks_wipe(key, sizeof key);
    return code;
}

static void say_notes(uint32_t notes) {
    if (notes & KS_RING_NOTE_TEST)
        ks_cli_say(1, "WARNING: test-only randomness: these keys are NOT SECRET");
    if (notes & KS_RING_NOTE_ACCEPTED_PASSIVE)
        ks_cli_say(1, "WARNING: an assumption outside the security proof was accepted by name (passive basis "
                      "choice)");
}

static int open_ring(request *job) {
    ks_status status = ks_ring_map_open(&job->map, job->ring);
    if (status == KS_ERR_ARGUMENT)
        return ks_cli_fail(KS_EXIT_USAGE, "--ring: %s", ks_error_detail());
    return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "--ring");
}

static int choose_format(request *job) {
    static const char *const names[] = {"hex", "base64", "json", "raw"};
    if (!job->format_name)
        job->format_name = ks_cli_json ? "json" : "hex";
    ks_closest closest = ks_closest_start(job->format_name);
    for (int i = 0; i < 4; i++) {
        ks_closest_offer(&closest, names[i]);
        if (strcmp(job->format_name, names[i]) != 0)
            continue;
        job->format = (key_format)i;
        if (job->format == FORMAT_RAW && isatty(STDOUT_FILENO))
            return ks_cli_fail(KS_EXIT_USAGE, "raw keys are not written to a terminal");
        return KS_EXIT_OK;
    }
    return ks_cli_fail(KS_EXIT_USAGE, "unknown format '%s' (hex, base64, json, raw)%s%s", job->format_name,
                       closest.best ? "; nearest: " : "", closest.best ? closest.best : "");
}

/* The words behind the options: none, or up to one count. */
static int read_count(request *job, int argc, char **argv, int rest) {
    char *end = NULL;
    if (rest == argc)
        return KS_EXIT_OK;
    errno = 0;
    job->count = strspn(argv[rest], "0123456789") ? strtoull(argv[rest], &end, 10) : 0;
    if (!end || *end || errno || job->count == 0 || rest + 1 < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "'%s': expected one number of keys", argv[rest]);
    return KS_EXIT_OK;
}

static int require_ring(const request *job, int argc, char **argv, int rest) {
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if (!job->ring)
        return ks_cli_fail(KS_EXIT_USAGE, "--ring NAME is required");
    return KS_EXIT_OK;
}

/* 1 when whoever reads standard output has gone; waits up to `wait_ms` for that. */
static int output_is_closed(int wait_ms) {
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, wait_ms) > 0 && (output.revents & (POLLERR | POLLNVAL)) != 0;
}

static int keys_take(int argc, char **argv) {
    request job = {.count = 1};
    const ks_option options[] = {
        {"ring", 'r', KS_OPTION_TEXT, &job.ring, "NAME", "key ring", NULL},
        {"id", 'i', KS_OPTION_TEXT, &job.id, "UUID", "the key of this identifier", NULL},
        {"format", 'f', KS_OPTION_TEXT, &job.format_name, "NAME",
         "hex (lines 'ID HEX'), base64, json (key_ID and base64 key), raw (bytes only)", NULL},
        {0}};
    int rest;
    int code = ks_cli_parse("keys take --ring NAME [options] [N]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    ks_key_id id;
    if (job.id && rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "--id names one key: no number of keys goes with it");
    if (job.id && ks_key_id_parse(&id, job.id) != KS_OK)
        return ks_cli_fail(KS_EXIT_USAGE, "--id: %s", ks_error_detail());
    if ((code = read_count(&job, argc, argv, rest)) != 0 || (code = require_ring(&job, 0, NULL, 0)) != 0 ||
        (code = choose_format(&job)) != 0 || (code = open_ring(&job)) != 0)
        return code;
    ks_cli_catch_signals();
    ks_ring_status about;
    ks_ring_map_get_status(job.map, &about);
    say_notes(about.notes);
    uint64_t taken = 0;
    while (code == 0 && taken < job.count && !ks_cli_interrupted()) {
        code =
            output_is_closed(0) ? ks_cli_fail(KS_EXIT_CLOSED, "standard output was closed") : hand_out(&job);
        taken += code == 0;
    }
    ks_ring_map_close(job.map);
    if (code == -1 && job.id)
        return ks_cli_fail(KS_EXIT_FAILED, "ring %s: no confirmed key %s", job.ring, job.id);
    if (code == -1)
        return ks_cli_fail(KS_EXIT_FAILED, "ring %s: only %llu of %llu keys were there", job.ring,
                           (unsigned long long)taken, (unsigned long long)job.count);
    return code == 0 && ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : code;
}

/* Until the ring is there, or there again after it was removed. */
static int await_ring(request *job) {
    int told = 0;
    while (!ks_cli_interrupted()) {
        ks_status status = ks_ring_map_open(&job->map, job->ring);
        if (status == KS_OK)
            return KS_EXIT_OK;
        if (status != KS_ERR_EMPTY)
            return ks_cli_fail(status == KS_ERR_ARGUMENT ? KS_EXIT_USAGE : ks_cli_exit_code(status), "%s",
                               ks_error_detail());
        if (!told++)
            ks_cli_say(1, "waiting for a ring named %s", job->ring);
        if (output_is_closed(POLL_MS))
            return ks_cli_fail(KS_EXIT_CLOSED, "standard output was closed");
    }
    return KS_EXIT_INTERRUPTED;
}

static int follow_ring(request *job) {
    uint64_t taken = 0;
    uint32_t notes_said = 0;
    while (job->count == 0 || taken < job->count) {
        if (ks_cli_interrupted())
            return KS_EXIT_INTERRUPTED;
        if (output_is_closed(0))
            return ks_cli_fail(KS_EXIT_CLOSED, "standard output was closed");
        int code = job->map ? -1 : await_ring(job);
        if (code > 0)
            return code;
        ks_ring_status about;
        ks_ring_map_get_status(job->map, &about);
        say_notes(about.notes & ~notes_said);
        notes_said |= about.notes;
        code = hand_out(job);
        if (code > 0)
            return code;
        taken += code == 0;
        if (code == 0)
            continue;
        if (!ks_ring_map_is_current(job->map)) {
            ks_ring_map_close(job->map);
            job->map = NULL;
        }
        (void)output_is_closed(POLL_MS);
    }
    return KS_EXIT_OK;
}

static int keys_follow(int argc, char **argv) {
    request job = {0};
    const ks_option options[] = {
        {"ring", 'r', KS_OPTION_TEXT, &job.ring, "NAME", "key ring; may come later", NULL},
        {"count", 'n', KS_OPTION_U64, &job.count, "N", "end after so many keys", NULL},
        {"format", 'f', KS_OPTION_TEXT, &job.format_name, "NAME",
         "hex (lines 'ID HEX'), base64, json (key_ID and base64 key), raw (bytes only)", NULL},
        {0}};
    int rest;
    int code = ks_cli_parse("keys follow --ring NAME [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if ((code = require_ring(&job, argc, argv, rest)) != 0 || (code = choose_format(&job)) != 0)
        return code;
    ks_cli_catch_signals();
    code = follow_ring(&job);
    ks_ring_map_close(job.map);
    return code;
}

static void print_status_json(const request *job, const ks_ring_status *about, const char *link) {
    printf(
        "{\"ring\":\"%s\",\"link\":\"%s\",\"writer_alive\":%s,\"locked\":%s,\"slots\":%u,\"key_bytes\":%u,",
        job->ring, link, about->writer_alive ? "true" : "false",
        ks_ring_map_is_locked(job->map) ? "true" : "false", about->slots, about->key_bytes);
    printf("\"confirmed\":%u,\"unconfirmed\":%u,\"reserved\":%u,\"free\":%u,\"retired\":%u,",
           about->confirmed, about->unconfirmed, about->reserved, about->free, about->retired);
    printf("\"appended\":%llu,\"delivered\":%llu,\"wiped\":%llu,\"test_only\":%s,\"accepted_passive\":%s}\n",
           (unsigned long long)about->appended, (unsigned long long)about->delivered,
           (unsigned long long)about->wiped, about->notes & KS_RING_NOTE_TEST ? "true" : "false",
           about->notes & KS_RING_NOTE_ACCEPTED_PASSIVE ? "true" : "false");
}

static void print_status(const request *job, const ks_ring_status *about, const char *link) {
    printf("ring         %s, %s\n", job->ring, about->writer_alive ? "its writer lives" : "no writer");
    printf("link         %s\n", link);
    printf("keys         %u ready of %u bytes each, %u unconfirmed, %u being taken\n", about->confirmed,
           about->key_bytes, about->unconfirmed, about->reserved);
    printf("slots        %u, %u free", about->slots, about->free);
    if (about->retired)
        printf(", %u out of use until no reader is attached", about->retired);
    printf("\nsince birth  %llu appended, %llu delivered, %llu wiped\n", (unsigned long long)about->appended,
           (unsigned long long)about->delivered, (unsigned long long)about->wiped);
    printf("memory       %s\n",
           ks_ring_map_is_locked(job->map) ? "locked" : "not locked by this process (ulimit -l)");
    if (about->notes & KS_RING_NOTE_TEST)
        printf("note         TEST ONLY: made with test-only randomness; these keys are not secret\n");
    if (about->notes & KS_RING_NOTE_ACCEPTED_PASSIVE)
        printf(
            "note         passive basis choice was accepted by name; the security proof does not cover it\n");
}

static int keys_status(int argc, char **argv) {
    request job = {0};
    const ks_option options[] = {{"ring", 'r', KS_OPTION_TEXT, &job.ring, "NAME", "key ring", NULL}, {0}};
    int rest;
    int code = ks_cli_parse("keys status --ring NAME", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if ((code = require_ring(&job, argc, argv, rest)) != 0 || (code = open_ring(&job)) != 0)
        return code;
    ks_ring_status about;
    char link[33] = {0};
    ks_ring_map_get_status(job.map, &about);
    (void)put_hex(link, about.link, sizeof about.link);
    if (ks_cli_json)
        print_status_json(&job, &about, link);
    else
        print_status(&job, &about, link);
    ks_ring_map_close(job.map);
    return KS_EXIT_OK;
}

static int keys_wipe(int argc, char **argv) {
    request job = {0};
    const ks_option options[] = {
        {"ring", 'r', KS_OPTION_TEXT, &job.ring, "NAME", "key ring", NULL},
        {"yes", 'y', KS_OPTION_FLAG, &job.yes, NULL, "do it: the keys are gone for good", NULL},
        {"remove", 0, KS_OPTION_FLAG, &job.remove, NULL, "remove the ring itself; its writer must have ended",
         NULL},
        {0}};
    int rest;
    int code = ks_cli_parse("keys wipe --ring NAME --yes [--remove]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if ((code = require_ring(&job, argc, argv, rest)) != 0)
        return code;
    if (!job.yes)
        return ks_cli_fail(KS_EXIT_USAGE, "this destroys every key of ring %s: say --yes", job.ring);
    if (job.remove) {
        ks_status status = ks_ring_map_remove(job.ring);
        return status == KS_OK ? KS_EXIT_OK : ks_cli_fail_status(status, "--ring");
    }
    if ((code = open_ring(&job)) != 0)
        return code;
    uint64_t wiped = ks_ring_wipe(ks_ring_map_ring(job.map));
    ks_ring_map_close(job.map);
    ks_cli_say(1, "%llu keys wiped", (unsigned long long)wiped);
    return KS_EXIT_OK;
}

typedef struct verb {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} verb;

static const verb verbs[] = {{"status", "what the ring holds", keys_status},
                             {"take", "takes keys and prints them; a key is handed out once", keys_take},
                             {"follow", "prints keys as they come, until Ctrl-C", keys_follow},
                             {"wipe", "destroys the keys", keys_wipe},
                             {NULL, NULL, NULL}};

static void print_verbs(FILE *to) {
    fprintf(to, "Usage: keystill keys VERB --ring NAME [options]\n\n");
    for (const verb *v = verbs; v->name; v++)
        fprintf(to, "  %-8s %s\n", v->name, v->summary);
    fprintf(to, "\n`keystill keys VERB --help` lists its options.\n");
}

int ks_cmd_keys(int argc, char **argv) {
    static char command[32];
    if (argc < 2) {
        print_verbs(stderr);
        return KS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_verbs(stdout);
        return KS_EXIT_OK;
    }
    if (argv[1][0] == '-')
        return ks_cli_fail(KS_EXIT_USAGE, "unknown option '%s'; the verb comes first", argv[1]);
    ks_closest closest = ks_closest_start(argv[1]);
    for (const verb *v = verbs; v->name; v++) {
        if (strcmp(v->name, argv[1]) == 0) {
            (void)snprintf(command, sizeof command, "keys %s", v->name);
            ks_cli_set_command(command);
            return v->run(argc - 1, argv + 1);
        }
        ks_closest_offer(&closest, v->name);
    }
    return ks_cli_fail(KS_EXIT_USAGE, "unknown verb '%s'; %s%s", argv[1],
                       closest.best ? "did you mean " : "see ",
                       closest.best ? closest.best : "`keystill keys --help`");
}
