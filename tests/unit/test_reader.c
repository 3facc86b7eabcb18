/* SPDX-License-Identifier: Apache-2.0 */
/* Streams put together by hand: formats that are only read, and everything that can be wrong with a stream.
 */
#include "tests/unit/formats_helpers.h"

/* ---- PTU by hand */

static void add_tag(bytes *b, const char *name, uint32_t type, uint64_t value) {
    char field[32] = {0};
    memcpy(field, name, strlen(name));
    bytes_add(b, field, sizeof field);
    bytes_add_word(b, UINT32_MAX, 4);
    bytes_add_word(b, type, 4);
    bytes_add_word(b, value, 8);
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bytes ptu_header(uint32_t record_type, int64_t records, double global_resolution, double resolution) {
    bytes b = {0};
    bytes_add(&b, "PQTTTR\0\0001.0.00\0\0", 16);
    add_tag(&b, "File_Comment", 0x4001FFFF, 100);
    for (int i = 0; i < 100; i++)
        bytes_add_word(&b, 'x', 1);
    add_tag(&b, "HW_Type", 0x4001FFFF, 8);
    bytes_add(&b, "Harp\x01\0\0\0", 8);
    add_tag(&b, "TTResultFormat_TTTRRecType", 0x10000008, record_type);
    add_tag(&b, "MeasDesc_GlobalResolution", 0x20000008, bits_of(global_resolution));
    add_tag(&b, "MeasDesc_Resolution", 0x20000008, bits_of(resolution));
    add_tag(&b, "TTResult_NumberOfRecords", 0x10000008, (uint64_t)records);
    add_tag(&b, "Header_End", 0xFFFF0008, 0);
    return b;
}

static const ks_reader_options automatic = {.format = KS_FORMAT_AUTO};

/* Reads whole and byte by byte, which must agree. */
static reading read_twice(const ks_reader_options *options, const bytes *b) {
    reading whole = read_all(options, b), single = read_pieces(options, b->data, b->n, 1, 1);
    cr_assert_eq(whole.status, single.status);
    cr_assert_str_eq(whole.detail, single.detail);
    cr_assert_eq(whole.n, single.n);
    if (whole.n > 0)
        cr_assert_arr_eq(whole.events, single.events, whole.n * sizeof(ks_event));
    cr_assert_eq(memcmp(&whole.info, &single.info, sizeof whole.info), 0);
    return whole;
}

static void expect(const reading *r, size_t i, int64_t time, uint32_t lanes, uint16_t fine, uint16_t flags) {
    cr_assert_lt(i, r->n);
    const ks_event *e = &r->events[i];
    cr_assert(e->time == time && e->lanes == lanes && e->fine == fine && e->flags == flags,
              "event %zu: time %lld lanes %x fine %u flags %u", i, (long long)e->time, e->lanes, e->fine,
              e->flags);
}

static uint32_t hh(uint32_t special, uint32_t channel, uint32_t low) {
    return special << 31 | channel << 25 | low;
}

Test(reader, ptu_hydraharp_v1_t2_overflows_one_period_a_record) {
    bytes b = ptu_header(0x00010204, 0, 1e-12, 1e-12);
    bytes_add_word(&b, hh(0, 0, 100), 4);
    bytes_add_word(&b, hh(1, 63, 7), 4);
    bytes_add_word(&b, hh(0, 3, 5), 4);
    bytes_add_word(&b, hh(1, 0, 6), 4);
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.status, KS_OK, "%s", r.detail);
    expect(&r, 0, 100, 2, 0, 0);
    expect(&r, 1, 33552000 + 5, 16, 0, 0);
    expect(&r, 2, 33552000 + 6, 1, 0, 0);
    cr_assert_str_eq(r.info.device, "Harp?");
}

Test(reader, ptu_v2_counts_overflows_and_zero_is_one) {
    bytes b = ptu_header(0x01010204, 0, 1e-12, 1e-12);
    bytes_add_word(&b, hh(1, 63, 0), 4);
    bytes_add_word(&b, hh(1, 63, 3), 4);
    bytes_add_word(&b, hh(0, 0, 1), 4);
    reading r = read_twice(&automatic, &b);
    expect(&r, 0, INT64_C(4) * 33554432 + 1, 2, 0, 0);
    cr_assert_eq(r.info.overflows, 2);
}

