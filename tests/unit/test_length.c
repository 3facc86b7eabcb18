/* SPDX-License-Identifier: Apache-2.0 */
/* The key length against numbers of an independent calculator (Python, arbitrary precision where it matters),
 * against exact enumeration, and against the laws that it must obey. */
#include <criterion/criterion.h>
#include <keystill/length.h>
#include <math.h>
#include <string.h>

#include "pipeline/finite_key.h"
#include "tests/conformance/conformance.h"

static const double tolerance = 1e-9;

static void assert_close(double got, double want, const char *what) {
    cr_assert(fabs(got - want) <= tolerance * fmax(fabs(got), fabs(want)), "%s: %.17g, expected %.17g", what,
              got, want);
}

typedef struct known {
    ks_source source;
    ks_counts counts;
    uint64_t leak;
    double vacuum, s1, t1, v1, phase_error;
    double length; /* with log2(2 / 1e-15) for verification */
} known;

/* eps_AT = 4.5e-10, eps_PA = 1e-10, ideal detectors. */
static const known known_answers[] = {
    {{3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.1}},
     {{24651177, 2514906, 1786}, {0}, {304336, 31048, 22}, {7319, 748, 1}},
     5157252,
     0.0,
     16959411,
     190594,
     8068.0,
     0.04675292084141366,
     7181620.297800687},
    {{3, {0.55, 0.15, 2e-4}, {0.5, 0.35, 0.15}},
     {{20702878, 3976108, 15779}, {0}, {644726, 123823, 491}, {16166, 3444, 212}},
     4948487,
     58784.19016820518,
     14376647,
     424296,
     17875.507745030707,
     0.045083321583954866,
     5616333.293308296},
    {{3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.1}},
     {{258778659, 28304483, 1027728}, {0}, {3194798, 349438, 12688}, {112438, 26220, 6245}},
     82104035,
     7348482.536547239,
     172031958,
     2043368,
     100161.21955355405,
     0.05043343167668882,
     40342125.00137702},
    {{2, {0.5, 0.15}, {0.7, 0.3}},
     {{8851920, 1148080}, {88521, 11482}, {109283, 14174}, {1093, 142}},
     937224,
     68895.67126879198,
     5814600,
     56855,
     1235.0,
     0.027887730884325664,
     3809201.707818171},
    {{2, {0.5, 0.15}, {0.7, 0.3}},
     {{8860577, 1139423}, {88779, 11469}, {109390, 14067}, {1096, 142}},
     939107,
     68822.52372329393,
     5730647,
     55849,
     1238.0,
     0.028448969200161867,
     3722356.1502825515},
    {{2, {0.45, 0.17}, {0.5, 0.5}},
     {{72565947, 27434053}, {741456, 290137}, {2259839, 854348}, {23090, 9035}},
     9614121,
     1046856.4486948585,
     63437105,
     1919375,
     32125.0,
     0.017618962908222246,
     45712154.00043606},
};

static const ks_epsilon known_epsilon = {4.5e-10, 1e-10};
static const ks_receiver ideal = {0};

Test(length, known_answers) {
    for (size_t i = 0; i < sizeof known_answers / sizeof known_answers[0]; i++) {
        const known *k = &known_answers[i];
        ks_length_result r;
        ks_leakage leakage = {.reconciliation = k->leak};
        cr_assert_eq(ks_length_compute(&r, &k->source, &ideal, &known_epsilon, &k->counts, &leakage), KS_OK);
        assert_close(r.vacuum_key, k->vacuum, "vacuum");
        assert_close(r.single_key, k->s1, "s1");
        assert_close(r.single_test, k->t1, "t1");
        assert_close(r.single_errors, k->v1, "v1");
        assert_close(r.phase_error, k->phase_error, "phase error");
        assert_close(r.sampled, k->phase_error, "sampled");
        assert_close(r.exact - log2(2.0 / 1e-15), k->length, "length");
        cr_assert_eq(r.statements, k->source.intensities == 3 ? 15 : 14);
        cr_assert_eq(r.limit, (uint64_t)floor(r.exact));
        cr_assert_eq(r.bits, r.limit - 1);
    }
}

/* Terms of the authors' code of arXiv:2408.17349 for dark counts 1e-6 (1 +- Delta). */
Test(length, detector_terms) {
    const struct {
        double mismatch;
        int swap;
        double delta1, delta2;
    } cases[] = {{0.0, 0, 0.0, 0.0},
                 {0.02, 0, 0.07921560789028348, 0.03921566706862345},
                 {0.02, 1, 0.0015381627788486618, 0.0007689335178784811},
                 {0.05, 0, 0.19524069467893979, 0.09523804997571372},
                 {0.05, 1, 0.009080584678291093, 0.004535138775514307}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ks_receiver receiver = {cases[i].mismatch, cases[i].mismatch, 1e-6, cases[i].swap};
        double delta1, delta2;
        ks_detector_terms(&receiver, &delta1, &delta2);
        assert_close(delta1, cases[i].delta1, "delta1");
        assert_close(delta2, cases[i].delta2, "delta2");
    }
}

