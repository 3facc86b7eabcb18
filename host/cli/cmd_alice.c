/* SPDX-License-Identifier: Apache-2.0 */
/* keystill alice: the preparing end of a link. */
#include <math.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <keystill/entropy.h>

#include "host/cli/cli.h"
#include "host/cli/session_audit.h"
#include "host/cli/session_end.h"
#include "host/cli/session_options.h"
#include "host/cli/state_feed.h"

typedef struct alice {
    const char *states;
    double clock_hz;
    uint64_t window;
    ks_link_choice link;
    ks_work_choice work;
    ks_peer_choice peer;
    ks_keys_choice keys_choice;
    const char *audit_path;
    ks_audit_file *audit;
    ks_keys keys;
    ks_session_config session;
    ks_code *code;
    ks_device *device;
    ks_state_feed feed;
    ks_session_end end;
} alice;

static int parse(alice *a, int argc, char **argv) {
    ks_link_choice_init(&a->link);
    ks_work_choice_init(&a->work);
    ks_peer_choice_init(&a->peer);
    ks_keys_choice_init(&a->keys_choice);
    const ks_option options[] = {
        {"states", 's', KS_OPTION_TEXT, &a->states, "FILE", "prepared states; - for standard input", NULL},
        {"clock", 'c', KS_OPTION_NUMBER, &a->clock_hz, "HZ", "pulse rate (default: what the states say)",
         NULL},
        {"window", 0, KS_OPTION_U64, &a->window, "N",
         "most pulses whose states are kept (blocks in flight + 2)", NULL},
        KS_LINK_CHOICE_OPTIONS(a->link),
        KS_PEER_CHOICE_OPTIONS(a->peer),
        KS_KEYS_CHOICE_OPTIONS(a->keys_choice),
        KS_AUDIT_OPTION(a->audit_path),
        KS_WORK_CHOICE_OPTIONS(a->work),
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0;
    int result = ks_cli_parse(
        "alice --states FILE --listen|--connect ADDRESS --psk FILE --ring NAME [options]\n"
        "Reads the states that were prepared, distils keys with the peer and puts them into a key ring.",
        options, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected word '%s'", argv[rest]);
    return -1;
}

static int configure(alice *a) {
    int result;
    ks_session_config_init(&a->session, KS_ALICE);
    a->session.random = ks_random_system();
    if (!a->states)
        return ks_cli_fail(KS_EXIT_USAGE, "--states FILE is mandatory");
    if ((result = ks_peer_choice_check(&a->peer)) ||
        (result = ks_link_choice_apply(&a->session.link, &a->link)) ||
        (result = ks_link_choice_load_code(&a->code, &a->session, &a->link)) ||
        (result = ks_work_choice_apply(&a->session, &a->work)))
        return result;
    a->feed.window = a->window ? a->window : a->session.link.block_slots * (a->session.blocks_in_flight + 2);
    return 0;
}

/* What the header of the states says binds: the source unless it was given, the clock when it was. */
static int apply_header(alice *a) {
    const ks_states_header *header = ks_state_feed_header(&a->feed);
    if (!a->link.intensities)
        a->session.link.source = header->source;
    if (a->clock_hz > 0 && fabs(a->clock_hz - header->clock_hz) > 1e-9 * header->clock_hz)
        return ks_cli_fail(KS_EXIT_USAGE, "--clock is %g Hz, but the states say %g Hz", a->clock_hz,
                           header->clock_hz);
    if (header->test_only)
        a->session.random.test_only = 1; /* the keys are no better than the states */
    a->end.report.clock_hz = header->clock_hz;
    return 0;
}

static int start(alice *a) {
    a->feed.fd = ks_cli_open_input(a->states);
    if (a->feed.fd < 0)
        return KS_EXIT_FAILED;
    a->feed.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ks_cli_catch_signals();
    ks_cli_wake_on_signal(a->feed.wake_fd);
    int result = ks_state_feed_open(&a->feed, a->states);
    if (!result)
        result = apply_header(a);
    uint32_t notes = (a->session.random.test_only ? KS_RING_NOTE_TEST : 0u) |
                     (a->session.link.accept_passive ? KS_RING_NOTE_ACCEPTED_PASSIVE : 0u);
    if (!result)
        result = ks_keys_open(&a->keys, &a->keys_choice, &a->peer, &a->session, notes, a->feed.wake_fd);
    if (result)
        return result;
    if ((result = ks_session_audit_open(&a->audit, a->audit_path, &a->session)) ||
        (result = ks_work_open_device(&a->device, &a->work)))
        return result;
    a->session.pool = ks_pool_file_pool(a->keys.pool);
    a->end.report.who = "alice";
    a->end.carrier.peer = a->peer;
    a->end.keys = &a->keys;
    a->end.audit = a->audit ? ks_audit_file_audit(a->audit) : NULL;
    a->end.states = &a->feed;
    result = ks_session_end_start(&a->end, &a->session, a->device);
    a->feed.watch = ks_session_end_watch;
    a->feed.watch_context = &a->end;
    return result;
}

static int run(alice *a) {
    ks_status input = ks_state_feed_run(&a->feed);
    ks_session_end_wait(&a->end, 0);
    return ks_session_end_conclude(&a->end, input, a->feed.detail);
}

static void clean_up(alice *a) {
    ks_cli_wake_on_signal(-1);
    if (a->feed.wake_fd > 0)
        close(a->feed.wake_fd);
    ks_session_end_destroy(&a->end);
    ks_device_close(a->device);
    ks_keys_close(&a->keys);
    ks_state_feed_close(&a->feed);
    ks_code_destroy(a->code);
}

int ks_cmd_alice(int argc, char **argv) {
    static alice a;
    int result = parse(&a, argc, argv);
    if (result >= 0)
        return result;
    if ((result = configure(&a)))
        return result;
    result = start(&a);
    if (!result)
        result = run(&a);
    clean_up(&a);
    return ks_session_audit_close(a.audit, result);
}
