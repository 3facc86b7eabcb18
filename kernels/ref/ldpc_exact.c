/* SPDX-License-Identifier: Apache-2.0 */
/* One check at a time, one plain array an edge: the text of kernels/rows_ldpc.h. The state is soft[columns *
 * z], then c[edges * z], both int16. */
#include "kernels/kernels.h"
#include "kernels/ldpc_exact_tables.h"

#include <stdlib.h>
#include <string.h>

ks_k_ldpc_exact_fn ks_ldpc_exact_ref;

static int clamp(int x) {
    return x < -32768 ? -32768 : x > 32767 ? 32767 : x;
}

static int bit_of(const uint64_t *words, size_t i) {
    return (int)(words[i / 64] >> i % 64 & 1);
}

static size_t bit_index(const ks_ldpc_lists *rows, uint32_t edge, uint32_t i) {
    const ks_ldpc_edge *e = &rows->edges[edge];
    return (size_t)e->node * rows->z + (i + e->shift) % rows->z;
}

static int32_t phi(int magnitude) {
    return ks_ldpc_phi[magnitude < KS_LDPC_EXACT_TOP ? magnitude : KS_LDPC_EXACT_TOP];
}

static int inverse(uint32_t sum) {
    uint32_t power = 0, t = sum < (1 << 24) - 1 ? sum : (1 << 24) - 1;
    if (t == 0)
        return ks_ldpc_phi_inverse[0];
    while (t >> power > 1)
        power++;
    uint32_t mantissa = (uint32_t)((uint64_t)t * 32 >> power) - 32;
    return ks_ldpc_phi_inverse[32 * power + mantissa + 1];
}

/* Upper bound of ln(others), of which 32 units are ln 2. */
static int shortfall(uint32_t others) {
    int bits = 0;
    for (; others; others >>= 1)
        bits++;
    return 32 * bits;
}

static int do_check(const ks_ldpc_task *task, uint32_t row, uint32_t i, int late, int16_t *soft, int16_t *c) {
    const ks_ldpc_lists *rows = task->by_row;
    uint32_t first = rows->first[row], n = rows->first[row + 1] - first, z = rows->z, sum = 0;
    int v[KS_LDPC_ROW_EDGES_MAX], parity = bit_of(task->syndrome, (size_t)row * z + i);
    for (uint32_t k = 0; k < n; k++) {
        v[k] = clamp(soft[bit_index(rows, first + k, i)] - c[(size_t)(first + k) * z + i]);
        sum += (uint32_t)phi(abs(v[k]));
        parity ^= v[k] < 0;
    }
    for (uint32_t k = 0; k < n; k++) {
        int least = 32767;
        for (uint32_t other = 0; other < n; other++)
            if (other != k && abs(v[other]) < least)
                least = abs(v[other]);
        int out = inverse(sum - (uint32_t)phi(abs(v[k]))), bound = least - (late ? 0 : shortfall(n - 1));
        if (bound > out)
            out = bound < KS_LDPC_EXACT_CAP ? bound : KS_LDPC_EXACT_CAP;
        if (parity ^ (v[k] < 0))
            out = -out;
        c[(size_t)(first + k) * z + i] = (int16_t)out;
        soft[bit_index(rows, first + k, i)] = (int16_t)clamp(v[k] + out);
    }
    return parity;
}

static void pin(int16_t *soft, const ks_ldpc_task *task) {
    size_t n = (size_t)task->by_row->columns * task->by_row->z;
    for (size_t i = task->real_bits; i < n; i++)
        soft[i] = 32767;
}

static int has_syndrome(const int16_t *soft, const ks_ldpc_task *task) {
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

/* u of the text. */
static uint64_t share_of(uint32_t unsatisfied, const ks_ldpc_lists *rows) {
    return ((uint64_t)unsatisfied << 16) / ((uint64_t)rows->rows * rows->z);
}

static void run_passes(ks_ldpc_outcome *outcome, const ks_ldpc_task *task, int16_t *soft, int16_t *c) {
    const ks_ldpc_lists *rows = task->by_row;
    uint64_t u = task->from ? share_of(task->from->unsatisfied, rows) : 1 << 15, best = UINT64_MAX;
    uint32_t waited = 0;
    while (outcome->passes < task->max_passes && !outcome->converged) {
        pin(soft, task);
        const int late = u < KS_LDPC_EXACT_LATE;
        outcome->unsatisfied = 0;
        for (uint32_t r = 0; r < rows->rows; r++)
            for (uint32_t i = 0; i < rows->z; i++)
                outcome->unsatisfied += (uint32_t)do_check(task, r, i, late, soft, c);
        outcome->passes++;
        u = share_of(outcome->unsatisfied, rows);
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

void ks_ldpc_exact_ref(ks_ldpc_outcome *outcome, uint64_t *decoded, const ks_ldpc_task *task, void *state) {
    const ks_ldpc_lists *rows = task->by_row;
    size_t n = (size_t)rows->columns * rows->z;
    int16_t *soft = state, *c = soft + n;
    const size_t bytes = (n + (size_t)rows->first[rows->rows] * rows->z) * sizeof *soft;
    memset(soft, 0, bytes);
    for (size_t i = 0; i < n && !task->from; i++)
        soft[i] = (int16_t)(bit_of(task->received, i) ? -(int)task->weight : (int)task->weight);
    if (task->from)
        memcpy(soft, task->from->values, bytes);
    memset(outcome, 0, sizeof *outcome);
    run_passes(outcome, task, soft, c);
    if (task->keep && !outcome->converged) {
        memcpy(task->keep->values, soft, bytes);
        task->keep->unsatisfied = outcome->unsatisfied;
    }
    memset(decoded, 0, n / 8);
    for (size_t i = 0; i < task->real_bits; i++)
        decoded[i / 64] |= (uint64_t)(soft[i] < 0) << i % 64;
}
