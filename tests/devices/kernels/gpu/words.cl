/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/gpu/port.h"

KS_CONSTANT ks_u8 ks_test_sbox[8] = {7, 1, 4, 0, 255, 128, 3, 9};

KS_FN ks_u32x4 ks_test_rotate(ks_u32x4 v) {
    return KS_U32X4(v.y, v.z, v.w, v.x);
}

/* Vectors of 16 bytes, and the widths of all types. */
KS_KERNEL_FN(ks_test_vectors)(KS_GLOBAL ks_u32x4 *out, KS_GLOBAL const ks_u32x4 *in, KS_GLOBAL ks_u32 *sizes) {
    const ks_u32 i = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    out[i] = ks_test_rotate(in[i]);
    if (i == 0) {
        sizes[0] = (ks_u32)(sizeof(ks_u8) + 16 * sizeof(ks_u16) + 256 * sizeof(ks_u32) + 4096 * sizeof(ks_u64));
        sizes[1] = (ks_u32)(sizeof(ks_i8) + 16 * sizeof(ks_i16) + 256 * sizeof(ks_i32) + 4096 * sizeof(ks_i64));
        sizes[2] = (ks_u32)sizeof(ks_u32x4);
        sizes[3] = (ks_u32)((ks_i8)-1 >> 1) + (ks_u32)((ks_i32)-8 >> 2);
    }
}

/* Sum over a group, by halves, in the local memory of the launch and in an array of the kernel. */
KS_KERNEL_FN(ks_test_local)(KS_GLOBAL ks_u64 *sums, KS_GLOBAL const ks_u64 *in KS_LOCAL_PARAM(scratch)) {
    KS_LOCAL_BIND(ks_u64, scratch)
    KS_LOCAL ks_u32 ones[1];
    const ks_u32 item = KS_ITEM();
    scratch[item] = in[KS_GROUP() * KS_ITEMS() + item];
    if (item == 0)
        ones[0] = 0;
    KS_BARRIER();
    KS_LOCAL_ADD(&ones[0], KS_POPCOUNT((ks_u32)scratch[item]));
    for (ks_u32 step = KS_ITEMS() / 2; step; step /= 2) {
        KS_BARRIER();
        if (item < step)
            scratch[item] += scratch[item + step];
    }
    KS_BARRIER();
    if (item == 0)
        sums[KS_GROUP()] = scratch[0] + ((ks_u64)ones[0] << 48);
}

/* Counters that every item of every group changes: a sum, an exclusive-or, tickets that are drawn once each. */
KS_KERNEL_FN(ks_test_atomics)(KS_GLOBAL ks_u32 *counters, KS_GLOBAL ks_u32 *tickets) {
    KS_LOCAL ks_u32 folded[1];
    const ks_u32 i = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    if (KS_ITEM() == 0)
        folded[0] = 0;
    KS_BARRIER();
    KS_LOCAL_XOR(&folded[0], i * 2654435761u);
    KS_BARRIER();
    if (KS_ITEM() == 0)
        KS_GLOBAL_XOR(&counters[1], folded[0]);
    tickets[KS_GLOBAL_ADD(&counters[0], 1)] = i;
}

/* A constant table, bytes, 64-bit counts. */
KS_KERNEL_FN(ks_test_table)(KS_GLOBAL ks_u8 *out, KS_GLOBAL const ks_u64 *in) {
    const ks_u32 i = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    out[i] = (ks_u8)(ks_test_sbox[i % 8] ^ KS_POPCOUNT(in[i]));
}
