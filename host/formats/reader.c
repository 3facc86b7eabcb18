/* SPDX-License-Identifier: Apache-2.0 */
/* The core of all readers: opens the stream, cuts it into header chunks and records, and hands out events. */
#include <stdlib.h>
#include <string.h>

#include "host/formats/core.h"
#include "pipeline/status.h"

/* A stream of which this many records are impossible, and more of them than not, is of another format. */
enum { BAD_RECORDS_LIMIT = 64, MAGIC_BYTES = 8 };

static const ks_decoder *const decoders[KS_FORMAT_COUNT] = {
    [KS_FORMAT_PTU] = &ks_decoder_ptu,
    [KS_FORMAT_PQ_T2_RAW] = &ks_decoder_hydraharp_raw,
    [KS_FORMAT_PQ_T3_RAW] = &ks_decoder_hydraharp_raw,
    [KS_FORMAT_SWABIAN] = &ks_decoder_swabian,
    [KS_FORMAT_S15_A0] = &ks_decoder_s15_pairs,
    [KS_FORMAT_S15_A1] = &ks_decoder_s15,
    [KS_FORMAT_S15_A1X] = &ks_decoder_s15,
    [KS_FORMAT_S15_A2] = &ks_decoder_s15_words,
    [KS_FORMAT_QUTAG] = &ks_decoder_qutag,
    [KS_FORMAT_QUTAG_RAW] = &ks_decoder_qutag_raw,
    [KS_FORMAT_QUTAG_5] = &ks_decoder_qutag_5,
    [KS_FORMAT_CSV] = &ks_decoder_csv,
    [KS_FORMAT_SLOTS] = &ks_decoder_slots,
};

static ks_status choose_decoder(ks_reader *reader, ks_format format) {
    reader->info.format = format;
    reader->decoder = decoders[format];
    reader->need = reader->decoder->header;
    return reader->decoder->begin(reader);
}

