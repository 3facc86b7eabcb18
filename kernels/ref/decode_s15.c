/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static ks_ref_record decode(const uint8_t *record, int64_t base, const ks_tag_rules *rules) {
    uint64_t first = ks_ref_word(record, 4), second = ks_ref_word(record + 4, 4);
    uint64_t word = rules->swap ? first << 32 | second : second << 32 | first;
    ks_ref_record out = {.time = base + (int64_t)(word >> 10), .lanes = rules->mask[word & 15]};
    out.regular = out.lanes != 0 && (word >> 4 & 1) == 0;
    return out;
}

size_t ks_decode_s15_ref(ks_event *events, ks_tag_state *state, ks_tag_counts *counts, const uint8_t *records,
                         size_t n, const ks_tag_rules *rules) {
    return ks_ref_decode_blocks(decode, 8, 0, events, state, counts, records, n, rules);
}
