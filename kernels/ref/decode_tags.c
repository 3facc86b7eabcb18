/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/decode_tags.h"

static int take_record(const ks_ref_record *record, int any_time, ks_event *events, ks_tag_state *state,
                       ks_tag_counts *counts) {
    if (!record->regular || record->time < state->last)
        return 0;
    if (!any_time && (record->time < 0 || record->time >= KS_TAG_TIME_LIMIT))
        return 0;
    state->last = record->time;
    counts->records++;
    if (record->overflow) {
        state->base = record->time;
        return 1;
    }
    counts->markers += (uint64_t)record->marker;
    counts->coincidences += __builtin_popcount(record->lanes) > 1;
    events[counts->events++] = (ks_event){record->time, record->lanes, 0, record->fine};
    return 1;
}

size_t ks_ref_decode_blocks(ks_ref_decode_fn *decode, size_t record_bytes, int any_time, ks_event *events,
                            ks_tag_state *state, ks_tag_counts *counts, const uint8_t *records, size_t n,
                            const ks_tag_rules *rules) {
    size_t taken = 0;
    ks_tag_counts now = {0};
    while (n - taken >= KS_TAG_BLOCK) {
        ks_tag_state block_state = *state;
        ks_tag_counts block_counts = now;
        for (size_t i = 0; i < KS_TAG_BLOCK; i++) {
            ks_ref_record record = decode(records + (taken + i) * record_bytes, block_state.base, rules);
            if (!take_record(&record, any_time, events, &block_state, &block_counts))
                goto done;
        }
        *state = block_state;
        now = block_counts;
        taken += KS_TAG_BLOCK;
    }
done:
    counts->records += now.records;
    counts->events += now.events;
    counts->markers += now.markers;
    counts->coincidences += now.coincidences;
    return taken;
}