ks_status ks_reader_create(ks_reader **out, const ks_reader_options *options) {
    if (!out || !options || (unsigned)options->format >= KS_FORMAT_COUNT)
        return ks_fail(KS_ERR_ARGUMENT, "reader: unknown format");
    if (!options->unit.numerator != !options->unit.denominator)
        return ks_fail(KS_ERR_ARGUMENT, "reader: the unit needs both a numerator and a denominator");
    if (options->lanes.used > KS_LANES && options->lanes.used != KS_LANES_BY_APPEARANCE)
        return ks_fail(KS_ERR_ARGUMENT, "reader: lane map of %u entries, at most %d", options->lanes.used,
                       KS_LANES);
    ks_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ks_fail(KS_ERR_MEMORY, "reader");
    reader->options = *options;
    reader->clock.last = INT64_MIN;
    reader->need = MAGIC_BYTES;
    ks_reader_init_lanes(reader);
    ks_status status = ks_order_init(&reader->order, options->reorder);
    if (status == KS_OK && options->format != KS_FORMAT_AUTO)
        status = choose_decoder(reader, options->format);
    if (status != KS_OK) {
        ks_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return KS_OK;
}

void ks_reader_destroy(ks_reader *reader) {
    if (!reader)
        return;
    ks_order_wipe(&reader->order);
    free(reader);
}

const ks_reader_info *ks_reader_get_info(const ks_reader *reader) {
    return &reader->info;
}

/* ---- header */

static ks_status recognise(ks_reader *reader) {
    static const struct {
        ks_format format;
        const char *magic;
        size_t bytes;
    } magics[] = {{KS_FORMAT_PTU, "PQTTTR\0", 8},
                  {KS_FORMAT_QUTAG, "\x87\xb3\x91\xfa", 4},
                  {KS_FORMAT_SLOTS, "KSE1\r\n\x1a\n", 8}};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (memcmp(reader->partial, magics[i].magic, magics[i].bytes) == 0)
            return choose_decoder(reader, magics[i].format);
    return ks_reader_refuse(reader,
                            "the magic of a PTU, quTAG or Keystill slot file (other formats must be named)",
                            reader->partial, 0, MAGIC_BYTES);
}

/* One step: skips, or completes the awaited chunk. Returns the bytes used. */
static ks_status header_step(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *used) {
    if (reader->skip > 0) {
        *used = reader->skip < bytes ? (size_t)reader->skip : bytes;
        reader->skip -= *used;
        return KS_OK;
    }
    size_t missing = reader->need - reader->held;
    *used = missing < bytes ? missing : bytes;
    memcpy(reader->partial + reader->held, data, *used);
    reader->held += *used;
    if (reader->held < reader->need)
        return KS_OK;
    reader->offset = reader->info.bytes + *used - reader->need;
    if (!reader->decoder)
        return recognise(reader);
    reader->held = 0;
    return reader->decoder->chunk(reader, reader->partial);
}

static ks_status feed_header(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed) {
    while (*consumed < bytes && (reader->need > 0 || reader->skip > 0)) {
        size_t used = 0;
        ks_status status = header_step(reader, data + *consumed, bytes - *consumed, &used);
        *consumed += used;
        reader->info.bytes += used;
        KS_TRY(status);
        if (reader->need == 0 && reader->skip == 0)
            reader->info.data_offset = reader->info.bytes;
    }
    return KS_OK;
}

/* ---- one record */

static ks_status count_bad(ks_reader *reader, const uint8_t *record, size_t bytes) {
    if (reader->info.bad_records++ == 0)
        reader->first_bad = reader->offset;
    if (reader->info.bad_records < BAD_RECORDS_LIMIT || reader->info.bad_records * 2 <= reader->info.records)
        return KS_OK;
    return ks_fail_in(ks_reader_refuse(reader, reader->decoder->what, record, 0, bytes),
                      "%llu of %llu records are impossible, the first at byte %llu; the last one",
                      (unsigned long long)reader->info.bad_records, (unsigned long long)reader->info.records,
                      (unsigned long long)reader->first_bad);
}

static void make_event(ks_reader *reader, const ks_record *record, ks_event *event, size_t *count) {
    ks_reader_info *info = &reader->info;
    uint16_t flags = reader->pending;
    if (record->time < reader->clock.last) {
        info->backsteps++;
        flags |= KS_EVENT_BACKSTEP;
    }
    reader->clock.last = record->time;
    info->markers += record->marker;
    info->unknown_channel += record->unknown;
    info->coincidences += (record->lanes & (record->lanes - 1)) != 0;
    if (!record->lanes)
        return;
    *event = (ks_event){record->time, record->lanes, flags, record->fine};
    reader->pending = 0;
    info->events++;
    ++*count;
}

/* Decodes one record; *count grows by at most 1. */
static ks_status take_record(ks_reader *reader, const uint8_t *bytes, size_t n, ks_event *event,
                             size_t *count) {
    ks_record record = {0};
    ks_record_class class = reader->decoder->one(reader, &record, bytes, n);
    if (class == KS_RECORD_IGNORE)
        return KS_OK;
    reader->info.records++;
    switch (class) {
    case KS_RECORD_EVENT:
        make_event(reader, &record, event, count);
        return KS_OK;
    case KS_RECORD_CLOCK:
        reader->info.overflows++;
        if (record.time > reader->clock.last)
            reader->clock.last = record.time;
        return KS_OK;
    case KS_RECORD_GAP:
        reader->info.gaps++;
        reader->info.missed += record.missed;
        reader->pending |= KS_EVENT_GAP;
        return KS_OK;
    case KS_RECORD_BAD:
        return count_bad(reader, bytes, n);
    default:
        return KS_ERR_FORMAT;
    }
}

/* ---- binary records */

/* As many records as the header promises, at most n. */
static size_t promised(const ks_reader *reader, size_t n) {
    uint64_t expected = reader->limit;
    if (expected == 0)
        return n;
    uint64_t left = expected - reader->info.records;
    return left < n ? (size_t)left : n;
}

static size_t take_blocks(ks_reader *reader, const uint8_t *data, size_t n, ks_event *events) {
    ks_tag_decode_fn *kernel = reader->decoder->kernel ? reader->decoder->kernel(reader) : NULL;
    if (!kernel || reader->pending || n < KS_TAG_BLOCK)
        return 0;
    ks_tag_counts counts = {0};
    size_t taken = kernel(events, &reader->clock, &counts, data, n, &reader->rules);
    reader->info.records += taken;
    reader->info.events += counts.events;
    reader->info.overflows += taken - counts.events;
    reader->info.markers += counts.markers;
    reader->info.coincidences += counts.coincidences;
    return taken;
}

/* Completes the record of which the start is held. */
static ks_status top_up(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                        ks_event *events, size_t *count) {
    size_t missing = reader->decoder->record - reader->held;
    size_t used = missing < bytes ? missing : bytes;
    memcpy(reader->partial + reader->held, data, used);
    reader->held += used;
    *consumed = used;
    if (reader->held < reader->decoder->record)
        return KS_OK;
    reader->offset = reader->info.bytes + used - reader->decoder->record;
    reader->held = 0;
    return take_record(reader, reader->partial, reader->decoder->record, events, count);
}

/* Whole records of `data`, alternating between blocks at full speed and one block with care. */
static ks_status take_records(ks_reader *reader, const uint8_t *data, size_t n, size_t *taken,
                              ks_event *events, size_t capacity, size_t *count) {
    size_t size = reader->decoder->record;
    while (*taken < n && *count < capacity) {
        size_t room = capacity - *count;
        size_t fit = n - *taken < room ? n - *taken : room;
        uint64_t before = reader->info.events;
        *taken += take_blocks(reader, data + *taken * size, fit, events + *count);
        *count += reader->info.events - before;
        for (int i = 0; i < KS_TAG_BLOCK && *taken < n && *count < capacity; i++) {
            reader->offset = reader->info.bytes + *taken * size;
            ks_status status = take_record(reader, data + *taken * size, size, events + *count, count);
            ++*taken;
            KS_TRY(status);
        }
    }
    return KS_OK;
}

/* The start of a record that continues in the next call; behind the promised records, what nobody asked for.
 */
static void take_rest(ks_reader *reader, const uint8_t *data, size_t bytes) {
    reader->info.bytes += bytes;
    if (bytes == 0 || promised(reader, 1) == 0)
        return;
    memcpy(reader->partial, data, bytes);
    reader->held = bytes;
}

static ks_status feed_binary(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                             ks_event *events, size_t capacity, size_t *count) {
    size_t size = reader->decoder->record, taken = 0, used = 0;
    if (reader->held > 0) {
        if (capacity == 0)
            return KS_OK;
        ks_status status = top_up(reader, data, bytes, &used, events, count);
        reader->info.bytes += used;
        *consumed += used;
        if (status != KS_OK || reader->held > 0)
            return status;
    }
    size_t whole = promised(reader, (bytes - used) / size);
    ks_status status = take_records(reader, data + used, whole, &taken, events, capacity, count);
    reader->info.bytes += taken * size;
    *consumed += taken * size;
    used += taken * size;
    if (status != KS_OK || taken < whole)
        return status;
    take_rest(reader, data + used, bytes - used);
    *consumed += bytes - used;
    return KS_OK;
}

/* ---- text records */

/* Length of the record that starts here, n when its end is not among these bytes. Words end at blanks and
 * control characters. */
static size_t text_length(const uint8_t *text, size_t n, int lines) {
    size_t length = 0;
    if (lines) {
        const uint8_t *end = memchr(text, '\n', n);
        return end ? (size_t)(end - text) : n;
    }
    while (length < n && text[length] > ' ')
        length++;
    return length;
}

static ks_status take_text(ks_reader *reader, const uint8_t *text, size_t n, ks_event *events,
                           size_t *count) {
    int cut = reader->line_too_long;
    reader->line_too_long = 0;
    reader->held = 0;
    if (cut) {
        reader->info.records++;
        return count_bad(reader, text, n);
    }
    if (n > 0 && text[n - 1] == '\r')
        n--;
    return n > 0 ? take_record(reader, text, n, events, count) : KS_OK;
}

/* Keeps the start of a record that continues in the next call. */
static void hold_text(ks_reader *reader, const uint8_t *text, size_t n) {
    size_t room = KS_PARTIAL_BYTES - reader->held;
    if (n > room) {
        reader->line_too_long = 1;
        n = room;
    }
    memcpy(reader->partial + reader->held, text, n);
    reader->held += n;
}

static ks_status feed_text(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                           ks_event *events, size_t capacity, size_t *count) {
    size_t used = 0;
    ks_status status = KS_OK;
    while (used < bytes && *count < capacity && status == KS_OK) {
        const uint8_t *text = data + used;
        size_t left = bytes - used, n = text_length(text, left, reader->decoder->lines);
        if (reader->held == 0)
            reader->offset = reader->info.bytes + used;
        used += n < left ? n + 1 : n;
        if (n == left || reader->held > 0 || n > KS_PARTIAL_BYTES) {
            hold_text(reader, text, n);
            if (n < left)
                status = take_text(reader, reader->partial, reader->held, events + *count, count);
        } else {
            status = take_text(reader, text, n, events + *count, count);
        }
    }
    reader->info.bytes += used;
    *consumed += used;
    return status;
}

/* ---- feeding */

static ks_status feed_records(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                              ks_event *events, size_t capacity, size_t *count) {
    return reader->decoder->record > 0 ? feed_binary(reader, data, bytes, consumed, events, capacity, count)
                                       : feed_text(reader, data, bytes, consumed, events, capacity, count);
}

/* Through the reorder window. */
static ks_status feed_ordered(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                              ks_event *events, size_t capacity, size_t *count) {
    ks_status status = KS_OK;
    for (;;) {
        *count += ks_order_release(&reader->order, events + *count, capacity - *count, 0);
        if (status != KS_OK || *consumed == bytes || *count == capacity || !ks_order_ready(&reader->order))
            return status;
        ks_event batch[KS_ORDER_BATCH];
        size_t n = 0;
        status =
            feed_records(reader, data + *consumed, bytes - *consumed, consumed, batch, KS_ORDER_BATCH, &n);
        reader->info.late += ks_order_add(&reader->order, batch, n);
    }
}

ks_status ks_reader_feed(ks_reader *reader, const uint8_t *data, size_t bytes, size_t *consumed,
                         ks_event *events, size_t capacity, size_t *count) {
    if (!reader || !consumed || !count || (!data && bytes > 0) || (!events && capacity > 0))
        return ks_fail(KS_ERR_ARGUMENT, "reader: missing buffer");
    *consumed = 0;
    *count = 0;
    if (reader->failed || reader->finished)
        return ks_fail(KS_ERR_STATE, "reader: fed after %s", reader->failed ? "a failure" : "the end");
    ks_status status = feed_header(reader, data, bytes, consumed);
    if (status == KS_OK && reader->need == 0 && reader->skip == 0) {
        if (reader->options.reorder > 0) {
            status = feed_ordered(reader, data, bytes, consumed, events, capacity, count);
        } else {
            status =
                feed_records(reader, data + *consumed, bytes - *consumed, consumed, events, capacity, count);
            reader->info.late = reader->info.backsteps;
        }
    }
    reader->failed = status;
    return status;
}

/* ---- end */

/* What the end of the input cut off. */
static ks_status check_end(ks_reader *reader) {
    const ks_reader_info *info = &reader->info;
    if (reader->failed)
        return KS_OK;
    if (reader->need > 0 || reader->skip > 0)
        return ks_fail(KS_ERR_FORMAT,
                       "byte %llu: expected the rest of the header, found the end of the input",
                       (unsigned long long)info->bytes);
    if (reader->decoder->record > 0 && reader->held > 0)
        return ks_fail(KS_ERR_FORMAT,
                       "byte %llu: expected a %s of %zu bytes, found the end of the input after %zu",
                       (unsigned long long)(info->bytes - reader->held), reader->decoder->what,
                       reader->decoder->record, reader->held);
    if (reader->hex.have_low)
        return ks_fail(KS_ERR_FORMAT,
                       "byte %llu: expected the high word of a pair, found the end of the input",
                       (unsigned long long)info->bytes);
    if (info->records < reader->limit)
        return ks_fail(KS_ERR_FORMAT,
                       "byte %llu: expected %llu records, found the end of the input after %llu",
                       (unsigned long long)info->bytes, (unsigned long long)reader->limit,
                       (unsigned long long)info->records);
    return KS_OK;
}

ks_status ks_reader_finish(ks_reader *reader, ks_event *events, size_t capacity, size_t *count) {
    if (!reader || !count || (!events && capacity > 0))
        return ks_fail(KS_ERR_ARGUMENT, "reader: missing buffer");
    *count = 0;
    ks_status status = KS_OK;
    int text = reader->decoder && reader->decoder->record == 0;
    if (text && reader->held > 0 && capacity > 0 && !reader->failed) {
        ks_event last;
        size_t n = 0;
        status = take_text(reader, reader->partial, reader->held, &last, &n);
        if (reader->options.reorder > 0)
            reader->info.late += ks_order_add(&reader->order, &last, n);
        else if (n > 0)
            events[(*count)++] = last;
    }
    reader->finished = 1;
    if (reader->options.reorder > 0)
        *count += ks_order_release(&reader->order, events, capacity, 1);
    if (status != KS_OK || *count > 0)
        return status;
    return check_end(reader);
}
