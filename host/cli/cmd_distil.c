/* SPDX-License-Identifier: Apache-2.0 */
/* keystill distil: both ends of a link in this process, from recorded files. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <keystill/entropy.h>

#include "host/cli/both_ends.h"
#include "host/cli/cli.h"
#include "host/cli/event_feed.h"
#include "host/cli/lanes.h"
#include "host/cli/session_audit.h"
#include "host/cli/session_options.h"

typedef struct distil {
    const char *states, *output_path;
    uint64_t window;
    ks_receiver_choice receiver;
    ks_link_choice link;
    ks_work_choice work;
    const char *audit_path;
    ks_audit_file *audit;
    ks_session_config session;
    ks_code *code;
    ks_reader_options reader;
    ks_event_feed events;
    ks_state_feed prepared;
    ks_both_ends both;
    ks_cli_output output;
    int output_failed;
    pthread_t state_thread;
    ks_status states_status;
} distil;

static int parse(distil *d, int argc, char **argv) {
    ks_receiver_choice_init(&d->receiver);
    ks_link_choice_init(&d->link);
    ks_work_choice_init(&d->work);
    const ks_option options[] = {
        {"states", 's', KS_OPTION_TEXT, &d->states, "FILE", "Alice's prepared states", NULL},
        {"output", 'o', KS_OPTION_TEXT, &d->output_path, "FILE", "write the keys, one behind the other",
         NULL},
        {"window", 0, KS_OPTION_U64, &d->window, "N",
         "most pulses whose states are kept (blocks in flight + 2)", NULL},
        KS_RECEIVER_CHOICE_OPTIONS(d->receiver),
        KS_LINK_CHOICE_OPTIONS(d->link),
        KS_WORK_CHOICE_OPTIONS(d->work),
        KS_AUDIT_OPTION(d->audit_path),
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0;
    int result =
        ks_cli_parse("distil --events FILE --states FILE [options]\n"
                     "Distils keys from recorded files, both ends in this process, and compares them.",
                     options, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected word '%s'", argv[rest]);
    return -1;
}

static int configure(distil *d) {
    int result;
    ks_session_config_init(&d->session, KS_BOB);
    d->session.random = ks_random_system();
    if (!d->states)
        return ks_cli_fail(KS_EXIT_USAGE, "--states FILE is mandatory");
    if (ks_cli_json && d->output_path && strcmp(d->output_path, "-") == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "standard output takes keys or --json, not both");
    if (d->receiver.live)
        return ks_cli_fail(KS_EXIT_USAGE, "--live makes no sense for recorded files");
    if ((result = ks_receiver_choice_apply(&d->reader, &d->events.config, &d->receiver)) ||
        (result = ks_link_choice_apply(&d->session.link, &d->link)) ||
        (result = ks_link_choice_load_code(&d->code, &d->session, &d->link)) ||
        (result = ks_work_choice_apply(&d->session, &d->work)))
        return result;
    d->prepared.window =
        d->window ? d->window : d->session.link.block_slots * (d->session.blocks_in_flight + 2);
    return 0;
}

static uint64_t clicks(const void *input) {
    ks_frontend_stats stats;
    ks_event_feed_stats(input, &stats);
    return stats.clicks;
}

static double share_done(const void *input) {
    const ks_event_feed *feed = input;
    return feed->size ? (double)feed->bytes / (double)feed->size : 0;
}

static void write_key(void *context, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    distil *d = context;
    (void)id;
    if (d->output_path && !d->output_failed && ks_cli_write_all(d->output.fd, key, bytes))
        d->output_failed = 1;
}

static void *run_states(void *context) {
    distil *d = context;
    d->states_status = ks_state_feed_run(&d->prepared);
    return NULL;
}

static int open_inputs(distil *d) {
    int result;
    d->events.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->prepared.wake_fd = d->events.wake_fd;
    ks_cli_catch_signals();
    ks_cli_wake_on_signal(d->events.wake_fd);
    if ((d->events.fd = ks_cli_open_input(d->receiver.events)) < 0 ||
        (d->prepared.fd = ks_cli_open_input(d->states)) < 0)
        return KS_EXIT_FAILED;
    if ((result = ks_event_feed_open(&d->events, &d->reader)) ||
        (result = ks_state_feed_open(&d->prepared, d->states)))
        return result;
    if (d->output_path && ks_cli_open_output(&d->output, d->output_path) < 0)
        return KS_EXIT_FAILED;
    const ks_states_header *header = ks_state_feed_header(&d->prepared);
    if (!d->link.intensities)
        d->session.link.source = header->source;
    d->session.random.test_only = header->test_only;
    return 0;
}

static int start(distil *d) {
    d->both.alice.report.who = "alice";
    d->both.alice.report.quiet = 1;
    d->both.bob.report.who = "distil";
    d->both.bob.report.on_stderr = d->output_path && strcmp(d->output_path, "-") == 0;
    d->both.bob.report.clock_hz = d->both.alice.report.clock_hz = d->receiver.clock_hz;
    d->both.bob.clicks = clicks;
    d->both.bob.share_done = share_done;
    d->both.bob.input = &d->events;
    int result = ks_session_audit_open(&d->audit, d->audit_path, &d->session);
    if (result)
        return result;
    if (d->audit)
        d->both.alice.audit = d->both.bob.audit = ks_audit_file_audit(d->audit);
    result = ks_both_ends_start(&d->both, &d->session, &d->work, &d->prepared, write_key, d);
    if (result)
        return result;
    d->events.engine = d->both.bob.engine;
    d->events.random = d->session.random;
    d->events.watch = ks_session_end_watch;
    d->events.watch_context = &d->both.bob;
    d->prepared.watch = ks_session_end_watch;
    d->prepared.watch_context = &d->both.alice;
    if (pthread_create(&d->state_thread, NULL, run_states, d))
        return ks_cli_fail(KS_EXIT_FAILED, "no thread for the states");
    return 0;
}

static int run(distil *d) {
    ks_key_match_result keys;
    ks_status input = ks_event_feed_run(&d->events);
    ks_both_ends_wait(&d->both);
    pthread_join(d->state_thread, NULL);
    const char *detail = d->events.detail;
    /* That nobody took the events any more says less than why. */
    if ((input == KS_OK || input == KS_ERR_CLOSED || input == KS_ERR_INTERRUPTED) &&
        d->states_status == KS_ERR_FORMAT) {
        input = d->states_status;
        detail = d->prepared.detail;
    }
    ks_event_feed_tell(&d->events);
    int result = ks_session_end_conclude(&d->both.bob, input, detail);
    int differing = ks_both_ends_compare(&d->both, &keys);
    if (!differing && keys.agreed)
        ks_cli_say(1, "%llu keys, alike at both ends", (unsigned long long)keys.agreed);
    if (d->output_failed && !result)
        result = ks_cli_fail(KS_EXIT_CLOSED, "%s takes no more bytes", d->output_path);
    return differing && result != KS_EXIT_INTERRUPTED ? differing : result;
}

static int clean_up(distil *d, int result) {
    ks_cli_wake_on_signal(-1);
    ks_both_ends_stop(&d->both);
    int keep = (result == KS_EXIT_OK || result == KS_EXIT_MALFORMED) && !d->output_failed;
    if (d->output_path && d->output.path && ks_cli_close_output(&d->output, keep) && !result)
        result = KS_EXIT_FAILED;
    ks_event_feed_close(&d->events);
    ks_state_feed_close(&d->prepared);
    ks_code_destroy(d->code);
    return ks_session_audit_close(d->audit, result);
}

int ks_cmd_distil(int argc, char **argv) {
    static distil d;
    int result = parse(&d, argc, argv);
    if (result >= 0)
        return result;
    if ((result = configure(&d)))
        return result;
    result = open_inputs(&d);
    if (!result)
        result = start(&d);
    if (!result)
        result = run(&d);
    return clean_up(&d, result);
}
