/* SPDX-License-Identifier: Apache-2.0 */
/* The four top layers of the Toeplitz transforms and their borders: packed words enter and leave here. The layers join 16 rows
 * of 2^log_row points; rows that are not there are zero. Constants lie in GF(16), so the eight nibbles of an element go their
 * own ways. A group takes 16 words of points (512 points) of every row: items carry squares of bits (a word of points of one
 * row) in and out, and one nibble of one word through the layers. groups_y: the products of a batch, one after the other in
 * packed words and in each plane. */
#include "kernels/gpu/port.h"

#include "kernels/gpu/toeplitz_field.inc"

/* Sixteen words of two 16-bit coefficients <-> sixteen planes of 32 points. */
KS_FN void toeplitz_transpose(ks_u32 *v) {
#pragma unroll
    for (ks_u32 i = 0; i < 8; i++) {
        const ks_u32 moved = (v[i] >> 8 ^ v[i + 8]) & 0x00ff00ff;
        v[i + 8] ^= moved;
        v[i] ^= moved << 8;
    }
#pragma unroll
    for (ks_u32 i = 0; i < 16; i++)
        if (!(i & 4)) {
            const ks_u32 moved = (v[i] >> 4 ^ v[i + 4]) & 0x0f0f0f0f;
            v[i + 4] ^= moved;
            v[i] ^= moved << 4;
        }
#pragma unroll
    for (ks_u32 i = 0; i < 16; i++)
        if (!(i & 2)) {
            const ks_u32 moved = (v[i] >> 2 ^ v[i + 2]) & 0x33333333;
            v[i + 2] ^= moved;
            v[i] ^= moved << 2;
        }
#pragma unroll
    for (ks_u32 i = 0; i < 16; i++)
        if (!(i & 1)) {
            const ks_u32 moved = (v[i] >> 1 ^ v[i + 1]) & 0x55555555;
            v[i + 1] ^= moved;
            v[i] ^= moved << 1;
        }
}

/* x += c y on nibbles. */
KS_FN void toeplitz_add_nibble(ks_u32 *x, const ks_u32 *y, ks_u32 c) {
    ks_u32 planes[4], p[4];
#pragma unroll
    for (ks_u32 i = 0; i < 4; i++)
        planes[i] = 0u - (c >> i & 1);
    toeplitz_times16(p, y, planes);
#pragma unroll
    for (ks_u32 i = 0; i < 4; i++)
        x[i] ^= p[i];
}

/* The point of block b of a layer: v_1, v_2, v_3 by the bits of b. */
KS_FN ks_u32 toeplitz_root_point(ks_u32 b) {
    return ((b & 1) ? 2u : 0) ^ ((b & 2) ? 4u : 0) ^ ((b & 4) ? 10u : 0);
}

/* The layer with 2^log_blocks blocks on x[4 row + plane]; mode 0: key forwards, 1: output backwards, 2: seed. */
KS_FN void toeplitz_root_layer(ks_u32 *x, ks_u32 log_blocks, ks_u32 mode) {
    const ks_u32 apart = 8 >> log_blocks;
#pragma unroll
    for (ks_u32 pair = 0; pair < 8; pair++) {
        const ks_u32 block = pair / apart, row = 2 * apart * block + pair % apart;
        ks_u32 *u = x + 4 * row, *w = u + 4 * apart;
        const ks_u32 c = toeplitz_root_point(block);
        if (mode == 0)
            toeplitz_add_nibble(u, w, c);
        if (mode == 2)
            toeplitz_add_nibble(w, u, c);
#pragma unroll
        for (ks_u32 i = 0; i < 4; i++)
            if (mode == 0)
                w[i] ^= u[i];
            else
                u[i] ^= w[i];
        if (mode == 1)
            toeplitz_add_nibble(w, u, c);
    }
}

KS_FN void toeplitz_root_layers(ks_u32 *x, ks_u32 mode) {
#pragma unroll
    for (ks_u32 step = 0; step < 4; step++)
        toeplitz_root_layer(x, mode == 1 ? 3 - step : step, mode);
}

#define TOEPLITZ_ROOT_WORDS 16
#define TOEPLITZ_ROOT_ROOM (16 * 32 * TOEPLITZ_ROOT_WORDS)

/* Where plane p of row r of a group's word `column` stands. */
KS_FN ks_u32 toeplitz_root_at(ks_u32 r, ks_u32 p, ks_u32 column) {
    return (32 * r + p) * TOEPLITZ_ROOT_WORDS + column;
}

/* All rows of a nibble of points[...] from or to local memory: planes of 16 rows in registers. */
KS_FN void toeplitz_root_store(KS_GLOBAL ks_u32 *points, const ks_u32 *x, ks_u32 words, ks_u32 log_row, ks_u32 rows,
                               ks_u32 nibble, ks_u32 column) {
#pragma unroll
    for (ks_u32 r = 0; r < 16; r++)
        if (r < rows)
#pragma unroll
            for (ks_u32 i = 0; i < 4; i++)
                points[(ks_u64)(4 * nibble + i) * words + (r << (log_row - 5)) + column] = x[4 * r + i];
}

