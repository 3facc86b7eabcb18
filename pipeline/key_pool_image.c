/* SPDX-License-Identifier: Apache-2.0 */
/* Pool images: header, records, rings. Numbers are little-endian. */
#include <string.h>

#include <keystill/secret.h>

#include "pipeline/authenticate.h"
#include "pipeline/key_pool.h"
#include "pipeline/status.h"

enum {
    VERSION = 1,
    CHECKSUM = 16,
    HISTORY_OFFSET = 64,
    NOTE_BYTES = 40,
    PROVEN_OFFSET = HISTORY_OFFSET + NOTE_BYTES * KS_POOL_HISTORY,
    EPSILON_OFFSET = PROVEN_OFFSET + 16,
    ACCEPTED_OFFSET = EPSILON_OFFSET + 8
};
_Static_assert(ACCEPTED_OFFSET + 8 + 8 * KS_POOL_ACCEPTED + CHECKSUM <= KS_POOL_RECORD_BYTES,
               "a record is full");

static const uint8_t header_magic[8] = "KSPOOL\r\n", record_magic[8] = "KSRECORD";

/* Indices stay far from overflow; no link lives that long. */
static const uint64_t largest_index = UINT64_C(1) << 62;

static void put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *in, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | in[i];
    return value;
}

/* Finds torn writes and decay, not forgers: the key is public. */
static void checksum(uint8_t out[CHECKSUM], const uint8_t *data, size_t bytes) {
    static const uint8_t key[16] = "Keystill pool v1";
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, data, bytes);
    ks_hash_final(&hash, out);
    ks_hash_wipe(&hash);
}

static int checksum_fits(const uint8_t *data, size_t bytes) {
    uint8_t sum[CHECKSUM];
    checksum(sum, data, bytes);
    return memcmp(sum, data + bytes, CHECKSUM) == 0;
}

uint64_t ks_pool_slot_offset(int direction, uint64_t index) {
    return KS_POOL_RING_OFFSET + (uint64_t)direction * KS_POOL_RING + index % KS_POOL_CAPACITY * KS_PAD_BYTES;
}

void ks_pool_encode_header(uint8_t page[KS_POOL_PAGE], const ks_pool_header *header) {
    memset(page, 0, KS_POOL_PAGE);
    memcpy(page, header_magic, 8);
    put(page + 8, VERSION, 4);
    put(page + 12, KS_POOL_CAPACITY, 4);
    memcpy(page + 16, header->fingerprint, 16);
    memcpy(page + 32, header->hash_key, 32);
    checksum(page + 64, page, 64);
}

ks_status ks_pool_decode_header(ks_pool_header *header, const uint8_t *image, size_t bytes) {
    if (bytes != KS_POOL_IMAGE_BYTES)
        return ks_fail(KS_ERR_FORMAT, "a key pool has %d bytes, this has %zu", KS_POOL_IMAGE_BYTES, bytes);
    if (memcmp(image, header_magic, 8) != 0)
        return ks_fail(KS_ERR_FORMAT, "offset 0: no key pool (magic \"KSPOOL\" expected)");
    if (get(image + 8, 4) != VERSION)
        return ks_fail(KS_ERR_FORMAT, "offset 8: pool version %u, this program knows %d",
                       (unsigned)get(image + 8, 4), VERSION);
    if (get(image + 12, 4) != KS_POOL_CAPACITY)
        return ks_fail(KS_ERR_FORMAT, "offset 12: room for %u pads, %d expected",
                       (unsigned)get(image + 12, 4), KS_POOL_CAPACITY);
    if (!checksum_fits(image, 64))
        return ks_fail(KS_ERR_FORMAT, "offset 64: the checksum of the pool's header does not fit");
    memcpy(header->fingerprint, image + 16, 16);
    memcpy(header->hash_key, image + 32, 32);
    return KS_OK;
}

static void encode_note(uint8_t out[NOTE_BYTES], const ks_pool_refill_note *note) {
    put(out, note->epoch, 4);
    put(out + 4, note->block, 4);
    put(out + 8, note->pads, 4);
    for (int d = 0; d < 2; d++) {
        put(out + 12 + 4 * d, note->spent[d], 4);
        out[20 + d] = note->cut[d];
        put(out + 24 + 8 * d, note->end[d], 8);
    }
}

static void decode_note(ks_pool_refill_note *note, const uint8_t in[NOTE_BYTES]) {
    note->epoch = (uint32_t)get(in, 4);
    note->block = (uint32_t)get(in + 4, 4);
    note->pads = (uint32_t)get(in + 8, 4);
    for (int d = 0; d < 2; d++) {
        note->spent[d] = (uint32_t)get(in + 12 + 4 * d, 4);
        note->cut[d] = in[20 + d];
        note->end[d] = get(in + 24 + 8 * d, 8);
    }
}

void ks_pool_encode_record(uint8_t record[KS_POOL_RECORD_BYTES], const ks_pool_state *state) {
    memset(record, 0, KS_POOL_RECORD_BYTES);
    memcpy(record, record_magic, 8);
    put(record + 8, state->sequence, 8);
    for (int d = 0; d < 2; d++) {
        put(record + 16 + 8 * d, state->reserved[d], 8);
        put(record + 32 + 8 * d, state->end[d], 8);
        put(record + PROVEN_OFFSET + 8 * d, state->proven[d], 8);
    }
    put(record + 48, state->epoch, 4);
    put(record + 52, state->refills, 4);
    put(record + 56, state->forgotten, 8);
    uint64_t epsilon;
    memcpy(&epsilon, &state->epsilon, sizeof epsilon);
    put(record + EPSILON_OFFSET, epsilon, 8);
    put(record + ACCEPTED_OFFSET, state->accepts, 8);
    for (int i = 0; i < KS_POOL_ACCEPTED; i++)
        put(record + ACCEPTED_OFFSET + 8 + 8 * i, state->accepted[i], 8);
    for (uint32_t i = 0; i < state->refills; i++)
        encode_note(record + HISTORY_OFFSET + NOTE_BYTES * i, &state->history[i]);
    checksum(record + KS_POOL_RECORD_BYTES - CHECKSUM, record, KS_POOL_RECORD_BYTES - CHECKSUM);
}

