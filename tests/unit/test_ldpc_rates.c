/* SPDX-License-Identifier: Apache-2.0 */
/* Frame error rates within Wilson intervals. Seeds are fixed: a test that passed passes again. Where codes,
 * tables or margins change, each interval is wrong with a probability of 1e-5 at most on the side that is
 * looked at (Z deviations), some 0.5 % for all intervals of the long run together. KS_LONG=1: all bases, all
 * presets. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ldpc/code.h"
#include "ldpc/splitmix.h"

#define Z 4.265 /* P(normal > Z) = 1e-5 */

enum { WORDS = 1 << 12 };

static uint64_t alice[WORDS], bob[WORDS], decoded[WORDS], mother[WORDS], syndrome[WORDS], extra[WORDS];

/* Wilson, JASA 22, 209 (1927). */
static double wilson(double hits, double trials, double z) {
    double p = hits / trials, q = z * fabs(z) / trials;
    return (p + fabs(q) / 2 + z * sqrt(p * (1 - p) / trials + fabs(q) / (4 * trials))) / (1 + fabs(q));
}

static double at_least(double hits, double trials) {
    return wilson(hits, trials, -Z);
}

static double at_most(double hits, double trials) {
    return wilson(hits, trials, Z);
}

Test(ldpc_rates, the_interval_is_wilsons) {
    /* 2 of 20 at z = 1.96: 0.0279 to 0.3010. */
    cr_assert_float_eq(wilson(2, 20, -1.96), 0.0279, 1e-4);
    cr_assert_float_eq(wilson(2, 20, 1.96), 0.3010, 1e-4);
    cr_assert_float_eq(erfc(Z / sqrt(2)) / 2, 1e-5, 1e-7);
    cr_assert_float_eq(wilson(0, 100, -Z), 0, 1e-12);
}

/* A frame with exactly so many errors, or each bit wrong with probability q. */
static void draw_exact(size_t bits, uint64_t errors, uint64_t *seed) {
    for (size_t i = 0; i < bits / 64; i++)
        bob[i] = alice[i] = ks_splitmix(seed);
    while (errors > 0) {
        uint64_t at = ks_splitmix(seed) % bits, bit = UINT64_C(1) << at % 64;
        errors -= ((bob[at / 64] ^ alice[at / 64]) & bit) == 0;
        bob[at / 64] = (bob[at / 64] & ~bit) | (~alice[at / 64] & bit);
    }
}

static void draw_channel(size_t bits, double q, uint64_t *seed) {
    const uint64_t limit = (uint64_t)(q * 0x1p32);
    for (size_t i = 0; i < bits / 64; i++) {
        bob[i] = alice[i] = ks_splitmix(seed);
        for (unsigned k = 0; k < 64; k += 2) {
            uint64_t r = ks_splitmix(seed);
            bob[i] ^= (uint64_t)((r & UINT32_MAX) < limit) << k | (uint64_t)(r >> 32 < limit) << (k + 1);
        }
    }
}

static ks_ldpc_result decode(ks_ldpc_workspace *workspace, uint16_t rate, unsigned log2n, double q,
                             ks_ldpc_decoders decoders) {
    const ks_ldpc_request request = {.received = bob,
                                     .syndrome = syndrome,
                                     .rate = rate,
                                     .real_bits = (size_t)1 << log2n,
                                     .qber = q,
                                     .decoders = decoders};
    ks_ldpc_result result;
    cr_assert_eq(ks_ldpc_decode(workspace, &result, decoded, &request), KS_OK);
    return result;
}

static void first_syndrome(uint16_t rate, unsigned log2n) {
    cr_assert_eq(ks_ldpc_syndrome(mother, alice, rate, log2n), KS_OK);
    cr_assert_eq(ks_ldpc_merge(syndrome, mother, rate, log2n), KS_OK);
}

static uint32_t failures(ks_ldpc_workspace *workspace, uint16_t rate, double q, ks_ldpc_decoders decoders,
                         uint32_t frames, uint64_t seed) {
    uint32_t failed = 0;
    for (uint32_t f = 0; f < frames; f++) {
        draw_exact((size_t)1 << 18, (uint64_t)(q * (1 << 18)), &seed);
        first_syndrome(rate, 18);
        failed += !decode(workspace, rate, 18, q, decoders).converged;
    }
    return failed;
}

/* 4 % below a limit of the table less than half the frames fail, 4 % above more than half: the middle mark of
 * each base, in the long run the other marks and the exact decoder too. */
Test(ldpc_rates, limits_are_where_half_the_frames_fail) {
    const int all = getenv("KS_LONG") != NULL;
    const uint32_t frames = 24;
    ks_ldpc_workspace *workspace;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, 18), KS_OK);
    for (uint16_t b = 0; b < ks_family_count; b = (uint16_t)(b + (all ? 1 : 23)))
        for (uint32_t mark = 0; mark < KS_BASE_MARKS; mark++)
            for (int exact = 0; exact < 2; exact++) {
                const uint16_t merges = (uint16_t)(ks_family[b].pairs * mark / (KS_BASE_MARKS - 1));
                const double limit = exact ? ks_measured[b].exact[mark] : ks_measured[b].fast[mark];
                if ((!all && (mark != 2 || exact)) || limit <= 0)
                    continue;
                const uint16_t rate = ks_code_rate_find(b, merges);
                const ks_ldpc_decoders decoders = exact ? KS_LDPC_EXACT_ONLY : KS_LDPC_FAST_ONLY;
                uint32_t below = failures(workspace, rate, 0.96 * limit, decoders, frames, b),
                         above = failures(workspace, rate, 1.04 * limit, decoders, frames, b + 1000u);
                cr_expect_leq(at_least(below, frames), 0.5, "%s-%u %d: %u of %u below", ks_family[b].name,
                              merges, exact, below, frames);
                cr_expect_geq(at_most(above, frames), 0.5, "%s-%u %d: %u of %u above", ks_family[b].name,
                              merges, exact, above, frames);
            }
    ks_ldpc_workspace_destroy(workspace);
}