/* Key words (LCH basis, key_rows << log_row of them) -> points after the top layers. 128 items. */
KS_KERNEL_FN(ks_gpu_toeplitz_root_forward)
(KS_GLOBAL ks_u32 *points, KS_GLOBAL const ks_u32 *in, ks_u32 words, ks_u32 log_row, ks_u32 rows, ks_u32 key_rows) {
    KS_LOCAL ks_u32 room[TOEPLITZ_ROOT_ROOM];
    const ks_u32 first = KS_GROUP() * TOEPLITZ_ROOT_WORDS, columns = 1u << (log_row - 5);
    points += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 5));
    in += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 1));
    for (ks_u32 square = KS_ITEM(); square < TOEPLITZ_ROOT_WORDS * key_rows; square += KS_ITEMS()) {
        const ks_u32 column = square % TOEPLITZ_ROOT_WORDS, row = square / TOEPLITZ_ROOT_WORDS;
        if (first + column < columns) {
            KS_GLOBAL const ks_u32 *from = in + ((ks_u64)row << (log_row - 1)) + 16 * (first + column);
            ks_u32 v[16], e[32];
#pragma unroll
            for (ks_u32 i = 0; i < 16; i++)
                v[i] = from[i];
            toeplitz_transpose(v);
            toeplitz_key_entry(e, v);
#pragma unroll
            for (ks_u32 p = 0; p < 32; p++)
                room[toeplitz_root_at(row, p, column)] = e[p];
        }
    }
    KS_BARRIER();
    const ks_u32 column = KS_ITEM() % TOEPLITZ_ROOT_WORDS, nibble = KS_ITEM() / TOEPLITZ_ROOT_WORDS;
    if (first + column < columns) {
        ks_u32 x[64];
#pragma unroll
        for (ks_u32 r = 0; r < 16; r++)
#pragma unroll
            for (ks_u32 i = 0; i < 4; i++)
                x[4 * r + i] = r < key_rows ? room[toeplitz_root_at(r, 4 * nibble + i, column)] : 0;
        toeplitz_root_layers(x, 0);
        toeplitz_root_store(points, x, words, log_row, rows, nibble, first + column);
    }
}

/* Points -> output words (LCH basis, out_rows << log_row of them). 128 items. */
KS_KERNEL_FN(ks_gpu_toeplitz_root_backward)
(KS_GLOBAL ks_u32 *out, KS_GLOBAL const ks_u32 *points, ks_u32 words, ks_u32 log_row, ks_u32 rows, ks_u32 out_rows) {
    KS_LOCAL ks_u32 room[TOEPLITZ_ROOT_ROOM];
    const ks_u32 first = KS_GROUP() * TOEPLITZ_ROOT_WORDS, columns = 1u << (log_row - 5);
    out += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 1));
    points += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 5));
    const ks_u32 own = KS_ITEM() % TOEPLITZ_ROOT_WORDS, nibble = KS_ITEM() / TOEPLITZ_ROOT_WORDS;
    if (first + own < columns) {
        ks_u32 x[64];
#pragma unroll
        for (ks_u32 r = 0; r < 16; r++)
#pragma unroll
            for (ks_u32 i = 0; i < 4; i++)
                x[4 * r + i] = r < rows ? points[(ks_u64)(4 * nibble + i) * words +
                                                         (r << (log_row - 5)) + first + own]
                                                : 0;
        toeplitz_root_layers(x, 1);
#pragma unroll
        for (ks_u32 r = 0; r < 16; r++)
#pragma unroll
            for (ks_u32 i = 0; i < 4; i++)
                room[toeplitz_root_at(r, 4 * nibble + i, own)] = x[4 * r + i];
    }
    KS_BARRIER();
    for (ks_u32 square = KS_ITEM(); square < TOEPLITZ_ROOT_WORDS * out_rows; square += KS_ITEMS()) {
        const ks_u32 column = square % TOEPLITZ_ROOT_WORDS, row = square / TOEPLITZ_ROOT_WORDS;
        if (first + column < columns) {
            KS_GLOBAL ks_u32 *to = out + ((ks_u64)row << (log_row - 1)) + 16 * (first + column);
            ks_u32 v[16], e[32];
#pragma unroll
            for (ks_u32 p = 0; p < 32; p++)
                e[p] = room[toeplitz_root_at(row, p, column)];
            toeplitz_output_exit(v, e);
            toeplitz_transpose(v);
#pragma unroll
            for (ks_u32 i = 0; i < 16; i++)
                to[i] = v[i];
        }
    }
}

/* L(y X_t) from the words L(X_t), t < used: y X_t = X_(t+1) + sum of X_u, u = t with its last i bits cleared, i below the
 * number of ones at the end of t. */
