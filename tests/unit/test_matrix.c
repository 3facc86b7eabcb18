/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about matrices: syndromes by plain arithmetic, ranks, girths; and those of our family. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "ldpc/matrix.h"
#include "ldpc/splitmix.h"

Test(matrix, syndrome_is_the_plain_product) {
    uint64_t seed = 3, frame[3], syndrome[2];
    uint8_t dense[70][150] = {{0}};
    ks_matrix_entry entries[500];
    for (int i = 0; i < 500; i++) {
        entries[i] =
            (ks_matrix_entry){(uint32_t)(ks_splitmix(&seed) % 70), (uint32_t)(ks_splitmix(&seed) % 150)};
        dense[entries[i].row][entries[i].column] = 1;
    }
    ks_matrix *m;
    cr_assert_eq(ks_matrix_create(&m, 70, 150, entries, 500), KS_OK);
    for (int i = 0; i < 3; i++)
        frame[i] = ks_splitmix(&seed);
    syndrome[1] = UINT64_MAX;
    ks_matrix_syndrome(syndrome, frame, m);
    for (uint32_t r = 0; r < 128; r++) {
        unsigned sum = 0;
        for (uint32_t c = 0; r < 70 && c < 150; c++)
            sum ^= dense[r][c] & (unsigned)(frame[c / 64] >> c % 64);
        cr_assert_eq(syndrome[r / 64] >> r % 64 & 1, sum & 1);
    }
    ks_matrix_destroy(m);
}

Test(matrix, family_syndromes_are_those_of_the_kernels) {
    static uint64_t frame[256], mother[256], merged[256], plain[256];
    uint64_t seed = 9;
    for (unsigned i = 0; i < ks_ldpc_rate_count(); i++) {
        const uint16_t rate = (uint16_t)i;
        if (!ks_ldpc_supports(rate, 14) || i % 7)
            continue;
        ks_matrix *m;
        cr_assert_eq(ks_matrix_of_rate(&m, rate, 14), KS_OK);
        for (int k = 0; k < 256; k++)
            frame[k] = ks_splitmix(&seed);
        cr_assert_eq(ks_ldpc_syndrome(mother, frame, rate, 14), KS_OK);
        cr_assert_eq(ks_ldpc_merge(merged, mother, rate, 14), KS_OK);
        ks_matrix_syndrome(plain, frame, m);
        cr_assert_eq(ks_ldpc_syndrome_bits(rate, 14), m->rows);
        cr_assert_arr_eq(plain, merged, m->rows / 8);
        ks_matrix_destroy(m);
    }
}

static ks_matrix *make(uint32_t rows, uint32_t columns, const ks_matrix_entry *entries, size_t count) {
    ks_matrix *m;
    cr_assert_eq(ks_matrix_create(&m, rows, columns, entries, count), KS_OK);
    return m;
}

/* Rings of columns of degree 2: one of k columns is a cycle of length 2 k. */
Test(matrix, girth_of_rings) {
    for (uint32_t k = 2; k < 8; k++) {
        ks_matrix_entry entries[16];
        for (uint32_t i = 0; i < k; i++) {
            entries[2 * i] = (ks_matrix_entry){i, i};
            entries[2 * i + 1] = (ks_matrix_entry){(i + 1) % k, i};
        }
        ks_matrix *ring = make(k, k, entries, 2 * k), *path = make(k, k, entries, 2 * k - 1);
        uint32_t girth, rank;
        cr_assert_eq(ks_matrix_girth(&girth, ring), KS_OK);
        cr_assert_eq(girth, k <= 4 ? 2 * k : 0, "ring of %u: %u", k, girth);
        cr_assert_eq(ks_matrix_rank(&rank, ring, 1 << 20), KS_OK);
        cr_assert_eq(rank, k - 1);
        cr_assert_eq(ks_matrix_girth(&girth, path), KS_OK);
        cr_assert_eq(girth, 0);
        cr_assert_eq(ks_matrix_rank(&rank, path, 1 << 20), KS_OK);
        cr_assert_eq(rank, k);
        cr_assert_eq(ks_matrix_rank(&rank, path, 1), KS_ERR_LIMIT);
        ks_matrix_destroy(ring);
        ks_matrix_destroy(path);
    }
}

/* The base lifted by z, unmerged; any power of two. */
static ks_matrix *lifted(uint16_t base, uint32_t z) {
    const ks_base_graph *graph = ks_code_graph(base);
    const ks_base_spec *spec = &ks_family[base];
    ks_matrix_entry *entries = malloc((size_t)graph->edges * z * sizeof *entries);
    size_t n = 0;
    for (uint32_t c = 0; c < spec->columns; c++)
        for (uint32_t e = graph->first[c]; e < graph->first[c + 1]; e++)
            for (uint32_t i = 0; i < z; i++)
                entries[n++] = (ks_matrix_entry){graph->edge[e].node * z + i,
                                                 c * z + ((i + graph->edge[e].shift) & (z - 1))};
    ks_matrix *m = make(spec->rows * z, spec->columns * z, entries, n);
    free(entries);
    return m;
}

/* Circulants of 2^k are polynomials modulo (1 + x)^(2^k), a local ring: rows that are independent at z = 1
 * are so at every lift. Syndrome bits that depend on others would be paid for and tell nothing. */
Test(matrix, every_base_has_full_rank) {
    for (uint16_t b = 0; b < ks_family_count; b++) {
        uint32_t rank;
        ks_matrix *one = lifted(b, 1), *four = b % 8 ? NULL : lifted(b, 4);
        cr_assert_eq(ks_matrix_rank(&rank, one, 1 << 20), KS_OK);
        cr_expect_eq(rank, one->rows, "base %s: rank %u of %u", ks_family[b].name, rank, one->rows);
        if (four) {
            cr_assert_eq(ks_matrix_rank(&rank, four, 1 << 20), KS_OK);
            cr_expect_eq(rank, four->rows, "base %s at z = 4: rank %u of %u", ks_family[b].name, rank,
                         four->rows);
        }
        ks_matrix_destroy(one);
        ks_matrix_destroy(four);
    }
}

/* Girth at the smallest lift as the record of the base says: 4 where it owns up to short cycles, else 6 or
 * more. */
Test(matrix, girth_is_as_recorded) {
    for (uint16_t b = 0; b < ks_family_count; b++) {
        ks_base_graph graph;
        ks_base_flaws flaws;
        uint32_t girth;
        cr_assert_eq(ks_base_grow(&graph, &flaws, &ks_family[b], &ks_mended[b]), KS_OK);
        ks_base_graph_free(&graph);
        ks_matrix *m = lifted(b, (1u << ks_base_log2n_min(&ks_family[b])) / ks_family[b].columns);
        cr_assert_eq(ks_matrix_girth(&girth, m), KS_OK);
        cr_expect_eq(girth == 4, flaws.short_cycles > 0, "base %s: girth %u, %u cycles of 4 on record",
                     ks_family[b].name, girth, flaws.short_cycles);
        ks_matrix_destroy(m);
    }
}
