/* SPDX-License-Identifier: Apache-2.0 */
/* Change of basis of packed 16-bit words between monomials and the LCH basis. docs/amplification.md; a step (a, b) in every
 * block of 2 a words is
 *
 *   mode 0, key     word[i + b] ^= word[i + a], i falling from a - 1
 *   mode 1, output  word[i + a] ^= word[i + b], i rising
 *   mode 2, seed    word[i + a] ^= word[i + b], i falling
 *
 * The words a .. a + b - 1 are written and read; whoever has i < b does both of their additions, so the others,
 * b <= i < a - b, do not meet. a >= 2 b. A block may end early: `left` is what is there of it, the rest reads as zero and is
 * not written. Steps are done on units of eight words, two words, or on pairs of words that are shifted when b = 1. */
#include "kernels/gpu/port.h"

KS_FN ks_u32 toeplitz_sum1(ks_u32 a, ks_u32 b) {
    return a ^ b;
}

KS_FN ks_u32x4 toeplitz_sum4(ks_u32x4 a, ks_u32x4 b) {
    return KS_U32X4(a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w);
}

/* The additions of unit i, i < a - b; all lengths in units. */
#define TOEPLITZ_STEP(name, SPACE, type, zero, sum)                                                                                \
    KS_FN void name(SPACE type *block, ks_u32 a, ks_u32 b, ks_u32 i, ks_u32 left, ks_u32 mode) {                                   \
        const ks_u32 end = 2 * a - b + i;                                                                                          \
        type moved;                                                                                                                \
        if (i + a >= left)                                                                                                         \
            return;                                                                                                                \
        moved = block[i + (mode ? b : a)];                                                                                         \
        if (i >= b) {                                                                                                              \
            SPACE type *to = block + i + (mode ? a : b);                                                                           \
            *to = sum(*to, moved);                                                                                                 \
        } else {                                                                                                                   \
            const type was = block[a + i], last = end < left ? block[end] : zero;                                                  \
            const type is = sum(was, mode ? moved : last);                                                                         \
            block[a + i] = is;                                                                                                     \
            if (mode == 0)                                                                                                         \
                block[i + b] = sum(block[i + b], is);                                                                              \
            else if (end < left)                                                                                                   \
                block[end] = sum(last, mode == 1 ? is : was);                                                                      \
        }                                                                                                                          \
    }

/* A step with b = 1 on pairs of words, `a` of them in each half: the additions of pair i of the upper half, i < a. Item 0 does
 * those of a neighbour of the seam too. */
#define TOEPLITZ_STEP_PAIRS(name, SPACE)                                                                                           \
    KS_FN void name(SPACE ks_u32 *low, ks_u32 a, ks_u32 i, ks_u32 left, ks_u32 mode) {                                             \
        SPACE ks_u32 *high = low + a;                                                                                              \
        ks_u32 was, is;                                                                                                            \
        if (a >= left || i + a > left || (mode && i + a == left) || (i == (mode ? a - 1 : 1) && a > 1))                            \
            return;                                                                                                                \
        was = i + a < left ? high[i] : 0;                                                                                          \
        if (mode == 0) {                                                                                                           \
            is = i ? was : was ^ (2 * a <= left ? high[a - 1] >> 16 : 0);                                                          \
            low[i] ^= is << 16 | (i ? high[i - 1] >> 16 : 0);                                                                      \
            if (i == 0) {                                                                                                          \
                high[0] = is;                                                                                                      \
                if (a > 1)                                                                                                         \
                    low[1] ^= (a + 1 < left ? high[1] << 16 : 0) | was >> 16;                                                      \
            }                                                                                                                      \
        } else {                                                                                                                   \
            is = was ^ (low[i] >> 16 | (i + 1 < a ? low[i + 1] << 16 : 0));                                                        \
            if (a == 1)                                                                                                            \
                is ^= (mode == 1 ? is : was) << 16;                                                                                \
            high[i] = is;                                                                                                          \
            if (i == 0 && a > 1 && 2 * a <= left)                                                                                  \
                high[a - 1] ^= low[a - 1] >> 16 | (mode == 1 ? is : was) << 16;                                                    \
        }                                                                                                                          \
    }

TOEPLITZ_STEP(toeplitz_step_local4, KS_LOCAL_POINTER, ks_u32x4, KS_U32X4(0, 0, 0, 0), toeplitz_sum4)
TOEPLITZ_STEP(toeplitz_step_local1, KS_LOCAL_POINTER, ks_u32, 0, toeplitz_sum1)
TOEPLITZ_STEP_PAIRS(toeplitz_step_local_pairs, KS_LOCAL_POINTER)
TOEPLITZ_STEP(toeplitz_step_global4, KS_GLOBAL, ks_u32x4, KS_U32X4(0, 0, 0, 0), toeplitz_sum4)
TOEPLITZ_STEP(toeplitz_step_global1, KS_GLOBAL, ks_u32, 0, toeplitz_sum1)
TOEPLITZ_STEP_PAIRS(toeplitz_step_global_pairs, KS_GLOBAL)

