/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of readers and writers share: whole streams in and out of memory, real files, little-endian
 * bytes. */
#ifndef KS_TESTS_FORMATS_HELPERS_H
#define KS_TESTS_FORMATS_HELPERS_H

#include <criterion/criterion.h>
#include <keystill/reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory that a test need not give back: all blocks hang on one list, so a leak checker finds only leaks of
 * the library. */
typedef struct pool_block {
    struct pool_block *next, *previous;
} pool_block;

static pool_block pool = {&pool, &pool};

static inline void *pool_resize(void *memory, size_t n) {
    pool_block *block = memory ? (pool_block *)memory - 1 : NULL;
    if (block) {
        block->previous->next = block->next;
        block->next->previous = block->previous;
    }
    block = realloc(block, sizeof *block + n);
    cr_assert_not_null(block);
    *block = (pool_block){pool.next, &pool};
    pool.next->previous = block;
    pool.next = block;
    return block + 1;
}

/* A growing array of bytes. */
typedef struct bytes {
    uint8_t *data;
    size_t n, capacity;
} bytes;

static inline void bytes_add(bytes *b, const void *data, size_t n) {
    if (b->n + n > b->capacity) {
        b->capacity = (b->n + n) * 2 + 64;
        b->data = pool_resize(b->data, b->capacity);
    }
    if (n > 0)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

static inline void bytes_add_word(bytes *b, uint64_t word, int size) {
    for (int i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(word >> 8 * i);
        bytes_add(b, &byte, 1);
    }
}

static inline void bytes_add_text(bytes *b, const char *text) {
    bytes_add(b, text, strlen(text));
}

/* What a reader made of a stream. */
typedef struct reading {
    ks_event *events;
    size_t n;
    ks_reader_info info;
    ks_status status; /* of the first call that failed */
    char detail[512];
} reading;

static inline void reading_keep(reading *out, const ks_event *events, size_t n) {
    if (n == 0)
        return;
    out->events = pool_resize(out->events, (out->n + n) * sizeof *events);
    memcpy(out->events + out->n, events, n * sizeof *events);
    out->n += n;
}

static inline void reading_fail(reading *out, ks_status status) {
    if (out->status == KS_OK && status != KS_OK) {
        out->status = status;
        snprintf(out->detail, sizeof out->detail, "%s", ks_error_detail());
    }
}

/* Feeds `piece` bytes at a time, with room for `room` events a call. */
static inline reading read_pieces(const ks_reader_options *options, const uint8_t *data, size_t n,
                                  size_t piece, size_t room) {
    reading out = {0};
    ks_reader *reader = NULL;
    cr_assert_eq(ks_reader_create(&reader, options), KS_OK, "%s", ks_error_detail());
    ks_event *events = malloc((room + 1) * sizeof *events);
    size_t count = 0;
    for (size_t at = 0; at < n && out.status == KS_OK;) {
        size_t some = n - at < piece ? n - at : piece, consumed = 0;
        /* An exact copy, so that a sanitizer sees every read behind the piece. */
        uint8_t *copy = malloc(some);
        memcpy(copy, data + at, some);
        reading_fail(&out, ks_reader_feed(reader, copy, some, &consumed, events, room, &count));
        free(copy);
        cr_assert(consumed <= some && count <= room);
        cr_assert(consumed == some || count == room || out.status != KS_OK, "stalled at %zu", at);
        reading_keep(&out, events, count);
        at += consumed;
    }
    do {
        reading_fail(&out, ks_reader_finish(reader, events, room, &count));
        reading_keep(&out, events, count);
    } while (count > 0);
    out.info = *ks_reader_get_info(reader);
    free(events);
    ks_reader_destroy(reader);
    return out;
}

static inline reading read_all(const ks_reader_options *options, const bytes *b) {
    return read_pieces(options, b->data, b->n, b->n + 1, 100000);
}

/* The folder's file, or {0} when it is not there. */
static inline bytes load_real(const char *name) {
    bytes out = {0};
    char path[1024];
    const char *folder = getenv("KS_DATA");
    if (!folder)
        return out;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return out;
    uint8_t block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        bytes_add(&out, block, n);
    fclose(file);
    return out;
}

#endif
