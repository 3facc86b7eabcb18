/* SPDX-License-Identifier: Apache-2.0 */
/* The quasi-cyclic decoder twice: soft values in the group's local memory where a frame fits, else in global memory, where
 * a frame of 2^18 bits stays in the caches. */
#include "kernels/gpu/port.h"

/* Remap levels that the code words have room for. */
#define DECODE_LEVELS 32

#define DECODE_EXACT 0
#define DECODE_PINNED 127
#define decode_soft ks_i8
#define DECODE_NAME ks_gpu_decode_local
#define DECODE_PARAM KS_LOCAL_PARAM(soft)
#define DECODE_SOFT KS_LOCAL_BIND(ks_i8, soft)
#include "kernels/gpu/decode.inc"
#undef DECODE_NAME
#undef DECODE_PARAM
#undef DECODE_SOFT

#define DECODE_NAME ks_gpu_decode_global
#define DECODE_PARAM , KS_GLOBAL ks_i8 *soft_room
#define DECODE_SOFT KS_GLOBAL ks_i8 *soft = soft_room + (ks_u64)KS_GROUP() * columns * z;
#include "kernels/gpu/decode.inc"
#undef DECODE_NAME
#undef DECODE_PARAM
#undef DECODE_SOFT
#undef DECODE_EXACT
#undef DECODE_PINNED
#undef decode_soft

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

#define DECODE_EXACT 1
#define DECODE_PINNED 32767
#define decode_soft ks_i16
#define DECODE_NAME ks_gpu_decode_exact
#define DECODE_PARAM , KS_GLOBAL ks_i16 *soft_room
#define DECODE_SOFT KS_GLOBAL ks_i16 *soft = soft_room + (ks_u64)KS_GROUP() * columns * z;
#include "kernels/gpu/decode.inc"
#undef DECODE_EXACT
#undef DECODE_PINNED
#undef decode_soft
#undef DECODE_NAME
#undef DECODE_PARAM
#undef DECODE_SOFT
