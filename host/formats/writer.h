/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of detector data: events in, bytes out, no I/O. The inverse of keystill/reader.h, for the simulator
 * and tests.
 *
 *   ks_writer_create -> ks_writer_put ... -> ks_writer_finish until *count is 0 -> [ks_writer_patch] ->
 * ks_writer_destroy
 *
 * Written: KS_FORMAT_PTU (T2), PQ_T2_RAW, SWABIAN, S15_A0, S15_A1, S15_A1X, S15_A2, QUTAG, QUTAG_RAW, CSV,
 * SLOTS. Clock overflow records, headers and markers are the writer's business. */
#ifndef KS_HOST_FORMATS_WRITER_H
#define KS_HOST_FORMATS_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/reader.h>
#include <keystill/status.h>

typedef enum ks_ptu_device {
    KS_PTU_HYDRAHARP2 = 0, /* HydraHarp 400 V2, record type 0x01010204 */
    KS_PTU_GENERIC         /* MultiHarp and newer, record type 0x00010207 */
} ks_ptu_device;

typedef struct ks_writer_options {
    ks_format format;
    ks_ptu_device device; /* KS_FORMAT_PTU */
    ks_unit unit;         /* of the events; KS_FORMAT_SLOTS: the slot period, {0, 0} when not known */
    ks_unit file_unit; /* of the file; {0, 0}: the format's default (1 ps; S-Fifteen always 1/256 ns). Ignored
                          for SLOTS */
    ks_lane_map lanes; /* as for the reader: raw channel of every lane; used = 0: the reader's default */
    int exact; /* 1: refuse a time that is no whole number of ticks of the file; 0: the nearest tick (halves
                  up) */
} ks_writer_options;

typedef struct ks_writer ks_writer;

/* Least capacity of every `bytes` below: room for any header and any single event. */
enum { KS_WRITER_ROOM = 4096 };

/* KS_ERR_UNSUPPORTED for a format that is only read. */
KS_MUST_CHECK ks_status ks_writer_create(ks_writer **out, const ks_writer_options *options);
void ks_writer_destroy(ks_writer *writer);

/* Takes events in ascending time. An event with several lanes is one record where the format holds patterns
 * (S-Fifteen, markers), else one record a lane, lowest first. KS_FORMAT_SLOTS takes what
 * ks_event_from_detection makes, strictly ascending. KS_EVENT_GAP is written by SWABIAN (an Error record) and
 * refused elsewhere; KS_EVENT_BACKSTEP is ignored. *taken events were written whole, *count bytes produced;
 * KS_OK with *taken < n only when `bytes` is full. Failures: KS_ERR_LIMIT for a time or lane that the format
 * cannot hold, KS_ERR_ARGUMENT for descending times or too little capacity; the detail names the event. */
KS_MUST_CHECK ks_status ks_writer_put(ks_writer *writer, const ks_event *events, size_t n, size_t *taken,
                                      uint8_t *bytes, size_t capacity, size_t *count);

/* Ends the file: call until *count is 0. A file of no events is a header. */
KS_MUST_CHECK ks_status ks_writer_finish(ks_writer *writer, uint8_t *bytes, size_t capacity, size_t *count);

/* After finish, for outputs that can seek: `*count` bytes (0..8; 0: nothing to do) belong at `*offset` from
 * the start of the file. They hold the number of records (PTU) or the file size (quTAG); unpatched, readers
 * must go to the end of the file, as ours do. */
void ks_writer_patch(const ks_writer *writer, uint64_t *offset, uint8_t bytes[8], size_t *count);

#endif