Test(reader, ptu_t3_counts_syncs) {
    static const uint32_t types[] = {0x01010304, 0x00010305, 0x00010306, 0x00010307, 0x01010307};
    for (int i = 0; i < 5; i++) {
        bytes b = ptu_header(types[i], 5, 1.25e-8, 5e-12);
        bytes_add_word(&b, hh(0, 2, 17u << 10 | 9), 4);
        bytes_add_word(&b, hh(1, 63, 2), 4);
        bytes_add_word(&b, hh(0, 0, 2499u << 10 | 3), 4);
        bytes_add_word(&b, hh(1, 4, 3), 4);
        bytes_add_word(&b, hh(1, 0, 4), 4); /* no sync events in T3 */
        reading r = read_twice(&automatic, &b);
        cr_assert_eq(r.status, KS_OK, "%s", r.detail);
        cr_assert_eq(r.info.kind, KS_TIME_SYNC);
        cr_assert_eq(r.info.unit.numerator, 1);
        cr_assert_eq(r.info.unit.denominator, 80000000);
        cr_assert_eq(r.info.fine_unit.denominator, UINT64_C(200000000000));
        expect(&r, 0, 9, 8, 17, 0);
        expect(&r, 1, 2 * 1024 + 3, 2, 2499, 0);
        expect(&r, 2, 2 * 1024 + 3, 1u << 30, 0, 0);
        cr_assert_eq(r.info.markers, 1);
        cr_assert_eq(r.info.bad_records, 1);
    }
}

Test(reader, ptu_picoharp) {
    bytes b = ptu_header(0x00010203, 0, 4e-12, 4e-12);
    bytes_add_word(&b, 0u << 28 | 77, 4);
    bytes_add_word(&b, 15u << 28 | 0x120, 4); /* overflow: the low four bits are 0 */
    bytes_add_word(&b, 4u << 28 | 5, 4);
    bytes_add_word(&b, 15u << 28 | 0x22, 4); /* marker 2 */
    bytes_add_word(&b, 9u << 28 | 40, 4);
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.info.unit.denominator, UINT64_C(250000000000));
    expect(&r, 0, 77, 1, 0, 0);
    expect(&r, 1, 210698240 + 5, 16, 0, 0);
    expect(&r, 2, 210698240 + 0x22, 1u << 29, 0, 0);
    cr_assert_eq(r.info.bad_records, 1);

    b = ptu_header(0x00010303, 0, 1e-7, 4e-12);
    bytes_add_word(&b, 1u << 28 | 99u << 16 | 12, 4);
    bytes_add_word(&b, 15u << 28 | 5, 4); /* overflow */
    bytes_add_word(&b, 2u << 28 | 98u << 16 | 13, 4);
    bytes_add_word(&b, 15u << 28 | 8u << 16 | 14, 4); /* marker 4 */
    bytes_add_word(&b, 15u << 28 | 16u << 16 | 14, 4);
    bytes_add_word(&b, 0u << 28 | 1u << 16 | 14, 4);
    r = read_twice(&automatic, &b);
    expect(&r, 0, 12, 2, 99, 0);
    expect(&r, 1, 65536 + 13, 4, 98, 0);
    expect(&r, 2, 65536 + 14, 1u << 31, 8, 0);
    cr_assert_eq(r.info.bad_records, 2);
}

Test(reader, pq_t3_raw_needs_the_sync_period) {
    ks_reader *reader = NULL;
    cr_assert_eq(ks_reader_create(&reader, &(ks_reader_options){.format = KS_FORMAT_PQ_T3_RAW}),
                 KS_ERR_ARGUMENT);
    bytes b = {0};
    bytes_add_word(&b, hh(0, 2, 17u << 10 | 9), 4);
    ks_reader_options options = {.format = KS_FORMAT_PQ_T3_RAW, .unit = {1, 80000000}};
    reading r = read_twice(&options, &b);
    expect(&r, 0, 9, 8, 17, 0);
}

