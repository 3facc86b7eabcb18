/* SPDX-License-Identifier: Apache-2.0 */
/* Readers against writers, and against streams put together by hand for what is only read; every split of a
 * stream gives the same events. */
#include <math.h>

#include "host/formats/core.h"
#include "host/formats/writer.h"
#include "tests/conformance/conformance.h"
#include "tests/unit/formats_helpers.h"

#define PICOSECOND ((ks_unit){1, UINT64_C(1000000000000)})

/* ---- helpers */

static bytes write_all(const ks_writer_options *options, const ks_event *events, size_t n) {
    bytes out = {0};
    uint8_t block[KS_WRITER_ROOM], patch[8];
    uint64_t offset = 0;
    size_t count = 0, taken = 0;
    ks_writer *writer = NULL;
    cr_assert_eq(ks_writer_create(&writer, options), KS_OK, "%s", ks_error_detail());
    for (size_t at = 0; at < n; at += taken) {
        ks_status status = ks_writer_put(writer, events + at, n - at, &taken, block, sizeof block, &count);
        cr_assert_eq(status, KS_OK, "%s", ks_error_detail());
        cr_assert(count > 0);
        bytes_add(&out, block, count);
    }
    do {
        cr_assert_eq(ks_writer_finish(writer, block, sizeof block, &count), KS_OK);
        bytes_add(&out, block, count);
    } while (count > 0);
    ks_writer_patch(writer, &offset, patch, &count);
    cr_assert(offset + count <= out.n);
    memcpy(out.data + offset, patch, count);
    ks_writer_destroy(writer);
    return out;
}

static void same_readings(const reading *a, const reading *b, const char *what) {
    cr_assert_eq(a->status, b->status, "%s: status %d and %d", what, a->status, b->status);
    cr_assert_str_eq(a->detail, b->detail, "%s", what);
    cr_assert_eq(a->n, b->n, "%s: %zu and %zu events", what, a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        cr_assert_eq(memcmp(&a->events[i], &b->events[i], sizeof(ks_event)), 0, "%s: event %zu", what, i);
    cr_assert_eq(memcmp(&a->info, &b->info, sizeof a->info), 0, "%s: counts", what);
}

/* Every split and every room must read as the whole does. */
static reading read_every_way(const ks_reader_options *options, const bytes *b) {
    static const size_t pieces[] = {1, 2, 3, 7, 16, 61, 1000}, rooms[] = {1, 5, 33, 5000};
    reading whole = read_all(options, b);
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
        for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
            char what[64];
            snprintf(what, sizeof what, "%s, pieces of %zu, room %zu", ks_format_name(whole.info.format),
                     pieces[p], rooms[r]);
            reading part = read_pieces(options, b->data, b->n, pieces[p], rooms[r]);
            same_readings(&whole, &part, what);
        }
    return whole;
}

static void expect_events(const reading *r, const ks_event *events, size_t n) {
    cr_assert_eq(r->status, KS_OK, "%s", r->detail);
    cr_assert_eq(r->n, n, "%s: %zu events, wrote %zu", ks_format_name(r->info.format), r->n, n);
    for (size_t i = 0; i < n; i++)
        cr_assert(r->events[i].time == events[i].time && r->events[i].lanes == events[i].lanes &&
                      r->events[i].fine == events[i].fine && r->events[i].flags == events[i].flags,
                  "%s: event %zu: time %lld lanes %x, wrote %lld %x", ks_format_name(r->info.format), i,
                  (long long)r->events[i].time, r->events[i].lanes, (long long)events[i].time,
                  events[i].lanes);
}

/* n events of one lane each, gaps from nothing to a few clock overflows. */
static void make_events(ks_event *events, size_t n, uint32_t lanes, uint64_t seed) {
    int64_t time = 12345;
    for (size_t i = 0; i < n; i++) {
        uint64_t draw = ks_test_random(&seed);
        time += draw % 50 == 0 ? (int64_t)(draw >> 36) : (int64_t)(draw >> 50);
        uint32_t lane = (uint32_t)(draw >> 8) % 32;
        while (!(lanes >> lane & 1))
            lane = (lane + 1) % 32;
        events[i] = (ks_event){time, UINT32_C(1) << lane, 0, 0};
    }
}

/* ---- writers and readers */

enum { EVENTS = 1500 };

