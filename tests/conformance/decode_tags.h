/* SPDX-License-Identifier: Apache-2.0 */
/* The case of all decode rows: random records, mostly regular, with irregular ones strewn in. */
#ifndef KS_TESTS_CONFORMANCE_DECODE_TAGS_H
#define KS_TESTS_CONFORMANCE_DECODE_TAGS_H

#include <stdint.h>

#include "tests/conformance/conformance.h"

/* Writes one record that is regular after time *last (which it moves on), or with `odd` one that may be
 * anything. */
typedef void ks_record_maker(uint8_t *record, int64_t *last, const ks_tag_rules *rules, int odd,
                             uint64_t *random);

int ks_conformance_decode(const char *name, ks_tag_decode_fn *variant, ks_tag_decode_fn *oracle,
                          ks_record_maker *make, size_t record_bytes, const ks_tag_rules *rules,
                          ks_tag_state start, uint64_t seed);

static inline void ks_store(uint8_t *p, uint64_t word, int bytes) {
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(word >> 8 * i);
}

#endif