Test(reader, qutag_5_rolls_over) {
    bytes b = {0};
    for (int i = 0; i < 40; i++)
        bytes_add_word(&b, 0, 1);
    uint64_t end = (UINT64_C(1) << 37) - 10;
    bytes_add_word(&b, UINT64_C(3) << 37 | end, 5);
    bytes_add_word(&b, UINT64_C(7) << 37 | 5, 5);
    bytes_add_word(&b, UINT64_C(1) << 37 | 4, 5); /* a step back, no roll-over */
    reading r = read_twice(&(ks_reader_options){.format = KS_FORMAT_QUTAG_5}, &b);
    expect(&r, 0, (int64_t)end, 8, 0, 0);
    expect(&r, 1, (INT64_C(1) << 37) + 5, 128, 0, 0);
    expect(&r, 2, (INT64_C(1) << 37) + 4, 2, 0, KS_EVENT_BACKSTEP);
    cr_assert_eq(r.info.overflows, 1);
}

Test(reader, s15_filler_dummies_and_patterns) {
    bytes b = {0};
    bytes_add_word(&b, UINT64_C(1000) << 10 | 0x18 << 5 | 1, 8);
    bytes_add_word(&b, UINT64_C(2000) << 10 | 0x19 << 5 | 16, 8); /* dummy */
    bytes_add_word(&b, UINT64_C(1900) << 10 | 0x1f << 5 | 10, 8); /* before the dummy's time */
    bytes_add_word(&b, UINT64_C(2100) << 10, 8);                  /* nothing fired */
    reading r = read_twice(&(ks_reader_options){.format = KS_FORMAT_S15_A1}, &b);
    cr_assert_eq(r.n, 2);
    expect(&r, 0, 1000, 2, 0, 0);
    expect(&r, 1, 1900, 4 | 16, 0, KS_EVENT_BACKSTEP);
    cr_assert_eq(r.info.overflows, 1);
    cr_assert_eq(r.info.bad_records, 1);
    cr_assert_eq(r.info.coincidences, 1);

    bytes text = {0};
    bytes_add_text(&text,
                   "000fa301\r\n00000000\r\n\n 001f4302\t00000000\nzzzzzzzz\n00000000\n001F4704\n00000000");
    r = read_twice(&(ks_reader_options){.format = KS_FORMAT_S15_A0}, &text);
    cr_assert_eq(r.status, KS_OK, "%s", r.detail);
    cr_assert_eq(r.n, 3);
    expect(&r, 0, 1000, 2, 0, 0);
    expect(&r, 1, 2000, 4, 0, 0);
    expect(&r, 2, 2001, 8, 0, 0);
    cr_assert_eq(r.info.bad_records, 1);
    bytes_add_text(&text, "\n001f4704");
    r = read_twice(&(ks_reader_options){.format = KS_FORMAT_S15_A0}, &text);
    cr_assert_eq(r.status, KS_ERR_FORMAT);
}

/* ---- CSV */

static reading read_csv(const char *text, ks_unit unit) {
    bytes b = {0};
    bytes_add_text(&b, text);
    return read_twice(&(ks_reader_options){.format = KS_FORMAT_CSV, .unit = unit}, &b);
}

Test(reader, csv_dialects) {
    static const char *const same[] = {"# comment\n100,1\n200,2\n-5,3\n",
                                       "time,channel\r\n100,1\r\n200,2\r\n-5,3\r\n",
                                       "100 1\n\n200\t2\n-5 ; 3", "%x\n  100;1;extra\n200; 2\n-5 3 # more\n"};
    for (int i = 0; i < 4; i++) {
        reading r = read_csv(same[i], (ks_unit){0, 0});
        cr_assert_eq(r.n, 3, "dialect %d", i);
        cr_assert_eq(r.info.bad_records, 0, "dialect %d", i);
        expect(&r, 0, 100, 2, 0, 0);
        expect(&r, 1, 200, 4, 0, 0);
        expect(&r, 2, -5, 8, 0, KS_EVENT_BACKSTEP);
    }
}