typedef struct tally {
    uint32_t frames, first_failed, failed, undetected;
    double leak, squares; /* disclosed bits of a frame over n h, and their squares */
} tally;

static void run_frame(tally *t, ks_ldpc_workspace *workspace, unsigned log2n, double q, uint16_t rate,
                      ks_ldpc_decoders decoders) {
    const size_t n = (size_t)1 << log2n;
    first_syndrome(rate, log2n);
    ks_ldpc_result result = decode(workspace, rate, log2n, q, decoders);
    t->frames++;
    t->first_failed += !result.converged;
    uint16_t next;
    for (; !result.converged && ks_ldpc_next(&next, rate) == KS_OK; rate = next) {
        cr_assert_eq(ks_ldpc_extra(extra, mother, rate, next, log2n), KS_OK);
        cr_assert_eq(ks_ldpc_extend(syndrome, extra, rate, next, log2n), KS_OK);
        result = decode(workspace, next, log2n, q, decoders);
    }
    t->failed += !result.converged;
    t->undetected += result.converged && memcmp(decoded, alice, n / 8) != 0;
    double h = -q * log2(q) - (1 - q) * log2(1 - q);
    double f = (result.converged ? (double)ks_ldpc_syndrome_bits(rate, log2n) : (double)n) / ((double)n * h);
    t->leak += f;
    t->squares += f * f;
}

static tally run_point(unsigned log2n, double q, ks_ldpc_effort effort, uint32_t frames) {
    ks_ldpc_workspace *workspace;
    uint16_t rate;
    tally t = {0};
    uint64_t seed = (uint64_t)(q * 1e6) + log2n;
    cr_assert_eq(ks_ldpc_workspace_create(&workspace, log2n), KS_OK);
    cr_assert_eq(ks_ldpc_pick(&rate, log2n, q, (size_t)1 << log2n, effort), KS_OK);
    for (uint32_t f = 0; f < frames; f++) {
        draw_channel((size_t)1 << log2n, q, &seed);
        run_frame(&t, workspace, log2n, q, rate,
                  effort == KS_LDPC_FAST ? KS_LDPC_FAST_ONLY : KS_LDPC_FAST_THEN_EXACT);
    }
    ks_ldpc_workspace_destroy(workspace);
    return t;
}

/* What the presets promise at n = 2^18: at most one frame of a thousand fails for good, no more than `most`
 * of entropy is disclosed on the mean, no wrong frame passes in a thousand; retries for at most a third. */
static const struct promise {
    double q, most[KS_LDPC_EFFICIENT + 1];
} promises[] = {
    {0.005, {1.25, 1.22, 1.20}}, {0.01, {1.25, 1.20, 1.15}}, {0.02, {1.25, 1.15, 1.12}},
    {0.03, {1.18, 1.12, 1.10}},  {0.05, {1.15, 1.10, 1.07}}, {0.08, {1.15, 1.09, 1.07}},
    {0.11, {1.15, 1.08, 1.06}},
};

Test(ldpc_rates, presets_keep_their_promise) {
    const int all = getenv("KS_LONG") != NULL;
    const uint32_t frames = all ? 300 : 10;
    for (unsigned i = 0; i < sizeof promises / sizeof *promises; i += all ? 1 : 3)
        for (int effort = KS_LDPC_FAST; effort <= (all ? KS_LDPC_EFFICIENT : KS_LDPC_FAST); effort++) {
            const double q = promises[i].q;
            const tally t = run_point(18, q, (ks_ldpc_effort)effort, frames);
            const double n = t.frames, mean = t.leak / n, variance = t.squares / n - mean * mean;
            cr_expect_leq(at_least(t.failed, n), 1e-3, "%g: %u of %u failed", q, t.failed, t.frames);
            cr_expect_leq(at_least(t.undetected, n), 1e-3, "%g: %u of %u wrong", q, t.undetected, t.frames);
            cr_expect_leq(at_least(t.first_failed, n), 0.34, "%g: %u of %u retried", q, t.first_failed,
                          t.frames);
            cr_expect_leq(mean - Z * sqrt(fmax(variance, 0) / n), promises[i].most[effort],
                          "%g, effort %d: f %.4f", q, effort, mean);
        }
}

/* At n = 2^14, where words of low weight are nearest: less than a frame of 2000 is decoded to a neighbour. */
Test(ldpc_rates, short_frames_have_few_wrong_neighbours) {
    static const double rates[] = {0.09, 0.01, 0.003, 0.004, 0.006, 0.008, 0.015, 0.02, 0.04, 0.08};
    const int all = getenv("KS_LONG") != NULL;
    for (unsigned i = 0; i < (all ? sizeof rates / sizeof *rates : 2); i++)
        for (int effort = KS_LDPC_FAST; effort <= KS_LDPC_BALANCED; effort++) {
            const tally t = run_point(14, rates[i], (ks_ldpc_effort)effort, all ? 10000 : 200);
            cr_expect_leq(at_least(t.undetected, t.frames), 5e-4, "%g: %u of %u wrong", rates[i],
                          t.undetected, t.frames);
            cr_expect_leq(at_least(t.failed, t.frames), 1e-3, "%g: %u of %u failed", rates[i], t.failed,
                          t.frames);
        }
}