/* One step over the first n words of each product of a batch, n a multiple of 256; products are `stride` units of eight words
 * apart. groups_y: product, block of 2 a words, `blocks` of them; 2^log_a words are divided into units of 8 words for b >= 8, of
 * 2 words otherwise. */
KS_KERNEL_FN(ks_gpu_toeplitz_basis_step)
(KS_GLOBAL ks_u32x4 *words, ks_u32 n, ks_u32 stride, ks_u32 blocks, ks_u32 log_a, ks_u32 log_b, ks_u32 mode) {
    const ks_u32 i = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    const ks_u64 first = (ks_u64)(KS_GROUP_Y() % blocks) << (log_a + 1);
    const ks_u32 left = n - (ks_u32)first;
    KS_GLOBAL ks_u32x4 *block = words + (ks_u64)(KS_GROUP_Y() / blocks) * stride + first / 8;
    if (log_b >= 3) {
        if (i < (1u << log_a >> 3) - (1u << log_b >> 3))
            toeplitz_step_global4(block, 1u << log_a >> 3, 1u << log_b >> 3, i, left / 8, mode);
    } else if (log_b) {
        if (i < (1u << log_a >> 1) - (1u << log_b >> 1))
            toeplitz_step_global1((KS_GLOBAL ks_u32 *)block, 1u << log_a >> 1, 1u << log_b >> 1, i, left / 2, mode);
    } else if (i < 1u << log_a >> 1) {
        toeplitz_step_global_pairs((KS_GLOBAL ks_u32 *)block, 1u << log_a >> 1, i, left / 2, mode);
    }
}

/* A step on 2^log_size words of local memory. */
KS_FN void toeplitz_step_tile(KS_LOCAL_POINTER ks_u32x4 *room, ks_u32 log_size, ks_u32 log_a, ks_u32 log_b, ks_u32 mode) {
    const ks_u32 unit = log_b >= 3 ? 3 : 1, units = 1u << (log_size - unit - 1), a = 1u << (log_a - unit);
    KS_LOCAL_POINTER ks_u32 *pairs = (KS_LOCAL_POINTER ks_u32 *)room;
    if (log_b >= 3) {
        const ks_u32 b = 1u << (log_b - 3);
        for (ks_u32 item = KS_ITEM(); item < units; item += KS_ITEMS())
            if ((item & (a - 1)) < a - b)
                toeplitz_step_local4(room + 2 * (item & ~(a - 1)), a, b, item & (a - 1), 2 * a, mode);
    } else if (log_b) {
        const ks_u32 b = 1u << (log_b - 1);
        for (ks_u32 item = KS_ITEM(); item < units; item += KS_ITEMS())
            if ((item & (a - 1)) < a - b)
                toeplitz_step_local1(pairs + 2 * (item & ~(a - 1)), a, b, item & (a - 1), 2 * a, mode);
    } else {
        for (ks_u32 item = KS_ITEM(); item < units; item += KS_ITEMS())
            toeplitz_step_local_pairs(pairs + 2 * (item & ~(a - 1)), a, item & (a - 1), 2 * a, mode);
    }
}

/* Steps from .. from + count - 1 in local memory. A group takes 2^log_width neighbouring words of 2^log_rows rows that are
 * 2^log_stride words apart: all steps with 2^log_stride <= b and 2 a <= 2^(log_rows + log_stride). log_width = log_stride = 0:
 * consecutive words; otherwise both are at least 3. steps: log a | log b << 8. n is a multiple of 8. groups_y: products,
 * `stride` units of eight words apart. */
KS_KERNEL_FN(ks_gpu_toeplitz_basis_tile)
(KS_GLOBAL ks_u32x4 *words, KS_GLOBAL const ks_u32 *steps, ks_u32 n, ks_u32 stride, ks_u32 from, ks_u32 count, ks_u32 log_rows, ks_u32 log_stride,
 ks_u32 log_width, ks_u32 mode KS_LOCAL_PARAM(room)) {
    KS_LOCAL_BIND(ks_u32x4, room)
    const ks_u32 chunks = log_stride - log_width, log_size = log_rows + log_width, mask = (1u << log_width) - 1;
    const ks_u32 first = (KS_GROUP() >> chunks) << (log_rows + log_stride) |
                         (KS_GROUP() & ((1u << chunks) - 1)) << log_width;
    words += (ks_u64)KS_GROUP_Y() * stride;
    for (ks_u32 i = KS_ITEM(); i < 1u << (log_size - 3); i += KS_ITEMS()) {
        const ks_u32 at = first + ((8 * i >> log_width) << log_stride) + (8 * i & mask);
        room[i] = at < n ? words[at / 8] : KS_U32X4(0, 0, 0, 0);
    }
    for (ks_u32 s = from; s < from + count; s++) {
        KS_BARRIER();
        toeplitz_step_tile(room, log_size, (steps[s] & 255) - chunks, (steps[s] >> 8) - chunks, mode);
    }
    KS_BARRIER();
    for (ks_u32 i = KS_ITEM(); i < 1u << (log_size - 3); i += KS_ITEMS()) {
        const ks_u32 at = first + ((8 * i >> log_width) << log_stride) + (8 * i & mask);
        if (at < n)
            words[at / 8] = room[i];
    }
}
