/* SPDX-License-Identifier: Apache-2.0 */
/* The quasi-cyclic decoder twice: soft values in the group's local memory where a frame fits, else in global memory, where
 * a frame of 2^18 bits stays in the caches. */
#include "kernels/gpu/port.h"

/* Remap levels that the code words have room for. */
#define DECODE_LEVELS 32

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
