/* SPDX-License-Identifier: Apache-2.0 */
/* The planes are walked in pieces of PIECE words, so that masks and scratch stay in the first-level cache. */
#include "pipeline/sift.h"

#include <string.h>
#include <keystill/secret.h>

#include "pipeline/bits.h"
#include "pipeline/status.h"

enum { PIECE = 128, PIECE_BITS = 64 * PIECE };

static const uint64_t no_intensity[PIECE];

/* A piece of an input: `words` words from word `first`, `bits` bits. */
typedef struct piece {
    size_t first, words, bits;
    const uint64_t *low, *high;
} piece;

static piece piece_at(const ks_sift_input *in, size_t first) {
    size_t left = in->n - 64 * first;
    piece p = {.first = first, .bits = left < PIECE_BITS ? left : PIECE_BITS};
    p.words = ks_bits_words(p.bits);
    p.low = in->intensity_low ? in->intensity_low + first : no_intensity;
    p.high = in->intensity_high ? in->intensity_high + first : no_intensity;
    return p;
}

/* mask = positions where both ends had `basis`. */
static void both_had(uint64_t *mask, const ks_sift_input *in, const piece *p, unsigned basis) {
    const uint64_t *mine = in->basis + p->first, *peer = in->peer_basis + p->first;
    uint64_t flip = basis ? 0 : ~UINT64_C(0);
    for (size_t i = 0; i < p->words; i++)
        mask[i] = (mine[i] ^ flip) & (peer[i] ^ flip);
}

/* mask = positions that give key; returns how many were taken out because their bits are known. */
static uint64_t gives_key(uint64_t *mask, const ks_sift_input *in, const piece *p) {
    both_had(mask, in, p, in->key_basis);
    if (!in->sampled)
        return 0;
    const uint64_t taken = ks_bits_and_count(mask, in->sampled + p->first, p->bits);
    for (size_t i = 0; i < p->words; i++)
        mask[i] &= ~in->sampled[p->first + i];
    return taken;
}

static void tally_into(uint64_t total[KS_SIFT_INTENSITIES], const uint64_t *mask, const piece *p) {
    uint64_t counts[KS_SIFT_INTENSITIES];
    ks_bits_tally(counts, mask, p->low, p->high, p->bits);
    for (int k = 0; k < KS_SIFT_INTENSITIES; k++)
        total[k] += counts[k];
}

void ks_sift_key(uint64_t *key, size_t *key_bits, ks_sift_counts *counts, const ks_sift_input *in) {
    uint64_t mask[PIECE], chosen[PIECE];
    memset(counts, 0, sizeof *counts);
    size_t done = 0;
    for (size_t first = 0; 64 * first < in->n; first += PIECE) {
        piece p = piece_at(in, first);
        both_had(mask, in, &p, !in->key_basis);
        tally_into(counts->test, mask, &p);
        counts->sampled += gives_key(mask, in, &p);
        tally_into(counts->key, mask, &p);
        size_t more = ks_bits_compress(chosen, in->bit + first, mask, p.bits);
        ks_bits_copy(key, done, chosen, 0, more);
        done += more;
    }
    *key_bits = done;
    ks_wipe(chosen, sizeof chosen);
}

size_t ks_sift_test_bits(uint64_t *out, const uint64_t *basis, const uint64_t *bit, size_t n,
                         unsigned key_basis) {
    uint64_t mask[PIECE], chosen[PIECE];
    uint64_t flip = key_basis ? ~UINT64_C(0) : 0;
    size_t done = 0;
    for (size_t first = 0; 64 * first < n; first += PIECE) {
        size_t left = n - 64 * first, bits = left < PIECE_BITS ? left : PIECE_BITS;
        for (size_t i = 0; i < ks_bits_words(bits); i++)
            mask[i] = basis[first + i] ^ flip;
        size_t more = ks_bits_compress(chosen, bit + first, mask, bits);
        ks_bits_copy(out, done, chosen, 0, more);
        done += more;
    }
    return done;
}

/* Weight of the positions where `basis` (flipped) is set. */
static uint64_t weight(const uint64_t *basis, size_t n, unsigned value) {
    uint64_t ones = ks_bits_count(basis, n);
    return value ? ones : n - ones;
}

