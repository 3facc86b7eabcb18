/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of the Toeplitz transforms below the root. Plane p of points 32 g .. 32 g + 31 is points[p * words + g]; the points
 * of the products of a batch follow one another in each plane. The
 * middle layers join rows of a node and act on the two halves of an element on their own; the leaves are tiles of consecutive
 * points that go forwards, are multiplied by the seed's weights and come back while they are in local memory.
 *
 * mode 0: key forwards, 1: output backwards, 2: seed. */
#include "kernels/gpu/port.h"

#include "kernels/gpu/toeplitz_field.inc"

#define TOEPLITZ_PASS_APART 17 /* 16 planes */
#define TOEPLITZ_LEAF_APART 33 /* 32 planes */

/* The layers between root and leaves of a node of 2^(log_rows + log_stride + 5) points: groups_y = product, node (`nodes`
 * of them), half. A group takes
 * 2^log_width neighbouring words of the 2^log_rows rows, which are 2^log_stride words apart. depth: layers above. */
KS_KERNEL_FN(ks_gpu_toeplitz_pass)
(KS_GLOBAL ks_u32 *points, ks_u32 words, ks_u32 nodes, ks_u32 log_stride, ks_u32 log_rows, ks_u32 log_width, ks_u32 mode KS_LOCAL_PARAM(room)) {
    KS_LOCAL_BIND(ks_u32, room)
    const ks_u32 place = KS_GROUP_Y() >> 1, node = place % nodes, count = 1u << (log_rows + log_width), width = 1u << log_width;
    KS_GLOBAL ks_u32 *from = points + (ks_u64)(16 * (KS_GROUP_Y() & 1)) * words +
                             ((ks_u64)place << (log_rows + log_stride)) + (KS_GROUP() << log_width);
    for (ks_u32 i = KS_ITEM(); i < 16 * count; i += KS_ITEMS()) {
        const ks_u32 plane = i >> (log_rows + log_width), word = i & (count - 1);
        room[TOEPLITZ_PASS_APART * toeplitz_place(word) + plane] =
            from[(ks_u64)plane * words + ((word >> log_width) << log_stride) + (word & (width - 1))];
    }
    for (ks_u32 step = 0; step < log_rows; step++) {
        const ks_u32 layer = mode == 1 ? step : log_rows - 1 - step, bit = layer + log_width;
        KS_BARRIER();
        for (ks_u32 pair = KS_ITEM(); pair < count / 2; pair += KS_ITEMS()) {
            const ks_u32 block = pair >> bit, low = block << (bit + 1) | (pair & ((1u << bit) - 1));
            KS_LOCAL_POINTER ks_u32 *u = room + TOEPLITZ_PASS_APART * toeplitz_place(low);
            KS_LOCAL_POINTER ks_u32 *w = room + TOEPLITZ_PASS_APART * toeplitz_place(low | 1u << bit);
            ks_u32 f[3] = {0, 0, 0};
            toeplitz_omega(f, node << (log_rows - 1 - layer) | block, 1);
            toeplitz_butterfly(mode == 0 ? u : w, mode == 0 ? w : u, 1, f, toeplitz_lanes + 40, mode == 1);
        }
    }
    KS_BARRIER();
    for (ks_u32 i = KS_ITEM(); i < 16 * count; i += KS_ITEMS()) {
        const ks_u32 plane = i >> (log_rows + log_width), word = i & (count - 1);
        from[(ks_u64)plane * words + ((word >> log_width) << log_stride) + (word & (width - 1))] =
            room[TOEPLITZ_PASS_APART * toeplitz_place(word) + plane];
    }
}

/* Exchanges a lane bit of u with "u or w", 32 planes. Index bit 0 is lane bit 4, index bit b is lane bit b - 1. */
KS_FN void toeplitz_exchange(KS_LOCAL_POINTER ks_u32 *u, KS_LOCAL_POINTER ks_u32 *w, ks_u32 layer) {
    const ks_u32 shift = layer ? 1u << (layer - 1) : 16;
    const ks_u32 mask = shift == 16 ? 0x0000ffff : shift == 8 ? 0x00ff00ff : shift == 4 ? 0x0f0f0f0f : shift == 2 ? 0x33333333
                                                                                                       : 0x55555555;
#pragma unroll 8
    for (ks_u32 i = 0; i < 32; i++) {
        const ks_u32 x = u[i], y = w[i], moved = (x >> shift ^ y) & mask;
        w[i] = y ^ moved;
        u[i] = x ^ moved << shift;
    }
}

/* Layer `layer` of tile `tile` for one pair of words. */
KS_FN void toeplitz_leaf_layer(KS_LOCAL_POINTER ks_u32 *room, KS_LOCAL_POINTER const ks_u32 *base, ks_u32 pair, ks_u32 layer,
                               ks_u32 wide, ks_u32 mode) {
    const ks_u32 bit = layer > 5 ? layer - 5 : 0, inside = layer < 5, number = pair >> bit;
    const ks_u32 low = number << (bit + 1) | (pair & ((1u << bit) - 1));
    KS_LOCAL_POINTER ks_u32 *u = room + TOEPLITZ_LEAF_APART * toeplitz_place(low);
    KS_LOCAL_POINTER ks_u32 *w = room + TOEPLITZ_LEAF_APART * toeplitz_place(low | 1u << bit);
    ks_u32 f[3];
    for (ks_u32 i = 0; i < 3; i++)
        f[i] = base[3 * layer + i];
    toeplitz_omega(f, number, inside ? 6 - layer : 1);
    if (inside && mode != 1)
        toeplitz_exchange(u, w, layer);
    toeplitz_butterfly(mode == 0 ? u : w, mode == 0 ? w : u, wide ? 3 : 2, f,
                       toeplitz_lanes + 8 * (inside ? layer : 5), mode == 1);
    if (inside && mode == 1)
        toeplitz_exchange(u, w, layer);
}