static void round_trip(ks_format format, ks_ptu_device device, ks_unit unit, uint32_t lanes) {
    static ks_event events[EVENTS];
    make_events(events, EVENTS, lanes, 7 + (uint64_t)format);
    bytes b =
        write_all(&(ks_writer_options){.format = format, .device = device, .unit = unit}, events, EVENTS);
    ks_reader_options options = {.format = format};
    reading r = read_every_way(&options, &b);
    expect_events(&r, events, EVENTS);
    cr_assert_eq(r.info.unit.numerator, unit.numerator);
    cr_assert_eq(r.info.unit.denominator, unit.denominator);
    cr_assert_eq(r.info.bytes, b.n);
    cr_assert_eq(r.info.backsteps + r.info.bad_records + r.info.unknown_channel + r.info.gaps, 0);
    options.reorder = 1000;
    reading ordered = read_every_way(&options, &b);
    expect_events(&ordered, events, EVENTS);
}

Test(formats, round_trip_ptu_hydraharp) {
    round_trip(KS_FORMAT_PTU, KS_PTU_HYDRAHARP2, PICOSECOND, 0xf00001ff);
}
Test(formats, round_trip_ptu_generic) {
    round_trip(KS_FORMAT_PTU, KS_PTU_GENERIC, PICOSECOND, 0xffffffff);
}
Test(formats, round_trip_raw) {
    round_trip(KS_FORMAT_PQ_T2_RAW, 0, PICOSECOND, 0xffffffff);
}
Test(formats, round_trip_swabian) {
    round_trip(KS_FORMAT_SWABIAN, 0, PICOSECOND, 0xffffffff);
}
Test(formats, round_trip_s15) {
    static const ks_format formats[] = {KS_FORMAT_S15_A0, KS_FORMAT_S15_A1, KS_FORMAT_S15_A1X,
                                        KS_FORMAT_S15_A2};
    for (int i = 0; i < 4; i++)
        round_trip(formats[i], 0, (ks_unit){1, UINT64_C(256000000000)}, 0x1e);
}
Test(formats, round_trip_qutag) {
    round_trip(KS_FORMAT_QUTAG, 0, PICOSECOND, 0xffffffff);
    round_trip(KS_FORMAT_QUTAG_RAW, 0, PICOSECOND, 0xffffffff);
}
Test(formats, round_trip_csv) {
    round_trip(KS_FORMAT_CSV, 0, PICOSECOND, 0xffffffff);
}

Test(formats, slots_carry_detections) {
    enum { N = 500 };
    static ks_event events[N];
    uint64_t seed = 3, slot = 0;
    for (int i = 0; i < N; i++) {
        uint64_t draw = ks_test_random(&seed);
        slot += 1 + draw % 1000;
        ks_detection detection = ks_detection_make(slot, draw >> 20 & 1, draw >> 21 & 1, draw >> 22 & 1);
        events[i] = ks_event_from_detection(detection);
        cr_assert_eq(ks_event_to_detection(&events[i]), detection);
    }
    ks_unit period = {1, 80000000};
    bytes b = write_all(&(ks_writer_options){.format = KS_FORMAT_SLOTS, .unit = period}, events, N);
    cr_assert_eq(b.n, 32 + 8 * N);
    reading r = read_every_way(&(ks_reader_options){.format = KS_FORMAT_AUTO}, &b);
    expect_events(&r, events, N);
    cr_assert_eq(r.info.kind, KS_TIME_SLOTS);
    cr_assert_eq(r.info.unit.denominator, period.denominator);
    b.data[32] |= 0x80;
    reading bad = read_all(&(ks_reader_options){.format = KS_FORMAT_SLOTS}, &b);
    cr_assert_eq(bad.info.bad_records, 1);
    cr_assert_eq(bad.n, N - 1);
}

Test(formats, several_lanes_in_one_event) {
    ks_event events[] = {{5, 0x6, 0, 0}, {9, 0x1e, 0, 0}, {9, 0x2, 0, 0}};
    bytes s15 = write_all(
        &(ks_writer_options){.format = KS_FORMAT_S15_A1, .unit = {1, UINT64_C(256000000000)}}, events, 3);
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_S15_A1}, &s15);
    expect_events(&r, events, 3);
    cr_assert_eq(r.info.coincidences, 2);

    ks_event marked[] = {{5, 0x90000004, 0, 0}};
    bytes ptu = write_all(&(ks_writer_options){.format = KS_FORMAT_PTU, .unit = PICOSECOND}, marked, 1);
    r = read_all(&(ks_reader_options){.format = KS_FORMAT_PTU}, &ptu);
    cr_assert_eq(r.n, 2);
    cr_assert_eq(r.events[0].lanes, 0x4);
    cr_assert_eq(r.events[1].lanes, 0x90000000);
    cr_assert_eq(r.info.markers, 1);
    cr_assert_eq(r.info.expected_records, 2);
}

