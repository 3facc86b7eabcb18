/* SPDX-License-Identifier: Apache-2.0 */
/* keystill link: a demonstration of a whole link. A simulated link writes time tags into `keystill bob`;
 * `keystill alice` has the states; each is a process of its own and the ends talk over TCP. This process
 * takes the keys of both rings, as applications at the ends would, and compares them. */
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <keystill/ring_host.h>
#include <keystill/secret.h>

#include "host/cli/cli.h"
#include "host/cli/key_match.h"
#include "host/cli/link_demo.h"
#include "host/cli/session_text.h"

enum { OWN_OPTIONS = 8, SLICE_MS = 50, KEY_MOST = 4096 };

#define DEFAULT_SECONDS 10.0

typedef struct watch {
    ks_link_demo demo;
    ks_ring_map *map[2];
    ks_key_match *keys;
    json_t *report[2];
    double started, seconds;
} watch;

/* A line of an end. */
typedef struct listener {
    watch *w;
    int side;
} listener;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int parse(ks_link_demo *d, int argc, char **argv) {
    ks_option table[KS_LINK_OPTIONS + OWN_OPTIONS];
    const ks_option own[] = {
        {"format", 'f', KS_OPTION_TEXT, &d->format, "NAME", "of the time tags: ptu swabian csv ... (ptu)",
         NULL},
        {"block", 'n', KS_OPTION_U64, &d->block, "N", "pulses of a block (a second of the link)", NULL},
        {"audit", 0, KS_OPTION_TEXT, &d->audit, "FILE", "audit logs FILE.alice and FILE.bob", NULL},
        {"threads", 't', KS_OPTION_U64, &d->threads, "N", "threads for computing at each end (one a core)",
         NULL},
        {"backend", 0, KS_OPTION_TEXT, &d->backend, "LIST",
         "each end computes on: auto cpu opencl[:N] cuda[:N], several with commas (auto)", NULL},
        {"code", 0, KS_OPTION_TEXT, &d->code, "FILE",
         "reconcile by the matrix of a pchk, alist or qc file instead of the library's codes", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    d->format = "ptu";
    size_t n = ks_link_options_table(table, &d->link, "metro-10km");
    memcpy(table + n, own, sizeof own);
    int rest = 0;
    int result = ks_cli_parse(
        "link [--preset NAME] [--seconds S] [options]\n"
        "A demonstration: a simulated link (10 s by default), Alice and Bob as processes that talk over\n"
        "TCP, and a check that both hold the same keys.",
        table, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected word '%s'", argv[rest]);
    if (isnan(d->link.seconds) && !d->link.pulses)
        d->link.seconds = DEFAULT_SECONDS;
    return -1;
}

/* ---- while it runs */

static double field(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static void show_progress(const watch *w, const json_t *o) {
    char clicks[24], secret[24];
    double total = (double)w->demo.config.slots / w->demo.config.clock_hz, wall = now() - w->started;
    ks_key_match_result keys;
    ks_key_match_get(w->keys, &keys);
    ks_cli_progress("%5.1f s: %sclicks/s, QBER %.2f %%, secret %sb/s, %llu keys alike at both ends, %.2fx "
                    "real time (%.0f s link)",
                    wall, ks_scaled(clicks, field(o, "clicks") / fmax(field(o, "seconds"), 1e-3)),
                    100 * field(o, "qber"), ks_scaled(secret, field(o, "secret_bps")),
                    (unsigned long long)keys.agreed, field(o, "realtime_factor"), total);
}

static void take_line(void *context, const char *line) {
    const listener *l = context;
    watch *w = l->w;
    json_t *o = json_loads(line, 0, NULL);
    const char *event = json_string_value(json_object_get(o, "event"));
    if (event && strcmp(event, "report") == 0) {
        json_decref(w->report[l->side]);
        w->report[l->side] = json_incref(o);
    } else if (event && strcmp(event, "progress") == 0 && l->side == KS_DEMO_BOB) {
        show_progress(w, o);
    }
    json_decref(o);
}

/* Takes all keys that are confirmed in both rings by now. */
static void take_keys(watch *w) {
    uint8_t key[KEY_MOST];
    ks_key_id id;
    for (int side = 0; side < 2; side++) {
        ks_ring_status status;
        if (!w->map[side] && ks_ring_map_open(&w->map[side], w->demo.ring[side]) != KS_OK)
            continue;
        ks_ring_map_get_status(w->map[side], &status);
        while (ks_ring_take(ks_ring_map_ring(w->map[side]), &id, key, sizeof key) == KS_OK)
            if (ks_key_match_put(w->keys, side, &id, key, status.key_bytes) != KS_OK)
                ks_cli_say(0, "out of memory: a key was not compared");
    }
    ks_wipe(key, sizeof key);
}

static int all_ended(ks_link_demo *d) {
    int ended = 1;
    for (int i = 0; i < KS_DEMO_CHILDREN; i++)
        ended &= ks_child_ended(&d->child[i], 0);
    return ended;
}

static void interrupt_all(ks_link_demo *d) {
    for (int i = 0; i < KS_DEMO_CHILDREN; i++)
        ks_child_interrupt(&d->child[i]);
}

/* A second signal: nobody waits for the ends any more. */
static void kill_if_impatient(ks_link_demo *d) {
    for (int i = 0; i < KS_DEMO_CHILDREN && ks_cli_impatient(); i++)
        ks_child_kill(&d->child[i]);
}

/* Until all processes have ended and said all they had to say. One that fails takes the others with it. */
static void watch_processes(watch *w) {
    ks_link_demo *d = &w->demo;
    int told = 0;
    for (;;) {
        struct pollfd wait[2] = {{.fd = d->child[KS_DEMO_ALICE].out, .events = POLLIN},
                                 {.fd = d->child[KS_DEMO_BOB].out, .events = POLLIN}};
        (void)poll(wait, 2, SLICE_MS);
        for (int side = 0; side < 2; side++)
            if (wait[side].fd >= 0 && wait[side].revents)
                (void)ks_child_read(&d->child[side], take_line, &(listener){w, side});
        take_keys(w);
        kill_if_impatient(d);
        int ended = all_ended(d), failed = 0;
        for (int i = 0; i < KS_DEMO_CHILDREN; i++)
            failed |= d->child[i].pid == 0 && d->child[i].exit_code != 0;
        if (!told && (ks_cli_interrupted() || failed)) {
            interrupt_all(d);
            told = 1;
        }
        if (ended && d->child[KS_DEMO_ALICE].out < 0 && d->child[KS_DEMO_BOB].out < 0)
            break;
    }
    w->seconds = now() - w->started;
    ks_cli_progress_end();
    take_keys(w);
}

/* ---- the end */

/* The graver of two exit codes of children. */
static int graver(int a, int b) {
    static const int order[] = {KS_EXIT_SECURITY, KS_EXIT_MALFORMED, KS_EXIT_UNAVAILABLE, KS_EXIT_CLOSED,
                                KS_EXIT_FAILED};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a == 0 || a == KS_EXIT_INTERRUPTED ? b ? b : a : a;
}

static int exit_code(watch *w) {
    static const char *const names[] = {"alice", "bob", "simulate"};
    int result = 0;
    for (int i = 0; i < KS_DEMO_CHILDREN; i++) {
        int code = w->demo.child[i].exit_code;
        if (code && code != KS_EXIT_INTERRUPTED && !ks_cli_interrupted())
            (void)ks_cli_fail(code, "keystill %s ended with exit code %d", names[i], code);
        /* That nobody read the tags any more says less than why. */
        if (i != KS_DEMO_SIMULATE || code != KS_EXIT_CLOSED || result == 0 || result == KS_EXIT_INTERRUPTED)
            result = graver(result, code);
    }
    return ks_cli_interrupted() ? KS_EXIT_INTERRUPTED : result;
}

static int identical(const ks_key_match_result *keys) {
    return keys->agreed > 0 && keys->differing == 0 && keys->only[0] == 0 && keys->only[1] == 0;
}

static void print_json(const watch *w, const ks_key_match_result *keys, double factor) {
    json_t *o =
        json_pack("{s:s,s:s,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:b}", "event", "link", "preset", w->demo.link.preset,
                  "seconds", w->seconds, "realtime_factor", factor, "keys_alike", (json_int_t)keys->agreed,
                  "key_bytes_alike", (json_int_t)keys->agreed_bytes, "keys_differing",
                  (json_int_t)keys->differing, "keys_only_alice", (json_int_t)keys->only[0], "keys_only_bob",
                  (json_int_t)keys->only[1], "identical", identical(keys));
    for (int side = 0; side < 2; side++)
        if (w->report[side]) {
            json_dumpf(w->report[side], stdout, JSON_COMPACT);
            printf("\n");
        }
    json_dumpf(o, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(o);
}

static void print_text(const watch *w, const ks_key_match_result *keys, double factor) {
    for (int side = 0; side < 2; side++)
        if (w->report[side])
            ks_session_text_print(stdout, w->report[side]);
    printf("link %s: %.2f s of the link in %.2f s, %.2fx real time, the simulator included\n",
           w->demo.link.preset, (double)w->demo.config.slots / w->demo.config.clock_hz, w->seconds, factor);
    if (identical(keys))
        printf("IDENTICAL: %llu keys (%llu bytes) at Alice and Bob, identifiers and bits alike\n",
               (unsigned long long)keys->agreed, (unsigned long long)keys->agreed_bytes);
    else
        printf("NOT IDENTICAL: %llu keys alike, %llu differ, %llu only at Alice, %llu only at Bob\n",
               (unsigned long long)keys->agreed, (unsigned long long)keys->differing,
               (unsigned long long)keys->only[0], (unsigned long long)keys->only[1]);
}

static int conclude(watch *w) {
    ks_key_match_result keys;
    double factor = (double)w->demo.config.slots / w->demo.config.clock_hz / w->seconds;
    int result = exit_code(w);
    ks_key_match_get(w->keys, &keys);
    if (ks_cli_json)
        print_json(w, &keys, factor);
    else
        print_text(w, &keys, factor);
    if (result == 0 && !identical(&keys))
        result = KS_EXIT_FAILED;
    return result;
}

static int run(watch *w) {
    ks_status status = ks_key_match_create(&w->keys, NULL, NULL);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "keys");
    int result = ks_link_demo_prepare(&w->demo);
    w->started = now();
    if (!result)
        result = ks_link_demo_start(&w->demo);
    if (result) {
        interrupt_all(&w->demo);
        while (!all_ended(&w->demo)) {
            kill_if_impatient(&w->demo);
            (void)poll(NULL, 0, SLICE_MS);
        }
        return result;
    }
    watch_processes(w);
    return conclude(w);
}

static void clean_up(watch *w) {
    for (int side = 0; side < 2; side++) {
        ks_ring_map_close(w->map[side]);
        json_decref(w->report[side]);
    }
    for (int i = 0; i < KS_DEMO_CHILDREN; i++)
        ks_child_free(&w->demo.child[i]);
    ks_key_match_destroy(w->keys);
    ks_link_demo_remove(&w->demo);
}

int ks_cmd_link(int argc, char **argv) {
    static watch w;
    int result = parse(&w.demo, argc, argv);
    if (result >= 0)
        return result;
    if (w.demo.link.list_presets)
        return ks_link_options_list_presets();
    if ((result = ks_link_options_apply(&w.demo.config, &w.demo.link)))
        return result;
    if (!w.demo.block)
        w.demo.block = (uint64_t)w.demo.config.clock_hz;
    if (w.demo.block > w.demo.config.slots)
        w.demo.block = w.demo.config.slots;
    for (int i = 0; i < KS_DEMO_CHILDREN; i++)
        w.demo.child[i].out = -1;
    ks_cli_clean_up_on_signal();
    ks_cli_catch_signals();
    result = run(&w);
    clean_up(&w);
    return result;
}
