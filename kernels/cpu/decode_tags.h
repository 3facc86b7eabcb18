/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies of the decode rows share. Each body supplies decode_block: it writes the events of one
 * block and says whether the block is regular; the loop commits or stops. */
#ifndef KS_KERNELS_CPU_DECODE_TAGS_H
#define KS_KERNELS_CPU_DECODE_TAGS_H

#include <string.h>

#include "kernels/rows_tags.h"

/* What one block adds. */
typedef struct ks_tag_block {
    int64_t base, last;
    size_t events;
    uint32_t markers, coincidences;
} ks_tag_block;

static inline void ks_tag_put(ks_event *event, int64_t time, uint32_t lanes, uint32_t fine) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t words[2] = {(uint64_t)time, lanes | (uint64_t)fine << 48};
    memcpy(event, words, sizeof words);
#else
    *event = (ks_event){time, lanes, 0, (uint16_t)fine};
#endif
}

static inline uint64_t ks_tag_load(const uint8_t *p, int bytes) {
    uint64_t word = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&word, p, (size_t)bytes);
#else
    for (int i = 0; i < bytes; i++)
        word |= (uint64_t)p[i] << 8 * i;
#endif
    return word;
}

typedef int ks_tag_block_fn(ks_event *events, ks_tag_block *block, const uint8_t *records,
                            const ks_tag_rules *rules);

static inline __attribute__((always_inline)) size_t
ks_tag_blocks(ks_tag_block_fn *decode_block, size_t record_bytes, ks_event *events, ks_tag_state *state,
              ks_tag_counts *counts, const uint8_t *records, size_t n, const ks_tag_rules *rules) {
    size_t taken = 0, made = 0;
    uint64_t markers = 0, coincidences = 0;
    ks_tag_block now = {.base = state->base, .last = state->last};
    for (; n - taken >= KS_TAG_BLOCK; taken += KS_TAG_BLOCK) {
        ks_tag_block block = {.base = now.base, .last = now.last};
        if (!decode_block(events + made, &block, records + taken * record_bytes, rules))
            break;
        made += block.events;
        markers += block.markers;
        coincidences += block.coincidences;
        now = block;
    }
    *state = (ks_tag_state){now.base, now.last};
    counts->records += taken;
    counts->events += made;
    counts->markers += markers;
    counts->coincidences += coincidences;
    return taken;
}

#endif
