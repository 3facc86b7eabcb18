/* SPDX-License-Identifier: Apache-2.0 */
/* The exact decoder: its tables against the formula, its words against a sum-product decoder in double
 * precision, its reach against the fast decoder. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/ldpc_exact_tables.h"
#include "ldpc/code.h"
#include "ldpc/splitmix.h"

/* Of magnitudes. */
#define UNIT (M_LN2 / 32)

enum { LOG2N = 14, BITS = 1 << LOG2N, WORDS = BITS / 64, FRAMES = 6, PASSES = 60 };

static uint64_t alice[WORDS], bob[WORDS], decoded[WORDS], mother[WORDS], syndrome[WORDS];

static double phi(double x) {
    return -log(tanh(x / 2));
}

Test(ldpc_exact, tables_are_the_formula) {
    for (int m = 0; m <= KS_LDPC_EXACT_TOP; m++) {
        double exact = fmin(phi((m ? m : 0.5) * UNIT) * 0x1p22, 0x1p24);
        cr_assert_float_eq(ks_ldpc_phi[m], exact, 1 + exact / 700, "phi of %d: %d, not %g", m,
                           ks_ldpc_phi[m], exact);
    }
    /* Every sum of a key lies within a unit and a half of the inverse that the key has. */
    for (uint32_t power = 0; power < 24; power++)
        for (uint32_t mantissa = 0; mantissa < 32; mantissa++) {
            int value = ks_ldpc_phi_inverse[32 * power + mantissa + 1];
            double low = ldexp(1 + mantissa / 32.0, (int)power),
                   high = ldexp(1 + (mantissa + 1) / 32.0, (int)power);
            double top = phi(low * 0x1p-22) / UNIT, bottom = phi(high * 0x1p-22) / UNIT;
            cr_assert(value <= fmin(top, KS_LDPC_EXACT_TOP) + 1.5 &&
                          value >= fmin(bottom, KS_LDPC_EXACT_TOP) - 1.5,
                      "key of %g to %g: %d, not %g to %g", low, high, value, bottom, top);
        }
}

static void draw(uint16_t rate, uint32_t errors, uint64_t seed) {
    for (size_t i = 0; i < WORDS; i++)
        bob[i] = alice[i] = ks_splitmix(&seed);
    while (errors > 0) {
        uint64_t at = ks_splitmix(&seed) % BITS, bit = UINT64_C(1) << at % 64;
        errors -= ((bob[at / 64] ^ alice[at / 64]) & bit) == 0;
        bob[at / 64] = (bob[at / 64] & ~bit) | (~alice[at / 64] & bit);
    }
    cr_assert_eq(ks_ldpc_syndrome(mother, alice, rate, LOG2N), KS_OK);
    cr_assert_eq(ks_ldpc_merge(syndrome, mother, rate, LOG2N), KS_OK);
}

/* Layered sum-product as the textbook has it. 1 when the bits are Alice's in the end. */
static int decode_in_doubles(const ks_ldpc_lists *rows, double q) {
    static double soft[BITS], v[KS_LDPC_ROW_EDGES_MAX];
    double *c = calloc((size_t)rows->first[rows->rows] * rows->z, sizeof *c);
    uint32_t unsatisfied = 1;
    for (size_t i = 0; i < BITS; i++)
        soft[i] = (bob[i / 64] >> i % 64 & 1 ? -1 : 1) * log((1 - q) / q);
    for (int pass = 0; pass < PASSES && unsatisfied; pass++) {
        unsatisfied = 0;
        for (uint32_t check = 0; check < rows->rows * rows->z; check++) {
            uint32_t row = check / rows->z, i = check % rows->z, first = rows->first[row],
                     n = rows->first[row + 1] - first;
            uint32_t parity = syndrome[check / 64] >> check % 64 & 1;
            double sum = 0;
            for (uint32_t k = 0; k < n; k++) {
                const ks_ldpc_edge *e = &rows->edges[first + k];
                v[k] =
                    soft[e->node * rows->z + (i + e->shift) % rows->z] - c[(size_t)(first + k) * rows->z + i];
                parity ^= v[k] < 0;
                sum += phi(fmax(fabs(v[k]), 1e-9));
            }
            unsatisfied += parity;
            for (uint32_t k = 0; k < n; k++) {
                const ks_ldpc_edge *e = &rows->edges[first + k];
                double out = phi(fmax(sum - phi(fmax(fabs(v[k]), 1e-9)), 1e-15));
                c[(size_t)(first + k) * rows->z + i] = parity ^ (v[k] < 0) ? -out : out;
                soft[e->node * rows->z + (i + e->shift) % rows->z] =
                    v[k] + c[(size_t)(first + k) * rows->z + i];
            }
        }
    }
    int equal = 1;
    for (size_t i = 0; i < BITS; i++)
        equal &= (soft[i] < 0) == (int)(alice[i / 64] >> i % 64 & 1);
    free(c);
    return equal;
}

