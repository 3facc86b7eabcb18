/* SPDX-License-Identifier: Apache-2.0 */
/* Row poly_hash: the polynomial over GF(2^128) in T strands. Blocks are numbered from the end: strand t of T takes blocks
 * t, t + T, ... and evaluates them by Horner's rule in H^T with a table of its products by bytes; the strands' values are then
 * added in pairs, the later of each times H^(distance). The groups of the first launch leave the values of their strands in
 * out, the first group's last; a launch of one group over these values, with the powers of H^(strands a group), gives the
 * sum.
 *
 * An element is four 32-bit words, word 0 first, whose most significant bit is the coefficient of x^0 (GHASH's order, bytes
 * swapped to words by the load). */
#include "kernels/gpu/port.h"

KS_FN ks_u32x4 hash_load(KS_GLOBAL const ks_u8 *at) {
    return KS_U32X4((ks_u32)at[0] << 24 | (ks_u32)at[1] << 16 | (ks_u32)at[2] << 8 | at[3],
                    (ks_u32)at[4] << 24 | (ks_u32)at[5] << 16 | (ks_u32)at[6] << 8 | at[7],
                    (ks_u32)at[8] << 24 | (ks_u32)at[9] << 16 | (ks_u32)at[10] << 8 | at[11],
                    (ks_u32)at[12] << 24 | (ks_u32)at[13] << 16 | (ks_u32)at[14] << 8 | at[15]);
}

KS_FN ks_u32x4 hash_add(ks_u32x4 a, ks_u32x4 b) {
    return KS_U32X4(a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w);
}

/* a x^8. */
KS_FN ks_u32x4 hash_times_byte(ks_u32x4 a) {
    ks_u32 over = a.w << 24;
    return KS_U32X4(a.x >> 8 ^ over ^ over >> 1 ^ over >> 2 ^ over >> 7, a.x << 24 | a.y >> 8, a.y << 24 | a.z >> 8,
                    a.z << 24 | a.w >> 8);
}

KS_FN ks_u32x4 hash_times_x(ks_u32x4 a) {
    ks_u32 over = (a.w & 1) ? 0xE1000000u : 0;
    return KS_U32X4(a.x >> 1 ^ over, a.x << 31 | a.y >> 1, a.y << 31 | a.z >> 1, a.z << 31 | a.w >> 1);
}

KS_FN ks_u32x4 hash_times(ks_u32x4 a, ks_u32x4 b) {
    ks_u32x4 sum = KS_U32X4(0, 0, 0, 0);
    for (ks_u32 i = 0; i < 128; i++) {
        ks_u32 word = i < 32 ? a.x : i < 64 ? a.y : i < 96 ? a.z : a.w;
        ks_u32 mask = 0u - (word >> (31 - i % 32) & 1);
        sum = KS_U32X4(sum.x ^ (b.x & mask), sum.y ^ (b.y & mask), sum.z ^ (b.z & mask), sum.w ^ (b.w & mask));
        b = hash_times_x(b);
    }
    return sum;
}

/* table[b] = the byte b, its most significant bit x^0, times `power`. 256 entries, by all items. */
KS_FN void hash_table(KS_LOCAL_POINTER ks_u32x4 *table, ks_u32x4 power) {
    for (ks_u32 b = KS_ITEM(); b < 256; b += KS_ITEMS())
        table[b] = hash_times(KS_U32X4(b << 24, 0, 0, 0), power);
    KS_BARRIER();
}

KS_FN ks_u32x4 hash_times_table(KS_LOCAL_POINTER const ks_u32x4 *table, ks_u32x4 a) {
    ks_u32x4 sum = table[a.w & 0xff];
    for (ks_u32 i = 1; i < 16; i++) {
        ks_u32 word = i < 4 ? a.w : i < 8 ? a.z : i < 12 ? a.y : a.x;
        sum = hash_add(hash_times_byte(sum), table[word >> 8 * (i % 4) & 0xff]);
    }
    return sum;
}

/* powers: H^T, then H^1, H^2, H^4, ... H^(items / 2), 16 bytes each in GHASH's order. `blocks` holds count blocks; out takes a
 * value a group, in the same byte order. Items: a power of two, at most 256. With T = groups * items. */
KS_KERNEL_FN(ks_gpu_poly_hash)
(KS_GLOBAL ks_u8 *out, KS_GLOBAL const ks_u8 *blocks, KS_GLOBAL const ks_u8 *powers, ks_u64 count) {
    KS_LOCAL ks_u32x4 table[256];
    KS_LOCAL ks_u32x4 strands[256];
    ks_u32 item = KS_ITEM(), items = KS_ITEMS();
    ks_u64 total = (ks_u64)KS_GROUPS() * items, strand = (ks_u64)KS_GROUP() * items + item;
    hash_table(table, hash_load(powers));
    ks_u32x4 sum = KS_U32X4(0, 0, 0, 0);
    if (strand < count) {
        ks_u64 from_end = (count - 1 - strand) / total * total + strand;
        sum = hash_load(blocks + (count - 1 - from_end) * 16);
        while (from_end >= total) {
            from_end -= total;
            sum = hash_add(hash_times_table(table, sum), hash_load(blocks + (count - 1 - from_end) * 16));
        }
    }
    strands[item] = sum;
    for (ks_u32 step = 1, level = 1; step < items; step *= 2, level++) {
        KS_BARRIER();
        if (item % (2 * step) == 0) {
            ks_u32x4 later = hash_times(strands[item + step], hash_load(powers + 16 * level));
            strands[item] = hash_add(strands[item], later);
        }
    }
    if (item == 0) {
        ks_u32x4 value = strands[0];
        KS_GLOBAL ks_u8 *at = out + 16 * (ks_u64)(KS_GROUPS() - 1 - KS_GROUP());
        for (ks_u32 i = 0; i < 16; i++) {
            ks_u32 word = i < 4 ? value.x : i < 8 ? value.y : i < 12 ? value.z : value.w;
            at[i] = (ks_u8)(word >> (24 - 8 * (i % 4)));
        }
    }
}
