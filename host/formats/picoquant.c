/* SPDX-License-Identifier: Apache-2.0 */
/* PicoQuant 32-bit TTTR records, little-endian.
 *   HydraHarp T2: 24..0 time, 30..25 channel, 31 special      T3: 9..0 sync count, 24..10 delay, 30..25
 * channel, 31 special PicoHarp  T2: 27..0 time, 31..28 channel                  T3: 15..0 sync count, 27..16
 * delay, 31..28 channel Specials: HydraHarp channel 63 overflow, 0 sync (T2), 1..15 marker bits; PicoHarp
 * channel 15: marker bits in the low bits of time (T2) or delay (T3), 0 overflow. */
#include "host/formats/picoquant.h"
#include "kernels/kernels.h"
#include "pipeline/status.h"

enum { FIRST_MARKER = 1001, MARKERS = 4 };
enum { HH_SPECIAL = 64, HH_OVERFLOW = 127, HH_LAST_MARKER = 79 };
enum { PH_SPECIAL = 15, PH_MARKED = 16 };

static const ks_picoquant_type types[] = {
    {0x00010203, 1, 0, 0, 210698240, "PicoHarp 300"}, {0x00010303, 1, 1, 0, 65536, "PicoHarp 300"},
    {0x00010204, 0, 0, 0, 33552000, "HydraHarp V1"},  {0x00010304, 0, 1, 0, 1024, "HydraHarp V1"},
    {0x01010204, 0, 0, 1, 33554432, "HydraHarp V2"},  {0x01010304, 0, 1, 1, 1024, "HydraHarp V2"},
    {0x00010205, 0, 0, 1, 33554432, "TimeHarp 260N"}, {0x00010305, 0, 1, 1, 1024, "TimeHarp 260N"},
    {0x00010206, 0, 0, 1, 33554432, "TimeHarp 260P"}, {0x00010306, 0, 1, 1, 1024, "TimeHarp 260P"},
    {0x01010205, 0, 0, 1, 33554432, "TimeHarp 260N"}, {0x01010305, 0, 1, 1, 1024, "TimeHarp 260N"},
    {0x01010206, 0, 0, 1, 33554432, "TimeHarp 260P"}, {0x01010306, 0, 1, 1, 1024, "TimeHarp 260P"},
    {0x00010207, 0, 0, 1, 33554432, "MultiHarp"},     {0x00010307, 0, 1, 1, 1024, "MultiHarp"},
    {0x01010207, 0, 0, 1, 33554432, "MultiHarp"},     {0x01010307, 0, 1, 1, 1024, "MultiHarp"},
};

const ks_picoquant_type *ks_picoquant_find(int64_t code) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code)
            return &types[i];
    return NULL;
}

void ks_picoquant_use(ks_reader *reader, const ks_picoquant_type *type) {
    ks_tag_rules *rules = &reader->rules;
    reader->ptu.type = type;
    reader->info.kind = type->t3 ? KS_TIME_SYNC : KS_TIME_TAGS;
    rules->period = type->period;
    if (type->picoharp) {
        rules->time_mask = type->t3 ? 0xffff : 0xfffffff;
        rules->fine_mask = type->t3 ? 0xfff : 0;
        rules->fine_shift = rules->marker_shift = type->t3 ? 16 : 0;
    } else {
        rules->time_mask = type->t3 ? 0x3ff : 0x1ffffff;
        rules->fine_mask = type->t3 ? 0x7fff : 0;
        rules->fine_shift = type->t3 ? 10 : 0;
        rules->count_mask = type->counted ? rules->time_mask : 0;
    }
    ks_picoquant_masks(reader);
}

static uint32_t marker_lanes(ks_reader *reader, uint32_t bits, ks_record *out) {
    uint32_t lanes = 0;
    for (int i = 0; i < MARKERS; i++)
        if (bits >> i & 1) {
            uint32_t lane = ks_reader_lane(reader, FIRST_MARKER + i);
            lanes |= lane;
            out->unknown = (uint8_t)(out->unknown + (lane == 0));
        }
    return lanes;
}

void ks_picoquant_masks(ks_reader *reader) {
    uint32_t *mask = reader->rules.mask;
    const ks_picoquant_type *type = reader->ptu.type;
    int markers = type->picoharp ? PH_MARKED : HH_SPECIAL;
    for (int code = 0; code < 128; code++)
        mask[code] = 0;
    for (int channel = 0; channel < (type->picoharp ? 5 : 63); channel++)
        mask[channel] = ks_reader_lane_find(reader, channel + !type->picoharp);
    for (int i = 0; i < MARKERS; i++)
        mask[markers + (1 << i)] = ks_reader_lane_find(reader, FIRST_MARKER + i);
    if (!type->picoharp && !type->t3)
        mask[HH_SPECIAL] = ks_reader_lane_find(reader, 0);
    if (type->picoharp && type->t3)
        mask[0] = 0;
}

