/* SPDX-License-Identifier: Apache-2.0 */
/* Keystill slot events, KSE1: 32-byte header (magic "KSE1\r\n\x1a\n", u32 header size, u32 zero, u64
 * numerator and u64 denominator of the slot period in seconds, both 0 when not known), then one ks_detection
 * a little-endian 64-bit word. */
#include <string.h>

#include "host/formats/core.h"
#include "pipeline/status.h"

enum { HEADER = 32, RESERVED_BITS = 0xf8 };

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_SLOTS;
    ks_reader_set_unit(reader, 0, 0);
    return KS_OK;
}

static ks_status header(ks_reader *reader, const uint8_t *chunk) {
    if (memcmp(chunk, "KSE1\r\n\x1a\n", 8) != 0)
        return ks_reader_refuse(reader, "a Keystill slot header (KSE1)", chunk, 0, 8);
    if (ks_load32(chunk + 8) != HEADER || ks_load32(chunk + 12) != 0)
        return ks_reader_refuse(reader, "a KSE1 header size of 32 and no flags", chunk, 8, 8);
    uint64_t numerator = ks_load64(chunk + 16), denominator = ks_load64(chunk + 24);
    if (!numerator != !denominator)
        return ks_reader_refuse(reader, "a slot period or two zeros", chunk, 16, 16);
    ks_reader_set_unit(reader, numerator, denominator);
    reader->need = 0;
    return KS_OK;
}

static ks_record_class one(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    ks_detection detection = ks_load64(record);
    if (detection & RESERVED_BITS)
        return KS_RECORD_BAD;
    out->time = (int64_t)ks_detection_slot(detection);
    out->fine = (uint16_t)(detection & 0xff);
    out->lanes = ks_reader_lane(reader, (int32_t)(detection & 3));
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

const ks_decoder ks_decoder_slots = {.header = HEADER,
                                     .record = 8,
                                     .what = "detection with reserved bits 7..3 zero",
                                     .begin = begin,
                                     .chunk = header,
                                     .one = one};
