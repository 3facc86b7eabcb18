/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/bits.h"

/* `n` <= 64 bits of src from `offset`, in the low bits. */
static uint64_t load_bits(const uint64_t *src, size_t offset, unsigned n) {
    unsigned shift = (unsigned)(offset % 64);
    const uint64_t *word = src + offset / 64;
    uint64_t bits = word[0] >> shift;
    if (shift + n > 64)
        bits |= word[1] << (64 - shift);
    return bits;
}

static uint64_t low_mask(unsigned n) {
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

void ks_bits_copy(uint64_t *dst, size_t dst_offset, const uint64_t *src, size_t src_offset, size_t n) {
    uint64_t *out = dst + dst_offset / 64;
    unsigned lead = (unsigned)(dst_offset % 64);
    while (n) {
        unsigned take = n < 64 - lead ? (unsigned)n : 64 - lead;
        uint64_t mask = low_mask(take) << lead;
        *out = (*out & ~mask) | (load_bits(src, src_offset, take) << lead & mask);
        out++;
        src_offset += take;
        n -= take;
        lead = 0;
    }
}
