/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/authenticate.h"

#include <math.h>
#include <string.h>

#include <keystill/secret.h>

#include "kernels/kernels.h"

static void absorb(ks_hash *hash, const uint8_t *blocks, size_t count) {
    ks_kernels_get()->poly_hash(hash->state, hash->powers, blocks, count);
    hash->blocks += count;
}

/* a = a * b in GF(2^128). */
static void multiply(uint8_t a[16], const uint8_t b[16]) {
    static const uint8_t zero[16];
    ks_kernels_get()->poly_hash(a, b, zero, 1);
}

static void store_be64(uint8_t out[8], uint64_t value) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

void ks_hash_init(ks_hash *hash, const uint8_t key[16]) {
    memset(hash, 0, sizeof *hash);
    memcpy(hash->powers, key, 16);
    for (int i = 1; i < KS_HASH_POWERS; i++) {
        memcpy(hash->powers + 16 * i, hash->powers + 16 * (i - 1), 16);
        multiply(hash->powers + 16 * i, key);
    }
}

void ks_hash_update(ks_hash *hash, const void *data, size_t bytes) {
    const uint8_t *from = data;
    hash->bytes += bytes;
    if (hash->pending_bytes) {
        size_t room = KS_HASH_BLOCK - hash->pending_bytes;
        size_t part = bytes < room ? bytes : room;
        memcpy(hash->pending + hash->pending_bytes, from, part);
        hash->pending_bytes += (uint32_t)part;
        if (hash->pending_bytes < KS_HASH_BLOCK)
            return;
        absorb(hash, hash->pending, 1);
        hash->pending_bytes = 0;
        from += part;
        bytes -= part;
    }
    size_t whole = bytes / KS_HASH_BLOCK, rest = bytes % KS_HASH_BLOCK;
    if (whole)
        absorb(hash, from, whole);
    if (rest) {
        memcpy(hash->pending, from + bytes - rest, rest);
        hash->pending_bytes = (uint32_t)rest;
    }
}

void ks_hash_pad(ks_hash *hash) {
    if (hash->pending_bytes == 0)
        return;
    memset(hash->pending + hash->pending_bytes, 0, KS_HASH_BLOCK - hash->pending_bytes);
    absorb(hash, hash->pending, 1);
    hash->pending_bytes = 0;
}

static void absorb_lengths(ks_hash *hash, uint64_t first_bytes, uint64_t second_bytes) {
    uint8_t lengths[16];
    store_be64(lengths, first_bytes << 3);
    store_be64(lengths + 8, second_bytes << 3);
    absorb(hash, lengths, 1);
}

void ks_hash_final(ks_hash *hash, uint8_t out[16]) {
    ks_hash_pad(hash);
    absorb_lengths(hash, 0, hash->bytes);
    memcpy(out, hash->state, 16);
}

void ks_hash_wipe(ks_hash *hash) {
    ks_wipe(hash, sizeof *hash);
}

void ks_hash_value(const ks_hash *hash, uint8_t out[16]) {
    memcpy(out, hash->state, 16);
}

uint64_t ks_hash_blocks(const ks_hash *hash) {
    return hash->blocks;
}

void ks_hash_combine(uint8_t out[16], const uint8_t key[16], const uint8_t first[16],
                     const uint8_t second[16], uint64_t second_blocks) {
    uint8_t square[16], value[16];
    memcpy(square, key, 16);
    memcpy(value, first, 16);
    /* The exponent is public: its bits may decide the path. */
    for (uint64_t e = second_blocks; e; e >>= 1) {
        if (e & 1)
            multiply(value, square);
        uint8_t factor[16];
        memcpy(factor, square, 16);
        multiply(square, factor);
        ks_wipe(factor, sizeof factor);
    }
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(value[i] ^ second[i]);
    ks_wipe(square, sizeof square);
    ks_wipe(value, sizeof value);
}

void ks_hash_pair(uint8_t out[16], const ks_hash *first, const ks_hash *second) {
    ks_hash a = *first, b = *second;
    ks_hash_pad(&a);
    ks_hash_pad(&b);
    ks_hash_combine(b.state, b.powers, a.state, b.state, b.blocks);
    absorb_lengths(&b, a.bytes, b.bytes);
    memcpy(out, b.state, 16);
    ks_hash_wipe(&a);
    ks_hash_wipe(&b);
}

double ks_hash_log2_epsilon(uint64_t blocks) {
    return log2((double)(blocks ? blocks : 1)) - 128.0;
}

void ks_tag_seal(uint8_t out[KS_TAG_BYTES], const uint8_t hash[16], const uint8_t pad[16]) {
    for (int i = 0; i < KS_TAG_BYTES; i++)
        out[i] = (uint8_t)(hash[i] ^ pad[i]);
}

/* Words as bytes, low byte first. */
static void update_words(ks_hash *hash, const uint64_t *words, size_t count) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    ks_hash_update(hash, words, 8 * count);
#else
    for (size_t i = 0; i < count; i++) {
        uint64_t swapped = __builtin_bswap64(words[i]);
        ks_hash_update(hash, &swapped, 8);
        ks_wipe(&swapped, sizeof swapped);
    }
#endif
}

void ks_verification_tag(uint8_t tag[KS_TAG_BYTES], const uint8_t key[16], const uint64_t *bits, size_t n) {
    ks_hash hash;
    ks_hash_init(&hash, key);
    update_words(&hash, bits, n / 64);
    if (n % 64) {
        uint64_t last = bits[n / 64] & ((UINT64_C(1) << n % 64) - 1);
        update_words(&hash, &last, 1);
        ks_wipe(&last, sizeof last);
    }
    ks_hash_pad(&hash);
    ks_hash_value(&hash, tag);
    ks_hash_wipe(&hash);
}

double ks_verification_log2_epsilon(size_t n) {
    return ks_hash_log2_epsilon(n / 128 + (n % 128 != 0));
}
