/* SPDX-License-Identifier: Apache-2.0 */
/* The quasi-cyclic decoders. The fast one twice: soft values in the group's local memory where enough frames fit side by side
 * to keep the device busy, else in global memory. */
#include "kernels/gpu/port.h"
#include "kernels/gpu/bytes.inc"

/* Remap levels that the code words have room for; words of frame_info a frame. */
#define DECODE_LEVELS 32
#define DECODE_INFO 4

/* Bits k, k + q, k + 2 q and k + 3 q, one a byte. */
KS_FN ks_u32 decode_bits(KS_GLOBAL const ks_u32 *bits, ks_u32 k, ks_u32 q) {
    ks_u32 out = 0;
    for (ks_u32 b = 0; b < 4; b++, k += q)
        out |= (bits[k / 32] >> k % 32 & 1) << 8 * b;
    return out;
}

/* Word of soft values that an edge (column << 16 | shift) joins with word i of the checks; how far it is turned. */
KS_FN ks_u32 decode_place(ks_u32 edge, ks_u32 i, ks_u32 q) {
    return (edge >> 16) * q + ((edge + i) & (q - 1));
}
KS_FN ks_u32 decode_turn(ks_u32 edge, ks_u32 i, ks_u32 log_q) {
    return (edge + i) >> (log_q - 3) & 24;
}

/* All ones for the bits of word w from real_bits on. */
KS_FN ks_u32 decode_pinned(ks_u32 w, ks_u32 q, ks_u32 log_q, ks_u32 real_bits) {
    ks_u32 bit = w >> log_q << (log_q + 2) | (w & (q - 1)), out = 0;
    for (ks_u32 b = 0; b < 4; b++, bit += q)
        out |= (bit >= real_bits ? 0xffu : 0u) << 8 * b;
    return out;
}

#define DECODE_NAME ks_gpu_decode_local
#define DECODE_PARAM KS_LOCAL_PARAM(soft)
#define DECODE_SOFT KS_LOCAL_BIND(ks_u32, soft)
#define DECODE_KEEP
#include "kernels/gpu/decode_fast.inc"
#undef DECODE_NAME
#undef DECODE_PARAM
#undef DECODE_SOFT
#undef DECODE_KEEP

#define DECODE_NAME ks_gpu_decode_global
#define DECODE_PARAM , KS_GLOBAL ks_u32 *soft_room
#define DECODE_SOFT KS_GLOBAL ks_u32 *soft = soft_room + (ks_u64)KS_GROUP() * words;
#define DECODE_KEEP KS_KEEP(soft);
#include "kernels/gpu/decode_fast.inc"
#undef DECODE_NAME
#undef DECODE_PARAM
#undef DECODE_SOFT
#undef DECODE_KEEP

/* Sizes and limits of kernels/rows_ldpc.h. */
#define DECODE_PHI 640
#define DECODE_CAP 8191
#define DECODE_LATE 262

/* Key of the inverse table: 0 for 0, else 32 keys between powers of two. */
KS_FN ks_u32 decode_key(ks_u32 sum) {
    const ks_u32 t = sum < 0xffffffu ? sum : 0xffffffu;
    ks_u32 power = 0;
    for (ks_u32 step = 16; step; step /= 2)
        power += t >> (power + step) ? step : 0;
    return t ? 32 * power + (power >= 5 ? t >> (power - 5) : t << (5 - power)) - 31 : 0;
}

#include "kernels/gpu/decode_exact.inc"
