/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers of all format families share: a ks_encoder turns one event into bytes. */
#ifndef KS_HOST_FORMATS_ENCODER_H
#define KS_HOST_FORMATS_ENCODER_H

#include <string.h>

#include "host/formats/writer.h"

/* No event needs more bytes than this, filling records before it apart; headers fit in KS_WRITER_ROOM. */
enum { KS_ENCODER_EVENT_BYTES = 2048 };

typedef struct ks_encoder ks_encoder;

struct ks_writer {
    ks_writer_options options;
    const ks_encoder *encoder;
    uint64_t multiplier, divisor; /* ticks of the file = time * multiplier / divisor */
    int64_t last_time;            /* of the events, INT64_MIN before the first */
    int64_t clock; /* PicoQuant: base of the overflow records; S-Fifteen: time of the last word */
    uint64_t records, bytes;
    uint64_t patch_offset; /* where the number of records stands; 0: nowhere */
    int header_written;
    uint8_t *out; /* of the call in progress */
    size_t room;
};

/* KS_ERR_FULL from `event`: filling records took the room; call again with more. */
struct ks_encoder {
    ks_unit unit; /* default of the file */
    int fixed_unit;
    void (*header)(ks_writer *writer);
    ks_status (*event)(ks_writer *writer, int64_t tick, const ks_event *event);
};

extern const ks_encoder ks_encoder_ptu, ks_encoder_hydraharp_raw, ks_encoder_swabian, ks_encoder_s15,
    ks_encoder_qutag, ks_encoder_qutag_raw, ks_encoder_csv, ks_encoder_slots;

/* Append; the caller knows that there is room. */
static inline void ks_encoder_bytes(ks_writer *writer, const void *data, size_t n) {
    memcpy(writer->out, data, n);
    writer->out += n;
    writer->room -= n;
    writer->bytes += n;
}
static inline void ks_encoder_word(ks_writer *writer, uint64_t word, int bytes) {
    uint8_t out[8];
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(word >> 8 * i);
    ks_encoder_bytes(writer, out, (size_t)bytes);
}

/* Every lane of an event, most of which have one: for (uint32_t rest = lanes; rest; rest &= rest - 1). */
static inline uint32_t ks_lowest_lane(uint32_t rest) {
    return (uint32_t)__builtin_ctz(rest);
}
/* KS_ERR_LIMIT: "time T ticks: EXPECTED". */
ks_status ks_encoder_refuse(int64_t tick, const char *expected, int64_t found);

#endif
