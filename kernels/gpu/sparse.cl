/* SPDX-License-Identifier: Apache-2.0 */
/* Row ldpc_decode_sparse (kernels/rows_sparse.h): a group of items decodes up to 64 frames side by side, four a word, and takes
 * the next frame from a queue on the device for each that ends.
 *
 * Rows are sorted into stages: rows of a stage share no column, and rows that do share one are in stages in the order of
 * rows. So the rows of a stage commute and the result is that of one row after the other. An item always works on the same
 * word w of the 64 bytes of a column or a check: no two items meet but where the barriers part them.
 *
 * soft: 16 words a column. checks: of each row o1 (its top bits: the syndromes), o2, e1, then the signs of 8 edges a word
 * (edge k: bit 7 - k of the bytes, set where what was sent is positive), 16 words each. v waits in soft for the second half. */
#include "kernels/gpu/port.h"
#include "kernels/gpu/bytes.inc"

#define SPARSE_WORDS 16
#define SPARSE_LANES 64
#define SPARSE_IDLE 0xffffffffu

/* Words of code, then what they point to, in words from its beginning. rows: 4 words a row: first edge, edges | class << 8,
 * first word of checks, number. known: columns. weights and tables: bytes. */
#define SPARSE_LEVELS 0
#define SPARSE_PATIENCE 1
#define SPARSE_HALVE_BELOW 2
#define SPARSE_CLASSES 4
#define SPARSE_MAX_PASSES 5
#define SPARSE_STAGES 6
#define SPARSE_KNOWN 7
#define SPARSE_COLUMNS 8
#define SPARSE_ROWS 9
#define SPARSE_CHECK_WORDS 10
#define SPARSE_AT_LIMITS 11
#define SPARSE_AT_STAGES 12
#define SPARSE_AT_ROWS 13
#define SPARSE_AT_KNOWN 14
#define SPARSE_AT_WEIGHTS 15
#define SPARSE_AT_TABLES 16

/* One check of four frames; the top bits of the result: those that find it unsatisfied. halving: the frames whose messages
 * are halved first. base: of the tables of the frames. */
KS_FN ks_u32 sparse_check(KS_GLOBAL ks_u32 *soft, KS_GLOBAL ks_u32 *check, KS_GLOBAL const ks_u32 *edges, ks_u32 count,
                          ks_u32 halving, KS_GLOBAL const ks_u8 *tables, const ks_u32 base[4]) {
    KS_KEEP(soft);
    KS_KEEP(check);
    KS_KEEP(edges);
    const ks_u32 syndrome = check[0] & BYTES_TOP, at = check[2 * SPARSE_WORDS];
    ks_u32 o1 = check[0] & BYTES_LOW, o2 = check[SPARSE_WORDS];
    o1 = bytes_pick(halving, o1, o1 >> 1 & BYTES_LOW);
    o2 = bytes_pick(halving, o2, o2 >> 1 & BYTES_LOW);
    ks_u32 odd = syndrome, least = BYTES_LOW, second = BYTES_LOW, least_at = 0, number = 0, signs = 0;
    /* The next soft value is asked for before the last v is stored: compilers cannot know that columns differ. */
    ks_u32 place = count ? edges[0] : 0, ahead = count ? soft[place] : 0;
    for (ks_u32 e = 0; e < count; e++) {
        if (e % 8 == 0)
            signs = check[(3 + e / 8) * SPARSE_WORDS];
        const ks_u32 here = place, value = ahead;
        if (e + 1 < count) {
            place = edges[e + 1];
            ahead = soft[place];
        }
        const ks_u32 o = bytes_pick(bytes_differ(at, number), o2, o1), v = bytes_step(value, KS_BYTE_SIGNS(signs), o);
        signs <<= 1;
        soft[here] = v;
        odd ^= v;
        const ks_u32 magnitude = bytes_magnitude(v), keep = bytes_not_less(magnitude, least);
        const ks_u32 larger = bytes_pick(keep, least, magnitude);
        second = bytes_pick(bytes_not_less(larger, second), larger, second);
        least = bytes_pick(keep, magnitude, least);
        least_at = bytes_pick(keep, number, least_at);
        number += BYTES_ONE;
    }
    o1 = bytes_look_up(tables, base, least);
    o2 = bytes_look_up(tables, base, second);
    number = 0;
    place = count ? edges[0] : 0;
    ahead = count ? soft[place] : 0;
    for (ks_u32 e = 0; e < count; e++) {
        const ks_u32 here = place, v = ahead;
        if (e + 1 < count) {
            place = edges[e + 1];
            ahead = soft[place];
        }
        const ks_u32 sent = v ^ odd, o = bytes_pick(bytes_differ(least_at, number), o2, o1);
        signs = (e % 8 ? signs : 0) | (~sent & BYTES_TOP) >> e % 8;
        soft[here] = bytes_step(v, KS_BYTE_SIGNS(sent), o);
        if (e % 8 == 7 || e + 1 == count)
            check[(3 + e / 8) * SPARSE_WORDS] = signs;
        number += BYTES_ONE;
    }
    check[0] = o1 | syndrome;
    check[SPARSE_WORDS] = o2;
    check[2 * SPARSE_WORDS] = least_at;
    return odd & BYTES_TOP;
}

