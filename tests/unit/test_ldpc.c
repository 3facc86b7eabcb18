/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of the family: algebra of rates, the construction records, decoding by the fast decoder. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ldpc/code.h"
#include "ldpc/splitmix.h"

enum { WORDS_MAX = 1 << 14 };

static uint64_t alice[WORDS_MAX], bob[WORDS_MAX], decoded[WORDS_MAX], mother[WORDS_MAX];
static uint64_t syndrome[WORDS_MAX], expected[WORDS_MAX], extra[WORDS_MAX];

static void draw(uint64_t *frame, size_t words, uint64_t seed) {
    for (size_t i = 0; i < words; i++)
        frame[i] = ks_splitmix(&seed);
}

static void flip(uint64_t *frame, size_t bits, double q, uint64_t seed) {
    for (size_t i = 0; i < bits; i++)
        if ((double)(ks_splitmix(&seed) >> 11) * 0x1p-53 < q)
            frame[i / 64] ^= UINT64_C(1) << i % 64;
}

Test(ldpc, rates_are_sorted_and_nested) {
    ks_ldpc_rate before, info;
    cr_assert_gt(ks_ldpc_rate_count(), 100);
    for (unsigned i = 0; i < ks_ldpc_rate_count(); i++) {
        uint16_t rate = (uint16_t)i, next;
        cr_assert_eq(ks_ldpc_rate_info(&info, rate), KS_OK);
        if (i > 0)
            cr_assert_geq(info.leak, before.leak);
        before = info;
        cr_assert(ks_ldpc_supports(rate, 18) && ks_ldpc_supports(rate, 20));
        cr_assert_not(ks_ldpc_supports(rate, 15));
        if (info.merges == 0) {
            cr_assert_eq(ks_ldpc_next(&next, rate), KS_ERR_EMPTY);
            continue;
        }
        cr_assert_eq(ks_ldpc_next(&next, rate), KS_OK);
        cr_assert_gt(next, rate);
        cr_assert_eq(ks_ldpc_syndrome_bits(next, 18) - ks_ldpc_syndrome_bits(rate, 18),
                     ks_ldpc_extra_bits(rate, next, 18));
        cr_assert_eq(ks_ldpc_extra_bits(next, rate, 18), 0);
        cr_assert_eq(ks_ldpc_syndrome_bits(rate, 18) % 64, 0);
    }
    cr_assert_eq(ks_ldpc_rate_info(&info, (uint16_t)ks_ldpc_rate_count()), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_mother_bits(0, 17), 0);
}

/* Every graph as its record says: grown again, digest, no 4-cycle and no loop of degree-2 columns where the
 * table's largest codes promise none, no column in both rows of a pair. */
Test(ldpc, graphs_match_their_records) {
    cr_assert_eq(ks_measured_count, ks_family_count);
    cr_assert_eq(ks_mended_count, ks_family_count);
    for (uint16_t b = 0; b < ks_family_count; b++) {
        const ks_base_spec *spec = &ks_family[b];
        ks_base_graph graph;
        ks_base_flaws flaws;
        cr_assert_eq(ks_base_grow(&graph, &flaws, spec, &ks_mended[b]), KS_OK);
        cr_assert_eq(ks_base_digest(&graph, spec), ks_mended[b].digest, "base %s", spec->name);
        cr_assert_eq(ks_mended[b].grown, spec->digest, "base %s was not searched as it is", spec->name);
        cr_assert_eq(ks_measured[b].digest, ks_mended[b].digest, "base %s was not measured as it is",
                     spec->name);
        cr_assert_eq(flaws.double_loops, 0);
        uint32_t load[KS_BASE_ROWS_MAX] = {0};
        for (uint32_t c = 0; c < spec->columns; c++) {
            uint8_t seen[KS_BASE_ROWS_MAX] = {0};
            for (uint32_t e = graph.first[c]; e < graph.first[c + 1]; e++) {
                uint32_t row = graph.edge[e].node,
                         pair = row < 2u * spec->pairs ? row / 2 : row - spec->pairs;
                cr_assert_lt(row, spec->rows);
                cr_assert_not(seen[pair]++, "base %s column %u", spec->name, c);
                load[pair]++;
            }
        }
        for (uint32_t r = 0; r + spec->pairs < spec->rows; r++)
            cr_assert_leq(load[r], KS_LDPC_ROW_EDGES_MAX, "base %s merged row %u: %u edges", spec->name, r,
                          load[r]);
        ks_base_graph_free(&graph);
    }
}

