/* SPDX-License-Identifier: Apache-2.0 */
/* Real detector files, where the folder KS_DATA has them; the facts were found by independent decoders. */
#include "tests/unit/formats_helpers.h"

static size_t count_lanes(const reading *r, uint32_t lanes) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->events[i].lanes == lanes;
    return n;
}

Test(reader_real, hydraharp_t2) {
    bytes file = load_real("hydraharp_t2.ptu");
    if (!file.data)
        cr_skip_test("no hydraharp_t2.ptu in KS_DATA");
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_AUTO}, &file);
    cr_assert_eq(r.status, KS_OK, "%s", r.detail);
    cr_assert_eq(r.info.format, KS_FORMAT_PTU);
    cr_assert_eq(r.info.data_offset, 4392);
    cr_assert_eq(r.info.records, 435319);
    cr_assert_eq(r.info.expected_records, 435319);
    cr_assert_eq(r.info.events, 305565);
    cr_assert_eq(count_lanes(&r, 1u << 1), 305565);
    cr_assert_eq(r.info.overflows, 129754);
    cr_assert_eq(r.info.unit.numerator, 1);
    cr_assert_eq(r.info.unit.denominator, UINT64_C(1000000000000));
    cr_assert_eq(r.info.backsteps, 0);
    /* Times by the V2 overflow period; the measurement ran for 5000 ms. */
    cr_assert_eq(r.events[0].time, 24433765);
    cr_assert_eq(r.events[1].time, 42010976);
    cr_assert_eq(r.events[2].time, 42303858);
    cr_assert_eq(r.events[r.n - 1].time - r.events[0].time, INT64_C(4999940497998));
}

static void check_qutag(const reading *r) {
    cr_assert_eq(r->status, KS_OK, "%s", r->detail);
    cr_assert_eq(r->info.records, 267801);
    cr_assert_eq(r->info.backsteps, 173);
    cr_assert_eq(count_lanes(r, 1u << 5), 94200);
    cr_assert_eq(count_lanes(r, 1u << 2), 94287);
    cr_assert_eq(count_lanes(r, 1u << 1), 79314);
}

Test(reader_real, qutag_80mhz) {
    bytes file = load_real("qutag_80mhz.qutag");
    if (!file.data)
        cr_skip_test("no qutag_80mhz.qutag in KS_DATA");
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_AUTO}, &file);
    check_qutag(&r);
    cr_assert_eq(r.info.format, KS_FORMAT_QUTAG);
    cr_assert_eq(r.info.expected_records, 267801);
    size_t flagged = 0;
    for (size_t i = 0; i < r.n; i++)
        flagged += (r.events[i].flags & KS_EVENT_BACKSTEP) != 0;
    cr_assert_eq(flagged, 173);

    reading ordered = read_all(&(ks_reader_options){.format = KS_FORMAT_AUTO, .reorder = 1000000}, &file);
    check_qutag(&ordered);
    cr_assert_eq(ordered.info.late, 0);
    for (size_t i = 1; i < ordered.n; i++)
        cr_assert_leq(ordered.events[i - 1].time, ordered.events[i].time, "event %zu", i);
}

Test(reader_real, s15_a1) {
    bytes file = load_real("s15_a1.ts");
    if (!file.data)
        cr_skip_test("no s15_a1.ts in KS_DATA");
    static const struct {
        uint32_t pattern;
        size_t count;
    } facts[] = {{8, 417}, {4, 476}, {2, 481}, {1, 614}, {9, 3}, {10, 2}, {3, 2}, {6, 3}, {5, 2}};
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_S15_A1}, &file);
    cr_assert_eq(r.status, KS_OK, "%s", r.detail);
    cr_assert_eq(r.info.records, 2000);
    cr_assert_eq(r.info.events, 2000);
    cr_assert_eq(r.info.coincidences, 12);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        cr_assert_eq(count_lanes(&r, facts[i].pattern << 1), facts[i].count, "pattern %u", facts[i].pattern);
    double span = (double)(r.events[r.n - 1].time - r.events[0].time) / 256e9;
    cr_assert_float_eq(span, 935.01e-6, 0.005e-6);
}
