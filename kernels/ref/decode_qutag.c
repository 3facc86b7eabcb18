/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static ks_ref_record decode(const uint8_t *record, int64_t base, const ks_tag_rules *rules) {
    uint64_t channel = ks_ref_word(record + 8, 2);
    ks_ref_record out = {.time = (int64_t)ks_ref_word(record, 8)};
    (void)base;
    out.lanes = channel < 128 ? rules->mask[channel] : 0;
    out.regular = out.lanes != 0;
    return out;
}

size_t ks_decode_qutag_ref(ks_event *events, ks_tag_state *state, ks_tag_counts *counts,
                           const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    return ks_ref_decode_blocks(decode, 10, 0, events, state, counts, records, n, rules);
}
