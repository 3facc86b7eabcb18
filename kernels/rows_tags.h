/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of raw tagger records to events. The kernels do what is regular at full speed and stop at what is
 * not, so that one careful scalar reader (host/formats) can deal with it and restart them. */
#ifndef KS_KERNELS_ROWS_TAGS_H
#define KS_KERNELS_ROWS_TAGS_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>

/* Records are taken in blocks; a block is taken whole or not at all. */
enum { KS_TAG_BLOCK = 16 };

/* A device clock may run to here; beyond it a block is irregular, so that no sum of one block overflows. */
#define KS_TAG_TIME_LIMIT (INT64_C(1) << 62)

typedef struct ks_tag_state {
    int64_t base; /* ticks that clock overflows added so far */
    int64_t last; /* time of the last record, INT64_MIN before the first */
} ks_tag_state;

/* Added to by the kernels. A record of a regular block is an event or an overflow. */
typedef struct ks_tag_counts {
    uint64_t records, events, markers, coincidences;
} ks_tag_counts;

/* What the records mean. `mask[code]` are the lanes of a channel code, 0 where the code is irregular; more
 * than one lane in decode_s15 only. Codes: decode_hydraharp the top 7 bits (64 is sync, 65..79 markers, 127
 * overflow); decode_picoharp channel 0..14, 16 + marker bits (16 is overflow); decode_s15 the pattern 0..15;
 * decode_qutag the channel; decode_swabian channel + 64. */
typedef struct ks_tag_rules {
    uint32_t mask[128];
    uint32_t time_mask;  /* PicoQuant: time bits of a record */
    uint32_t count_mask; /* decode_hydraharp: bits of an overflow record that count periods (0 counts as 1) */
    uint32_t fine_shift; /* PicoQuant: where the fine time stands */
    uint32_t fine_mask;  /* after the shift; 0 in T2 */
    uint32_t marker_shift; /* decode_picoharp: where the four marker bits stand */
    uint32_t swap;         /* decode_s15: 32 when the high word comes first, else 0 */
    uint64_t period;       /* PicoQuant: ticks of a clock overflow */
} ks_tag_rules;

/* All rows: decode blocks of KS_TAG_BLOCK records, from the first, as long as they are regular: every record
 * is a clock overflow or an event of a code with a mask, no time is below that of the record before it
 * (overflow and reserved bits apart), every time is in [0, KS_TAG_TIME_LIMIT) (decode_swabian: any). Return
 * the number of records taken, a multiple of the block. *state and *counts account for exactly these; their
 * events stand in `events`, which has room for n (what lies behind them there is unspecified). */
typedef size_t ks_tag_decode_fn(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                                const uint8_t *records, size_t n, const ks_tag_rules *rules);

/* 4-byte HydraHarp-style records, T2 and T3. */
typedef ks_tag_decode_fn ks_k_decode_hydraharp_fn;
/* 4-byte PicoHarp records, T2 and T3. */
typedef ks_tag_decode_fn ks_k_decode_picoharp_fn;
/* 8-byte S-Fifteen words; dummy words and an empty pattern are irregular, and so is the roll-over of the
 * 54-bit time. */
typedef ks_tag_decode_fn ks_k_decode_s15_fn;
/* 10-byte quTAG records. */
typedef ks_tag_decode_fn ks_k_decode_qutag_fn;
/* 16-byte Swabian tags; types other than 0 are irregular. */
typedef ks_tag_decode_fn ks_k_decode_swabian_fn;

#endif