/* 1 when the record is whole and makes sense. */
static int decode_record(ks_pool_state *state, const uint8_t *record) {
    memset(state, 0, sizeof *state);
    if (memcmp(record, record_magic, 8) != 0 || !checksum_fits(record, KS_POOL_RECORD_BYTES - CHECKSUM))
        return 0;
    state->sequence = get(record + 8, 8);
    for (int d = 0; d < 2; d++) {
        state->reserved[d] = get(record + 16 + 8 * d, 8);
        state->end[d] = get(record + 32 + 8 * d, 8);
        state->proven[d] = get(record + PROVEN_OFFSET + 8 * d, 8);
        if (state->reserved[d] > largest_index || state->end[d] > largest_index ||
            state->proven[d] > state->reserved[d] ||
            (state->end[d] > state->reserved[d] && state->end[d] - state->reserved[d] > KS_POOL_CAPACITY))
            return 0;
    }
    state->epoch = (uint32_t)get(record + 48, 4);
    state->refills = (uint32_t)get(record + 52, 4);
    state->forgotten = get(record + 56, 8);
    state->accepts = get(record + ACCEPTED_OFFSET, 8);
    for (int i = 0; i < KS_POOL_ACCEPTED; i++)
        state->accepted[i] = get(record + ACCEPTED_OFFSET + 8 + 8 * i, 8);
    const uint64_t epsilon = get(record + EPSILON_OFFSET, 8);
    memcpy(&state->epsilon, &epsilon, sizeof epsilon);
    if (state->refills > KS_POOL_HISTORY || !(state->epsilon >= 0 && state->epsilon <= 1e9))
        return 0;
    for (uint32_t i = 0; i < state->refills; i++)
        decode_note(&state->history[i], record + HISTORY_OFFSET + NOTE_BYTES * i);
    return 1;
}

ks_status ks_pool_decode_records(ks_pool_state *state, int *copy, const uint8_t *image) {
    ks_pool_state other;
    int first = decode_record(state, image + KS_POOL_PAGE);
    int second = decode_record(&other, image + 2 * KS_POOL_PAGE);
    if (!first && !second)
        return ks_fail(
            KS_ERR_FORMAT,
            "offsets %d and %d: neither record of the pool is whole; which pads are used is not known",
            KS_POOL_PAGE, 2 * KS_POOL_PAGE);
    *copy = second && (!first || other.sequence > state->sequence);
    if (*copy)
        *state = other;
    return KS_OK;
}

/* A Wegman-Carter tag on the secret, under a hash key and a pad that serve for nothing else and are
 * forgotten: it tells nothing about the rest, and two secrets that differ have the same one with probability
 * 2^-120. */
static void derive_fingerprint(uint8_t out[16], const uint8_t *psk) {
    ks_hash hash;
    ks_hash_init(&hash, psk + 32);
    ks_hash_update(&hash, psk, 32);
    ks_hash_update(&hash, psk + 64, KS_PSK_BYTES - 64);
    ks_hash_final(&hash, out);
    ks_tag_seal(out, out, psk + 48);
    ks_hash_wipe(&hash);
}

ks_status ks_pool_psk_fingerprint(uint8_t out[16], const uint8_t *psk, size_t psk_bytes) {
    if (psk_bytes != KS_PSK_BYTES)
        return ks_fail(KS_ERR_FORMAT, "a pre-shared key has %d bytes, this has %zu", KS_PSK_BYTES, psk_bytes);
    /* What an empty file system block or a forgotten generator would give. */
    int same = 1;
    for (size_t i = 1; i < psk_bytes; i++)
        same &= psk[i] == psk[0];
    if (same)
        return ks_fail(KS_ERR_FORMAT, "the pre-shared key is one byte repeated: no key");
    derive_fingerprint(out, psk);
    return KS_OK;
}

ks_status ks_pool_image_from_psk(uint8_t *image, size_t *bytes, const uint8_t *psk, size_t psk_bytes) {
    enum { PADS = (KS_PSK_BYTES - 64) / KS_PAD_BYTES / 2 };
    if (image && *bytes < KS_POOL_IMAGE_BYTES)
        return ks_fail(KS_ERR_ARGUMENT, "%zu bytes for a pool image of %d", *bytes, KS_POOL_IMAGE_BYTES);
    *bytes = KS_POOL_IMAGE_BYTES;
    if (!image)
        return KS_OK;
    ks_pool_header header;
    KS_TRY(ks_pool_psk_fingerprint(header.fingerprint, psk, psk_bytes));
    memcpy(header.hash_key, psk, sizeof header.hash_key);
    memset(image, 0, KS_POOL_IMAGE_BYTES);
    ks_pool_encode_header(image, &header);
    ks_wipe(&header, sizeof header);
    ks_pool_state state = {.sequence = 1, .end = {PADS, PADS}};
    for (int d = 0; d < 2; d++) {
        ks_pool_encode_record(image + KS_POOL_PAGE * (1 + d), &state);
        memcpy(image + ks_pool_slot_offset(d, 0), psk + 64 + d * PADS * KS_PAD_BYTES, PADS * KS_PAD_BYTES);
    }
    return KS_OK;
}
