/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <keystill/event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/slotcode.h"
#include "tests/conformance/conformance.h"

enum { MOST = 5000 };

/* Slots with gaps of a geometric law of the given mean. */
static size_t draw(uint64_t *slots, size_t n, double mean, uint64_t base, uint64_t *seed) {
    uint64_t next = base;
    for (size_t i = 0; i < n; i++) {
        double u = ((double)(ks_test_random(seed) >> 11) + 0.5) / 9007199254740992.0;
        slots[i] = next + (uint64_t)floor(-log(u) * mean);
        next = slots[i] + 1;
    }
    return n;
}

static void round_trip(const uint64_t *slots, size_t n, uint64_t base, size_t *bytes) {
    size_t bound = ks_slotcode_bound(n);
    uint8_t *code = malloc(bound);
    uint64_t *back = malloc((n + 1) * sizeof *back);
    cr_assert_eq(ks_slotcode_encode(code, bound, bytes, slots, n, base), KS_OK);
    cr_assert_leq(*bytes, bound);
    uint8_t *exact = malloc(*bytes + (*bytes == 0));
    memcpy(exact, code, *bytes);
    uint64_t limit = n ? slots[n - 1] + 1 : base;
    cr_assert_eq(ks_slotcode_decode(back, n, exact, *bytes, base, limit), KS_OK, "%s", ks_error_detail());
    cr_assert_eq(memcmp(back, slots, n * sizeof *back), 0);
    if (n)
        cr_assert_eq(ks_slotcode_decode(back, n, exact, *bytes, base, limit - 1), KS_ERR_PROTOCOL);
    free(exact);
    free(back);
    free(code);
}

Test(slotcode, round_trips_and_costs_what_it_promises) {
    static uint64_t slots[MOST];
    uint64_t seed = 1;
    const double means[] = {0, 0.3, 1, 3, 10, 100, 777, 1e4, 1e6, 1e9};
    for (size_t m = 0; m < sizeof means / sizeof *means; m++)
        for (size_t n = 1; n <= MOST; n = n * 3 + 1) {
            size_t bytes;
            draw(slots, n, means[m], 1000 * m, &seed);
            round_trip(slots, n, 1000 * m, &bytes);
            if (n > 1000 && means[m] >= 10)
                cr_assert_lt(8.0 * (double)bytes / (double)n, log2(means[m]) + 1.7, "mean %g", means[m]);
        }
}

Test(slotcode, edges) {
    size_t bytes;
    const uint64_t none[1] = {0};
    round_trip(none, 0, 5, &bytes);
    cr_assert_eq(bytes, 0);
    const uint64_t last[] = {KS_SLOT_MAX};
    round_trip(last, 1, 0, &bytes);
    round_trip(last, 1, KS_SLOT_MAX, &bytes);
    const uint64_t far[] = {0, 1, 2, KS_SLOT_MAX - 1, KS_SLOT_MAX};
    round_trip(far, 5, 0, &bytes);
    uint64_t lopsided[300];
    for (uint64_t i = 0; i < 300; i++)
        lopsided[i] = i < 299 ? i : UINT64_C(1) << 40;
    round_trip(lopsided, 300, 0, &bytes);
}

Test(slotcode, encoder_refuses_lists_out_of_order) {
    uint8_t out[64];
    size_t bytes;
    const uint64_t equal[] = {3, 3}, falling[] = {4, 3}, high[] = {KS_SLOT_MAX + 1}, fine[] = {4, 5};
    cr_assert_eq(ks_slotcode_encode(out, 64, &bytes, equal, 2, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_slotcode_encode(out, 64, &bytes, falling, 2, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_slotcode_encode(out, 64, &bytes, high, 1, 0), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_slotcode_encode(out, 64, &bytes, fine, 2, 5), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_slotcode_encode(out, 1, &bytes, fine, 2, 0), KS_ERR_ARGUMENT);
}

Test(slotcode, every_truncation_and_extension_is_refused) {
    uint64_t slots[100], back[101], seed = 2;
    uint8_t code[1000] = {0};
    size_t bytes;
    draw(slots, 100, 50, 0, &seed);
    cr_assert_eq(ks_slotcode_encode(code, 900, &bytes, slots, 100, 0), KS_OK);
    for (size_t cut = 0; cut < bytes; cut++)
        cr_assert_eq(ks_slotcode_decode(back, 100, code, cut, 0, 1 << 20), KS_ERR_PROTOCOL);
    cr_assert_eq(ks_slotcode_decode(back, 100, code, bytes + 1, 0, 1 << 20), KS_ERR_PROTOCOL);
    cr_assert_eq(ks_slotcode_decode(back, 99, code, bytes, 0, 1 << 20), KS_ERR_PROTOCOL);
    cr_assert_eq(ks_slotcode_decode(back, 101, code, bytes, 0, 1 << 20), KS_ERR_PROTOCOL);
    cr_assert_eq(ks_slotcode_decode(back, 0, code, bytes, 0, 1 << 20), KS_ERR_PROTOCOL);
    code[0] = 57;
    cr_assert_eq(ks_slotcode_decode(back, 100, code, bytes, 0, 1 << 20), KS_ERR_PROTOCOL);
}

/* Whatever one flipped bit makes of a chunk: it is refused, or strictly increasing within the limit. */
Test(slotcode, flipped_bits_never_break_the_promise) {
    uint64_t slots[64], back[64], seed = 3;
    uint8_t code[1000];
    size_t bytes;
    draw(slots, 64, 20, 100, &seed);
    cr_assert_eq(ks_slotcode_encode(code, sizeof code, &bytes, slots, 64, 100), KS_OK);
    uint64_t limit = slots[63] + 1;
    for (size_t flip = 0; flip < 8 * bytes; flip++) {
        code[flip / 8] ^= (uint8_t)(1 << flip % 8);
        if (ks_slotcode_decode(back, 64, code, bytes, 100, limit) == KS_OK) {
            cr_assert_geq(back[0], 100);
            cr_assert_lt(back[63], limit);
            for (int i = 1; i < 64; i++)
                cr_assert_gt(back[i], back[i - 1]);
        }
        code[flip / 8] ^= (uint8_t)(1 << flip % 8);
    }
}
