/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "host/cli/cli.h"
#include "host/cli/event_feed.h"

typedef struct figure {
    const char *name;
    uint64_t value;
} figure;

static void tell_json(const ks_reader_info *i, const ks_frontend_stats *s) {
    const figure figures[] = {{"records", i->records},
                              {"events", i->events},
                              {"gaps", i->gaps},
                              {"missed", i->missed},
                              {"backsteps", i->backsteps},
                              {"late", i->late},
                              {"bad_records", i->bad_records},
                              {"unknown_channel", i->unknown_channel},
                              {"clicks", s->clicks},
                              {"detections", s->detections},
                              {"outside_gate", s->outside_gate},
                              {"in_dead_time", s->in_dead_time},
                              {"doubles", s->doubles},
                              {"cross_doubles", s->cross_doubles},
                              {"before_lock", s->before_lock},
                              {"unlocked", s->unlocked},
                              {"markers", s->markers},
                              {"markers_missed", s->markers_missed},
                              {"markers_spurious", s->markers_spurious},
                              {"relocks", s->relocks}};
    json_t *o = json_pack("{s:s,s:s,s:f,s:f}", "event", "input", "format", ks_format_name(i->format),
                          "clock_offset", s->clock_offset, "residual_ps", s->residual_ps);
    for (size_t n = 0; n < sizeof figures / sizeof *figures; n++)
        json_object_set_new(o, figures[n].name, json_integer((json_int_t)figures[n].value));
    json_dumpf(o, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(o);
}

static void tell_text(const ks_reader_info *i, const ks_frontend_stats *s) {
    ks_cli_say(2, "input: %s, %llu records, %llu events, %llu of unknown channels", ks_format_name(i->format),
               (unsigned long long)i->records, (unsigned long long)i->events,
               (unsigned long long)i->unknown_channel);
    ks_cli_say(2,
               "front end: %llu clicks, %llu detections; outside the gate %llu, in dead time %llu, before "
               "lock %llu, "
               "without lock %llu",
               (unsigned long long)s->clicks, (unsigned long long)s->detections,
               (unsigned long long)s->outside_gate, (unsigned long long)s->in_dead_time,
               (unsigned long long)s->before_lock, (unsigned long long)s->unlocked);
    ks_cli_say(
        2, "clock: markers %llu, missed %llu, spurious %llu; offset %.3f ppm, residual %.1f ps, relocks %llu",
        (unsigned long long)s->markers, (unsigned long long)s->markers_missed,
        (unsigned long long)s->markers_spurious, 1e6 * s->clock_offset, s->residual_ps,
        (unsigned long long)s->relocks);
}

void ks_event_feed_tell(const ks_event_feed *feed) {
    const ks_reader_info *i = ks_event_feed_info(feed);
    ks_frontend_stats s;
    ks_event_feed_stats(feed, &s);
    if (ks_cli_json)
        tell_json(i, &s);
    else
        tell_text(i, &s);
    if (i->gaps || i->missed || i->bad_records || i->late)
        ks_cli_say(1,
                   "warning: input: %llu places where data was lost, %llu events missed, %llu impossible "
                   "records, %llu too late",
                   (unsigned long long)i->gaps, (unsigned long long)i->missed,
                   (unsigned long long)i->bad_records, (unsigned long long)i->late);
    if (s.clicks > 0 && s.detections == 0)
        ks_cli_say(
            1,
            "warning: no click became a detection: check --clock, --markers, --lanes, --delays and --gate");
    if (i->events > 0 && s.clicks == 0)
        ks_cli_say(1, "warning: no event was on a detector's channel: check --lanes");
    if (feed->dropped)
        ks_cli_say(1, "warning: %llu detections came while no peer was there",
                   (unsigned long long)feed->dropped);
}