/* Girth counted on the lifted matrix itself, without the construction's difference sets. */
Test(ldpc, lifted_graph_has_no_short_cycle_where_promised) {
    uint32_t checked = 0;
    for (uint16_t b = 0; b < ks_family_count; b++) {
        const ks_base_spec *spec = &ks_family[b];
        ks_base_graph graph;
        ks_base_flaws flaws;
        cr_assert_eq(ks_base_grow(&graph, &flaws, spec, &ks_mended[b]), KS_OK);
        uint32_t z = (1u << ks_base_log2n_min(spec)) / spec->columns, cycles = 0;
        for (uint32_t c = 0; c < spec->columns; c++)
            for (uint32_t d = c + 1; d < spec->columns; d++) {
                uint32_t shared = 0, differences[KS_BASE_ROWS_MAX];
                for (uint32_t e = graph.first[c]; e < graph.first[c + 1]; e++)
                    for (uint32_t f = graph.first[d]; f < graph.first[d + 1]; f++)
                        if (graph.edge[e].node == graph.edge[f].node)
                            differences[shared++] =
                                ((uint32_t)graph.edge[e].shift - graph.edge[f].shift) & (z - 1);
                for (uint32_t i = 0; i < shared; i++)
                    for (uint32_t k = 0; k < i; k++)
                        cycles += differences[i] == differences[k];
            }
        cr_assert_eq(cycles == 0, flaws.short_cycles == 0, "base %s: %u cycles", spec->name, cycles);
        checked += cycles == 0;
        ks_base_graph_free(&graph);
    }
    cr_assert_geq(checked, 20);
}

Test(ldpc, merging_and_extending_agree) {
    for (unsigned log2n = 14; log2n <= 16; log2n += 2)
        for (unsigned i = 0; i < ks_ldpc_rate_count(); i += 7) {
            uint16_t from = (uint16_t)i, to = from;
            if (!ks_ldpc_supports(from, log2n))
                continue;
            draw(alice, ((size_t)1 << log2n) / 64, i);
            cr_assert_eq(ks_ldpc_syndrome(mother, alice, from, log2n), KS_OK);
            for (unsigned k = 0; k <= i % 5; k++)
                if (ks_ldpc_next(&to, to) != KS_OK)
                    break;
            cr_assert_eq(ks_ldpc_merge(syndrome, mother, from, log2n), KS_OK);
            cr_assert_eq(ks_ldpc_merge(expected, mother, to, log2n), KS_OK);
            cr_assert_eq(ks_ldpc_extra(extra, mother, from, to, log2n), KS_OK);
            cr_assert_eq(ks_ldpc_extend(syndrome, extra, from, to, log2n), KS_OK);
            cr_assert_arr_eq(syndrome, expected, ks_ldpc_syndrome_bits(to, log2n) / 8);
        }
    cr_assert_eq(ks_ldpc_extra(extra, mother, 0, (uint16_t)(ks_ldpc_rate_count() - 1), 18), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_merge(syndrome, mother, 0, 14), KS_ERR_ARGUMENT);
}

/* The merged syndrome is the product of the frame with the decoder's own rows. */
Test(ldpc, decoder_rows_are_the_merged_matrix) {
    static ks_code_decoder decoder;
    for (unsigned i = 3; i < ks_ldpc_rate_count(); i += 41) {
        const ks_code_rate *r = ks_code_rate_of((uint16_t)i);
        const ks_base_spec *spec = &ks_family[r->base];
        unsigned log2n = ks_base_log2n_min(spec);
        uint32_t z = (1u << log2n) / spec->columns;
        draw(alice, ((size_t)1 << log2n) / 64, i);
        cr_assert_eq(ks_ldpc_syndrome(mother, alice, (uint16_t)i, log2n), KS_OK);
        cr_assert_eq(ks_ldpc_merge(syndrome, mother, (uint16_t)i, log2n), KS_OK);
        ks_code_decoder_make(&decoder, spec, ks_code_graph(r->base), r->merges, z, spec->columns);
        for (uint32_t row = 0; row < decoder.by_row.rows; row++)
            for (uint32_t k = 0; k < z; k++) {
                unsigned parity = 0;
                for (uint32_t e = decoder.first[row]; e < decoder.first[row + 1]; e++) {
                    uint32_t bit = decoder.edges[e].node * z + (k + decoder.edges[e].shift) % z;
                    parity ^= alice[bit / 64] >> bit % 64 & 1;
                }
                uint32_t check = row * z + k;
                cr_assert_eq(parity, syndrome[check / 64] >> check % 64 & 1, "rate %u row %u", i, row);
            }
    }
}

/* Sends a frame through a binary symmetric channel and decodes it with retries. Returns the number of rounds,
 * 0 when it failed; a wrong result is an assertion. */