KS_FN ks_u32 sparse_any(KS_LOCAL_POINTER const ks_u32 masks[SPARSE_WORDS]) {
    ks_u32 any = 0;
    for (ks_u32 w = 0; w < SPARSE_WORDS; w++)
        any |= masks[w];
    return any;
}

/* Columns that are known, for the frames of word w, from column number `from` on. */
KS_FN void sparse_set_known(KS_GLOBAL ks_u32 *soft, KS_GLOBAL const ks_u32 *code, KS_GLOBAL const ks_u32 *received,
                            KS_LOCAL_POINTER const ks_u32 *frame, ks_u32 from, ks_u32 step) {
    KS_GLOBAL const ks_u32 *known = code + code[SPARSE_AT_KNOWN];
    const ks_u32 words = (code[SPARSE_COLUMNS] + 63) / 64 * 2;
    for (ks_u32 k = from; k < code[SPARSE_KNOWN]; k += step) {
        const ks_u32 column = known[k];
        ks_u32 ones = 0;
        for (ks_u32 b = 0; b < 4; b++)
            if (frame[b] != SPARSE_IDLE)
                ones |= (received[(ks_u64)frame[b] * words + column / 32] >> column % 32 & 1) << 8 * b;
        soft[column * SPARSE_WORDS] = BYTES_LOW ^ ones * 0xfe;
    }
}

/* Writes what the frame in this lane was decoded to. */
KS_FN void sparse_write(KS_GLOBAL ks_u32 *decoded, KS_GLOBAL const ks_i8 *soft, ks_u32 columns, ks_u32 item, ks_u32 items) {
    for (ks_u32 i = item; i < (columns + 63) / 64 * 2; i += items) {
        ks_u32 bits = 0;
        for (ks_u32 b = 0; b < 32 && 32 * i + b < columns; b++)
            bits |= (ks_u32)(soft[(32 * i + b) * SPARSE_LANES] < 0) << b;
        decoded[i] = bits;
    }
}

/* Puts a frame into this lane of soft and checks. */
KS_FN void sparse_load(KS_GLOBAL ks_u8 *soft, KS_GLOBAL ks_u8 *checks, KS_GLOBAL const ks_u32 *code,
                       KS_GLOBAL const ks_u32 *received, KS_GLOBAL const ks_u32 *syndrome, ks_u32 item, ks_u32 items) {
    KS_GLOBAL const ks_u8 *weights = (KS_GLOBAL const ks_u8 *)(code + code[SPARSE_AT_WEIGHTS]);
    KS_GLOBAL const ks_u32 *rows = code + code[SPARSE_AT_ROWS];
    for (ks_u32 c = item; c < code[SPARSE_COLUMNS]; c += items) {
        const ks_u32 minus = received[c / 32] >> c % 32 & 1;
        soft[c * SPARSE_LANES] = (ks_u8)((weights[c] ^ (0 - minus)) + minus);
    }
    for (ks_u32 r = item; r < code[SPARSE_ROWS]; r += items) {
        KS_GLOBAL ks_u8 *check = checks + 4 * rows[4 * r + 2];
        const ks_u32 number = rows[4 * r + 3];
        check[0] = (ks_u8)((syndrome[number / 32] >> number % 32 & 1) << 7);
        check[SPARSE_LANES] = 0;
    }
}

/* out: 4 words a frame: passes, unsatisfied, converged, 0. edges: 16 times the column. soft and checks: of all groups; checks
 * are zeros at the beginning. lanes: frames side by side, at most 64. */
