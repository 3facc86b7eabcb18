/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/gpu/port.h"

/* out[i] = in[i] * factor + (group_y << 32) + shift for the items of a grid that is larger than n. */
KS_KERNEL_FN(ks_test_words)
(KS_GLOBAL ks_u64 *out, KS_GLOBAL const ks_u64 *in, ks_u32 n, ks_u64 factor, ks_u32 shift) {
    const ks_u32 item = KS_GROUP() * KS_ITEMS() + KS_ITEM(), at = KS_GROUP_Y() * n + item;
    if (item < n)
        out[at] = in[item] * factor + ((ks_u64)KS_GROUP_Y() << 32) + shift;
}

/* One group and item; an optional buffer. */
KS_KERNEL_FN(ks_test_none)(KS_GLOBAL ks_u32 *out, KS_GLOBAL const ks_u32 *maybe) {
    if (KS_GROUP() == 0 && KS_ITEM() == 0)
        out[0] = maybe ? maybe[0] : KS_GROUPS();
}