Test(reader, csv_decimals) {
    reading r = read_csv("0.5,1\n1.123456789012,2\n1.5e-3,3\n2,1\n", (ks_unit){1, 1});
    cr_assert_eq(r.info.unit.numerator, 1);
    cr_assert_eq(r.info.unit.denominator, UINT64_C(1000000000000));
    expect(&r, 0, INT64_C(500000000000), 2, 0, 0);
    expect(&r, 1, INT64_C(1123456789012), 4, 0, 0);
    expect(&r, 2, INT64_C(1500000000), 8, 0, KS_EVENT_BACKSTEP);
    expect(&r, 3, INT64_C(2000000000000), 2, 0, 0);
    r = read_csv("0.00390625,1\n-1.0000004,1\n", (ks_unit){1, 1000000000}); /* ns; a femtosecond at least */
    cr_assert_eq(r.info.unit.denominator, UINT64_C(1000000000000000));
    expect(&r, 0, 3906, 2, 0, 0);
    expect(&r, 1, -1000000, 2, 0, KS_EVENT_BACKSTEP);
}

Test(reader, csv_bad_lines_are_skipped_and_counted) {
    reading r = read_csv("1,1\nx,1\n2\n2,\n,2\n3,1x\n1.5,1\n99999999999999999999,1\n3,99999999999\n4,1\n",
                         (ks_unit){0, 0});
    cr_assert_eq(r.n, 2);
    cr_assert_eq(r.info.bad_records, 8);
    cr_assert_eq(r.info.records, 10);
}

Test(reader, csv_long_lines_are_bad_not_fatal) {
    bytes b = {0};
    bytes_add_text(&b, "1,1\n");
    for (int i = 0; i < 5000; i++)
        bytes_add_text(&b, "7");
    bytes_add_text(&b, "\n2,1\n");
    reading r = read_twice(&(ks_reader_options){.format = KS_FORMAT_CSV}, &b);
    cr_assert_eq(r.n, 2);
    cr_assert_eq(r.info.bad_records, 1);
}

/* ---- what is wrong with a stream */

static void add_swabian(bytes *b, int32_t channel, int64_t time) {
    bytes_add_word(b, 0, 4);
    bytes_add_word(b, (uint32_t)channel, 4);
    bytes_add_word(b, (uint64_t)time, 8);
}

Test(reader, unknown_magic_names_what_stood_there) {
    bytes b = {0};
    bytes_add_text(&b, "GIF89a..........");
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.status, KS_ERR_FORMAT);
    cr_assert_not_null(strstr(r.detail, "byte 0: expected"), "%s", r.detail);
    cr_assert_not_null(strstr(r.detail, "found 47 49 46 38 39 61 2e 2e"), "%s", r.detail);
    r = read_twice(&(ks_reader_options){.format = KS_FORMAT_PTU}, &b);
    cr_assert_eq(r.status, KS_ERR_FORMAT);
    cr_assert_not_null(strstr(r.detail, "PQTTTR"), "%s", r.detail);
}

Test(reader, wrong_format_is_noticed) {
    bytes text = {0};
    for (int i = 0; i < 200; i++)
        bytes_add_text(&text, "this is no list of events\n");
    static const ks_format formats[] = {KS_FORMAT_CSV,    KS_FORMAT_SWABIAN, KS_FORMAT_S15_A0,
                                        KS_FORMAT_S15_A2, KS_FORMAT_QUTAG,   KS_FORMAT_QUTAG_RAW,
                                        KS_FORMAT_SLOTS};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        reading r = read_twice(&(ks_reader_options){.format = formats[i]}, &text);
        cr_assert_eq(r.status, KS_ERR_FORMAT, "%s", ks_format_name(formats[i]));
        cr_assert_not_null(strstr(r.detail, "byte "), "%s", r.detail);
    }
}

