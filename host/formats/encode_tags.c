/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of one record an event or a lane: Swabian, S-Fifteen, quTAG, CSV, Keystill slots (layouts: the
 * readers). */
#include <stdio.h>
#include <string.h>

#include "host/formats/encoder.h"
#include "pipeline/status.h"

#define PICOSECOND                                                                                           \
    { 1, UINT64_C(1000000000000) }

/* ---- Swabian */

static ks_status swabian_event(ks_writer *writer, int64_t tick, const ks_event *event) {
    enum { TYPE_TAG = 0, TYPE_ERROR = 1 };
    if (event->flags & KS_EVENT_GAP) {
        ks_encoder_word(writer, TYPE_ERROR, 8);
        ks_encoder_word(writer, (uint64_t)tick, 8);
    }
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        ks_encoder_word(writer, TYPE_TAG, 4);
        ks_encoder_word(writer, (uint32_t)writer->options.lanes.raw[ks_lowest_lane(rest)], 4);
        ks_encoder_word(writer, (uint64_t)tick, 8);
    }
    return KS_OK;
}

/* ---- S-Fifteen */

enum { S15_DUMMY = 16, S15_TIME_SHIFT = 10, S15_TIME_BITS = 54 };

static void s15_word(ks_writer *writer, uint64_t word) {
    char text[40];
    int n = 0;
    switch (writer->options.format) {
    case KS_FORMAT_S15_A0:
        n = snprintf(text, sizeof text, "%08x\n%08x\n", (unsigned)word, (unsigned)(word >> 32));
        ks_encoder_bytes(writer, text, (size_t)n);
        return;
    case KS_FORMAT_S15_A2:
        n = snprintf(text, sizeof text, "%016llx\n", (unsigned long long)word);
        ks_encoder_bytes(writer, text, (size_t)n);
        return;
    case KS_FORMAT_S15_A1X:
        word = word << 32 | word >> 32;
        break;
    default:
        break;
    }
    ks_encoder_word(writer, word, 8);
}

/* A reader takes a step back by more than half the range for a roll-over: dummy words bridge longer silences.
 */
static ks_status s15_event(ks_writer *writer, int64_t tick, const ks_event *event) {
    const int64_t half = INT64_C(1) << (S15_TIME_BITS - 1);
    uint64_t pattern = 0;
    if (tick < 0)
        return ks_encoder_refuse(tick, "times from 0", tick);
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const int32_t raw = writer->options.lanes.raw[ks_lowest_lane(rest)];
        if (raw < 1 || raw > 4)
            return ks_encoder_refuse(tick, "detectors 1..4", raw);
        pattern |= UINT64_C(1) << (raw - 1);
    }
    while (tick - writer->clock >= half) {
        if (writer->room < KS_ENCODER_EVENT_BYTES)
            return KS_ERR_FULL;
        writer->clock += half / 2;
        s15_word(writer, (uint64_t)writer->clock << S15_TIME_SHIFT | S15_DUMMY);
    }
    s15_word(writer, (uint64_t)tick << S15_TIME_SHIFT | pattern);
    writer->clock = tick;
    return KS_OK;
}

/* ---- quTAG */

static void qutag_header(ks_writer *writer) {
    static const uint8_t header[40] = {0x87, 0xb3, 0x91, 0xfa};
    ks_encoder_bytes(writer, header, sizeof header);
    writer->patch_offset = 4;
}

static ks_status qutag_event(ks_writer *writer, int64_t tick, const ks_event *event) {
    if (tick < 0 || tick >> 62)
        return ks_encoder_refuse(tick, "times from 0 to 2^62", tick);
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const int32_t raw = writer->options.lanes.raw[ks_lowest_lane(rest)];
        if (raw < 0 || raw > UINT16_MAX)
            return ks_encoder_refuse(tick, "channels 0..65535", raw);
    }
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        ks_encoder_word(writer, (uint64_t)tick, 8);
        ks_encoder_word(writer, (uint16_t)writer->options.lanes.raw[ks_lowest_lane(rest)], 2);
    }
    return KS_OK;
}

/* ---- CSV */

static void csv_header(ks_writer *writer) {
    char text[128];
    int n = snprintf(text, sizeof text, "# time in units of %llu/%llu s, channel\n",
                     (unsigned long long)writer->options.file_unit.numerator,
                     (unsigned long long)writer->options.file_unit.denominator);
    ks_encoder_bytes(writer, text, (size_t)n);
}

static ks_status csv_event(ks_writer *writer, int64_t tick, const ks_event *event) {
    char text[40];
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const int n = snprintf(text, sizeof text, "%lld,%d\n", (long long)tick,
                               (int)writer->options.lanes.raw[ks_lowest_lane(rest)]);
        ks_encoder_bytes(writer, text, (size_t)n);
    }
    return KS_OK;
}

/* ---- Keystill slots */

static void slots_header(ks_writer *writer) {
    ks_encoder_bytes(writer, "KSE1\r\n\x1a\n", 8);
    ks_encoder_word(writer, 32, 8);
    ks_encoder_word(writer, writer->options.unit.numerator, 8);
    ks_encoder_word(writer, writer->options.unit.denominator, 8);
}

static ks_status slots_event(ks_writer *writer, int64_t tick, const ks_event *event) {
    uint32_t known = KS_DETECTION_BIT | KS_DETECTION_BASIS | KS_DETECTION_DOUBLE;
    if (tick < 0 || (uint64_t)tick > KS_SLOT_MAX)
        return ks_encoder_refuse(tick, "slots from 0 to 2^56 - 1", tick);
    if (tick == writer->last_time)
        return ks_fail(KS_ERR_ARGUMENT, "slot %lld twice", (long long)tick);
    if (event->fine & ~known)
        return ks_encoder_refuse(tick, "detection bits 0..2", event->fine);
    ks_encoder_word(writer, ks_event_to_detection(event), 8);
    return KS_OK;
}

const ks_encoder ks_encoder_swabian = {.unit = PICOSECOND, .event = swabian_event};
const ks_encoder ks_encoder_s15 = {.unit = {1, UINT64_C(256000000000)}, .fixed_unit = 1, .event = s15_event};
const ks_encoder ks_encoder_qutag = {.unit = PICOSECOND, .header = qutag_header, .event = qutag_event};
const ks_encoder ks_encoder_qutag_raw = {.unit = PICOSECOND, .event = qutag_event};
const ks_encoder ks_encoder_csv = {.unit = PICOSECOND, .header = csv_header, .event = csv_event};
const ks_encoder ks_encoder_slots = {.header = slots_header, .event = slots_event};
