/* SPDX-License-Identifier: Apache-2.0 */
/* Row ldpc_syndrome. One item a word of 32 checks; frame y of the batch in group (x, y). Check i of row r sums bit (i + shift)
 * mod z of the columns of its edges: for 32 consecutive checks a window of the column's words, which wraps at its end. */
#include "kernels/gpu/port.h"

/* syndrome: words a frame; frames: frame_words a frame; edges of row r: edges[first[r] .. first[r + 1] - 1], column << 16 |
 * shift; z = 32 << log_words. */
KS_KERNEL_FN(ks_gpu_syndrome)
(KS_GLOBAL ks_u32 *syndrome, KS_GLOBAL const ks_u32 *frames, KS_GLOBAL const ks_u32 *first, KS_GLOBAL const ks_u32 *edges,
 ks_u32 log_words, ks_u32 words, ks_u32 frame_words) {
    ks_u32 w = KS_GROUP() * KS_ITEMS() + KS_ITEM();
    if (w >= words)
        return;
    KS_GLOBAL const ks_u32 *frame = frames + (ks_u64)KS_GROUP_Y() * frame_words;
    ks_u32 row = w >> log_words, wrap = (1u << log_words) - 1, sum = 0;
    for (ks_u32 e = first[row]; e < first[row + 1]; e++) {
        ks_u32 edge = edges[e], shift = edge & 31;
        KS_GLOBAL const ks_u32 *column = frame + ((edge >> 16) << log_words);
        ks_u32 at = w + ((edge & 0xffff) >> 5);
        ks_u32 low = column[at & wrap], high = column[(at + 1) & wrap];
        sum ^= shift ? low >> shift | high << (32 - shift) : low;
    }
    syndrome[(ks_u64)KS_GROUP_Y() * words + w] = sum;
}
