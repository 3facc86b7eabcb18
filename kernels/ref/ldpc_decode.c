/* SPDX-License-Identifier: Apache-2.0 */
/* One check at a time, one plain array an edge: the text of kernels/rows_ldpc.h. The state is soft[columns *
 * z], then c[edges * z]. */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

ks_k_ldpc_decode_fn ks_ldpc_decode_ref;

static int clamp(int x) {
    return x < -128 ? -128 : x > 127 ? 127 : x;
}

static int bit_of(const uint64_t *words, size_t i) {
    return (int)(words[i / 64] >> i % 64 & 1);
}

static size_t bit_index(const ks_ldpc_lists *rows, uint32_t edge, uint32_t i) {
    const ks_ldpc_edge *e = &rows->edges[edge];
    return (size_t)e->node * rows->z + (i + e->shift) % rows->z;
}

static int do_check(const ks_ldpc_task *task, uint32_t row, uint32_t i, const uint8_t *table, int8_t *soft,
                    int8_t *c) {
    const ks_ldpc_lists *rows = task->by_row;
    uint32_t first = rows->first[row], last = rows->first[row + 1], z = rows->z;
    int v[KS_LDPC_ROW_EDGES_MAX], parity = bit_of(task->syndrome, (size_t)row * z + i);
    int smallest = 1000, second = 1000;
    uint32_t at = first;
    for (uint32_t e = first; e < last; e++) {
        v[e - first] = clamp(soft[bit_index(rows, e, i)] - c[(size_t)e * z + i]);
        int magnitude = abs(v[e - first]);
        parity ^= v[e - first] < 0;
        if (magnitude < smallest) {
            second = smallest;
            smallest = magnitude;
            at = e;
        } else if (magnitude < second) {
            second = magnitude;
        }
    }
    int o1 = table[smallest < 63 ? smallest : 63], o2 = table[second < 63 ? second : 63];
    for (uint32_t e = first; e < last; e++) {
        int out = e == at ? o2 : o1;
        if (parity ^ (v[e - first] < 0))
            out = -out;
        c[(size_t)e * z + i] = (int8_t)out;
        soft[bit_index(rows, e, i)] = (int8_t)clamp(v[e - first] + out);
    }
    return parity;
}

static void pin(int8_t *soft, const ks_ldpc_task *task) {
    size_t n = (size_t)task->by_row->columns * task->by_row->z;
    for (size_t i = task->real_bits; i < n; i++)
        soft[i] = 127;
}

static int has_syndrome(const int8_t *soft, const ks_ldpc_task *task) {
    const ks_ldpc_lists *rows = task->by_row;
    for (uint32_t r = 0; r < rows->rows; r++)
        for (uint32_t i = 0; i < rows->z; i++) {
            int parity = bit_of(task->syndrome, (size_t)r * rows->z + i);
            for (uint32_t e = rows->first[r]; e < rows->first[r + 1]; e++)
                parity ^= soft[bit_index(rows, e, i)] < 0;
            if (parity)
                return 0;
        }
    return 1;
}

static uint32_t level_for(const ks_ldpc_remap *remap, uint64_t u) {
    uint32_t level = 0;
    while (level + 1 < remap->levels && u <= remap->limits[level + 1])
        level++;
    return level;
}

static uint32_t do_pass(const ks_ldpc_task *task, uint64_t u, int8_t *soft, int8_t *c) {
    uint32_t level = level_for(task->remap, u), unsatisfied = 0;
    for (uint32_t r = 0; r < task->by_row->rows; r++)
        for (uint32_t i = 0; i < task->by_row->z; i++)
            unsatisfied +=
                (uint32_t)do_check(task, r, i, task->remap->tables[level][task->row_class[r]], soft, c);
    return unsatisfied;
}

static void run_passes(ks_ldpc_outcome *outcome, const ks_ldpc_task *task, int8_t *soft, int8_t *c) {
    const ks_ldpc_lists *rows = task->by_row;
    size_t n = (size_t)rows->columns * rows->z, values = n + (size_t)rows->first[rows->rows] * rows->z;
    uint64_t u = 1 << 15, best = UINT64_MAX;
    uint32_t halvings = 0, waited = 0;
    while (outcome->passes < task->max_passes && !outcome->converged) {
        if (outcome->passes > 0 && halvings < KS_LDPC_HALVINGS && u < task->remap->halve_below[halvings]) {
            for (size_t i = 0; i < values; i++)
                soft[i] = (int8_t)(soft[i] / 2);
            halvings++;
        }
        pin(soft, task);
        outcome->unsatisfied = do_pass(task, u, soft, c);
        outcome->passes++;
        u = ((uint64_t)outcome->unsatisfied << 16) / ((uint64_t)rows->rows * rows->z);
        if (outcome->unsatisfied == 0) {
            pin(soft, task);
            outcome->converged = (uint32_t)has_syndrome(soft, task);
        }
        waited++;
        if (best == UINT64_MAX || (uint64_t)outcome->unsatisfied * 64 < best * 63) {
            best = outcome->unsatisfied;
            waited = 0;
        }
        if (task->patience && waited >= task->patience)
            break;
    }
}

void ks_ldpc_decode_ref(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task, void *state) {
    const ks_ldpc_lists *rows = task->by_row;
    size_t n = (size_t)rows->columns * rows->z;
    int8_t *soft = state, *c = soft + n;
    for (size_t i = 0; i < n; i++)
        soft[i] = (int8_t)(bit_of(task->received, i) ? -(int)task->weight : (int)task->weight);
    memset(c, 0, (size_t)rows->first[rows->rows] * rows->z);
    memset(outcome, 0, sizeof *outcome);
    run_passes(outcome, task, soft, c);
    memset(decoded, 0, n / 8);
    for (size_t i = 0; i < task->real_bits; i++)
        decoded[i / 64] |= (uint64_t)(soft[i] < 0) << i % 64;
}
