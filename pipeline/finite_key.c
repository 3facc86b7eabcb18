/* SPDX-License-Identifier: Apache-2.0 */
/* The key length: docs/security.md, section 1. */
#include <math.h>
#include <string.h>

#include "pipeline/finite_key.h"
#include "pipeline/status.h"

/* Counts are exact in doubles, sums of six of them included. */
static const uint64_t largest_count = UINT64_C(1) << 48;

double ks_entropy(double x) {
    if (x <= 0.0 || x >= 1.0)
        return 0.0;
    return -x * log2(x) - (1.0 - x) * log2(1.0 - x);
}

double ks_entropy_capped(double x) {
    return x < 0.5 ? ks_entropy(x) : 1.0;
}

double ks_epsilon_total(const ks_epsilon *epsilon, double log2_verification) {
    return 2.0 * epsilon->acceptance + epsilon->amplification + exp2(log2_verification);
}

ks_status ks_source_check(const ks_source *source) {
    if (source->intensities < 1 || source->intensities > KS_MAX_INTENSITIES)
        return ks_fail(KS_ERR_ARGUMENT, "%u intensities: 1 to %d are known", source->intensities,
                       KS_MAX_INTENSITIES);
    if (source->intensities == 1)
        return KS_OK;
    double sum = 0.0;
    for (uint32_t i = 0; i < source->intensities; i++) {
        double mean = source->mean[i], probability = source->probability[i];
        if (!(mean >= 0.0 && mean <= 10.0))
            return ks_fail(KS_ERR_ARGUMENT, "mean photon number %u is %g: 0 to 10 expected", i, mean);
        if (!(probability > 0.0 && probability < 1.0))
            return ks_fail(KS_ERR_ARGUMENT, "probability of intensity %u is %g: between 0 and 1 expected", i,
                           probability);
        if (i > 0 && !(mean < source->mean[i - 1]))
            return ks_fail(KS_ERR_ARGUMENT, "mean photon numbers must fall: %g does not lie below %g", mean,
                           source->mean[i - 1]);
        sum += probability;
    }
    if (fabs(sum - 1.0) > 1e-9)
        return ks_fail(KS_ERR_ARGUMENT, "probabilities of the intensities sum to %.12g, not to 1", sum);
    if (source->intensities == 2 && !(source->mean[1] > 0.0))
        return ks_fail(KS_ERR_ARGUMENT, "one decoy: the weaker mean photon number must be above 0");
    if (source->intensities == 3 && !(source->mean[0] > source->mean[1] + source->mean[2]))
        return ks_fail(KS_ERR_ARGUMENT,
                       "two decoys: mean photon numbers %g, %g, %g must satisfy mu1 > mu2 + mu3",
                       source->mean[0], source->mean[1], source->mean[2]);
    return KS_OK;
}

