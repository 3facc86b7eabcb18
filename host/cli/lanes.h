/* SPDX-License-Identifier: Apache-2.0 */
/* Options that say how Bob's events are to be read: format, lanes, clock, gate. */
#ifndef KS_HOST_CLI_LANES_H
#define KS_HOST_CLI_LANES_H

#include <keystill/frontend.h>
#include <keystill/reader.h>

#include "host/cli/cli.h"

/* What an input of the tagger means: H V D A (detectors: basis Z bit 0, Z 1, X 0, X 1), MARKER, PPS. */
typedef struct ks_lane_choice {
    uint32_t used;
    int32_t raw[KS_LANES];         /* the device's channel number */
    const char *meaning[KS_LANES]; /* one of the names above */
    int64_t delay_ps[KS_LANES];
} ks_lane_choice;

/* "H=1,V=2,D=3,A=4,MARKER=0"; a meaning may have several channels, a channel one meaning. 0, or an exit code
 * after saying why. */
int ks_parse_lanes(ks_lane_choice *out, const char *text);
/* "H=120,D=-35": picoseconds, for lanes that exist. */
int ks_parse_delays(ks_lane_choice *out, const char *text);

typedef struct ks_receiver_choice {
    const char *events, *format, *lanes, *delays, *tick, *fine_tick;
    double clock_hz, clock_ppm, gate_ps, dead_time_ps;
    uint64_t marker_slots, reorder;
    int live;
} ks_receiver_choice;

#define KS_RECEIVER_CHOICE_OPTIONS(c)                                                                          \
    {"events", 'e', KS_OPTION_TEXT, &(c).events, "FILE", "time tags; - for standard input", NULL},             \
        {"format",    'f',    KS_OPTION_TEXT,                                                                  \
         &(c).format, "NAME", "of the time tags (auto); `inspect --formats` lists them",                       \
         NULL},                                                                                                \
        {"lanes",    0,     KS_OPTION_TEXT,                                                                    \
         &(c).lanes, "MAP", "channels of the tagger (H=1,V=2,D=3,A=4,MARKER=5); also PPS=",                    \
         NULL},                                                                                                \
        {"delays", 0, KS_OPTION_TEXT, &(c).delays, "MAP", "ps to subtract, such as H=120,V=-35", NULL},        \
        {"tick", 0, KS_OPTION_TEXT, &(c).tick, "PS", "of formats that do not state it: ps, or a fraction A/B", \
         NULL},                                                                                                \
        {"fine-tick", 0, KS_OPTION_TEXT, &(c).fine_tick, "PS", "of T3 records without a header", NULL},        \
        {"reorder",    0,       KS_OPTION_U64,                                                                 \
         &(c).reorder, "TICKS", "put tags in order that are late by at most this (0)",                         \
         NULL},                                                                                                \
        {"clock", 'c', KS_OPTION_NUMBER, &(c).clock_hz, "HZ", "Alice's pulse rate (mandatory)", NULL},         \
        {"clock-tolerance",                                                                                    \
         0,                                                                                                    \
         KS_OPTION_NUMBER,                                                                                     \
         &(c).clock_ppm,                                                                                       \
         "PPM",                                                                                                \
         "how far the clocks may differ (100)",                                                                \
         NULL},                                                                                                \
        {"markers",     0,                                                                                     \
         KS_OPTION_U64, &(c).marker_slots,                                                                     \
         "N",           "pulses between markers, or of a T3 sync period",                                      \
         NULL},                                                                                                \
        {"gate", 0, KS_OPTION_NUMBER, &(c).gate_ps, "PS", "width accepted around a pulse; 0: all (0)", NULL},  \
        {"dead-time", 0, KS_OPTION_NUMBER, &(c).dead_time_ps, "PS", "common dead time to enforce (0)", NULL},  \
    {                                                                                                          \
        "live", 0, KS_OPTION_FLAG, &(c).live, NULL, "input never waits: blocks are skipped instead", NULL      \
    }

void ks_receiver_choice_init(ks_receiver_choice *choice);
/* Both from the choice; the unit and kind of the front end follow from the reader later. 0 or an exit code.
 */
int ks_receiver_choice_apply(ks_reader_options *reader, ks_frontend_config *frontend,
                             const ks_receiver_choice *choice);

#endif
