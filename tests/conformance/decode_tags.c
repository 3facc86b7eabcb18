/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/decode_tags.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RECORDS = 700, MAX_RECORD_BYTES = 16, SENTINELS = 4, SENTINEL = 0xa5 };

typedef struct result {
    ks_event events[MAX_RECORDS + SENTINELS];
    ks_tag_state state;
    ks_tag_counts counts;
    size_t taken;
} result;

static void run(result *out, ks_tag_decode_fn *decode, const uint8_t *records, size_t n,
                const ks_tag_rules *rules, ks_tag_state start) {
    memset(out, SENTINEL, sizeof *out);
    out->state = start;
    out->counts = (ks_tag_counts){3, 5, 7, 11};
    out->taken = decode(out->events, &out->state, &out->counts, records, n, rules);
}

static int differ(const char *name, const result *a, const result *b, size_t n) {
    const uint8_t *behind = (const uint8_t *)(a->events + n);
    for (size_t i = 0; i < SENTINELS * sizeof(ks_event); i++)
        if (behind[i] != SENTINEL)
            return fprintf(stderr, "decode_%s: wrote behind the events of %zu records\n", name, n);
    if (a->taken != b->taken || memcmp(&a->counts, &b->counts, sizeof a->counts) != 0 ||
        memcmp(&a->state, &b->state, sizeof a->state) != 0)
        return fprintf(stderr, "decode_%s: of %zu records took %zu (%llu events), oracle %zu (%llu)\n", name,
                       n, a->taken, (unsigned long long)a->counts.events, b->taken,
                       (unsigned long long)b->counts.events);
    for (size_t i = 0; i < a->counts.events - 5; i++)
        if (memcmp(&a->events[i], &b->events[i], sizeof(ks_event)) != 0)
            return fprintf(stderr, "decode_%s: event %zu of %zu records differs\n", name, i, n);
    return 0;
}

int ks_conformance_decode(const char *name, ks_tag_decode_fn *variant, ks_tag_decode_fn *oracle,
                          ks_record_maker *make, size_t record_bytes, const ks_tag_rules *rules,
                          ks_tag_state start, uint64_t seed) {
    static uint8_t records[MAX_RECORDS * MAX_RECORD_BYTES];
    static result got, want;
    uint64_t random = seed * 977;
    for (int round = 0; round < 60; round++) {
        size_t n = round < 40 ? (size_t)round : ks_test_random(&random) % (MAX_RECORDS + 1);
        uint64_t odd_one_in = round % 3 == 0 ? 0 : round % 3 == 1 ? 400 : 40;
        int64_t last = start.last == INT64_MIN ? start.base : start.last;
        for (size_t i = 0; i < n; i++) {
            int odd = odd_one_in && ks_test_random(&random) % odd_one_in == 0;
            make(records + i * record_bytes, &last, rules, odd, &random);
        }
        run(&got, variant, records, n, rules, start);
        run(&want, oracle, records, n, rules, start);
        if (differ(name, &got, &want, n))
            return 1;
    }
    return 0;
}
