/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static ks_ref_record decode(const uint8_t *record, int64_t base, const ks_tag_rules *rules) {
    uint32_t word = (uint32_t)ks_ref_word(record, 4), special = word >> 31, channel = word >> 25 & 63;
    ks_ref_record out = {.regular = 1, .time = base + (word & rules->time_mask)};
    if (special && channel == 63) {
        uint64_t periods = word & rules->count_mask;
        out.overflow = 1;
        out.time = base + (int64_t)((periods > 0 ? periods : 1) * rules->period);
        return out;
    }
    out.fine = (uint16_t)(word >> rules->fine_shift & rules->fine_mask);
    out.marker = special && channel > 0;
    out.lanes = rules->mask[special * 64 + channel];
    out.regular = out.lanes != 0;
    return out;
}

size_t ks_decode_hydraharp_ref(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                               const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    return ks_ref_decode_blocks(decode, 4, 0, events, state, counts, records, n, rules);
}
