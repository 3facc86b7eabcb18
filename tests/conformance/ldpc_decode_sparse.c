/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { LEVELS = 5, CLASSES = 3 };

typedef struct setup {
    uint32_t first[130], *column;
    uint8_t row_class[129], weight[300], tables[LEVELS * CLASSES * KS_LDPC_TABLE];
    uint16_t limits[LEVELS];
    uint64_t *received, *syndrome;
    ks_sparse_rows matrix;
    ks_sparse_remap remap;
    ks_sparse_task task;
} setup;

static uint32_t below(uint64_t *seed, uint32_t n) {
    return (uint32_t)(ks_test_random(seed) % n);
}

/* Rows of 0 to 6 columns, one of them long. */
static void make_matrix(setup *s, uint64_t *seed) {
    const uint32_t columns = 1 + below(seed, 300), rows = 1 + below(seed, 129), heavy = below(seed, 2 * rows);
    s->column = calloc((size_t)rows * 255 + 1, sizeof *s->column);
    uint32_t n = 0;
    for (uint32_t r = 0; r < rows; r++) {
        const uint32_t often = r == heavy ? columns : 1 + below(seed, 6), start = n;
        for (uint32_t c = 0; c < columns && n - start < KS_LDPC_ROW_EDGES_MAX; c++)
            if (below(seed, columns) < often)
                s->column[n++] = c;
        s->first[r + 1] = n;
        s->row_class[r] = (uint8_t)below(seed, CLASSES);
    }
    s->matrix = (ks_sparse_rows){columns, rows, s->first, s->column};
}

static void make_tables(setup *s, uint64_t *seed) {
    uint32_t limit = 40000;
    for (int l = 0; l < LEVELS; l++, limit -= 1 + below(seed, 7999))
        s->limits[l] = (uint16_t)limit;
    for (int t = 0; t < LEVELS * CLASSES; t++) {
        uint32_t value = 0;
        for (int m = 0; m < KS_LDPC_TABLE; m++) {
            s->tables[t * KS_LDPC_TABLE + m] = (uint8_t)value;
            value += value < 63 && below(seed, 8) > (uint32_t)(t % 3);
        }
    }
    s->remap = (ks_sparse_remap){
        LEVELS, CLASSES, s->limits, s->tables, {(uint16_t)below(seed, 30000), (uint16_t)below(seed, 9000)}};
}

/* Frames with few or many errors, and their syndromes, some of them wrong; garbage behind the last bit. */
static void make_frames(setup *s, uint32_t frames, uint64_t *seed) {
    const size_t words = (s->matrix.columns + 63u) / 64, checks = (s->matrix.rows + 63u) / 64;
    s->received = calloc(frames * words, 8);
    s->syndrome = calloc(frames * checks, 8);
    for (uint32_t f = 0; f < frames; f++) {
        uint64_t *bits = s->received + f * words, *sums = s->syndrome + f * checks;
        for (size_t i = 0; i < words; i++)
            bits[i] = ks_test_random(seed);
        for (uint32_t r = 0; r < s->matrix.rows; r++) {
            uint64_t sum = 0;
            for (uint32_t e = s->first[r]; e < s->first[r + 1]; e++)
                sum ^= bits[s->column[e] / 64] >> s->column[e] % 64;
            sums[r / 64] |= (sum & 1) << r % 64;
        }
        if (below(seed, 4) == 0)
            sums[below(seed, (uint32_t)checks)] ^= 1;
        const uint32_t errors = below(seed, 12);
        for (uint32_t k = 0; k < errors; k++) {
            const uint32_t at = below(seed, s->matrix.columns);
            if (s->weight[at] != KS_SPARSE_KNOWN)
                bits[at / 64] ^= UINT64_C(1) << at % 64;
        }
    }
}

int ks_conformance_ldpc_decode_sparse(ks_k_ldpc_decode_sparse_fn *variant, ks_k_ldpc_decode_sparse_fn *oracle,
                                      uint64_t seed) {
    setup *s = calloc(1, sizeof *s);
    make_matrix(s, &seed);
    make_tables(s, &seed);
    const uint32_t weight = 1 + below(&seed, 20), frames = below(&seed, 3) ? 1 + below(&seed, 64) : 64;
    for (uint32_t c = 0; c < s->matrix.columns; c++) {
        const uint32_t kind = below(&seed, 16);
        s->weight[c] = (uint8_t)(kind == 0 ? KS_SPARSE_KNOWN : kind == 1 ? 0 : weight);
    }
    make_frames(s, frames, &seed);
    s->task = (ks_sparse_task){&s->matrix, s->row_class,         &s->remap,
                               s->weight,  s->received,          s->syndrome,
                               frames,     1 + below(&seed, 14), below(&seed, 6)};
    const size_t out = (size_t)frames * ((s->matrix.columns + 63u) / 64) + 2;
    const uint32_t ones = s->first[s->matrix.rows];
    const size_t bytes = ks_sparse_state_bytes(s->matrix.columns, s->matrix.rows, ones) / 64 * 64 + 64;
    uint8_t *state = aligned_alloc(64, bytes + 64), *plain = malloc(s->matrix.columns + ones);
    uint64_t *a = malloc(out * 8), *b = malloc(out * 8);
    ks_ldpc_outcome outcomes[2][KS_SPARSE_FRAMES + 1];
    memset(a, 0xA5, out * 8);
    memset(b, 0xA5, out * 8);
    memset(state, 0x5A, bytes + 64);
    memset(outcomes, 0x33, sizeof outcomes);
    variant(outcomes[0], a + 1, &s->task, state);
    oracle(outcomes[1], b + 1, &s->task, plain);
    int bad = memcmp(outcomes[0], outcomes[1], sizeof outcomes[0]) != 0 || memcmp(a, b, out * 8) != 0;
    for (size_t i = 0; i < 64; i++)
        bad |= state[bytes + i] != 0x5A;
    if (bad)
        fprintf(stderr, "ldpc_decode_sparse: %u rows, %u columns, %u frames: passes %u %u\n", s->matrix.rows,
                s->matrix.columns, frames, outcomes[0]->passes, outcomes[1]->passes);
    free(state);
    free(plain);
    free(a);
    free(b);
    free(s->received);
    free(s->syndrome);
    free(s->column);
    free(s);
    return bad;
}
