/* SPDX-License-Identifier: Apache-2.0 */
/* Every reader: whatever the bytes are, the stream cut in pieces reads as it does whole, and what it promises
 * holds. The first three bytes choose format, lanes and reorder window, and pieces. */
#include <keystill/reader.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EVENTS = 1 << 16 };

typedef struct reading {
    ks_event events[MOST_EVENTS];
    size_t n;
    ks_status status;
    ks_reader_info info;
} reading;

static void require(int holds) {
    if (!holds)
        abort();
}

static void take(reading *out, const ks_event *events, size_t n) {
    require(out->n + n <= MOST_EVENTS);
    memcpy(out->events + out->n, events, n * sizeof *events);
    out->n += n;
}

static void read_in_pieces(reading *out, const ks_reader_options *options, const uint8_t *data, size_t size,
                           size_t piece, size_t room) {
    static ks_event events[4096];
    ks_reader *reader = NULL;
    size_t consumed = 0, count = 0;
    out->n = 0;
    out->status = ks_reader_create(&reader, options);
    if (out->status != KS_OK)
        return;
    for (size_t at = 0; at < size && out->status == KS_OK; at += consumed) {
        size_t some = size - at < piece ? size - at : piece;
        out->status = ks_reader_feed(reader, data + at, some, &consumed, events, room, &count);
        require(consumed <= some && count <= room);
        require(consumed == some || count == room || out->status != KS_OK);
        take(out, events, count);
    }
    do {
        ks_status status = ks_reader_finish(reader, events, room, &count);
        out->status = out->status == KS_OK ? status : out->status;
        take(out, events, count);
    } while (count > 0);
    out->info = *ks_reader_get_info(reader);
    ks_reader_destroy(reader);
}

static void check(const reading *r) {
    require(r->info.events == r->n);
    require(r->info.late <= r->info.backsteps || r->info.format == KS_FORMAT_AUTO);
    require(r->info.events + r->info.overflows + r->info.bad_records + r->info.gaps <=
            r->info.records + r->info.overflows);
    for (size_t i = 0; i < r->n; i++)
        require(r->events[i].lanes != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static reading whole, cut;
    if (size < 3 || size > MOST_EVENTS)
        return 0;
    ks_reader_options options = {.format = (ks_format)(data[0] % KS_FORMAT_COUNT)};
    if (options.format == KS_FORMAT_PQ_T3_RAW)
        options.unit = (ks_unit){1, 80000000};
    if (data[1] & 1)
        options.lanes.used = KS_LANES_BY_APPEARANCE;
    options.reorder = data[1] >> 1 ? UINT64_C(1) << (data[1] >> 1) % 64 : 0;
    read_in_pieces(&whole, &options, data + 3, size - 3, size, 4096);
    check(&whole);
    read_in_pieces(&cut, &options, data + 3, size - 3, 1 + data[2] % 32u, 1 + data[2] / 32u);
    require(cut.status == whole.status && cut.n == whole.n);
    require(memcmp(cut.events, whole.events, whole.n * sizeof(ks_event)) == 0);
    require(memcmp(&cut.info, &whole.info, sizeof whole.info) == 0);
    return 0;
}
