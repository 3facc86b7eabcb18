/* SPDX-License-Identifier: Apache-2.0 */
/* S-Fifteen readevents (qcrypto filespec.txt): 64-bit words, bits 63..10 time in 1/256 ns, 9..5 filler, 4
 * dummy (carries time only), 3..0 one bit a detector. a0: hexadecimal, low word then high word; a1: binary;
 * a1 -X: high word first; a2: hexadecimal, 16 digits. */
#include "host/formats/core.h"
#include "kernels/kernels.h"
#include "pipeline/status.h"

enum { DETECTORS = 4, PATTERN = 15, DUMMY = 16, TIME_SHIFT = 10, TIME_BITS = 54 };

static uint32_t pattern_mask(uint32_t pattern, const uint32_t lanes[DETECTORS]) {
    uint32_t mask = 0;
    for (int i = 0; i < DETECTORS; i++)
        mask |= pattern >> i & 1 ? lanes[i] : 0;
    return mask;
}

/* Only patterns of which every detector has a lane of its own are regular. */
static void masks(ks_reader *reader) {
    uint32_t lanes[DETECTORS];
    for (int i = 0; i < DETECTORS; i++)
        lanes[i] = ks_reader_lane_find(reader, i + 1);
    for (uint32_t pattern = 0; pattern < 16; pattern++) {
        uint32_t mask = pattern_mask(pattern, lanes);
        int whole = __builtin_popcount(mask) == __builtin_popcount(pattern);
        reader->rules.mask[pattern] = whole ? mask : 0;
    }
}

static ks_status begin(ks_reader *reader) {
    reader->info.kind = KS_TIME_TAGS;
    reader->rules.swap = reader->info.format == KS_FORMAT_S15_A1X ? 32 : 0;
    ks_reader_set_unit(reader, 1, UINT64_C(256000000000));
    masks(reader);
    return KS_OK;
}

/* The 54-bit time rolls over every 19.5 h: a step back by more than half of that is the roll-over. */
static int64_t unwrap(ks_reader *reader, int64_t time) {
    int64_t half = INT64_C(1) << (TIME_BITS - 1), last = reader->clock.last;
    if (last != INT64_MIN && last - (reader->clock.base + time) > half &&
        reader->clock.base < KS_TAG_TIME_LIMIT)
        reader->clock.base += 2 * half;
    return reader->clock.base + time;
}

static ks_record_class decode(ks_reader *reader, ks_record *out, uint64_t word) {
    uint32_t pattern = (uint32_t)word & PATTERN, lanes[DETECTORS];
    if (pattern == 0 && !(word & DUMMY))
        return KS_RECORD_BAD;
    out->time = unwrap(reader, (int64_t)(word >> TIME_SHIFT));
    if (word & DUMMY)
        return KS_RECORD_CLOCK;
    for (int i = 0; i < DETECTORS; i++) {
        lanes[i] = pattern >> i & 1 ? ks_reader_lane(reader, i + 1) : 0;
        out->unknown = (uint8_t)(out->unknown + ((pattern >> i & 1) && !lanes[i]));
    }
    out->lanes = pattern_mask(pattern, lanes);
    return KS_RECORD_EVENT;
}

static ks_record_class one_binary(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes) {
    (void)bytes;
    uint64_t word = ks_load64(record);
    return decode(reader, out, reader->rules.swap ? word << 32 | word >> 32 : word);
}

static int parse_hex(uint64_t *out, const uint8_t *text, size_t digits) {
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = text[i], lower = c | 0x20;
        unsigned digit = c >= '0' && c <= '9'           ? c - (unsigned)'0'
                         : lower >= 'a' && lower <= 'f' ? lower - (unsigned)'a' + 10u
                                                        : 16u;
        if (digit > 15)
            return 0;
        value = value << 4 | digit;
    }
    *out = value;
    return 1;
}

static ks_record_class one_word(ks_reader *reader, ks_record *out, const uint8_t *text, size_t bytes) {
    uint64_t word = 0;
    if (bytes != 16 || !parse_hex(&word, text, bytes))
        return KS_RECORD_BAD;
    return decode(reader, out, word);
}

static ks_record_class one_pair(ks_reader *reader, ks_record *out, const uint8_t *text, size_t bytes) {
    uint64_t half = 0;
    int bad = bytes != 8 || !parse_hex(&half, text, bytes);
    if (!reader->hex.have_low) {
        reader->hex.have_low = 1;
        reader->hex.low_bad = bad;
        reader->hex.low = (uint32_t)half;
        return KS_RECORD_IGNORE;
    }
    reader->hex.have_low = 0;
    if (bad || reader->hex.low_bad)
        return KS_RECORD_BAD;
    return decode(reader, out, half << 32 | reader->hex.low);
}

static ks_tag_decode_fn *kernel(const ks_reader *reader) {
    (void)reader;
    return ks_kernels_get()->decode_s15;
}

const ks_decoder ks_decoder_s15 = {.record = 8,
                                   .what = "64-bit S-Fifteen word with a detector or dummy bit",
                                   .begin = begin,
                                   .one = one_binary,
                                   .masks = masks,
                                   .kernel = kernel};
const ks_decoder ks_decoder_s15_words = {
    .what = "word of 16 hexadecimal digits with a detector or dummy bit", .begin = begin, .one = one_word};
const ks_decoder ks_decoder_s15_pairs = {
    .what = "pair of words of 8 hexadecimal digits with a detector or dummy bit",
    .begin = begin,
    .one = one_pair};