Test(formats, long_silences_keep_the_clock) {
    ks_event events[] = {{5, 2, 0, 0}, {INT64_C(1) << 61, 4, 0, 0}, {(INT64_C(1) << 61) + 3, 8, 0, 0}};
    bytes b = write_all(&(ks_writer_options){.format = KS_FORMAT_PTU, .unit = PICOSECOND}, events, 3);
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_PTU}, &b);
    expect_events(&r, events, 3);
    cr_assert_gt(r.info.overflows, 2000);
    b = write_all(&(ks_writer_options){.format = KS_FORMAT_S15_A1, .unit = {1, UINT64_C(256000000000)}},
                  events, 3);
    r = read_all(&(ks_reader_options){.format = KS_FORMAT_S15_A1}, &b);
    expect_events(&r, events, 3);
    cr_assert_gt(r.info.overflows, 500);
}

Test(formats, s15_time_rolls_over) {
    static ks_event events[200];
    for (int i = 0; i < 200; i++)
        events[i] = (ks_event){(INT64_C(1) << 54) + (i - 100) * INT64_C(1000), 2u << i % 4, 0, 0};
    bytes b = write_all(&(ks_writer_options){.format = KS_FORMAT_S15_A1, .unit = {1, UINT64_C(256000000000)}},
                        events, 200);
    reading r = read_every_way(&(ks_reader_options){.format = KS_FORMAT_S15_A1}, &b);
    expect_events(&r, events, 200);
}

Test(formats, writer_converts_units_exactly) {
    ks_event event = {INT64_C(1000000007), 2, 0, 0};
    ks_writer_options options = {.format = KS_FORMAT_SWABIAN, .unit = {1, UINT64_C(256000000000)}};
    bytes b = write_all(&options, &event, 1);
    reading r = read_all(&(ks_reader_options){.format = KS_FORMAT_SWABIAN}, &b);
    cr_assert_eq(r.events[0].time, INT64_C(3906250027)); /* 1000000007 * 3.90625 = 3906250027.34375 */
    event.time = -7;                                     /* -27.34375 */
    b = write_all(&options, &event, 1);
    r = read_all(&(ks_reader_options){.format = KS_FORMAT_SWABIAN}, &b);
    cr_assert_eq(r.events[0].time, -27);

    uint8_t block[KS_WRITER_ROOM];
    size_t taken = 0, count = 0;
    ks_writer *writer = NULL;
    options.exact = 1;
    cr_assert_eq(ks_writer_create(&writer, &options), KS_OK);
    cr_assert_eq(ks_writer_put(writer, &event, 1, &taken, block, sizeof block, &count), KS_ERR_LIMIT);
    cr_assert_eq(taken, 0);
    ks_writer_destroy(writer);
}

static ks_status try_put(ks_format format, ks_event event) {
    uint8_t block[KS_WRITER_ROOM];
    size_t taken = 0, count = 0;
    ks_writer *writer = NULL;
    cr_assert_eq(ks_writer_create(&writer, &(ks_writer_options){.format = format, .unit = PICOSECOND}),
                 KS_OK);
    ks_status status = ks_writer_put(writer, &event, 1, &taken, block, sizeof block, &count);
    ks_writer_destroy(writer);
    return status;
}

Test(formats, writer_refuses_what_a_format_cannot_hold) {
    ks_writer *writer = NULL;
    cr_assert_eq(
        ks_writer_create(&writer, &(ks_writer_options){.format = KS_FORMAT_QUTAG_5, .unit = PICOSECOND}),
        KS_ERR_UNSUPPORTED);
    cr_assert_eq(ks_writer_create(&writer, &(ks_writer_options){.format = KS_FORMAT_CSV}), KS_ERR_ARGUMENT);
    cr_assert_eq(try_put(KS_FORMAT_S15_A1, (ks_event){5, 1, 0, 0}), KS_ERR_LIMIT); /* no detector 0 */
    cr_assert_eq(try_put(KS_FORMAT_S15_A1, (ks_event){-5, 2, 0, 0}), KS_ERR_LIMIT);
    cr_assert_eq(try_put(KS_FORMAT_PTU, (ks_event){-5, 2, 0, 0}), KS_ERR_LIMIT);
    cr_assert_eq(try_put(KS_FORMAT_QUTAG, (ks_event){INT64_MAX, 2, 0, 0}), KS_ERR_LIMIT);
    cr_assert_eq(try_put(KS_FORMAT_PTU, (ks_event){5, 2, KS_EVENT_GAP, 0}), KS_ERR_LIMIT);
    cr_assert_eq(try_put(KS_FORMAT_CSV, (ks_event){5, 0, 0, 0}), KS_ERR_ARGUMENT);
    cr_assert_eq(try_put(KS_FORMAT_SLOTS, (ks_event){5, 2, 0, 0x81}), KS_ERR_LIMIT);

    ks_event descending[] = {{9, 2, 0, 0}, {8, 2, 0, 0}};
    uint8_t block[KS_WRITER_ROOM];
    size_t taken = 0, count = 0;
    cr_assert_eq(ks_writer_create(&writer, &(ks_writer_options){.format = KS_FORMAT_CSV, .unit = PICOSECOND}),
                 KS_OK);
    cr_assert_eq(ks_writer_put(writer, descending, 2, &taken, block, sizeof block, &count), KS_ERR_ARGUMENT);
    cr_assert_eq(taken, 1);
    ks_writer_destroy(writer);
}

