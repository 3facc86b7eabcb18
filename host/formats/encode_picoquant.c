/* SPDX-License-Identifier: Apache-2.0 */
/* PicoQuant T2: PTU header and HydraHarp V2 records (layouts: picoquant.c, ptu.c). The number of records is
 * not known when the header is written: it stands as 0 until it is patched. */
#include <string.h>

#include "host/formats/encoder.h"
#include "pipeline/status.h"

enum {
    TIME_BITS = 25,
    TIME_MASK = (1 << TIME_BITS) - 1,
    FIRST_MARKER = 1001,
    LAST_MARKER = 1004,
    LAST_INPUT = 63
};
enum { SPECIAL = 64, OVERFLOW = 127 };
enum { TYPE_EMPTY = 0xFFFF0008, TYPE_INTEGER = 0x10000008, TYPE_REAL = 0x20000008, TYPE_DATE = 0x21000008 };
enum { TYPE_TEXT = 0x4001FFFF };
enum { DAYS_TO_1970 = 25569 };

/* ---- header */

static void tag(ks_writer *writer, const char *name, uint32_t type, uint64_t value) {
    uint8_t bytes[32] = {0};
    memcpy(bytes, name, strlen(name));
    ks_encoder_bytes(writer, bytes, sizeof bytes);
    ks_encoder_word(writer, UINT32_MAX, 4);
    ks_encoder_word(writer, type, 4);
    ks_encoder_word(writer, value, 8);
}

static void integer_tag(ks_writer *writer, const char *name, uint64_t value) {
    tag(writer, name, TYPE_INTEGER, value);
}

static void real_tag(ks_writer *writer, const char *name, uint32_t type, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    tag(writer, name, type, bits);
}

static void text_tag(ks_writer *writer, const char *name, const char *text) {
    static const uint8_t zeros[8] = {0};
    size_t n = strlen(text), padded = (n + 8) / 8 * 8;
    tag(writer, name, TYPE_TEXT, padded);
    ks_encoder_bytes(writer, text, n);
    ks_encoder_bytes(writer, zeros, padded - n);
}

/* The tags that PicoQuant's demonstration readers and the usual packages ask for. */
static void header(ks_writer *writer) {
    int generic = writer->options.device == KS_PTU_GENERIC;
    double unit = (double)writer->options.file_unit.numerator / (double)writer->options.file_unit.denominator;
    ks_encoder_bytes(writer,
                     "PQTTTR\0\0"
                     "1.0.00\0\0",
                     16);
    text_tag(writer, "File_GUID", "{00000000-0000-0000-0000-000000000000}");
    real_tag(writer, "File_CreatingTime", TYPE_DATE, DAYS_TO_1970);
    text_tag(writer, "CreatorSW_Name", "Keystill");
    text_tag(writer, "CreatorSW_Version", ks_version());
    integer_tag(writer, "Measurement_Mode", 2);
    integer_tag(writer, "Measurement_SubMode", 0);
    integer_tag(writer, "TTResult_StopReason", 0);
    integer_tag(writer, "TTResultFormat_TTTRRecType", generic ? 0x00010207 : 0x01010204);
    integer_tag(writer, "TTResultFormat_BitsPerRecord", 32);
    integer_tag(writer, "MeasDesc_BinningFactor", 1);
    integer_tag(writer, "MeasDesc_Offset", 0);
    integer_tag(writer, "MeasDesc_AcquisitionTime", 0);
    text_tag(writer, "HW_Type", generic ? "MultiHarp 160" : "HydraHarp 400");
    text_tag(writer, "HW_Version", generic ? "1.0" : "2.0");
    integer_tag(writer, "HW_InpChannels", generic ? 64 : 8);
    integer_tag(writer, "HWSync_Divider", 1);
    real_tag(writer, "MeasDesc_Resolution", TYPE_REAL, unit);
    real_tag(writer, "MeasDesc_GlobalResolution", TYPE_REAL, unit);
    integer_tag(writer, "TTResult_SyncRate", 0);
    integer_tag(writer, "TTResult_StopAfter", 0);
    integer_tag(writer, "TTResult_NumberOfRecords", 0);
    writer->patch_offset = writer->bytes - 8;
    tag(writer, "Header_End", TYPE_EMPTY, 0);
}

/* ---- records */

static void record(ks_writer *writer, uint32_t code, uint32_t low) {
    ks_encoder_word(writer, code << TIME_BITS | low, 4);
    writer->records++;
}

/* Overflow records up to the period of `tick`. */
static ks_status catch_up(ks_writer *writer, int64_t tick) {
    uint64_t periods = (uint64_t)(tick - writer->clock) >> TIME_BITS;
    while (periods > 0) {
        if (writer->room < KS_ENCODER_EVENT_BYTES)
            return KS_ERR_FULL;
        uint64_t now = periods < TIME_MASK ? periods : TIME_MASK;
        record(writer, OVERFLOW, (uint32_t)now);
        writer->clock += (int64_t)(now << TIME_BITS);
        periods -= now;
    }
    return KS_OK;
}

static ks_status event(ks_writer *writer, int64_t tick, const ks_event *event) {
    const int32_t *raw = writer->options.lanes.raw;
    uint32_t markers = 0;
    if (tick < 0 || tick >> 62)
        return ks_encoder_refuse(tick, "times from 0 to 2^62", tick);
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const int32_t channel = raw[ks_lowest_lane(rest)];
        if (channel < 0 || (channel > LAST_INPUT && (channel < FIRST_MARKER || channel > LAST_MARKER)))
            return ks_encoder_refuse(tick, "channels 0..63 and markers 1001..1004", channel);
    }
    KS_TRY(catch_up(writer, tick));
    uint32_t within = (uint32_t)(tick - writer->clock);
    for (uint32_t rest = event->lanes; rest; rest &= rest - 1) {
        const int32_t channel = raw[ks_lowest_lane(rest)];
        if (channel >= FIRST_MARKER)
            markers |= 1u << (channel - FIRST_MARKER);
        else
            record(writer, channel == 0 ? SPECIAL : (uint32_t)channel - 1, within);
    }
    if (markers)
        record(writer, SPECIAL + markers, within);
    return KS_OK;
}

const ks_encoder ks_encoder_ptu = {.unit = {1, UINT64_C(1000000000000)}, .header = header, .event = event};
const ks_encoder ks_encoder_hydraharp_raw = {.unit = {1, UINT64_C(1000000000000)}, .event = event};