KS_KERNEL_FN(ks_gpu_decode_sparse)
(KS_GLOBAL ks_u32 *out, KS_GLOBAL ks_u32 *decoded, KS_GLOBAL const ks_u32 *received, KS_GLOBAL const ks_u32 *syndromes,
 KS_GLOBAL const ks_u32 *code, KS_GLOBAL const ks_u32 *edges, KS_GLOBAL ks_u32 *soft, KS_GLOBAL ks_u32 *checks,
 KS_GLOBAL ks_u32 *queue, ks_u32 frames, ks_u32 lanes) {
    KS_LOCAL ks_u32 frame[SPARSE_LANES];
    KS_LOCAL ks_u32 passes[SPARSE_LANES];
    KS_LOCAL ks_u32 wrong[SPARSE_LANES];
    KS_LOCAL ks_u32 best[SPARSE_LANES];
    KS_LOCAL ks_u32 waited[SPARSE_LANES];
    KS_LOCAL ks_u32 halvings[SPARSE_LANES];
    KS_LOCAL ks_u32 share[SPARSE_LANES]; /* u of the row's text */
    KS_LOCAL ks_u32 table[SPARSE_LANES];
    KS_LOCAL ks_u32 bad[SPARSE_LANES]; /* clean frames without the syndrome */
    KS_LOCAL ks_u32 busy[SPARSE_WORDS];
    KS_LOCAL ks_u32 halving[SPARSE_WORDS];
    KS_LOCAL ks_u32 clean[SPARSE_WORDS];
    KS_LOCAL ks_u32 ended[SPARSE_WORDS];
    const ks_u32 item = KS_ITEM(), items = KS_ITEMS(), w = item % SPARSE_WORDS;
    const ks_u32 from = item / SPARSE_WORDS, step = items / SPARSE_WORDS;
    const ks_u32 columns = code[SPARSE_COLUMNS], rows = code[SPARSE_ROWS], classes = code[SPARSE_CLASSES];
    const ks_u32 frame_words = (columns + 63) / 64 * 2, syndrome_words = (rows + 63) / 64 * 2;
    KS_GLOBAL const ks_u32 *row = code + code[SPARSE_AT_ROWS], *stages = code + code[SPARSE_AT_STAGES];
    KS_GLOBAL const ks_u32 *limits = code + code[SPARSE_AT_LIMITS];
    KS_GLOBAL const ks_u8 *tables = (KS_GLOBAL const ks_u8 *)(code + code[SPARSE_AT_TABLES]);
    soft += (ks_u64)KS_GROUP() * columns * SPARSE_WORDS;
    checks += (ks_u64)KS_GROUP() * code[SPARSE_CHECK_WORDS];
    for (ks_u32 l = item; l < SPARSE_LANES; l += items) {
        frame[l] = SPARSE_IDLE;
        table[l] = 0;
    }
    if (item < SPARSE_WORDS)
        ended[item] = 0xffffffffu;
    for (;;) {
        KS_BARRIER_GLOBAL();
        /* Frames for the lanes that are free. */
        for (ks_u32 l = item; l < SPARSE_LANES; l += items)
            if (ended[l / 4] >> l % 4 * 8 & 1) {
                const ks_u32 next = l < lanes ? KS_GLOBAL_ADD(queue, 1) : frames;
                frame[l] = next < frames ? next : SPARSE_IDLE;
                passes[l] = halvings[l] = waited[l] = 0;
                best[l] = 0xffffffffu;
                share[l] = 1 << 15;
            }
        KS_BARRIER();
        for (ks_u32 l = 0; l < SPARSE_LANES; l++)
            if ((ended[l / 4] >> l % 4 * 8 & 1) && frame[l] != SPARSE_IDLE)
                sparse_load((KS_GLOBAL ks_u8 *)soft + l, (KS_GLOBAL ks_u8 *)checks + l, code,
                            received + (ks_u64)frame[l] * frame_words, syndromes + (ks_u64)frame[l] * syndrome_words, item,
                            items);
        /* What the pass does with each frame. */
        if (item < SPARSE_WORDS) {
            busy[item] = halving[item] = 0;
            for (ks_u32 b = 0; b < 4; b++) {
                const ks_u32 l = 4 * item + b;
                wrong[l] = bad[l] = 0;
                if (frame[l] == SPARSE_IDLE)
                    continue;
                busy[item] |= 0xffu << 8 * b;
                if (passes[l] > 0 && halvings[l] < 2 && share[l] < code[SPARSE_HALVE_BELOW + halvings[l]]) {
                    halvings[l]++;
                    halving[item] |= 0xffu << 8 * b;
                }
                ks_u32 level = 0;
                while (level + 1 < code[SPARSE_LEVELS] && share[l] <= limits[level + 1])
                    level++;
                table[l] = level * classes * 64;
            }
        }
        KS_BARRIER_GLOBAL();
        if (!sparse_any(busy))
            break;
        const ks_u32 at_work = busy[w], halved = halving[w];
        for (ks_u32 c = from; halved && c < columns; c += step) {
            KS_GLOBAL ks_u32 *place = &soft[c * SPARSE_WORDS + w];
            *place = bytes_pick(halved, *place, bytes_halve(*place));
        }
        KS_BARRIER_GLOBAL();
        sparse_set_known(soft + w, code, received, frame + 4 * w, from, step);
        ks_u32 counts[4] = {0, 0, 0, 0};
        for (ks_u32 s = 0; s < code[SPARSE_STAGES]; s++) {
            KS_BARRIER_GLOBAL();
            for (ks_u32 r = stages[s] + from; at_work && r < stages[s + 1]; r += step) {
                const ks_u32 first = row[4 * r], kind = row[4 * r + 1] >> 8;
                const ks_u32 base[4] = {table[4 * w] + 64 * kind, table[4 * w + 1] + 64 * kind, table[4 * w + 2] + 64 * kind,
                                        table[4 * w + 3] + 64 * kind};
                const ks_u32 odd = sparse_check(soft + w, checks + row[4 * r + 2] + w, edges + first, row[4 * r + 1] & 0xff,
                                                halved, tables, base);
                for (ks_u32 b = 0; b < 4; b++)
                    counts[b] += odd >> (8 * b + 7) & 1;
            }
        }
        for (ks_u32 b = 0; b < 4; b++)
            if (counts[b])
                KS_LOCAL_ADD(&wrong[4 * w + b], counts[b]);
        KS_BARRIER_GLOBAL();
        /* What the pass found. */
        if (item < SPARSE_WORDS) {
            clean[item] = ended[item] = 0;
            for (ks_u32 b = 0; b < 4; b++) {
                const ks_u32 l = 4 * item + b, unsatisfied = wrong[l];
                if (frame[l] == SPARSE_IDLE)
                    continue;
                passes[l]++;
                share[l] = (ks_u32)(((ks_u64)unsatisfied << 16) / rows);
                waited[l]++;
                if (best[l] == 0xffffffffu || (ks_u64)unsatisfied * 64 < (ks_u64)best[l] * 63) {
                    best[l] = unsatisfied;
                    waited[l] = 0;
                }
                if (unsatisfied == 0)
                    clean[item] |= 0xffu << 8 * b;
                if (passes[l] >= code[SPARSE_MAX_PASSES] || (code[SPARSE_PATIENCE] && waited[l] >= code[SPARSE_PATIENCE]))
                    ended[item] |= 0xffu << 8 * b;
            }
        }
        KS_BARRIER();
        if (sparse_any(clean) | sparse_any(ended))
            sparse_set_known(soft + w, code, received, frame + 4 * w, from, step);
        KS_BARRIER_GLOBAL();
        ks_u32 found = 0;
        for (ks_u32 r = from; clean[w] && r < rows; r += step) {
            ks_u32 odd = checks[row[4 * r + 2] + w];
            for (ks_u32 e = 0; e < (row[4 * r + 1] & 0xff); e++)
                odd ^= soft[edges[row[4 * r] + e] + w];
            found |= odd;
        }
        for (ks_u32 b = 0; b < 4; b++)
            if (found >> (8 * b + 7) & 1)
                KS_LOCAL_ADD(&bad[4 * w + b], 1);
        KS_BARRIER();
        if (item < SPARSE_WORDS) {
            for (ks_u32 b = 0; b < 4; b++) {
                const ks_u32 l = 4 * item + b, converged = (clean[item] >> 8 * b & 1) & (ks_u32)(bad[l] == 0);
                ended[item] |= (0xff * converged) << 8 * b;
                if (!(ended[item] >> 8 * b & 1))
                    continue;
                KS_GLOBAL ks_u32 *outcome = out + 4 * (ks_u64)frame[l];
                outcome[0] = passes[l];
                outcome[1] = wrong[l];
                outcome[2] = converged;
                outcome[3] = 0;
            }
        }
        KS_BARRIER();
        for (ks_u32 l = 0; l < SPARSE_LANES; l++)
            if (ended[l / 4] >> l % 4 * 8 & 1)
                sparse_write(decoded + (ks_u64)frame[l] * frame_words, (KS_GLOBAL const ks_i8 *)soft + l, columns, item,
                             items);
    }
}
