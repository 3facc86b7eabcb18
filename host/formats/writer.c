/* SPDX-License-Identifier: Apache-2.0 */
/* The core of all writers: conversion of time units, order, room. */
#include "host/formats/writer.h"

#include <stdlib.h>
#include <string.h>

#include "host/formats/core.h"
#include "host/formats/encoder.h"
#include "pipeline/status.h"

static const ks_encoder *const encoders[KS_FORMAT_COUNT] = {
    [KS_FORMAT_PTU] = &ks_encoder_ptu,
    [KS_FORMAT_PQ_T2_RAW] = &ks_encoder_hydraharp_raw,
    [KS_FORMAT_SWABIAN] = &ks_encoder_swabian,
    [KS_FORMAT_S15_A0] = &ks_encoder_s15,
    [KS_FORMAT_S15_A1] = &ks_encoder_s15,
    [KS_FORMAT_S15_A1X] = &ks_encoder_s15,
    [KS_FORMAT_S15_A2] = &ks_encoder_s15,
    [KS_FORMAT_QUTAG] = &ks_encoder_qutag,
    [KS_FORMAT_QUTAG_RAW] = &ks_encoder_qutag_raw,
    [KS_FORMAT_CSV] = &ks_encoder_csv,
    [KS_FORMAT_SLOTS] = &ks_encoder_slots,
};