Test(reader, truncated_ends_are_reported_after_all_that_was_whole) {
    bytes b = {0};
    add_swabian(&b, 1, 5);
    add_swabian(&b, 2, 6);
    for (size_t cut = 1; cut < 16; cut++) {
        bytes part = {b.data, b.n - cut, b.capacity};
        reading r = read_twice(&(ks_reader_options){.format = KS_FORMAT_SWABIAN}, &part);
        cr_assert_eq(r.n, 1);
        cr_assert_eq(r.status, KS_ERR_FORMAT);
        cr_assert_not_null(strstr(r.detail, "byte 16: expected"), "%s", r.detail);
    }
}

Test(reader, every_truncation_of_a_ptu_file_is_reported) {
    bytes b = ptu_header(0x01010204, 3, 1e-12, 1e-12);
    size_t header = b.n;
    for (uint32_t i = 0; i < 3; i++)
        bytes_add_word(&b, hh(0, 0, i), 4);
    for (size_t n = 0; n < b.n; n++) {
        bytes part = {b.data, n, b.capacity};
        reading r = read_all(&automatic, &part);
        cr_assert_eq(r.status, KS_ERR_FORMAT, "%zu bytes", n);
        cr_assert_eq(r.n, n > header ? (n - header) / 4 : 0, "%zu bytes", n);
    }
    bytes_add_text(&b, "what follows the promised records is not ours");
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.status, KS_OK, "%s", r.detail);
    cr_assert_eq(r.n, 3);
    cr_assert_eq(r.info.bytes, b.n);
}

static void expect_refused(bytes b, const char *why) {
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.status, KS_ERR_FORMAT, "%s", why);
    cr_assert_not_null(strstr(r.detail, why), "'%s' is not in '%s'", why, r.detail);
}

Test(reader, hostile_ptu_headers) {
    expect_refused(ptu_header(0x01010299, 0, 1e-12, 1e-12), "found 0x01010299");
    expect_refused(ptu_header(0x01010204, 0, 0, 1e-12), "MeasDesc_GlobalResolution");
    expect_refused(ptu_header(0x01010204, 0, -1e-12, 1e-12), "MeasDesc_GlobalResolution");
    expect_refused(ptu_header(0x01010204, 0, 0.0 / 0.0, 1e-12), "MeasDesc_GlobalResolution");
    expect_refused(ptu_header(0x01010304, 0, 1e-7, 1e300), "MeasDesc_Resolution");

    bytes b = {0};
    bytes_add(&b, "PQTTTR\0\0001.0.00\0\0", 16);
    add_tag(&b, "Header_End", 0xFFFF0008, 0);
    expect_refused(b, "TTResultFormat_TTTRRecType");
    b.n = 16;
    add_tag(&b, "File_Comment", 0x4001FFFF, UINT64_MAX - 7);
    expect_refused(b, "byte 56: expected a PTU tag payload");
    b.n = 16;
    add_tag(&b, "File_Comment", 0x12345678, 1);
    expect_refused(b, "byte 52: expected a PTU tag of a known type, found 78 56 34 12");
    b.n = 16;
    for (int i = 0; i < 400000; i++)
        add_tag(&b, "again", 0x10000008, 1);
    reading r = read_all(&automatic, &b);
    cr_assert_eq(r.status, KS_ERR_FORMAT);
}

Test(reader, overflow_of_the_clock_is_refused) {
    bytes b = ptu_header(0x01010204, 0, 1e-12, 1e-12);
    for (int i = 0; i < 5000; i++)
        bytes_add_word(&b, hh(1, 63, 0x1ffffff), 4);
    bytes_add_word(&b, hh(0, 0, 1), 4);
    reading r = read_twice(&automatic, &b);
    cr_assert_eq(r.status, KS_ERR_FORMAT);
    cr_assert_not_null(strstr(r.detail, "2^62"), "%s", r.detail);
}

