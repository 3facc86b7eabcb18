/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded file through reader and front end: quTAG, 80 MHz laser whose divided sync is recorded only
 * beside clicks, so that all but one in 500 markers are missing. Needs KS_DATA; skipped without it. */
#include <criterion/criterion.h>
#include <keystill/entropy.h>
#include <keystill/frontend.h>
#include <keystill/reader.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 4096, FIRST = 2, SECOND = 1, SYNC = 5 };

static uint8_t *load(const char *name, size_t *size) {
    char path[4096];
    const char *folder = getenv("KS_DATA");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    enum { MOST = 16 << 20 };
    uint8_t *bytes = malloc(MOST);
    *size = fread(bytes, 1, MOST, file);
    fclose(file);
    return bytes;
}

static void push_all(ks_frontend *f, const ks_event *events, size_t n, size_t *detections) {
    static ks_detection out[BATCH];
    for (size_t done = 0, taken, count; done < n; done += taken) {
        uint64_t frontier;
        cr_assert_eq(ks_frontend_push(f, events + done, n - done, &taken, out, BATCH, &count, &frontier),
                     KS_OK);
        *detections += count;
    }
}

static size_t through(ks_frontend *f, const uint8_t *bytes, size_t size) {
    static ks_event events[BATCH];
    ks_reader *reader;
    const ks_reader_options options = {.format = KS_FORMAT_QUTAG, .reorder = 1000000};
    size_t detections = 0, count, consumed;
    cr_assert_eq(ks_reader_create(&reader, &options), KS_OK);
    for (size_t done = 0; done < size; done += consumed) {
        cr_assert_eq(ks_reader_feed(reader, bytes + done, size - done, &consumed, events, BATCH, &count),
                     KS_OK);
        push_all(f, events, count, &detections);
    }
    do {
        cr_assert_eq(ks_reader_finish(reader, events, BATCH, &count), KS_OK);
        push_all(f, events, count, &detections);
    } while (count);
    ks_reader_destroy(reader);
    return detections;
}

/* Share of a lane's clicks in the best eighth of the slot. */
static double in_peak(const ks_frontend *f, unsigned lane) {
    enum { BINS = 64 };
    uint64_t histogram[BINS], all = 0, best = 0;
    ks_frontend_get_histogram(f, lane, histogram);
    for (unsigned i = 0; i < BINS; i++) {
        uint64_t here = 0;
        for (unsigned k = 0; k < BINS / 8; k++)
            here += histogram[(i + k) % BINS];
        best = here > best ? here : best;
        all += histogram[i];
    }
    return (double)best / (double)all;
}

Test(frontend_real, qutag_with_a_conditional_sync) {
    size_t size = 0;
    uint8_t *bytes = load("qutag_80mhz.qutag", &size);
    if (!bytes)
        cr_skip_test("KS_DATA has no qutag_80mhz.qutag");
    ks_frontend_config c = {.clock_hz = 80.03e6,
                            .clock_tolerance = 20e-6,
                            .marker_slots = 8,
                            .unit = {1, 1000000000000},
                            .kind = KS_TIME_TAGS};
    c.lanes[FIRST] = (ks_lane){.role = KS_LANE_DETECTOR};
    c.lanes[SECOND] = (ks_lane){.role = KS_LANE_DETECTOR, .bit = 1};
    c.lanes[SYNC].role = KS_LANE_MARKER;
    uint64_t seed = 1;
    ks_random random = ks_random_seeded(&seed);
    ks_frontend *f;
    cr_assert_eq(ks_frontend_create(&f, &c, &random), KS_OK, "%s", ks_error_detail());
    size_t detections = through(f, bytes, size);
    ks_frontend_stats s;
    ks_frontend_get_stats(f, &s);
    cr_expect_eq(s.clicks, 173601);
    cr_expect_eq(detections, s.detections);
    cr_expect_gt(detections, 173000);
    cr_expect_eq(s.markers, 94200);
    cr_expect_eq(s.markers_spurious, 0);
    cr_expect_gt(s.markers_missed, 50000000);
    cr_expect_eq(s.relocks, 0);
    cr_expect_lt(s.residual_ps, 15, "%g", s.residual_ps);
    cr_expect_gt(in_peak(f, FIRST), 0.95);
    cr_expect_gt(in_peak(f, SECOND), 0.95);
    ks_frontend_destroy(f);
    free(bytes);
}
