/* SPDX-License-Identifier: Apache-2.0 */
/* One frame after the other, one check at a time: the text of kernels/rows_sparse.h. The state is
 * soft[columns], then c[ones]. */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

ks_k_ldpc_decode_sparse_fn ks_ldpc_decode_sparse_ref;

typedef struct frame {
    const ks_sparse_task *task;
    const uint64_t *received, *syndrome;
    int8_t *soft, *c;
} frame;

static int clamp(int x) {
    return x < -128 ? -128 : x > 127 ? 127 : x;
}

static int bit_of(const uint64_t *words, size_t i) {
    return (int)(words[i / 64] >> i % 64 & 1);
}

static int do_check(const frame *f, uint32_t row, const uint8_t *table) {
    const ks_sparse_rows *m = f->task->matrix;
    int v[KS_LDPC_ROW_EDGES_MAX], parity = bit_of(f->syndrome, row), smallest = 1000, second = 1000;
    uint32_t first = m->first[row], last = m->first[row + 1], at = first;
    for (uint32_t e = first; e < last; e++) {
        v[e - first] = clamp(f->soft[m->column[e]] - f->c[e]);
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
        f->c[e] = (int8_t)out;
        f->soft[m->column[e]] = (int8_t)clamp(v[e - first] + out);
    }
    return parity;
}

static void load(const frame *f, int known_only) {
    for (uint32_t i = 0; i < f->task->matrix->columns; i++) {
        int weight = f->task->weight[i];
        if (!known_only || weight == KS_SPARSE_KNOWN)
            f->soft[i] = (int8_t)(bit_of(f->received, i) ? -weight : weight);
    }
}

static uint32_t has_syndrome(const frame *f) {
    const ks_sparse_rows *m = f->task->matrix;
    for (uint32_t r = 0; r < m->rows; r++) {
        int parity = bit_of(f->syndrome, r);
        for (uint32_t e = m->first[r]; e < m->first[r + 1]; e++)
            parity ^= f->soft[m->column[e]] < 0;
        if (parity)
            return 0;
    }
    return 1;
}

static void halve(const frame *f) {
    for (uint32_t i = 0; i < f->task->matrix->columns; i++)
        f->soft[i] = (int8_t)(f->soft[i] / 2);
    for (uint32_t e = 0; e < f->task->matrix->first[f->task->matrix->rows]; e++)
        f->c[e] = (int8_t)(f->c[e] / 2);
}

static void decode(ks_ldpc_outcome *outcome, const frame *f) {
    const ks_sparse_task *task = f->task;
    const ks_sparse_remap *remap = task->remap;
    uint64_t u = 1 << 15, best = UINT64_MAX;
    uint32_t halvings = 0, waited = 0;
    while (outcome->passes < task->max_passes && !outcome->converged) {
        if (outcome->passes > 0 && halvings < KS_LDPC_HALVINGS && u < remap->halve_below[halvings]) {
            halve(f);
            halvings++;
        }
        load(f, 1);
        uint32_t level = 0;
        while (level + 1 < remap->levels && u <= remap->limits[level + 1])
            level++;
        outcome->unsatisfied = 0;
        for (uint32_t r = 0; r < task->matrix->rows; r++)
            outcome->unsatisfied += (uint32_t)do_check(
                f, r, remap->tables + (level * remap->classes + task->row_class[r]) * KS_LDPC_TABLE);
        outcome->passes++;
        u = ((uint64_t)outcome->unsatisfied << 16) / task->matrix->rows;
        if (outcome->unsatisfied == 0) {
            load(f, 1);
            outcome->converged = has_syndrome(f);
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

void ks_ldpc_decode_sparse_ref(ks_ldpc_outcome *outcomes, uint64_t *decoded, const ks_sparse_task *task,
                               void *state) {
    const ks_sparse_rows *m = task->matrix;
    const size_t words = ((size_t)m->columns + 63) / 64, checks = ((size_t)m->rows + 63) / 64;
    for (uint32_t i = 0; i < task->frames; i++, decoded += words) {
        const frame f = {task, task->received + i * words, task->syndrome + i * checks, state,
                         (int8_t *)state + m->columns};
        memset(f.c, 0, m->first[m->rows]);
        memset(&outcomes[i], 0, sizeof outcomes[i]);
        load(&f, 0);
        decode(&outcomes[i], &f);
        load(&f, 1);
        memset(decoded, 0, words * 8);
        for (uint32_t k = 0; k < m->columns; k++)
            decoded[k / 64] |= (uint64_t)(f.soft[k] < 0) << k % 64;
    }
}