/* In the waterfall, frames with a fixed number of errors: the two decoders may differ on one word of each
 * code, and the integers lose none in sum but one. */
Test(ldpc_exact, decodes_what_doubles_decode) {
    static ks_code_decoder decoder;
    static const char *const names[] = {"s232", "s418"};
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, LOG2N), KS_OK);
    for (int k = 0; k < 2; k++) {
        uint16_t base = 0;
        while (strcmp(ks_family[base].name, names[k]) != 0)
            base++;
        const uint16_t merges = ks_family[base].pairs / 2, rate = ks_code_rate_find(base, merges);
        const double q = 0.975 * ks_code_limit(base, merges, 1);
        int ours = 0, theirs = 0, differ = 0;
        ks_code_decoder_make(&decoder, &ks_family[base], ks_code_graph(base), merges, 64,
                             ks_family[base].columns);
        for (uint64_t f = 0; f < FRAMES; f++) {
            draw(rate, (uint32_t)(q * BITS), 100 * f + (uint64_t)k);
            const ks_ldpc_request request = {.received = bob,
                                             .syndrome = syndrome,
                                             .rate = rate,
                                             .real_bits = BITS,
                                             .qber = q,
                                             .max_iterations = PASSES,
                                             .decoders = KS_LDPC_EXACT_ONLY};
            ks_ldpc_result result;
            cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
            cr_assert_eq(result.iterations, 0);
            int a = result.converged && memcmp(decoded, alice, sizeof alice) == 0,
                b = decode_in_doubles(&decoder.by_row, q);
            ours += a;
            theirs += b;
            differ += a != b;
        }
        cr_assert(theirs > 0 && differ <= 1 && ours >= theirs - 1,
                  "%s: %d of %d in integers, %d in doubles, %d differ", names[k], ours, FRAMES, theirs,
                  differ);
    }
    ks_ldpc_workspace_destroy(workspace);
}

/* Half way between the two limits the fast decoder fails and the exact one does not; a frame that the fast
 * one corrects never reaches the exact one. */
Test(ldpc_exact, reaches_further_than_the_fast_decoder) {
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, LOG2N), KS_OK);
    uint16_t base = 0;
    while (strcmp(ks_family[base].name, "s418") != 0)
        base++;
    const uint16_t merges = ks_family[base].pairs / 2, rate = ks_code_rate_find(base, merges);
    const double fast = ks_code_limit(base, merges, 0), exact = ks_code_limit(base, merges, 1);
    cr_assert_gt(exact, 1.015 * fast);
    for (int k = 0; k < 2; k++) {
        const double q = k ? 0.93 * fast : 0.96 * exact;
        int converged[3] = {0};
        for (uint64_t f = 0; f < 6; f++) {
            draw(rate, (uint32_t)(q * BITS), 7000 + f);
            for (int d = KS_LDPC_FAST_ONLY; d <= KS_LDPC_EXACT_ONLY; d++) {
                const ks_ldpc_request request = {.received = bob,
                                                 .syndrome = syndrome,
                                                 .rate = rate,
                                                 .real_bits = BITS,
                                                 .qber = q,
                                                 .decoders = (ks_ldpc_decoders)d};
                ks_ldpc_result result;
                cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
                cr_assert(!result.converged || memcmp(decoded, alice, sizeof alice) == 0);
                converged[d] += result.converged;
                if (d == KS_LDPC_FAST_THEN_EXACT && k)
                    cr_assert_eq(result.exact_iterations, 0);
            }
        }
        if (k)
            cr_assert(converged[0] == 6 && converged[1] == 6 && converged[2] == 6);
        else
            cr_assert(converged[0] <= 2 && converged[1] >= 4 && converged[2] >= 4, "%d %d %d", converged[0],
                      converged[1], converged[2]);
    }
    ks_ldpc_workspace_destroy(workspace);
}
