/* SPDX-License-Identifier: Apache-2.0 */
/* Borders of the Toeplitz products: packed bits in and out, and the schoolbook product of short blocks. */
#include "kernels/gpu/port.h"

/* 32 bits from position `at` of the string of `count` bits that begins at bit `first`, zero outside of it. */
KS_FN ks_u32 toeplitz_bits(KS_GLOBAL const ks_u32 *words, ks_u64 first, ks_u64 count, ks_i64 at) {
    if (at <= -32 || at >= (ks_i64)count)
        return 0;
    const ks_u32 skip = at < 0 ? (ks_u32)(-at) : 0; /* bits before the string */
    const ks_u64 from = first + (at < 0 ? 0 : (ks_u64)at), left = first + count - from;
    const ks_u32 shift = (ks_u32)(from & 31);
    ks_u32 value = words[from >> 5] >> shift;
    if (shift && left > 32 - shift)
        value |= words[(from >> 5) + 1] << (32 - shift);
    if (left < 32)
        value &= (1u << left) - 1;
    return value << skip;
}

KS_FN ks_u32 toeplitz_reverse(ks_u32 x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    x = (x >> 8 & 0x00ff00ff) | (x & 0x00ff00ff) << 8;
    return x >> 16 | x << 16;
}

/* Blocks of a batch, groups_y of them: what is told of each, in words of 64 bits. Places are in words of 32 bits. */
#define TOEPLITZ_BLOCK_C 0 /* columns of the matrix */
#define TOEPLITZ_BLOCK_M 1 /* output bits */
#define TOEPLITZ_BLOCK_KEY 2
#define TOEPLITZ_BLOCK_SEED 3
#define TOEPLITZ_BLOCK_OUT 4
#define TOEPLITZ_BLOCK_FIELDS 5

/* `words` words of each block, `stride` words apart: its c key bits in reverse order (seed = 0), or s[m .. c+m-2] s[0 .. m-1]
 * of its seed from bit `skipped` (two's complement) on; zero outside of both. */
KS_KERNEL_FN(ks_gpu_toeplitz_load)
(KS_GLOBAL ks_u32 *out, KS_GLOBAL const ks_u32 *in, KS_GLOBAL const ks_u64 *blocks, ks_u64 skipped, ks_u32 words, ks_u32 stride,
 ks_u32 seed) {
    const ks_u32 w = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    KS_GLOBAL const ks_u64 *block = blocks + KS_GROUP_Y() * TOEPLITZ_BLOCK_FIELDS;
    const ks_u64 c = block[TOEPLITZ_BLOCK_C], m = block[TOEPLITZ_BLOCK_M];
    if (w >= words)
        return;
    out += (ks_u64)KS_GROUP_Y() * stride;
    in += block[seed ? TOEPLITZ_BLOCK_SEED : TOEPLITZ_BLOCK_KEY];
    const ks_i64 at = 32 * (ks_i64)w + (ks_i64)skipped;
    if (seed)
        out[w] = toeplitz_bits(in, m, c - 1, at) ^ toeplitz_bits(in, 0, m, at - (ks_i64)(c - 1));
    else
        out[w] = toeplitz_reverse(toeplitz_bits(in, 0, c, (ks_i64)c - 32 - at));
}

/* out[0 .. m-1] of each block = its product, `stride` words apart, + x[c .. c + m - 1] where x counts (identity = 1), the rest
 * of its 64-bit words zero. */
KS_KERNEL_FN(ks_gpu_toeplitz_finish)
(KS_GLOBAL ks_u32 *out, KS_GLOBAL const ks_u32 *product, KS_GLOBAL const ks_u32 *x, KS_GLOBAL const ks_u64 *blocks, ks_u32 stride,
 ks_u32 identity) {
    const ks_u32 w = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    KS_GLOBAL const ks_u64 *block = blocks + KS_GROUP_Y() * TOEPLITZ_BLOCK_FIELDS;
    const ks_u64 m = block[TOEPLITZ_BLOCK_M];
    if (w >= (m + 63) / 64 * 2)
        return;
    ks_u32 sum = toeplitz_bits(product + (ks_u64)KS_GROUP_Y() * stride, 0, m, 32 * (ks_i64)w);
    if (identity)
        sum ^= toeplitz_bits(x + block[TOEPLITZ_BLOCK_KEY], block[TOEPLITZ_BLOCK_C], m, 32 * (ks_i64)w);
    out[block[TOEPLITZ_BLOCK_OUT] + w] = sum;
}

/* Schoolbook product of row toeplitz_direct in 32-bit words: a group makes word KS_GROUP() of out, its items share the c key
 * bits, K words: bit i of out is the sum of key_j band_(32 K + i - j). */
KS_KERNEL_FN(ks_gpu_toeplitz_direct)
(KS_GLOBAL ks_u32 *out, KS_GLOBAL const ks_u32 *key, KS_GLOBAL const ks_u32 *band, ks_u64 c) {
    KS_LOCAL ks_u32 total;
    const ks_u32 key_words = (ks_u32)((c + 31) / 32);
    ks_u32 sum = 0;
    if (KS_ITEM() == 0)
        total = 0;
    KS_BARRIER();
    for (ks_u32 a = KS_ITEM(); a < key_words; a += KS_ITEMS()) {
        const ks_u32 k = toeplitz_bits(key, 0, c, 32 * (ks_i64)a);
        KS_GLOBAL const ks_u32 *at = band + (key_words + KS_GROUP() - 1 - a);
        const ks_u64 window = (ks_u64)at[1] << 32 | at[0];
        for (ks_u32 j = 0; j < 32; j++)
            sum ^= (ks_u32)(window >> (32 - j)) & (0u - (k >> j & 1));
    }
    KS_LOCAL_XOR(&total, sum);
    KS_BARRIER();
    if (KS_ITEM() == 0)
        out[KS_GROUP()] = total;
}
