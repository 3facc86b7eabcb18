/* SPDX-License-Identifier: Apache-2.0 */
/* qutools quTAG and quTAU: 40-byte header (magic 87 b3 91 fa, u32 size of the file), then u64 time and u16
 * channel; the same without header; and 40-bit records, 37 bits of time and 3 of channel, behind 40 bytes of
 * header. */
#include "host/formats/core.h"
#include "kernels/kernels.h"

enum { HEADER = 40, RECORD = 10, RECORD_5 = 5, TIME_BITS_5 = 37 };

static void masks(ks_reader *reader) {
    for (int code = 0; code < 128; code++)
        reader->rules.mask[code] = ks_reader_lane_find(reader, code);
}

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_TAGS;
    ks_reader_set_unit(reader, 1, UINT64_C(1000000000000));
    masks(reader);
    return KS_OK;
}

static ks_status header(ks_reader *reader, const uint8_t *chunk) {
    static const uint8_t magic[4] = {0x87, 0xb3, 0x91, 0xfa};
    for (int i = 0; i < 4; i++)
        if (chunk[i] != magic[i])
            return ks_reader_refuse(reader, "a quTAG header (87 b3 91 fa)", chunk, 0, 8);
    uint32_t size = ks_load32(chunk + 4);
    if (size >= HEADER && (size - HEADER) % RECORD == 0)
        reader->info.expected_records = (size - HEADER) / RECORD;
    reader->need = 0;
    return KS_OK;
}

/* Nothing is known of this header but its length. */
static ks_status header_5(ks_reader *reader, const uint8_t *chunk) {
    (void)chunk;
    reader->need = 0;
    return KS_OK;
}

static ks_record_class one(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    uint64_t time = ks_load64(record);
    if (time >= (uint64_t)KS_TAG_TIME_LIMIT)
        return KS_RECORD_BAD;
    out->time = (int64_t)time;
    out->lanes = ks_reader_lane(reader, ks_load16(record + 8));
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

/* A step back by more than half the 37-bit range is a roll-over. */
static ks_record_class one_5(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    const int64_t range = INT64_C(1) << TIME_BITS_5;
    uint64_t word = (uint64_t)ks_load32(record) | (uint64_t)record[4] << 32;
    int64_t time = (int64_t)(word & ((uint64_t)range - 1)), last = reader->clock.last;
    if (last != INT64_MIN && last - (reader->clock.base + time) > range / 2 &&
        reader->clock.base < KS_TAG_TIME_LIMIT) {
        reader->clock.base += range;
        reader->info.overflows++;
    }
    out->time = reader->clock.base + time;
    out->lanes = ks_reader_lane(reader, (int32_t)(word >> TIME_BITS_5));
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

static ks_tag_decode_fn *kernel(const ks_reader *reader) {
    (void)reader;
    return ks_kernels_get()->decode_qutag;
}

const ks_decoder ks_decoder_qutag = {.header = HEADER,
                                     .record = RECORD,
                                     .what = "10-byte quTAG record below 2^62",
                                     .begin = begin,
                                     .chunk = header,
                                     .one = one,
                                     .masks = masks,
                                     .kernel = kernel};
const ks_decoder ks_decoder_qutag_raw = {.record = RECORD,
                                         .what = "10-byte quTAG record below 2^62",
                                         .begin = begin,
                                         .one = one,
                                         .masks = masks,
                                         .kernel = kernel};
const ks_decoder ks_decoder_qutag_5 = {.header = HEADER,
                                       .record = RECORD_5,
                                       .what = "5-byte quTAG record",
                                       .begin = begin,
                                       .chunk = header_5,
                                       .one = one_5};
