/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of detector data: bytes in, events out, no I/O. Part of libkeystill-host. */
#ifndef KEYSTILL_READER_H
#define KEYSTILL_READER_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ks_format {
    KS_FORMAT_AUTO = 0,  /* by magic: PTU, quTAG, Keystill slots */
    KS_FORMAT_PTU,       /* PicoQuant unified file, T2 and T3 of all devices */
    KS_FORMAT_PQ_T2_RAW, /* HydraHarp-style T2 records without a header, as ReadFiFo returns them */
    KS_FORMAT_PQ_T3_RAW,
    KS_FORMAT_SWABIAN,   /* 16-byte tags */
    KS_FORMAT_S15_A0,    /* S-Fifteen readevents: hex, two words */
    KS_FORMAT_S15_A1,    /* binary 64 bit, low word first */
    KS_FORMAT_S15_A1X,   /* binary 64 bit, high word first (-X) */
    KS_FORMAT_S15_A2,    /* hex, 16 digits */
    KS_FORMAT_QUTAG,     /* 40-byte header, 10-byte records */
    KS_FORMAT_QUTAG_RAW, /* 10-byte records */
    KS_FORMAT_QUTAG_5,   /* 40-byte header, 5-byte records */
    KS_FORMAT_CSV,       /* time<sep>channel */
    KS_FORMAT_SLOTS,     /* Keystill slot events: time counts slots */
    KS_FORMAT_COUNT
} ks_format;

/* Name as on the command line, e.g. "swabian"; NULL for an unknown value. And back: KS_ERR_ARGUMENT. */
KS_API const char *ks_format_name(ks_format format);
KS_API KS_MUST_CHECK ks_status ks_format_parse(ks_format *out, const char *name);

/* A unit as people write it: "1ps", "80.955ps", "1/256ns"; suffixes s ms us ns ps fs. KS_ERR_ARGUMENT for
 * anything else. */
KS_API KS_MUST_CHECK ks_status ks_unit_parse(ks_unit *out, const char *text);

typedef enum ks_time_kind {
    KS_TIME_TAGS, /* ks_event.time is a time in `unit` */
    KS_TIME_SYNC, /* T3: time counts sync periods of `unit`, fine is in `fine_unit` */
    KS_TIME_SLOTS /* time counts slots; no clock alignment is needed */
} ks_time_kind;

/* A slot event: `time` is the slot, `fine` the low 8 bits of the detection (so that time << 8 | fine is the
 * detection), and the lane is basis << 1 | bit by the default map. */
static inline ks_event ks_event_from_detection(ks_detection detection) {
    ks_event event;
    event.time = (int64_t)ks_detection_slot(detection);
    event.lanes = UINT32_C(1) << (detection & 3);
    event.flags = 0;
    event.fine = (uint16_t)(detection & 0xff);
    return event;
}
static inline ks_detection ks_event_to_detection(const ks_event *event) {
    return (uint64_t)event->time << KS_DETECTION_SLOT_SHIFT | (event->fine & 0xff);
}

/* Maps a raw channel number of the device to lanes. Raw numbers: PTU inputs 1.. as printed on the device,
 * sync 0, markers 1001..1004; Swabian +n rising, -n falling; quTAG as recorded; S-Fifteen detector bit 1..4;
 * CSV as written; slots basis << 1 | bit. */
typedef struct ks_lane_map {
    uint32_t
        used; /* entries; 0 selects the format's default: raw 0..27 to the same lane, markers to 28..31 */
    int32_t raw[KS_LANES]; /* raw channel of lane i; INT32_MIN: none */
} ks_lane_map;

/* ks_lane_map.used: every new raw channel takes the lowest free lane; the map in force stands in
 * ks_reader_info. */
#define KS_LANES_BY_APPEARANCE UINT32_MAX

typedef struct ks_reader_options {
    ks_format format;
    ks_unit unit;      /* of formats that do not state one (raw, CSV, quTAG); {0,0}: the format's default */
    ks_unit fine_unit; /* KS_FORMAT_PQ_T3_RAW */
    ks_lane_map lanes;
    uint64_t
        reorder; /* reorder window in ticks: records late by at most this are put back in order; 0: none */
} ks_reader_options;

/* What was seen so far. Counts only grow. */
typedef struct ks_reader_info {
    ks_format format;
    ks_time_kind kind;
    ks_unit unit, fine_unit;
    ks_lane_map lanes;    /* in force; used counts entries, all 32 for the default map */
    char device[64];      /* as the file names it, printable characters only */
    uint64_t data_offset; /* where records begin */
    uint64_t bytes;       /* consumed */
    uint64_t records;     /* all records */
    uint64_t events;      /* handed out */
    uint64_t overflows;   /* clock overflow records */
    uint64_t markers;
    uint64_t coincidences; /* records with more than one lane */
    uint64_t backsteps;    /* records earlier than their predecessor, before reordering */
    uint64_t
        late; /* of these, later than the reorder window: handed out unsorted, the order restarts there */
    uint64_t gaps;             /* places where data was lost */
    uint64_t missed;           /* events the device says it lost */
    uint64_t bad_records;      /* skipped as impossible */
    uint64_t unknown_channel;  /* tags of channels that the map does not hold */
    uint64_t expected_records; /* as the header says; 0 when unknown */
} ks_reader_info;

typedef struct ks_reader ks_reader;

KS_API KS_MUST_CHECK ks_status ks_reader_create(ks_reader **out, const ks_reader_options *options);
KS_API void ks_reader_destroy(ks_reader *reader);

/* Consumes bytes, produces events. *consumed bytes were taken (a record split between calls is kept inside),
 * *count events written. Returns KS_OK with *consumed < bytes only when `events` is full. KS_ERR_FORMAT: the
 * stream cannot go on, the detail names offset, what was expected, what stood there; events already written
 * are good. */
KS_API KS_MUST_CHECK ks_status ks_reader_feed(ks_reader *reader, const uint8_t *data, size_t bytes,
                                              size_t *consumed, ks_event *events, size_t capacity,
                                              size_t *count);

/* End of input: hands out what the reorder window holds (call until *count is 0). KS_ERR_FORMAT when the
 * input ended inside a header or a record; what was complete has been handed out. */
KS_API KS_MUST_CHECK ks_status ks_reader_finish(ks_reader *reader, ks_event *events, size_t capacity,
                                                size_t *count);

/* Valid until the reader is destroyed; unit and kind are final once the first event was handed out. */
KS_API const ks_reader_info *ks_reader_get_info(const ks_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
