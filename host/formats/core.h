/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of all format families share. A family is a ks_decoder: how its header is read and what
 * one record means; the core cuts the stream into records, keeps order and counts. */
#ifndef KS_HOST_FORMATS_CORE_H
#define KS_HOST_FORMATS_CORE_H

#include <keystill/reader.h>

#include "host/formats/order.h"
#include "kernels/rows_tags.h"

/* Longest header chunk, record or text line. */
enum { KS_PARTIAL_BYTES = 256 };

typedef struct ks_decoder ks_decoder;

/* What a decoder of one record made of it. */
typedef enum ks_record_class {
    KS_RECORD_EVENT,  /* time, fine and lanes are set; lanes 0: no lane for its channel */
    KS_RECORD_CLOCK,  /* carries time only */
    KS_RECORD_GAP,    /* the device lost `missed` events here */
    KS_RECORD_BAD,    /* impossible: skipped and counted */
    KS_RECORD_IGNORE, /* comment, half of a pair: not a record */
    KS_RECORD_END     /* the stream cannot go on: the decoder called ks_fail */
} ks_record_class;

typedef struct ks_record {
    int64_t time;
    uint32_t lanes;
    uint16_t fine;
    uint16_t missed;
    uint8_t marker;
    uint8_t unknown; /* channels in it that the map does not hold */
} ks_record;

struct ks_reader {
    ks_reader_options options;
    ks_reader_info info;
    const ks_decoder *decoder;
    ks_tag_state clock;
    ks_tag_rules rules;
    uint64_t offset;    /* of the record under the decoder, for messages */
    uint64_t first_bad; /* offset of the first bad record */
    uint64_t skip;      /* header bytes to ignore before the next chunk */
    size_t need;        /* size of the header chunk awaited; 0: records */
    size_t held;        /* bytes in `partial` */
    uint64_t limit;     /* records that the header promises; 0: to the end of the input */
    uint8_t partial[KS_PARTIAL_BYTES];
    int line_too_long; /* the text line in `partial` was cut */
    int finished;
    uint16_t pending; /* flags of the next event */
    ks_status failed;
    ks_order order;
    struct {
        int step;
        int64_t record_type; /* -1: not seen */
        int64_t records;
        uint64_t behind_device; /* payload bytes behind the part of the device's name that is kept */
        double global_resolution, resolution;
        const struct ks_picoquant_type *type;
    } ptu;
    struct {
        uint32_t low;
        int have_low, low_bad;
    } hex;
    struct {
        int begun; /* a line that is no comment was seen: names of columns may stand in the first only */
        int tick_fixed;
        int digits; /* decimal digits of a tick below the unit; -1: times are integers */
    } csv;
};

struct ks_decoder {
    size_t header;    /* size of the first header chunk, 0 without a header */
    size_t record;    /* bytes a record; 0: text */
    int lines;        /* text: 1: records are lines, 0: words */
    const char *what; /* "16-byte tag", for messages */
    /* Sets unit, kind and rules once the format is known. */
    ks_status (*begin)(ks_reader *reader);
    /* Takes one header chunk of reader->need bytes and sets need (0: done) and skip for the next. */
    ks_status (*chunk)(ks_reader *reader, const uint8_t *chunk);
    ks_record_class (*one)(ks_reader *reader, ks_record *out, const uint8_t *record, size_t bytes);
    /* Fills reader->rules.mask from the lane map; NULL where there is no kernel. */
    void (*masks)(ks_reader *reader);
    /* The kernel for these records; NULL: none. */
    ks_tag_decode_fn *(*kernel)(const ks_reader *reader);
};

extern const ks_decoder ks_decoder_ptu, ks_decoder_hydraharp_raw, ks_decoder_swabian, ks_decoder_s15,
    ks_decoder_s15_words, ks_decoder_s15_pairs, ks_decoder_qutag, ks_decoder_qutag_raw, ks_decoder_qutag_5,
    ks_decoder_csv, ks_decoder_slots;

/* The map that `used` = 0 stands for. */
void ks_lane_map_default(ks_lane_map *map);
/* Sets info.lanes from the options. */
void ks_reader_init_lanes(ks_reader *reader);
/* Lane mask of a raw channel, 0 when the map has none. With KS_LANES_BY_APPEARANCE a new channel takes the
 * next lane. */
uint32_t ks_reader_lane(ks_reader *reader, int32_t raw);
/* The same without taking a lane: for tables. */
uint32_t ks_reader_lane_find(const ks_reader *reader, int32_t raw);

/* The unit that the options state, or numerator / denominator. */
void ks_reader_set_unit(ks_reader *reader, uint64_t numerator, uint64_t denominator);

/* Simplest fraction that the double stands for: numerator and denominator below 2^53. KS_ERR_FORMAT when it
 * is not positive, or there is none. */
ks_status ks_unit_from_seconds(ks_unit *out, double seconds);

/* "87 b3 91 fa" of up to 16 bytes. */
typedef struct ks_hex_text {
    char text[48];
} ks_hex_text;
ks_hex_text ks_hex_of(const uint8_t *bytes, size_t n);

/* KS_ERR_FORMAT with "byte OFFSET: expected WHAT, found BYTES" about the n bytes at `at` in the chunk or
 * record. */
ks_status ks_reader_refuse(const ks_reader *reader, const char *expected, const uint8_t *record, size_t at,
                           size_t n);

static inline uint16_t ks_load16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t ks_load32(const uint8_t *p) {
    return (uint32_t)ks_load16(p) | (uint32_t)ks_load16(p + 2) << 16;
}
static inline uint64_t ks_load64(const uint8_t *p) {
    return (uint64_t)ks_load32(p) | (uint64_t)ks_load32(p + 4) << 32;
}

#endif
