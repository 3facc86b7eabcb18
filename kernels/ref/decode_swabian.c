/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static ks_ref_record decode(const uint8_t *record, int64_t base, const ks_tag_rules *rules) {
    int64_t channel = (int32_t)ks_ref_word(record + 4, 4);
    ks_ref_record out = {.time = (int64_t)ks_ref_word(record + 8, 8)};
    (void)base;
    out.lanes = channel >= -64 && channel < 64 ? rules->mask[channel + 64] : 0;
    out.regular = out.lanes != 0 && record[0] == 0;
    return out;
}

size_t ks_decode_swabian_ref(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                             const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    return ks_ref_decode_blocks(decode, 16, 1, events, state, counts, records, n, rules);
}