ks_status ks_sift_test_errors(uint64_t errors[KS_SIFT_INTENSITIES], const ks_sift_input *in,
                              const uint64_t *peer_bits, size_t peer_bit_count) {
    uint64_t mask[PIECE], theirs[PIECE], spread[PIECE];
    unsigned test = !in->key_basis;
    uint64_t flip = test ? 0 : ~UINT64_C(0);
    memset(errors, 0, KS_SIFT_INTENSITIES * sizeof *errors);
    uint64_t expected = weight(in->peer_basis, in->n, test);
    if (expected != peer_bit_count)
        return ks_fail(KS_ERR_PROTOCOL, "test bits: %llu expected from the announced bases, got %zu",
                       (unsigned long long)expected, peer_bit_count);
    size_t used = 0;
    for (size_t first = 0; 64 * first < in->n; first += PIECE) {
        piece p = piece_at(in, first);
        for (size_t i = 0; i < p.words; i++)
            mask[i] = in->peer_basis[first + i] ^ flip;
        size_t need = (size_t)ks_bits_count(mask, p.bits);
        ks_bits_copy(theirs, 0, peer_bits, used, need);
        used += ks_bits_expand(spread, theirs, mask, p.bits);
        both_had(mask, in, &p, test);
        for (size_t i = 0; i < p.words; i++)
            mask[i] &= spread[i] ^ in->bit[first + i];
        tally_into(errors, mask, &p);
    }
    return KS_OK;
}

ks_status ks_sift_sample_errors(uint64_t *errors, const ks_sift_input *in, const uint64_t *peer_bits,
                                size_t peer_bit_count) {
    uint64_t mask[PIECE], theirs[PIECE], spread[PIECE];
    const uint64_t flip = in->key_basis ? 0 : ~UINT64_C(0), expected = ks_bits_count(in->sampled, in->n);
    *errors = 0;
    if (expected != peer_bit_count)
        return ks_fail(KS_ERR_PROTOCOL, "sample of the key basis: %llu positions, %zu bits",
                       (unsigned long long)expected, peer_bit_count);
    size_t used = 0;
    for (size_t first = 0; 64 * first < in->n; first += PIECE) {
        piece p = piece_at(in, first);
        const uint64_t *sampled = in->sampled + first;
        for (size_t i = 0; i < p.words; i++)
            mask[i] = in->peer_basis[first + i] ^ flip;
        const size_t need = (size_t)ks_bits_count(sampled, p.bits);
        if (ks_bits_and_count(mask, sampled, p.bits) != need)
            return ks_fail(KS_ERR_PROTOCOL, "the sample of the key basis has detections of the test basis");
        ks_bits_copy(theirs, 0, peer_bits, used, need);
        used += ks_bits_expand(spread, theirs, sampled, p.bits);
        both_had(mask, in, &p, in->key_basis);
        for (size_t i = 0; i < p.words; i++)
            mask[i] &= sampled[i] & (spread[i] ^ in->bit[first + i]);
        *errors += ks_bits_count(mask, p.bits);
    }
    return KS_OK;
}

ks_status ks_sift_key_errors(uint64_t errors[KS_SIFT_INTENSITIES], const ks_sift_input *in,
                             const uint64_t *key, const uint64_t *corrected, size_t key_bits) {
    uint64_t mask[PIECE], a[PIECE], b[PIECE];
    memset(errors, 0, KS_SIFT_INTENSITIES * sizeof *errors);
    size_t used = 0;
    ks_status status = KS_OK;
    for (size_t first = 0; 64 * first < in->n; first += PIECE) {
        piece p = piece_at(in, first);
        (void)gives_key(mask, in, &p);
        size_t need = (size_t)ks_bits_count(mask, p.bits);
        if (need > key_bits - used)
            break;
        ks_bits_copy(a, 0, key, used, need);
        ks_bits_copy(b, 0, corrected, used, need);
        for (size_t i = 0; i < ks_bits_words(need); i++)
            a[i] ^= b[i];
        ks_bits_expand(b, a, mask, p.bits);
        tally_into(errors, b, &p);
        used += need;
    }
    if (used != key_bits)
        status = ks_fail(KS_ERR_ARGUMENT, "key of %zu bits does not belong to these planes", key_bits);
    ks_wipe(a, sizeof a);
    ks_wipe(b, sizeof b);
    return status;
}