Test(length, single_photons_use_the_counts_themselves) {
    ks_source source = {.intensities = 1};
    ks_counts counts = {.key = {100000}, .test = {10000}, .test_errors = {300}};
    ks_leakage leakage = {.reconciliation = 22549};
    ks_epsilon epsilon = {0.45e-10, 1e-11};
    ks_length_result r;
    cr_assert_eq(ks_length_compute(&r, &source, &ideal, &epsilon, &counts, &leakage), KS_OK);
    cr_assert_eq(r.statements, 1);
    assert_close(r.exact - 50.0 - 0.455508462837, 48706.760502324076, "length");
    ks_receiver swapped = {.efficiency_mismatch = 0.02, .random_swap = 1};
    cr_assert_eq(ks_length_compute(&r, &source, &swapped, &epsilon, &counts, &leakage), KS_OK);
    cr_assert_eq(r.statements, 3);
    cr_assert_lt(r.exact, 48706.0);
}

Test(length, every_subtracted_bit_counts_once) {
    const known *k = &known_answers[0];
    ks_length_result base, r;
    ks_leakage leakage = {.reconciliation = k->leak}, more = {k->leak + 1000, 200, 129, 4096};
    cr_assert_eq(ks_length_compute(&base, &k->source, &ideal, &known_epsilon, &k->counts, &leakage), KS_OK);
    cr_assert_eq(ks_length_compute(&r, &k->source, &ideal, &known_epsilon, &k->counts, &more), KS_OK);
    cr_assert_eq(base.bits - r.bits, 1000 + 200 + 129 + 4096);
    ks_leakage all = {.reconciliation = UINT64_MAX, .dropped = UINT64_MAX};
    cr_assert_eq(ks_length_compute(&r, &k->source, &ideal, &known_epsilon, &k->counts, &all), KS_OK);
    cr_assert_eq(r.bits, 0);
}

Test(length, entropy_never_falls) {
    cr_assert_eq(ks_entropy_capped(0.0), 0.0);
    cr_assert_eq(ks_entropy_capped(-1.0), 0.0);
    assert_close(ks_entropy_capped(0.11), 0.499915958164528, "h(0.11)");
    cr_assert_eq(ks_entropy_capped(0.5), 1.0);
    cr_assert_eq(ks_entropy_capped(0.7), 1.0);
    for (int i = 1; i < 1000; i++)
        cr_assert_geq(ks_entropy_capped(i / 1000.0), ks_entropy_capped((i - 1) / 1000.0));
}