static unsigned transmit(ks_ldpc_workspace *workspace, unsigned log2n, uint16_t rate, double q,
                         size_t real_bits, uint64_t seed) {
    size_t words = ((size_t)1 << log2n) / 64;
    draw(alice, words, seed);
    for (size_t i = real_bits; i < words * 64; i++)
        alice[i / 64] &= ~(UINT64_C(1) << i % 64);
    memcpy(bob, alice, words * 8);
    flip(bob, real_bits, q, seed + 1);
    cr_assert_eq(ks_ldpc_syndrome(mother, alice, rate, log2n), KS_OK);
    cr_assert_eq(ks_ldpc_merge(syndrome, mother, rate, log2n), KS_OK);
    for (unsigned round = 1;; round++) {
        const ks_ldpc_request request = {
            .received = bob, .syndrome = syndrome, .rate = rate, .real_bits = real_bits, .qber = q};
        ks_ldpc_result result;
        uint16_t next;
        cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
        if (result.converged) {
            cr_assert_arr_eq(decoded, alice, words * 8);
            size_t errors = 0;
            for (size_t i = 0; i < words; i++)
                errors += (size_t)__builtin_popcountll(bob[i] ^ alice[i]);
            cr_assert_eq(result.errors, errors);
            return round;
        }
        cr_assert_arr_eq(decoded, bob, words * 8);
        if (ks_ldpc_next(&next, rate) != KS_OK)
            return 0;
        cr_assert_eq(ks_ldpc_extra(extra, mother, rate, next, log2n), KS_OK);
        cr_assert_eq(ks_ldpc_extend(syndrome, extra, rate, next, log2n), KS_OK);
        rate = next;
    }
}

/* Each base in the middle of its merges: decodes five deviations and 5 % below its limit, does not as far
 * above. */
Test(ldpc, every_base_has_its_waterfall) {
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, 16), KS_OK);
    for (uint16_t b = 0; b < ks_family_count; b++) {
        uint16_t rate = ks_code_rate_find(b, ks_family[b].pairs / 2);
        double threshold = ks_code_limit(b, ks_family[b].pairs / 2u, 0);
        double far = 0.05 * threshold + 5 * sqrt(threshold / (1 << 16));
        cr_assert_eq(transmit(workspace, 16, rate, threshold - far, 1 << 16, b), 1, "base %s",
                     ks_family[b].name);
        cr_assert_neq(transmit(workspace, 16, rate, threshold + far, 1 << 16, b), 1, "base %s",
                      ks_family[b].name);
    }
    ks_ldpc_workspace_destroy(workspace);
}

Test(ldpc, picked_rates_decode_at_every_size_full_and_shortened) {
    static const double rates[] = {0, 0.003, 0.008, 0.02, 0.045, 0.08, 0.11};
    for (unsigned log2n = 14; log2n <= 18; log2n += 2) {
        ks_ldpc_workspace *workspace;
        cr_assert_eq(ks_ldpc_workspace_create(&workspace, log2n), KS_OK);
        for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++)
            for (unsigned cut = 0; cut < 4; cut++) {
                size_t n = (size_t)1 << log2n, real_bits = n - cut * n / 5 - cut * 7;
                uint16_t rate;
                cr_assert_eq(ks_ldpc_pick(&rate, log2n, rates[i], real_bits, KS_LDPC_BALANCED), KS_OK);
                cr_assert_gt(transmit(workspace, log2n, rate, rates[i], real_bits, 100 * i + cut), 0,
                             "2^%u q %g real %zu", log2n, rates[i], real_bits);
            }
        ks_ldpc_workspace_destroy(workspace);
    }
}

Test(ldpc, pick_is_monotone) {
    for (unsigned log2n = 14; log2n <= 20; log2n += 2)
        for (int effort = KS_LDPC_FAST; effort <= KS_LDPC_EFFICIENT; effort++) {
            double last = 0;
            for (double q = 0; q <= 0.5; q += q < 0.12 ? 0.0007 : 0.01) {
                uint16_t rate, shorter;
                ks_ldpc_rate info;
                size_t n = (size_t)1 << log2n;
                cr_assert_eq(ks_ldpc_pick(&rate, log2n, q, n, (ks_ldpc_effort)effort), KS_OK);
                cr_assert_eq(ks_ldpc_pick(&shorter, log2n, q, n / 2, (ks_ldpc_effort)effort), KS_OK);
                cr_assert(ks_ldpc_supports(rate, log2n));
                cr_assert_leq(shorter, rate);
                cr_assert_eq(ks_ldpc_rate_info(&info, rate), KS_OK);
                cr_assert_geq(info.leak, last);
                last = info.leak;
            }
        }
    uint16_t rate;
    cr_assert_eq(ks_ldpc_pick(&rate, 17, 0.05, 10, KS_LDPC_FAST), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_pick(&rate, 16, 0.05, 0, KS_LDPC_FAST), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_pick(&rate, 16, 0.05, 65537, KS_LDPC_FAST), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_pick(&rate, 16, NAN, 65536, KS_LDPC_FAST), KS_ERR_ARGUMENT);
}

Test(ldpc, requests_are_checked) {
    ks_ldpc_workspace *workspace;
    ks_ldpc_result result;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, 15), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, 14), KS_OK);
    ks_ldpc_request request = {
        .received = bob, .syndrome = syndrome, .rate = UINT16_MAX, .real_bits = 1 << 14};
    cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_ldpc_pick(&request.rate, 14, 0.02, 1 << 14, KS_LDPC_FAST), KS_OK);
    request.real_bits = (1 << 14) + 1;
    cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_ERR_ARGUMENT);
    request.real_bits = 0;
    cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_ERR_ARGUMENT);
    ks_ldpc_workspace_destroy(workspace);
    ks_ldpc_workspace_destroy(NULL);
}
