/* SPDX-License-Identifier: Apache-2.0 */
/* What the oracles of the decode rows share: blocks are decoded record by record and taken when all records
 * are regular. */
#ifndef KS_KERNELS_REF_DECODE_TAGS_H
#define KS_KERNELS_REF_DECODE_TAGS_H

#include "kernels/rows_tags.h"

typedef struct ks_ref_record {
    int regular, overflow, marker;
    int64_t time;
    uint32_t lanes;
    uint16_t fine;
} ks_ref_record;

/* Meaning of one record while overflows so far add up to `base`; for an overflow, time is the new base. */
typedef ks_ref_record ks_ref_decode_fn(const uint8_t *record, int64_t base, const ks_tag_rules *rules);

size_t ks_ref_decode_blocks(ks_ref_decode_fn *decode, size_t record_bytes, int any_time, ks_event *events,
                            ks_tag_state *state, ks_tag_counts *counts, const uint8_t *records, size_t n,
                            const ks_tag_rules *rules);

static inline uint64_t ks_ref_word(const uint8_t *p, int bytes) {
    uint64_t word = 0;
    for (int i = 0; i < bytes; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
}

#endif