KS_FN ks_u32 toeplitz_next(KS_GLOBAL const ks_u16 *low, ks_u32 t, ks_u32 used) {
    if (t >= used)
        return 0;
    ks_u32 sum = t + 1 < used ? low[t + 1] : 0;
    for (ks_u32 cleared = 0; t & (cleared + 1); cleared = 2 * cleared + 1)
        sum ^= low[t & ~cleared];
    return sum;
}

/* Rows from `rows` on of a nibble of the seed, such that the points of the rows that are absent have no weight: with
 * u' = u + w', w' = w + c u for the halves u, w of a block whose first `live` outputs may differ from zero, w = c u if they fit
 * into the upper half; else the rest of w' follows from the known part of w' in the same way, and w = w' + c u. */
KS_FN void toeplitz_extend_rows(KS_LOCAL_POINTER ks_u32 *u, ks_u32 apart, ks_u32 count, ks_u32 c, ks_u32 known) {
    const ks_u32 step = 32 * TOEPLITZ_ROOT_WORDS;
    for (ks_u32 r = 0; r < count; r++) {
        KS_LOCAL_POINTER ks_u32 *w = u + apart * step;
        ks_u32 x[4], y[4];
        for (ks_u32 i = 0; i < 4; i++) {
            x[i] = u[i * TOEPLITZ_ROOT_WORDS];
            y[i] = known ? w[i * TOEPLITZ_ROOT_WORDS] : 0;
        }
        toeplitz_add_nibble(y, x, c);
        for (ks_u32 i = 0; i < 4; i++)
            w[i * TOEPLITZ_ROOT_WORDS] = y[i];
        u += step;
    }
}

KS_FN void toeplitz_extend(KS_LOCAL_POINTER ks_u32 *rows_at, ks_u32 rows) {
    const ks_u32 step = 32 * TOEPLITZ_ROOT_WORDS;
    ks_u32 live = rows, block = 0, depth = 0;
    for (; depth < 4 && live < 16u >> depth; depth++) {
        const ks_u32 apart = 8u >> depth, first = 2 * apart * block, c = toeplitz_root_point(block);
        block *= 2;
        if (live > apart) {
            live -= apart;
            block++;
            toeplitz_extend_rows(rows_at + first * step, apart, live, c, 1);
        }
    }
    for (; depth > 0; depth--, block /= 2) {
        const ks_u32 apart = 16u >> depth, first = apart * (block & ~1u);
        toeplitz_extend_rows(rows_at + first * step, apart, apart, toeplitz_root_point(block / 2), block & 1);
    }
}

/* Seed words (LCH side, rows << log_row of them, `used` not zero) -> weights after the top layers. 128 items. */
KS_KERNEL_FN(ks_gpu_toeplitz_root_seed)
(KS_GLOBAL ks_u32 *weights, KS_GLOBAL const ks_u32 *in, ks_u32 words, ks_u32 log_row, ks_u32 rows, ks_u32 used) {
    KS_LOCAL ks_u32 room[TOEPLITZ_ROOT_ROOM];
    const ks_u32 first = KS_GROUP() * TOEPLITZ_ROOT_WORDS, columns = 1u << (log_row - 5);
    weights += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 5));
    in += (ks_u64)KS_GROUP_Y() * (rows << (log_row - 1));
    for (ks_u32 square = KS_ITEM(); square < TOEPLITZ_ROOT_WORDS * rows; square += KS_ITEMS()) {
        const ks_u32 column = square % TOEPLITZ_ROOT_WORDS, row = square / TOEPLITZ_ROOT_WORDS;
        if (first + column < columns) {
            const ks_u32 t = (row << log_row) + 32 * (first + column);
            ks_u32 v[32], e[32];
#pragma unroll
            for (ks_u32 i = 0; i < 16; i++)
                v[i] = in[t / 2 + i];
            for (ks_u32 i = 0; i < 16; i++)
                v[16 + i] = toeplitz_next((KS_GLOBAL const ks_u16 *)in, t + 2 * i, used) |
                            toeplitz_next((KS_GLOBAL const ks_u16 *)in, t + 2 * i + 1, used) << 16;
            toeplitz_transpose(v);
            toeplitz_transpose(v + 16);
            toeplitz_seed_entry(e, v);
#pragma unroll
            for (ks_u32 p = 0; p < 32; p++)
                room[toeplitz_root_at(row, p, column)] = e[p];
        }
    }
    KS_BARRIER();
    const ks_u32 column = KS_ITEM() % TOEPLITZ_ROOT_WORDS, nibble = KS_ITEM() / TOEPLITZ_ROOT_WORDS;
    if (first + column < columns) {
        ks_u32 x[64];
        if (rows < 16)
            toeplitz_extend(room + toeplitz_root_at(0, 4 * nibble, column), rows);
#pragma unroll
        for (ks_u32 r = 0; r < 16; r++)
#pragma unroll
            for (ks_u32 i = 0; i < 4; i++)
                x[4 * r + i] = room[toeplitz_root_at(r, 4 * nibble + i, column)];
        toeplitz_root_layers(x, 2);
        toeplitz_root_store(weights, x, words, log_row, rows, nibble, first + column);
    }
}
