/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of a chunk of n slots: one byte k (0..56); ceil(n k / 8) bytes of low parts, k bits each; the high
 * parts in unary (q zeros, then a one), ending with the byte of the n-th one. Bits are LSB-first. The value
 * of a slot is its gap, slot - predecessor - 1 (the first: slot - base), low part first. */
#include "pipeline/slotcode.h"

#include <string.h>
#include <keystill/event.h>

#include "pipeline/status.h"

enum { K_MAX = 56, HEADER = 1 };

static uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static void store64(uint8_t *p, uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, sizeof v);
}

/* Up to 8 bytes at p, fewer at the end of the input. */
static uint64_t load_tail(const uint8_t *p, size_t left) {
    uint64_t v = 0;
    for (size_t i = 0; i < left && i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint64_t load_bounded(const uint8_t *p, size_t left) {
    return left >= 8 ? load64(p) : load_tail(p, left);
}

/* Bytes of n low parts of k bits; n is bounded by the caller so that this cannot overflow. */
static size_t low_bytes(size_t n, unsigned k) {
    return n / 8 * k + (n % 8 * k + 7) / 8;
}

size_t ks_slotcode_bound(size_t n) {
    /* At most 56 low bits and, with the encoder's k, on average at most 4 bits of unary. */
    return n <= (SIZE_MAX - 16) / 64 ? 8 * n + 16 : 0;
}

/* Best k for gaps of a geometric law (Kiely, "Selecting the Golomb parameter in Rice coding", IPN Progress
 * Report 42-159, 2004): the smallest with 2^k > mean ln(golden ratio). 123/256 is just below ln(golden ratio)
 * = 0.4812. */
static unsigned choose_k(uint64_t mean) {
    uint64_t scaled = mean * 123 / 256;
    return scaled ? 64 - (unsigned)__builtin_clzll(scaled) : 0;
}

typedef struct bit_writer {
    uint8_t *next, *end;
    uint64_t pending;
    unsigned fill;
} bit_writer;

static inline void put_word(bit_writer *w) {
    uint64_t v = w->pending;
    if (w->end - w->next >= 8) {
        store64(w->next, v);
        w->next += 8;
        return;
    }
    for (; w->next < w->end; v >>= 8)
        *w->next++ = (uint8_t)v;
}

/* Appends the low n <= 56 bits of v, which has no others. */
static inline void put_bits(bit_writer *w, uint64_t v, unsigned n) {
    w->pending |= v << w->fill;
    w->fill += n;
    if (w->fill >= 64) {
        put_word(w);
        w->fill -= 64;
        w->pending = v >> (n - w->fill);
    }
}

static inline void put_unary(bit_writer *w, uint64_t zeros) {
    while (zeros >= 64 - w->fill) {
        zeros -= 64 - w->fill;
        put_word(w);
        w->pending = 0;
        w->fill = 0;
    }
    w->fill += (unsigned)zeros;
    w->pending |= UINT64_C(1) << w->fill;
    if (++w->fill == 64) {
        put_word(w);
        w->pending = 0;
        w->fill = 0;
    }
}

static int strictly_increasing(const uint64_t *slots, size_t n) {
    uint64_t bad = 0;
    for (size_t i = 1; i < n; i++)
        bad |= (uint64_t)(slots[i] <= slots[i - 1]);
    return !bad;
}

static uint64_t unary_bits(const uint64_t *slots, size_t n, uint64_t base, unsigned k) {
    uint64_t zeros = (slots[0] - base) >> k;
    for (size_t i = 1; i < n; i++)
        zeros += (slots[i] - slots[i - 1] - 1) >> k;
    return zeros + n;
}

ks_status ks_slotcode_encode(uint8_t *out, size_t capacity, size_t *bytes, const uint64_t *slots, size_t n,
                             uint64_t base) {
    *bytes = 0;
    if (n == 0)
        return KS_OK;
    if (ks_slotcode_bound(n) == 0 || slots[0] < base || slots[n - 1] > KS_SLOT_MAX ||
        !strictly_increasing(slots, n))
        return ks_fail(KS_ERR_ARGUMENT, "slot list is not strictly increasing from its base");
    unsigned k = choose_k((slots[n - 1] - base + 1 - n) / n);
    size_t low = low_bytes(n, k);
    size_t total = HEADER + low + (size_t)((unary_bits(slots, n, base, k) + 7) / 8);
    if (total > capacity)
        return ks_fail(KS_ERR_ARGUMENT, "slot list needs %zu bytes, %zu are there", total, capacity);

    out[0] = (uint8_t)k;
    bit_writer lows = {.next = out + HEADER, .end = out + HEADER + low};
    bit_writer highs = {.next = out + HEADER + low, .end = out + total};
    uint64_t next = base, mask = (UINT64_C(1) << k) - 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t gap = slots[i] - next;
        next = slots[i] + 1;
        put_bits(&lows, gap & mask, k);
        put_unary(&highs, gap >> k);
    }
    put_word(&lows);
    put_word(&highs);
    *bytes = total;
    return KS_OK;
}

/* A chunk under decoding. */
typedef struct chunk {
    const uint8_t *in;
    size_t bytes, unary; /* length; offset of the unary part */
    unsigned k;
    uint64_t mask;
} chunk;

static inline uint64_t low_part(const chunk *c, size_t i) {
    size_t bit = i * c->k, at = HEADER + bit / 8;
    return load_bounded(c->in + at, c->bytes - at) >> bit % 8 & c->mask;
}

static ks_status open_chunk(chunk *c, size_t n, const uint8_t *in, size_t bytes) {
    if (bytes == 0 || n / 8 > bytes || ks_slotcode_bound(n) == 0)
        return ks_fail(KS_ERR_PROTOCOL, "slot list of %zu slots in %zu bytes: too short", n, bytes);
    if (in[0] > K_MAX)
        return ks_fail(KS_ERR_PROTOCOL, "slot list, byte 0: low part of at most %d bits expected, got %d",
                       K_MAX, in[0]);
    *c = (chunk){.in = in, .bytes = bytes, .k = in[0], .mask = (UINT64_C(1) << in[0]) - 1};
    c->unary = HEADER + low_bytes(n, c->k);
    if (c->unary >= bytes)
        return ks_fail(KS_ERR_PROTOCOL, "slot list of %zu bytes: more than %zu expected", bytes, c->unary);
    unsigned used = (unsigned)(n % 8 * c->k % 8);
    if (used && in[c->unary - 1] >> used)
        return ks_fail(KS_ERR_PROTOCOL, "slot list, byte %zu: padding is not zero", c->unary - 1);
    return KS_OK;
}

/* The n-th one stood at bit `bit` of the word at byte `at`; `rest` are the word's bits after it. */
static ks_status check_end(const chunk *c, size_t at, unsigned bit, uint64_t rest) {
    if (rest || at + bit / 8 + 1 != c->bytes)
        return ks_fail(KS_ERR_PROTOCOL, "slot list, byte %zu: end expected, more follows", at + bit / 8);
    return KS_OK;
}

ks_status ks_slotcode_decode(uint64_t *slots, size_t n, const uint8_t *in, size_t bytes, uint64_t base,
                             uint64_t limit) {
    if (limit > KS_SLOT_MAX + 1 || base > limit)
        return ks_fail(KS_ERR_ARGUMENT, "slots must lie within 0 and 2^56");
    if (n == 0)
        return bytes == 0 ? KS_OK : ks_fail(KS_ERR_PROTOCOL, "slot list without slots has %zu bytes", bytes);
    chunk c = {0};
    KS_TRY(open_chunk(&c, n, in, bytes));
    uint64_t next = base, zeros = 0;
    size_t i = 0;
    for (size_t at = c.unary; at < bytes; at += 8) {
        unsigned passed = 0;
        for (uint64_t word = load_bounded(in + at, bytes - at); word; word &= word - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(word);
            zeros += bit - passed;
            passed = bit + 1;
            uint64_t room = limit - next;
            uint64_t gap = zeros << c.k | low_part(&c, i);
            if (zeros > room >> c.k || gap >= room)
                return ks_fail(KS_ERR_PROTOCOL, "slot list, byte %zu: slot %zu lies past the limit",
                               at + bit / 8, i);
            slots[i] = next + gap;
            next = slots[i] + 1;
            zeros = 0;
            if (++i == n)
                return check_end(&c, at, bit, word & (word - 1));
        }
        zeros += 64 - passed;
    }
    return ks_fail(KS_ERR_PROTOCOL, "slot list of %zu bytes ends after slot %zu of %zu", bytes, i, n);
}