Test(reader, lane_maps) {
    bytes b = {0};
    static const int32_t channels[] = {3, -2, 1000, 3, 77, -2};
    for (int i = 0; i < 6; i++)
        add_swabian(&b, channels[i], i);
    reading r = read_twice(&(ks_reader_options){.format = KS_FORMAT_SWABIAN}, &b);
    cr_assert_eq(r.n, 2);
    cr_assert_eq(r.info.unknown_channel, 4);
    cr_assert_eq(r.info.records, 6);

    ks_reader_options mapped = {.format = KS_FORMAT_SWABIAN, .lanes = {3, {-2, INT32_MIN, 1000}}};
    r = read_twice(&mapped, &b);
    cr_assert_eq(r.n, 3);
    expect(&r, 0, 1, 1, 0, 0);
    expect(&r, 1, 2, 4, 0, 0);

    ks_reader_options appearing = {.format = KS_FORMAT_SWABIAN, .lanes.used = KS_LANES_BY_APPEARANCE};
    r = read_twice(&appearing, &b);
    cr_assert_eq(r.n, 6);
    cr_assert_eq(r.info.lanes.used, 4);
    expect(&r, 4, 4, 8, 0, 0);
    expect(&r, 5, 5, 2, 0, 0);
    cr_assert_eq(r.info.lanes.raw[3], 77);
}

/* ---- order */

static reading read_times(const int64_t *times, size_t n, uint64_t window) {
    bytes b = {0};
    for (size_t i = 0; i < n; i++)
        add_swabian(&b, 1, times[i]);
    return read_twice(&(ks_reader_options){.format = KS_FORMAT_SWABIAN, .reorder = window}, &b);
}

Test(reader, reorder_window) {
    static const int64_t times[] = {100, 90, 95, 130, 121, 121, 119, 50, 60, 200};
    reading r = read_times(times, 10, 10);
    static const int64_t want[] = {90, 95, 100, 121, 121, 130, 119, 50, 60, 200};
    cr_assert_eq(r.n, 10);
    for (size_t i = 0; i < 10; i++)
        cr_assert_eq(r.events[i].time, want[i], "event %zu is %lld", i, (long long)r.events[i].time);
    cr_assert_eq(r.info.backsteps, 4);
    cr_assert_eq(r.info.late, 2);
    cr_assert(r.events[0].flags & KS_EVENT_BACKSTEP);
    r = read_times(times, 10, 0);
    cr_assert_eq(r.info.backsteps, 4);
    cr_assert_eq(r.info.late, 4);
    cr_assert_eq(r.events[6].time, 119);
}

Test(reader, a_window_wider_than_memory_lets_the_oldest_go) {
    enum { N = 30000 };
    static int64_t times[N];
    for (int i = 0; i < N; i++)
        times[i] = i % 2 ? i - 1 : i + 1;
    reading r = read_times(times, N, UINT64_MAX);
    cr_assert_eq(r.n, N);
    for (int i = 0; i < N; i++)
        cr_assert_eq(r.events[i].time, i);
    times[N - 1] = -1;
    r = read_times(times, N, UINT64_MAX);
    cr_assert_eq(r.n, N);
    cr_assert_eq(r.info.late, 1);
}

Test(reader, extreme_times) {
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN, 0, INT64_MAX, -1};
    reading r = read_times(times, 6, 1000);
    cr_assert_eq(r.n, 6);
    cr_assert_eq(r.info.backsteps, 2);
    cr_assert_eq(r.info.late, 2);
}

Test(reader, calls_out_of_turn) {
    ks_reader *reader = NULL;
    size_t consumed = 0, count = 0;
    ks_event event;
    uint8_t byte = 0;
    cr_assert_eq(ks_reader_create(&reader, NULL), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_reader_create(&reader, &(ks_reader_options){.format = KS_FORMAT_COUNT}), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_reader_create(&reader, &(ks_reader_options){.unit = {1, 0}}), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_reader_create(&reader, &(ks_reader_options){.lanes.used = 33}), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_reader_create(&reader, &(ks_reader_options){.format = KS_FORMAT_SWABIAN}), KS_OK);
    cr_assert_eq(ks_reader_feed(reader, NULL, 1, &consumed, &event, 1, &count), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_reader_feed(reader, &byte, 1, &consumed, NULL, 0, &count), KS_OK);
    cr_assert_eq(ks_reader_finish(reader, &event, 1, &count), KS_ERR_FORMAT);
    cr_assert_eq(ks_reader_feed(reader, &byte, 1, &consumed, &event, 1, &count), KS_ERR_STATE);
    ks_reader_destroy(reader);
    ks_reader_destroy(NULL);
}