/* Thresholds by exact integer arithmetic at tails from 1e-20 to 0.01. */
Test(sampling, known_thresholds) {
    const struct {
        uint64_t n, k, m;
        double p;
        uint64_t unseen;
    } cases[] = {
        {10000, 3820, 95, 1e-20, 614}, {1000000, 20000, 200, 1e-20, 18101}, {3000, 1000, 45, 1e-10, 327}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_eq(llround(ks_hypergeometric_upper(cases[i].n, cases[i].k, cases[i].m, cases[i].p) *
                             (double)cases[i].n),
                     (long long)cases[i].unseen, "case %zu", i);
}

Test(sampling, nothing_known_bounds_nothing) {
    cr_assert_eq(ks_hypergeometric_upper(100, 0, 0, 0.1), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(0, 100, 0, 0.1), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(100, 10, 11, 0.1), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(100, 10, 10, 0.1), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(100, 10, 1, 0.0), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(100, 10, 1, NAN), 1.0);
    cr_assert_eq(ks_hypergeometric_upper(UINT64_MAX, UINT64_MAX, 1, 0.1), 1.0);
}

static double choose_log(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* Probability that the bound fails for a population with `marked` errors: U(m) n < errors not seen. */
static double failure(int n, int k, int marked, const int *unseen) {
    double sum = 0.0;
    for (int m = marked > n ? marked - n : 0; m <= k && m <= marked; m++)
        if (marked - m > unseen[m] || (marked - m == unseen[m] && unseen[m] < n))
            sum += exp(choose_log(marked, m) + choose_log(n + k - marked, k - m) - choose_log(n + k, k));
    return sum;
}

/* The coverage over every population is the promise, and it is nearly used up, so that no sharper bound
 * exists. Figures of the same enumeration in Python: 0.9981, 0.9973, 0.9995, 0.9998. */
Test(sampling, covers_every_population_and_is_sharp) {
    const struct {
        int n, k;
        double p, used;
    } cases[] = {
        {60, 40, 0.01, 0.9981}, {120, 80, 1e-3, 0.9973}, {30, 200, 0.02, 0.9995}, {200, 150, 1e-4, 0.9998}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int n = cases[i].n, k = cases[i].k, unseen[256];
        double worst = 0.0, p = cases[i].p;
        for (int m = 0; m <= k; m++)
            unseen[m] = (int)lround(n * ks_hypergeometric_upper((uint64_t)n, (uint64_t)k, (uint64_t)m, p));
        for (int marked = 0; marked <= n + k; marked++)
            worst = fmax(worst, failure(n, k, marked, unseen));
        cr_assert_leq(worst, p, "n = %d, k = %d: %g", n, k, worst);
        cr_assert_float_eq(worst / p, cases[i].used, 1e-4, "n = %d: %.5f of p used", n, worst / p);
    }
}

Test(sampling, monotone) {
    uint64_t random = 3;
    for (int i = 0; i < 300; i++) {
        uint64_t n = 1 + ks_test_random(&random) % 100000, k = 2 + ks_test_random(&random) % 30000;
        uint64_t m = ks_test_random(&random) % (k / 4 + 1);
        double p = pow(10.0, -1.0 - (double)(ks_test_random(&random) % 24));
        double u = ks_hypergeometric_upper(n, k, m, p);
        cr_assert_geq(ks_hypergeometric_upper(n, k, m + 1, p), u);
        cr_assert_geq(ks_hypergeometric_upper(n, k, m, p / 7), u);
        cr_assert(u >= 1.0 || u > (double)m / (double)k * (1.0 - 1.0 / (double)k) - 1.0 / (double)n);
    }
}

/* A block as a random channel gives it. */
static void random_block(ks_source *source, ks_counts *counts, uint64_t *random) {
    memset(counts, 0, sizeof *counts);
    double draw[4];
    for (int i = 0; i < 4; i++)
        draw[i] = (double)(ks_test_random(random) >> 11) * 0x1p-53;
    uint32_t decoys = 1 + ks_test_random(random) % 2;
    *source = decoys == 2 ? (ks_source){3, {0.5, 0.12, 0.001}, {0.6, 0.25, 0.15}}
                          : (ks_source){2, {0.5, 0.15}, {0.7, 0.3}};
    double pulses = pow(10.0, 9.0 + 1.5 * draw[0]), eta = pow(10.0, -1.0 - 1.5 * draw[1]),
           e = 0.004 + 0.02 * draw[2];
    double key = 0.5 + 0.4 * draw[3], bases[2] = {key * key, (1.0 - key) * (1.0 - key)};
    for (uint32_t i = 0; i < source->intensities; i++) {
        double light = 1.0 - exp(-source->mean[i] * eta), dark = 1e-7;
        double n = pulses * source->probability[i] * (light + dark),
               m = pulses * source->probability[i] * (light * e + dark / 2);
        counts->key[i] = (uint64_t)(n * bases[0]);
        counts->key_errors[i] = (uint64_t)(m * bases[0]);
        counts->test[i] = (uint64_t)(n * bases[1]);
        counts->test_errors[i] = (uint64_t)(m * bases[1]);
    }
}

static double length_of(const ks_source *source, const ks_counts *counts, ks_receiver receiver,
                        uint64_t leak) {
    ks_length_result r;
    ks_leakage leakage = {.reconciliation = leak};
    ks_epsilon epsilon = {4e-11, 1e-11};
    cr_assert_eq(ks_length_compute(&r, source, &receiver, &epsilon, counts, &leakage), KS_OK);
    return r.exact;
}

/* More errors of signal or second intensity, more leakage, worse detectors: never more key. */
Test(length, monotone_where_it_must_be) {
    uint64_t random = 11;
    int positive = 0;
    for (int i = 0; i < 150; i++) {
        ks_source source;
        ks_counts counts, worse;
        random_block(&source, &counts, &random);
        ks_receiver receiver = {0.001, 0.01, 1e-6, (int)(ks_test_random(&random) & 1)}, bad = receiver;
        double base = length_of(&source, &counts, receiver, 1000);
        positive += base > 0.0;
        for (int k = 0; k < (source.intensities == 3 ? 2 : 1); k++) {
            worse = counts;
            worse.test_errors[k] += 1 + ks_test_random(&random) % 200;
            worse.test_errors[k] =
                worse.test_errors[k] < worse.test[k] ? worse.test_errors[k] : worse.test[k];
            cr_assert_leq(length_of(&source, &worse, receiver, 1000), base,
                          "errors of intensity %d, block %d", k, i);
        }
        cr_assert_leq(length_of(&source, &counts, receiver, 1001), base);
        bad.efficiency_mismatch += 0.01;
        cr_assert_leq(length_of(&source, &counts, bad, 1000), base);
        bad = receiver;
        bad.dark_mismatch += 0.05;
        cr_assert_leq(length_of(&source, &counts, bad, 1000), base);
    }
    cr_assert_gt(positive, 50);
}

Test(length, blocks_that_yield_nothing) {
    ks_source source = {3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.1}};
    ks_counts none = {0}, wrong = known_answers[0].counts;
    ks_leakage leakage = {0};
    ks_length_result r;
    cr_assert_eq(ks_length_compute(&r, &source, &ideal, &known_epsilon, &none, &leakage), KS_OK);
    cr_assert_eq(r.bits, 0);
    cr_assert_eq(r.phase_error, 0.5);
    for (int i = 0; i < 3; i++)
        wrong.test_errors[i] = wrong.test[i] / 2;
    cr_assert_eq(ks_length_compute(&r, &source, &ideal, &known_epsilon, &wrong, &leakage), KS_OK);
    cr_assert_eq(r.bits, 0);
}

static ks_status with(ks_source source, ks_receiver receiver, ks_epsilon epsilon, ks_counts counts) {
    ks_length_result r;
    ks_leakage leakage = {0};
    return ks_length_compute(&r, &source, &receiver, &epsilon, &counts, &leakage);
}

Test(length, refuses_what_is_no_parameter) {
    const ks_source good = {3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.1}};
    const ks_source sources[] = {{0, {0}, {0}},
                                 {4, {0}, {0}},
                                 {3, {0.5, 0.1, 2e-4}, {0.6, 0.3, 0.2}},
                                 {3, {0.1, 0.5, 2e-4}, {0.6, 0.3, 0.1}},
                                 {3, {0.5, 0.4, 0.2}, {0.6, 0.3, 0.1}},
                                 {3, {NAN, 0.1, 2e-4}, {0.6, 0.3, 0.1}},
                                 {3, {0.5, 0.1, -0.1}, {0.6, 0.3, 0.1}},
                                 {3, {0.5, 0.1, 0.0}, {0.6, 0.4, 0.0}},
                                 {2, {0.5, 0.0}, {0.6, 0.4}}};
    const ks_receiver receivers[] = {
        {1.0, 0, 0, 0}, {-0.1, 0, 0, 0}, {0, NAN, 0, 0}, {0, 1.0, 0, 0}, {0, 0, 0.5, 0}};
    const ks_epsilon epsilons[] = {{0, 1e-10},   {1e-10, 0},   {NAN, 1e-10},
                                   {1.0, 1e-10}, {1e-10, 0.5}, {1e-200, 1e-10}};
    const ks_counts counts[] = {
        {.test = {1}, .test_errors = {2}}, {.key = {UINT64_MAX}}, {.test = {UINT64_C(1) << 49}}};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        cr_assert_eq(with(sources[i], ideal, known_epsilon, (ks_counts){0}), KS_ERR_ARGUMENT, "source %zu",
                     i);
    for (size_t i = 0; i < sizeof receivers / sizeof receivers[0]; i++)
        cr_assert_eq(with(good, receivers[i], known_epsilon, (ks_counts){0}), KS_ERR_ARGUMENT, "receiver %zu",
                     i);
    for (size_t i = 0; i < sizeof epsilons / sizeof epsilons[0]; i++)
        cr_assert_eq(with(good, ideal, epsilons[i], (ks_counts){0}), KS_ERR_ARGUMENT, "epsilon %zu", i);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        cr_assert_eq(with(good, ideal, known_epsilon, counts[i]), KS_ERR_ARGUMENT, "counts %zu", i);
    ks_source one = {.intensities = 1};
    cr_assert_eq(with(one, ideal, known_epsilon, (ks_counts){.key = {1, 1}}), KS_ERR_ARGUMENT);
    ks_source two = {2, {0.5, 0.1}, {0.6, 0.4}};
    cr_assert_eq(with(two, ideal, known_epsilon, (ks_counts){.key = {1}, .key_errors = {2}}),
                 KS_ERR_ARGUMENT);
}

Test(length, total_epsilon) {
    ks_epsilon epsilon = {4e-11, 1e-11};
    assert_close(ks_epsilon_total(&epsilon, -64.0), 8e-11 + 1e-11 + 0x1p-64, "epsilon");
}