static ks_record_class overflow(ks_reader *reader, ks_record *out, uint64_t periods) {
    uint64_t ticks = periods * reader->rules.period;
    if (ticks >= (uint64_t)(KS_TAG_TIME_LIMIT - reader->clock.base)) {
        (void)ks_fail(KS_ERR_FORMAT,
                      "byte %llu: expected a clock below 2^62 ticks, found overflows beyond it",
                      (unsigned long long)reader->offset);
        return KS_RECORD_END;
    }
    out->time = reader->clock.base += (int64_t)ticks;
    return KS_RECORD_CLOCK;
}

static ks_record_class event(ks_reader *reader, ks_record *out, uint32_t word, int32_t raw) {
    const ks_tag_rules *rules = &reader->rules;
    out->time = reader->clock.base + (word & rules->time_mask);
    out->fine = (uint16_t)(word >> rules->fine_shift & rules->fine_mask);
    out->lanes = ks_reader_lane(reader, raw);
    out->unknown = out->lanes == 0;
    return KS_RECORD_EVENT;
}

static ks_record_class marker(ks_reader *reader, ks_record *out, uint32_t word, uint32_t bits) {
    out->time = reader->clock.base + (word & reader->rules.time_mask);
    out->fine = (uint16_t)(word >> reader->rules.fine_shift & reader->rules.fine_mask);
    out->marker = 1;
    out->lanes = marker_lanes(reader, bits, out);
    return KS_RECORD_EVENT;
}

static ks_record_class one_hydraharp(ks_reader *reader, ks_record *out, uint32_t word) {
    uint32_t code = word >> 25, count = word & reader->rules.count_mask;
    if (code < HH_SPECIAL - 1)
        return event(reader, out, word, (int32_t)code + 1);
    if (code == HH_OVERFLOW)
        return overflow(reader, out, count ? count : 1);
    if (code > HH_SPECIAL && code <= HH_LAST_MARKER)
        return marker(reader, out, word, code - HH_SPECIAL);
    return code == HH_SPECIAL && !reader->ptu.type->t3 ? event(reader, out, word, 0) : KS_RECORD_BAD;
}

static ks_record_class one_picoharp(ks_reader *reader, ks_record *out, uint32_t word) {
    uint32_t channel = word >> 28, delay = word >> 16 & 0xfff;
    int t3 = reader->ptu.type->t3;
    if (channel != PH_SPECIAL)
        return channel > 4 || (t3 && channel == 0) ? KS_RECORD_BAD
                                                   : event(reader, out, word, (int32_t)channel);
    uint32_t bits = word >> reader->rules.marker_shift & 15;
    if (bits == 0)
        return t3 && delay != 0 ? KS_RECORD_BAD : overflow(reader, out, 1);
    return marker(reader, out, word, bits);
}

ks_record_class ks_picoquant_one(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    uint32_t word = ks_load32(record);
    return reader->ptu.type->picoharp ? one_picoharp(reader, out, word) : one_hydraharp(reader, out, word);
}

ks_tag_decode_fn *ks_picoquant_kernel(const ks_reader *reader) {
    return reader->ptu.type->picoharp ? ks_kernels_get()->decode_picoharp
                                      : ks_kernels_get()->decode_hydraharp;
}

static ks_status begin_raw(ks_reader *reader) {
    int t3 = reader->info.format == KS_FORMAT_PQ_T3_RAW;
    ks_picoquant_use(reader, ks_picoquant_find(t3 ? 0x00010307 : 0x00010207));
    if (t3 && !reader->options.unit.numerator)
        return ks_fail(KS_ERR_ARGUMENT, "raw T3 records need the sync period as unit");
    ks_reader_set_unit(reader, 1, UINT64_C(1000000000000));
    reader->info.fine_unit = reader->options.fine_unit;
    if (t3 && !reader->info.fine_unit.numerator)
        reader->info.fine_unit = (ks_unit){1, UINT64_C(1000000000000)};
    return KS_OK;
}

const ks_decoder ks_decoder_hydraharp_raw = {.record = 4,
                                             .what = "HydraHarp-style record of a legal channel",
                                             .begin = begin_raw,
                                             .one = ks_picoquant_one,
                                             .masks = ks_picoquant_masks,
                                             .kernel = ks_picoquant_kernel};
