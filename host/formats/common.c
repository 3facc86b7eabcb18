/* SPDX-License-Identifier: Apache-2.0 */
/* Names, lanes, units and messages that the format families share. */
#include <string.h>

#include "host/formats/core.h"
#include "pipeline/status.h"

static const char *const names[KS_FORMAT_COUNT] = {
    [KS_FORMAT_AUTO] = "auto",
    [KS_FORMAT_PTU] = "ptu",
    [KS_FORMAT_PQ_T2_RAW] = "pq-t2-raw",
    [KS_FORMAT_PQ_T3_RAW] = "pq-t3-raw",
    [KS_FORMAT_SWABIAN] = "swabian",
    [KS_FORMAT_S15_A0] = "s15-a0",
    [KS_FORMAT_S15_A1] = "s15-a1",
    [KS_FORMAT_S15_A1X] = "s15-a1x",
    [KS_FORMAT_S15_A2] = "s15-a2",
    [KS_FORMAT_QUTAG] = "qutag",
    [KS_FORMAT_QUTAG_RAW] = "qutag-raw",
    [KS_FORMAT_QUTAG_5] = "qutag-5",
    [KS_FORMAT_CSV] = "csv",
    [KS_FORMAT_SLOTS] = "slots",
};

const char *ks_format_name(ks_format format) {
    return (unsigned)format < KS_FORMAT_COUNT ? names[format] : NULL;
}

ks_status ks_format_parse(ks_format *out, const char *name) {
    if (!out || !name)
        return ks_fail(KS_ERR_ARGUMENT, "format: missing name");
    for (int i = 0; i < KS_FORMAT_COUNT; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (ks_format)i;
            return KS_OK;
        }
    return ks_fail(KS_ERR_ARGUMENT, "unknown format '%.32s'", name);
}

/* ---- lanes */

enum { FIRST_MARKER_LANE = 28, FIRST_MARKER = 1001 };

void ks_lane_map_default(ks_lane_map *map) {
    map->used = KS_LANES;
    for (int i = 0; i < KS_LANES; i++)
        map->raw[i] = i < FIRST_MARKER_LANE ? i : FIRST_MARKER + i - FIRST_MARKER_LANE;
}

void ks_reader_init_lanes(ks_reader *reader) {
    const ks_lane_map *wanted = &reader->options.lanes;
    ks_lane_map *map = &reader->info.lanes;
    if (wanted->used == 0) {
        ks_lane_map_default(map);
        return;
    }
    map->used = wanted->used == KS_LANES_BY_APPEARANCE ? 0 : wanted->used;
    for (uint32_t i = 0; i < KS_LANES; i++)
        map->raw[i] = i < map->used ? wanted->raw[i] : INT32_MIN;
}

uint32_t ks_reader_lane_find(const ks_reader *reader, int32_t raw) {
    const ks_lane_map *map = &reader->info.lanes;
    for (uint32_t i = 0; i < map->used; i++)
        if (map->raw[i] == raw && raw != INT32_MIN)
            return UINT32_C(1) << i;
    return 0;
}

uint32_t ks_reader_lane(ks_reader *reader, int32_t raw) {
    ks_lane_map *map = &reader->info.lanes;
    uint32_t mask = ks_reader_lane_find(reader, raw);
    if (mask || reader->options.lanes.used != KS_LANES_BY_APPEARANCE || map->used == KS_LANES)
        return mask;
    map->raw[map->used++] = raw;
    if (reader->decoder->masks)
        reader->decoder->masks(reader);
    return UINT32_C(1) << (map->used - 1);
}

/* ---- units */

void ks_reader_set_unit(ks_reader *reader, uint64_t numerator, uint64_t denominator) {
    reader->info.unit =
        reader->options.unit.numerator ? reader->options.unit : (ks_unit){numerator, denominator};
}

/* ---- messages */

ks_hex_text ks_hex_of(const uint8_t *bytes, size_t n) {
    static const char digit[] = "0123456789abcdef";
    ks_hex_text out = {{0}};
    for (size_t i = 0; i < n && i < 16; i++) {
        out.text[3 * i] = digit[bytes[i] >> 4];
        out.text[3 * i + 1] = digit[bytes[i] & 15];
        if (i + 1 < n && i + 1 < 16)
            out.text[3 * i + 2] = ' ';
    }
    return out;
}

static ks_status refuse_text(uint64_t offset, const char *expected, const uint8_t *found, size_t n) {
    char text[41] = {0};
    for (size_t i = 0; i < n && i < sizeof text - 1; i++)
        text[i] = found[i] >= 0x20 && found[i] < 0x7f ? (char)found[i] : '?';
    return ks_fail(KS_ERR_FORMAT, "byte %llu: expected %s, found '%s'", (unsigned long long)offset, expected,
                   text);
}

ks_status ks_reader_refuse(const ks_reader *reader, const char *expected, const uint8_t *record, size_t at,
                           size_t n) {
    if (reader->decoder && reader->decoder->record == 0)
        return refuse_text(reader->offset + at, expected, record + at, n);
    return ks_fail(KS_ERR_FORMAT, "byte %llu: expected %s, found %s",
                   (unsigned long long)(reader->offset + at), expected,
                   n > 0 ? ks_hex_of(record + at, n).text : "nothing");
}