static unsigned __int128 greatest_common_divisor(unsigned __int128 a, unsigned __int128 b) {
    while (b != 0) {
        unsigned __int128 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int is_unit(ks_unit unit) {
    return unit.numerator > 0 && unit.denominator > 0;
}

/* Scale from the events' unit to the file's. */
static ks_status set_units(ks_writer *writer) {
    ks_unit *from = &writer->options.unit, *to = &writer->options.file_unit;
    writer->multiplier = writer->divisor = 1;
    if (writer->options.format == KS_FORMAT_SLOTS)
        return KS_OK;
    if (!is_unit(*from) || (!is_unit(*to) && (to->numerator || to->denominator)))
        return ks_fail(KS_ERR_ARGUMENT, "writer: a unit needs a numerator and a denominator");
    if (writer->encoder->fixed_unit || !is_unit(*to))
        *to = writer->encoder->unit;
    unsigned __int128 multiplier = (unsigned __int128)from->numerator * to->denominator;
    unsigned __int128 divisor = (unsigned __int128)from->denominator * to->numerator;
    unsigned __int128 common = greatest_common_divisor(multiplier, divisor);
    multiplier /= common;
    divisor /= common;
    if (multiplier >> 62 || divisor >> 62)
        return ks_fail(KS_ERR_UNSUPPORTED, "writer: no 62-bit ratio between the units of events and file");
    writer->multiplier = (uint64_t)multiplier;
    writer->divisor = (uint64_t)divisor;
    return KS_OK;
}

ks_status ks_writer_create(ks_writer **out, const ks_writer_options *options) {
    if (!out || !options || (unsigned)options->format >= KS_FORMAT_COUNT || options->lanes.used > KS_LANES)
        return ks_fail(KS_ERR_ARGUMENT, "writer: unknown format or lane map of more than %d entries",
                       KS_LANES);
    if (!encoders[options->format])
        return ks_fail(KS_ERR_UNSUPPORTED, "writer: format %s is only read", ks_format_name(options->format));
    ks_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return ks_fail(KS_ERR_MEMORY, "writer");
    writer->options = *options;
    writer->encoder = encoders[options->format];
    writer->last_time = INT64_MIN;
    if (options->lanes.used == 0)
        ks_lane_map_default(&writer->options.lanes);
    ks_status status = set_units(writer);
    if (status != KS_OK) {
        ks_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return KS_OK;
}

void ks_writer_destroy(ks_writer *writer) {
    free(writer);
}

ks_status ks_encoder_refuse(int64_t tick, const char *expected, int64_t found) {
    return ks_fail(KS_ERR_LIMIT, "event at tick %lld: the format holds %s, not %lld", (long long)tick,
                   expected, (long long)found);
}

static void write_header(ks_writer *writer) {
    if (!writer->header_written && writer->encoder->header)
        writer->encoder->header(writer);
    writer->header_written = 1;
}

/* ---- events */

/* Nearest tick, halves up: floor((2 t a + b) / 2b). */
static ks_status to_tick(int64_t *tick, const ks_writer *writer, int64_t time) {
    if (writer->multiplier == 1 && writer->divisor == 1) {
        *tick = time;
        return KS_OK;
    }
    __int128 above = (__int128)time * (__int128)writer->multiplier, below = (__int128)writer->divisor;
    if (writer->options.exact && above % below != 0)
        return ks_fail(KS_ERR_LIMIT, "time %lld is no whole number of ticks of the file", (long long)time);
    if (below > 1) {
        above = 2 * above + below;
        below *= 2;
    }
    __int128 whole = above / below - (above % below < 0);
    if (whole > INT64_MAX || whole < INT64_MIN)
        return ks_fail(KS_ERR_LIMIT, "time %lld is beyond 63 bits of ticks of the file", (long long)time);
    *tick = (int64_t)whole;
    return KS_OK;
}

static ks_status check_lanes(const ks_writer *writer, const ks_event *event) {
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const uint32_t lane = ks_lowest_lane(rest);
        if (lane >= writer->options.lanes.used || writer->options.lanes.raw[lane] == INT32_MIN)
            return ks_fail(KS_ERR_LIMIT, "event at %lld: lane %u has no channel", (long long)event->time,
                           lane);
    }
    if (event->lanes == 0)
        return ks_fail(KS_ERR_ARGUMENT, "event at %lld has no lane", (long long)event->time);
    if ((event->flags & KS_EVENT_GAP) && writer->options.format != KS_FORMAT_SWABIAN)
        return ks_fail(KS_ERR_LIMIT, "event at %lld: the format does not hold gaps", (long long)event->time);
    return KS_OK;
}

static ks_status put_one(ks_writer *writer, const ks_event *event) {
    int64_t tick = 0;
    if (event->time < writer->last_time)
        return ks_fail(KS_ERR_ARGUMENT, "event at %lld after one at %lld", (long long)event->time,
                       (long long)writer->last_time);
    KS_TRY(check_lanes(writer, event));
    KS_TRY(to_tick(&tick, writer, event->time));
    KS_TRY(writer->encoder->event(writer, tick, event));
    writer->last_time = event->time;
    return KS_OK;
}

ks_status ks_writer_put(ks_writer *writer, const ks_event *events, size_t n, size_t *taken, uint8_t *bytes,
                        size_t capacity, size_t *count) {
    if (!writer || !taken || !count || !bytes || (!events && n > 0) || capacity < KS_WRITER_ROOM)
        return ks_fail(KS_ERR_ARGUMENT, "writer: missing buffer, or one below %d bytes", KS_WRITER_ROOM);
    ks_status status = KS_OK;
    writer->out = bytes;
    writer->room = capacity;
    write_header(writer);
    for (*taken = 0; *taken < n && writer->room >= KS_ENCODER_EVENT_BYTES; ++*taken) {
        status = put_one(writer, &events[*taken]);
        if (status != KS_OK)
            break;
    }
    *count = capacity - writer->room;
    return status == KS_ERR_FULL ? KS_OK : status;
}

ks_status ks_writer_finish(ks_writer *writer, uint8_t *bytes, size_t capacity, size_t *count) {
    if (!writer || !bytes || !count || capacity < KS_WRITER_ROOM)
        return ks_fail(KS_ERR_ARGUMENT, "writer: missing buffer, or one below %d bytes", KS_WRITER_ROOM);
    writer->out = bytes;
    writer->room = capacity;
    write_header(writer);
    *count = capacity - writer->room;
    return KS_OK;
}

void ks_writer_patch(const ks_writer *writer, uint64_t *offset, uint8_t bytes[8], size_t *count) {
    uint64_t value = writer->records;
    *offset = writer->patch_offset;
    *count = writer->patch_offset ? 8 : 0;
    if (writer->options.format == KS_FORMAT_QUTAG) {
        value = writer->bytes;
        *count = value <= UINT32_MAX ? 4 : 0;
    }
    for (size_t i = 0; i < *count; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}
