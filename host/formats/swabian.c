/* SPDX-License-Identifier: Apache-2.0 */
/* Swabian Time Tagger, 16-byte tags: u8 type, u8 reserved, u16 missed events, i32 channel, i64 time in ps. */
#include "host/formats/core.h"
#include "kernels/kernels.h"

enum { TYPE_TAG = 0, TYPE_LAST = 4, CHANNEL_ZERO = 64 };

static void masks(ks_reader *reader) {
    for (int code = 0; code < 128; code++)
        reader->rules.mask[code] = ks_reader_lane_find(reader, code - CHANNEL_ZERO);
}

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_TAGS;
    ks_reader_set_unit(reader, 1, UINT64_C(1000000000000));
    masks(reader);
    return KS_OK;
}

static ks_record_class one(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    uint8_t type = record[0];
    if (type > TYPE_LAST)
        return KS_RECORD_BAD;
    if (type != TYPE_TAG) {
        out->missed = ks_load16(record + 2);
        return KS_RECORD_GAP;
    }
    out->time = (int64_t)ks_load64(record + 8);
    out->lanes = ks_reader_lane(reader, (int32_t)ks_load32(record + 4));
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

static ks_tag_decode_fn *kernel(const ks_reader *reader) {
    (void)reader;
    return ks_kernels_get()->decode_swabian;
}

const ks_decoder ks_decoder_swabian = {.record = 16,
                                       .what = "16-byte Swabian tag (type 0..4 in its first byte)",
                                       .begin = begin,
                                       .one = one,
                                       .masks = masks,
                                       .kernel = kernel};