static ks_status check_receiver(const ks_receiver *receiver) {
    if (!(receiver->efficiency_mismatch >= 0.0 && receiver->efficiency_mismatch < 1.0))
        return ks_fail(KS_ERR_ARGUMENT, "efficiency mismatch %g: 0 <= Delta < 1 expected",
                       receiver->efficiency_mismatch);
    if (!(receiver->dark_mismatch >= 0.0 && receiver->dark_mismatch < 1.0))
        return ks_fail(KS_ERR_ARGUMENT, "dark count mismatch %g: 0 <= Delta' < 1 expected",
                       receiver->dark_mismatch);
    if (!(receiver->dark_probability >= 0.0 && receiver->dark_probability < 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "dark count probability %g: 0 <= p < 0.5 expected",
                       receiver->dark_probability);
    return KS_OK;
}

static ks_status check_epsilon(const ks_epsilon *epsilon) {
    if (!(epsilon->acceptance >= 1e-100 && epsilon->acceptance < 1.0))
        return ks_fail(KS_ERR_ARGUMENT, "eps_AT %g: 1e-100 <= eps < 1 expected", epsilon->acceptance);
    if (!(epsilon->amplification >= 1e-100 && epsilon->amplification < 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "eps_PA %g: 1e-100 <= eps < 0.5 expected", epsilon->amplification);
    return KS_OK;
}

static ks_status check_counts(const ks_source *source, const ks_counts *counts) {
    for (uint32_t i = 0; i < KS_MAX_INTENSITIES; i++) {
        int used = i < source->intensities;
        if (counts->key[i] > largest_count || counts->test[i] > largest_count)
            return ks_fail(KS_ERR_ARGUMENT, "counts of intensity %u exceed 2^48", i);
        if (!used && (counts->key[i] || counts->test[i]))
            return ks_fail(KS_ERR_ARGUMENT, "counts for intensity %u of a source that has %u", i,
                           source->intensities);
        if (counts->test_errors[i] > counts->test[i])
            return ks_fail(KS_ERR_ARGUMENT, "intensity %u: more errors than detections in the test basis", i);
        if (source->intensities == 2 && counts->key_errors[i] > counts->key[i])
            return ks_fail(KS_ERR_ARGUMENT, "intensity %u: more errors than detections in the key basis", i);
    }
    return KS_OK;
}

void ks_detector_terms(const ks_receiver *receiver, double *delta1, double *delta2) {
    double low = receiver->dark_probability * (1.0 - receiver->dark_mismatch);
    double high = receiver->dark_probability * (1.0 + receiver->dark_mismatch);
    /* 1 - r with r = (1 - Delta) / (1 + Delta) */
    double imbalance = 2.0 * receiver->efficiency_mismatch / (1.0 + receiver->efficiency_mismatch);
    double quiet = (1.0 - low) * (1.0 - low);
    if (receiver->random_swap) {
        double x = quiet * imbalance * imbalance / 2.0;
        *delta2 = x;
        *delta1 = 4.0 * x / (1.0 + sqrt(1.0 - x)); /* 4 (1 - sqrt(1 - x)) */
        return;
    }
    /* 1 - q, q = [1 - (1-d-)^2] / [1 - (1-d+)^2]; and (1 - q) d+ (2 - d-) / (1 - (1-d-)^2) = (1 - q) d+ / d-
     */
    double dark = high > 0.0 ? (high - low) * (2.0 - high - low) / (high * (2.0 - high)) : 0.0;
    double weighted = low > 0.0 ? dark * high / low : 0.0;
    double x = quiet * imbalance;
    *delta2 = fmax(dark, x);
    *delta1 = fmax(weighted, 4.0 * x / (1.0 + sqrt(1.0 - x)));
}

/* Statements whose failure the budget eps_AT^2 covers: decoy counts, sampling, two detector binomials.
 * Without decoys the detector statements are only made where there is a mismatch. */
static uint32_t count_statements(const ks_source *source, double delta1, double delta2) {
    if (source->intensities == 3)
        return 5 + 5 + 2 + 1 + 2;
    if (source->intensities == 2)
        return 5 + 5 + 1 + 1 + 2;
    return 1u + (delta1 > 0.0) + (delta2 > 0.0);
}

static double to_doubles(double out[KS_MAX_INTENSITIES], const uint64_t *counts) {
    double total = 0.0;
    for (int i = 0; i < KS_MAX_INTENSITIES; i++)
        total += out[i] = (double)counts[i];
    return total;
}

/* Single-photon bounds of both bases; counts of events, so lower bounds are rounded down. */
static void bound_single_photons(ks_length_result *r, const ks_source *source, const ks_counts *counts) {
    double key[KS_MAX_INTENSITIES], test[KS_MAX_INTENSITIES], errors[KS_MAX_INTENSITIES],
        wrong[KS_MAX_INTENSITIES];
    double key_total = to_doubles(key, counts->key), test_total = to_doubles(test, counts->test);
    double error_total = to_doubles(errors, counts->test_errors);
    ks_decoy_bounds k = {0.0, key_total}, t = {0.0, test_total};
    r->single_errors = error_total;
    if (source->intensities == 3) {
        k = ks_decoy_two(source, key, r->statement, KS_CHERNOFF, 1);
        t = ks_decoy_two(source, test, r->statement, KS_CHERNOFF, 1);
    } else if (source->intensities == 2) {
        (void)to_doubles(wrong, counts->key_errors);
        k = ks_decoy_one(source, key, wrong, r->statement, KS_CHERNOFF);
        t = ks_decoy_one(source, test, errors, r->statement, KS_CHERNOFF);
    }
    if (source->intensities > 1)
        r->single_errors = fmin(ks_decoy_errors(source, errors, r->statement, KS_CHERNOFF, 1), error_total);
    r->vacuum_key = k.vacuum;
    r->vacuum_test = t.vacuum;
    r->single_key = floor(fmin(k.single, key_total));
    r->single_test = floor(fmin(t.single, test_total));
}

/* E = (Lambda + delta1 + g1) / (1 - delta2 - g2), g: Hoeffding deviation of a binomial, absent where delta is
 * 0. */
static double correct_for_detectors(const ks_length_result *r) {
    double deviation = sqrt(log(1.0 / r->statement) / (2.0 * r->single_key));
    double g1 = r->delta1 > 0.0 ? deviation : 0.0, g2 = r->delta2 > 0.0 ? deviation : 0.0;
    return (r->sampled + r->delta1 + g1) / fmax(1e-9, 1.0 - r->delta2 - g2);
}

static double subtract(double length, const ks_epsilon *epsilon, const ks_leakage *leakage) {
    return length - (double)leakage->reconciliation - (double)leakage->penalty -
           (double)leakage->verification - (double)leakage->dropped -
           2.0 * log2(1.0 / (2.0 * epsilon->amplification));
}

ks_status ks_length_compute(ks_length_result *result, const ks_source *source, const ks_receiver *receiver,
                            const ks_epsilon *epsilon, const ks_counts *counts, const ks_leakage *leakage) {
    memset(result, 0, sizeof *result);
    KS_TRY(ks_source_check(source));
    KS_TRY(check_receiver(receiver));
    KS_TRY(check_epsilon(epsilon));
    KS_TRY(check_counts(source, counts));
    ks_length_result r = {.exact = KS_LENGTH_VOID, .sampled = 0.5, .phase_error = 0.5};
    ks_detector_terms(receiver, &r.delta1, &r.delta2);
    r.statements = count_statements(source, r.delta1, r.delta2);
    r.statement = epsilon->acceptance * epsilon->acceptance / r.statements;
    bound_single_photons(&r, source, counts);
    if (r.single_key > 0.0 && r.single_test > 0.0 && r.single_errors < 0.5 * r.single_test) {
        r.sampled = ks_hypergeometric_upper((uint64_t)r.single_key, (uint64_t)r.single_test,
                                            (uint64_t)ceil(r.single_errors), r.statement);
        r.phase_error = correct_for_detectors(&r);
        r.exact = subtract(r.single_key * (1.0 - ks_entropy_capped(r.phase_error)), epsilon, leakage);
    }
    if (r.exact >= 1.0) {
        r.limit = (uint64_t)floor(r.exact);
        r.bits = r.limit - 1;
    }
    *result = r;
    return KS_OK;
}