Test(formats, swabian_gaps) {
    ks_event events[] = {{5, 2, 0, 0}, {9, 4, KS_EVENT_GAP, 0}, {12, 2, 0, 0}};
    bytes b = write_all(&(ks_writer_options){.format = KS_FORMAT_SWABIAN, .unit = PICOSECOND}, events, 3);
    bytes_add_word(&b, 4 | 1234 << 16, 8);
    bytes_add_word(&b, 15, 8);
    reading r = read_every_way(&(ks_reader_options){.format = KS_FORMAT_SWABIAN}, &b);
    expect_events(&r, events, 3);
    cr_assert_eq(r.info.gaps, 2);
    cr_assert_eq(r.info.missed, 1234);
}

Test(formats, names) {
    for (int i = 0; i < KS_FORMAT_COUNT; i++) {
        ks_format format = KS_FORMAT_COUNT;
        cr_assert_eq(ks_format_parse(&format, ks_format_name((ks_format)i)), KS_OK);
        cr_assert_eq((int)format, i);
    }
    ks_format format;
    cr_assert_eq(ks_format_parse(&format, "ttbin"), KS_ERR_ARGUMENT);
    cr_assert_null(ks_format_name(KS_FORMAT_COUNT));
}

Test(formats, units_as_text) {
    static const struct {
        const char *text;
        ks_unit unit;
    } good[] = {{"1ps", {1, UINT64_C(1000000000000)}},
                {"1/256ns", {1, UINT64_C(256000000000)}},
                {"80.955ps", {16191, UINT64_C(200000000000000)}},
                {"12.5ns", {1, 80000000}},
                {"2s", {2, 1}},
                {"25ms", {1, 40}},
                {"4fs", {1, UINT64_C(250000000000000)}},
                {"3us", {3, 1000000}}};
    static const char *const bad[] = {"",
                                      "ps",
                                      "1",
                                      "1 ps",
                                      "0ps",
                                      "-1ps",
                                      "1/0ns",
                                      "1.ps",
                                      ".5ps",
                                      "1pss",
                                      "1/ns",
                                      "99999999999999999999ps",
                                      "0.00000000000000000001fs",
                                      "1.5/x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ks_unit unit = {0, 0};
        cr_assert_eq(ks_unit_parse(&unit, good[i].text), KS_OK, "%s", good[i].text);
        cr_assert(unit.numerator == good[i].unit.numerator && unit.denominator == good[i].unit.denominator,
                  "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ks_unit unit = {7, 7};
        cr_assert_eq(ks_unit_parse(&unit, bad[i]), KS_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert_eq(unit.numerator, 7);
    }
}

Test(formats, units_from_seconds_are_the_fractions_meant) {
    static const ks_unit units[] = {{1, UINT64_C(1000000000000)},
                                    {1, UINT64_C(200000000000)},
                                    {1, 80000000},
                                    {1, 80027931},
                                    {1, UINT64_C(250000000000)},
                                    {1, 3},
                                    {12345, 678901},
                                    {1, 1},
                                    {99, 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        ks_unit unit = {0, 0};
        double seconds = (double)units[i].numerator / (double)units[i].denominator;
        cr_assert_eq(ks_unit_from_seconds(&unit, seconds), KS_OK, "%s", ks_error_detail());
        cr_assert(unit.numerator == units[i].numerator && unit.denominator == units[i].denominator,
                  "%g is %llu / %llu", seconds, (unsigned long long)unit.numerator,
                  (unsigned long long)unit.denominator);
    }
    uint64_t seed = 11;
    for (int i = 0; i < 2000; i++) { /* whatever fraction is found, it is the double */
        ks_unit unit = {0, 0};
        double seconds =
            ldexp((double)(ks_test_random(&seed) >> 11) + 1, -60 - (int)(ks_test_random(&seed) % 38));
        if (ks_unit_from_seconds(&unit, seconds) == KS_OK)
            cr_assert((double)unit.numerator / (double)unit.denominator == seconds);
    }
    static const double bad[] = {0, -1e-12, 1e-30, 1e9, INFINITY, NAN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_unit_from_seconds(&(ks_unit){0, 0}, bad[i]), KS_ERR_FORMAT, "%g", bad[i]);
}
