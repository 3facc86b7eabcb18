/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static ks_ref_record decode(const uint8_t *record, int64_t base, const ks_tag_rules *rules) {
    uint32_t word = (uint32_t)ks_ref_word(record, 4), channel = word >> 28;
    uint32_t fine = word >> rules->fine_shift & rules->fine_mask, bits = word >> rules->marker_shift & 15;
    ks_ref_record out = {.regular = 1, .time = base + (word & rules->time_mask), .fine = (uint16_t)fine};
    if (channel == 15 && bits == 0) {
        out.regular = fine == 0;
        out.overflow = 1;
        out.time = base + (int64_t)rules->period;
        return out;
    }
    out.marker = channel == 15;
    out.lanes = rules->mask[channel == 15 ? 16 + bits : channel];
    out.regular = out.lanes != 0;
    return out;
}

size_t ks_decode_picoharp_ref(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                              const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    return ks_ref_decode_blocks(decode, 4, 0, events, state, counts, records, n, rules);
}