/* Word `word` of the tile times its weights. */
KS_FN void toeplitz_pointwise(KS_LOCAL_POINTER ks_u32 *room, KS_GLOBAL const ks_u32 *weights, ks_u32 words, ks_u32 word) {
    KS_LOCAL_POINTER ks_u32 *at = room + TOEPLITZ_LEAF_APART * toeplitz_place(word);
    ks_u32 r[32];
#pragma unroll
    for (ks_u32 i = 0; i < 32; i++)
        r[i] = 0;
#pragma unroll 1
    for (ks_u32 part = 0; part < 3; part++) { /* the lower halves, the upper ones, their sums */
        KS_LOCAL_POINTER const ks_u32 *x = part == 1 ? at + 16 : at;
        KS_GLOBAL const ks_u32 *y = weights + word + (part == 1 ? 16 * (ks_u64)words : 0);
        ks_u32 a[16], b[16], p[16];
#pragma unroll
        for (ks_u32 i = 0; i < 16; i++) {
            a[i] = x[i];
            b[i] = y[(ks_u64)i * words];
        }
        if (part == 2)
#pragma unroll
            for (ks_u32 i = 0; i < 16; i++) {
                a[i] ^= x[16 + i];
                b[i] ^= y[(ks_u64)(16 + i) * words];
            }
        toeplitz_multiply16(p, a, b);
        if (part == 1) { /* tau y_3 (h0 + h1 y_3) = tau^2 h1 + tau (h0 + h1) y_3 */
            ks_u32 t[8];
            toeplitz_times_tau(t, p + 8);
#pragma unroll
            for (ks_u32 i = 0; i < 8; i++) {
                p[i] ^= p[8 + i];
                b[i] = t[i];
            }
            toeplitz_times_tau(t, p);
            toeplitz_times_tau(p, b);
#pragma unroll
            for (ks_u32 i = 0; i < 8; i++)
                p[8 + i] = t[i];
        }
#pragma unroll
        for (ks_u32 i = 0; i < 16; i++) {
            if (part < 2)
                r[i] ^= p[i];
            if (part != 1)
                r[16 + i] ^= p[i];
        }
    }
#pragma unroll
    for (ks_u32 i = 0; i < 32; i++)
        at[i] = r[i];
}

/* Tiles of 2^log_tile points, 6 <= log_tile <= 16, one a group, `tiles` a product; `items` is a power of two. The key's points go forwards, are
 * multiplied by the weights and come back; with seed = 1 the weights themselves go forwards, in `points`. */
KS_KERNEL_FN(ks_gpu_toeplitz_tile)
(KS_GLOBAL ks_u32 *points, KS_GLOBAL const ks_u32 *weights, ks_u32 words, ks_u32 tiles, ks_u32 log_tile, ks_u32 seed KS_LOCAL_PARAM(room)) {
    KS_LOCAL_BIND(ks_u32, room)
    KS_LOCAL ks_u32 base[3 * 32];
    const ks_u32 count = 1u << (log_tile - 5), tile = KS_GROUP() % tiles, first = KS_GROUP() * count;
    const ks_u32 steps = seed ? log_tile : 2 * log_tile;
    for (ks_u32 layer = KS_ITEM(); layer < log_tile; layer += KS_ITEMS()) {
        ks_u32 f[3] = {0, 0, 0};
        toeplitz_omega(f, tile, log_tile - layer);
        for (ks_u32 i = 0; i < 3; i++)
            base[3 * layer + i] = f[i];
    }
    for (ks_u32 i = KS_ITEM(); i < 32 * count; i += KS_ITEMS()) {
        const ks_u32 word = i & (count - 1), plane = i >> (log_tile - 5);
        room[TOEPLITZ_LEAF_APART * toeplitz_place(word) + plane] = points[(ks_u64)plane * words + first + word];
    }
    for (ks_u32 step = 0; step < steps; step++) {
        const ks_u32 layer = step < log_tile ? log_tile - 1 - step : step - log_tile;
        /* v_j occurs up to j = highest: beyond v_15 the constants leave GF(2^16) */
        const ks_u32 wide = tile >> (16 - log_tile + layer) != 0;
        KS_BARRIER();
        if (step == log_tile) {
            for (ks_u32 word = KS_ITEM(); word < count; word += KS_ITEMS())
                toeplitz_pointwise(room, weights + first, words, word);
            KS_BARRIER();
        }
        for (ks_u32 pair = KS_ITEM(); pair < count / 2; pair += KS_ITEMS())
            toeplitz_leaf_layer(room, base, pair, layer, wide, seed ? 2 : step >= log_tile);
    }
    KS_BARRIER();
    for (ks_u32 i = KS_ITEM(); i < 32 * count; i += KS_ITEMS()) {
        const ks_u32 word = i & (count - 1), plane = i >> (log_tile - 5);
        points[(ks_u64)plane * words + first + word] = room[TOEPLITZ_LEAF_APART * toeplitz_place(word) + plane];
    }
}
