/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bob: the detecting end of a link. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <keystill/entropy.h>

#include "host/cli/cli.h"
#include "host/cli/event_feed.h"
#include "host/cli/lanes.h"
#include "host/cli/session_audit.h"
#include "host/cli/session_end.h"
#include "host/cli/session_options.h"

typedef struct bob {
    ks_receiver_choice receiver;
    ks_link_choice link;
    ks_work_choice work;
    ks_peer_choice peer;
    ks_keys_choice keys_choice;
    const char *audit_path;
    ks_audit_file *audit;
    ks_keys keys;
    ks_session_config session;
    ks_code *code;
    ks_reader_options reader;
    ks_device *device;
    ks_event_feed feed;
    ks_session_end end;
} bob;

static int parse(bob *b, int argc, char **argv) {
    ks_receiver_choice_init(&b->receiver);
    ks_link_choice_init(&b->link);
    ks_work_choice_init(&b->work);
    ks_peer_choice_init(&b->peer);
    ks_keys_choice_init(&b->keys_choice);
    const ks_option options[] = {KS_RECEIVER_CHOICE_OPTIONS(b->receiver),
                                 KS_LINK_CHOICE_OPTIONS(b->link),
                                 KS_PEER_CHOICE_OPTIONS(b->peer),
                                 KS_KEYS_CHOICE_OPTIONS(b->keys_choice),
                                 KS_AUDIT_OPTION(b->audit_path),
                                 KS_WORK_CHOICE_OPTIONS(b->work),
                                 {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0;
    int result =
        ks_cli_parse("bob --events FILE --listen|--connect ADDRESS --psk FILE --ring NAME [options]\n"
                     "Reads time tags, distils keys with the peer and puts them into a key ring.",
                     options, argc, argv, &rest);
    if (result >= 0)
        return result;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected word '%s'", argv[rest]);
    return -1;
}

static int configure(bob *b) {
    int result;
    ks_session_config_init(&b->session, KS_BOB);
    b->session.random = ks_random_system();
    b->session.live = b->receiver.live;
    b->feed.live = b->receiver.live;
    if ((result = ks_receiver_choice_apply(&b->reader, &b->feed.config, &b->receiver)) ||
        (result = ks_peer_choice_check(&b->peer)) ||
        (result = ks_link_choice_apply(&b->session.link, &b->link)) ||
        (result = ks_link_choice_load_code(&b->code, &b->session, &b->link)) ||
        (result = ks_work_choice_apply(&b->session, &b->work)))
        return result;
    if (!b->link.intensities)
        return ks_cli_fail(KS_EXIT_USAGE, "--intensities is mandatory: MEAN:PROBABILITY,... or single");
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

static uint64_t dropped(const void *input) {
    const ks_event_feed *feed = input;
    return feed->dropped;
}

static int start(bob *b) {
    uint32_t notes = b->session.link.accept_passive ? KS_RING_NOTE_ACCEPTED_PASSIVE : 0;
    b->feed.fd = ks_cli_open_input(b->receiver.events);
    if (b->feed.fd < 0)
        return KS_EXIT_FAILED;
    b->feed.random = b->session.random;
    b->feed.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    b->feed.watch = ks_session_end_watch;
    b->feed.watch_context = &b->end;
    ks_cli_catch_signals();
    ks_cli_wake_on_signal(b->feed.wake_fd);
    int result = ks_event_feed_open(&b->feed, &b->reader);
    if (!result)
        result = ks_keys_open(&b->keys, &b->keys_choice, &b->peer, &b->session, notes, b->feed.wake_fd);
    if (result)
        return result;
    if ((result = ks_session_audit_open(&b->audit, b->audit_path, &b->session)) ||
        (result = ks_work_open_device(&b->device, &b->work)))
        return result;
    b->session.pool = ks_pool_file_pool(b->keys.pool);
    b->end.report.who = "bob";
    b->end.report.clock_hz = b->receiver.clock_hz;
    b->end.carrier.peer = b->peer;
    b->end.keys = &b->keys;
    b->end.audit = b->audit ? ks_audit_file_audit(b->audit) : NULL;
    b->end.clicks = clicks;
    b->end.share_done = share_done;
    b->end.dropped = dropped;
    b->end.input = &b->feed;
    result = ks_session_end_start(&b->end, &b->session, b->device);
    b->feed.engine = b->end.engine;
    return result;
}

static int run(bob *b) {
    ks_status input = ks_event_feed_run(&b->feed);
    ks_session_end_wait(&b->end, 1);
    ks_event_feed_tell(&b->feed);
    return ks_session_end_conclude(&b->end, input, b->feed.detail);
}

static void clean_up(bob *b) {
    ks_cli_wake_on_signal(-1);
    if (b->feed.wake_fd > 0)
        close(b->feed.wake_fd);
    ks_session_end_destroy(&b->end);
    ks_device_close(b->device);
    ks_keys_close(&b->keys);
    ks_event_feed_close(&b->feed);
    ks_code_destroy(b->code);
}

int ks_cmd_bob(int argc, char **argv) {
    static bob b;
    int result = parse(&b, argc, argv);
    if (result >= 0)
        return result;
    if ((result = configure(&b)))
        return result;
    result = start(&b);
    if (!result)
        result = run(&b);
    clean_up(&b);
    return ks_session_audit_close(b.audit, result);
}
