/* SPDX-License-Identifier: Apache-2.0 */
/* Calculators for comparison, and the table of them. Formulas and their faults: docs/security.md. */
#include "pipeline/finite_key_compare.h"

#include <math.h>
#include <string.h>

#include "pipeline/status.h"

static double clip(double x, double low, double high) {
    return fmax(low, fmin(high, x));
}

static double sum(const ks_proof_input *in, const double *counts) {
    return ks_decoy_total(&in->source, counts);
}

static void set_void(ks_length_result *r) {
    r->phase_error = 0.5;
    r->exact = KS_LENGTH_VOID;
}

void ks_proof_tomamichel2012(ks_length_result *r, const ks_proof_input *in) {
    double n = in->key[0], k = in->test[0];
    r->sampled = sqrt((n + k) / (n * k) * (k + 1.0) / k * log(4.0 / in->secrecy));
    r->phase_error = in->tolerance + r->sampled;
    r->exact = n * (1.0 - ks_entropy_capped(r->phase_error)) - in->leak -
               log2(2.0 / (in->secrecy * in->secrecy * in->correctness));
}

void ks_proof_tomamichel_leverrier2017(ks_length_result *r, const ks_proof_input *in) {
    enum { STEPS = 4000 };
    double n = in->key[0], k = in->test[0];
    set_void(r);
    for (int i = 1; i < STEPS; i++) {
        double nu = (0.5 - in->tolerance) * i / STEPS;
        double estimation = 2.0 * exp(-n * k * k * nu * nu / ((n + k) * (k + 1.0)));
        if (estimation >= in->secrecy)
            continue;
        double length = 2.0 * log2(2.0 * (in->secrecy - estimation)) +
                        n * (1.0 - ks_entropy_capped(in->tolerance + nu)) - in->leak - in->tag_bits;
        if (length > r->exact) {
            r->exact = length;
            r->sampled = nu;
            r->phase_error = in->tolerance + nu;
        }
    }
}

/* Fung, Ma, Chau: normal approximation of the sampling tail at probability e^2 (Lim, after (5); Rusca (A21)).
 * It is no bound at that probability: the exact tail is up to 10^6 above it. */
static double gamma_approximation(double e, double rate, double n, double k) {
    double spread = rate * (1.0 - rate);
    double inner = (n + k) / (n * k * spread * e * e);
    return sqrt((n + k) * spread / (n * k * log(2.0)) * log2(inner));
}

static void add_phase_error(ks_length_result *r, double e) {
    double rate = fmax(r->single_errors / r->single_test, 0.0);
    if (rate <= 0.0)
        rate = 1.0 / r->single_test;
    r->sampled = rate >= 0.5 ? 0.5 : rate + gamma_approximation(e, rate, r->single_key, r->single_test);
    r->phase_error = r->sampled;
}

void ks_proof_lim2014(ks_length_result *r, const ks_proof_input *in) {
    double e = in->secrecy / 21.0;
    ks_decoy_bounds key = ks_decoy_two(&in->source, in->key, e, in->counts, 0);
    ks_decoy_bounds test = ks_decoy_two(&in->source, in->test, e, in->counts, 0);
    r->vacuum_key = key.vacuum;
    r->vacuum_test = test.vacuum;
    r->single_key = key.single;
    r->single_test = test.single;
    r->single_errors =
        fmin(ks_decoy_errors(&in->source, in->test_errors, e, in->counts, 0), sum(in, in->test_errors));
    set_void(r);
    if (key.single <= 0.0 || test.single <= 0.0)
        return;
    add_phase_error(r, e);
    r->exact = key.vacuum + key.single - key.single * ks_entropy_capped(r->phase_error) - in->leak -
               6.0 * log2(21.0 / in->secrecy) - log2(2.0 / in->correctness);
}

/* Rusca (A16): twice the vacuum errors, from the errors of either intensity. `clipped` bounds each error
 * count by the total (Wiesemann). */
static double vacuum_upper(const ks_proof_input *in, const double *counts, const double *errors, double e,
                           int clipped) {
    double total = sum(in, counts), wrong = sum(in, errors);
    double around = ks_hoeffding(total, e), around_wrong = ks_hoeffding(wrong, e), best = INFINITY;
    for (int i = 0; i < 2; i++) {
        double weight =
            ks_photon_probability(&in->source, 0) * exp(in->source.mean[i]) / in->source.probability[i];
        double up = errors[i] + around_wrong;
        best = fmin(best, 2.0 * (weight * (clipped ? clip(up, 0.0, wrong) : up) + around));
    }
    return clip(best, 0.0, total);
}

/* Rusca (A18): vacuum detections credited to the key. */
static double vacuum_lower(const ks_source *source, const ks_scaled_counts *n) {
    double mu1 = source->mean[0], mu2 = source->mean[1];
    return fmax(0.0, ks_photon_probability(source, 0) / (mu1 - mu2) * (mu1 * n->low[1] - mu2 * n->up[0]));
}

static ks_decoy_bounds one_decoy(const ks_proof_input *in, const double *counts, const double *errors,
                                 double e) {
    ks_scaled_counts n = ks_decoy_scale(&in->source, counts, e, KS_HOEFFDING, 0);
    double vacuum = vacuum_upper(in, counts, errors, e, 0);
    double single = ks_decoy_one_single(&in->source, &n, vacuum);
    return (ks_decoy_bounds){vacuum, clip(single, 0.0, sum(in, counts))};
}

static void store_bounds(ks_length_result *r, ks_decoy_bounds key, ks_decoy_bounds test) {
    r->vacuum_key = key.vacuum;
    r->single_key = key.single;
    r->vacuum_test = test.vacuum;
    r->single_test = test.single;
}

void ks_proof_rusca2018(ks_length_result *r, const ks_proof_input *in) {
    double e = in->secrecy / 19.0;
    store_bounds(r, one_decoy(in, in->key, in->key_errors, e), one_decoy(in, in->test, in->test_errors, e));
    double errors = ks_decoy_errors(&in->source, in->test_errors, e, KS_HOEFFDING, 0);
    r->single_errors = fmin(errors, sum(in, in->test_errors));
    set_void(r);
    if (r->single_key <= 0.0 || r->single_test <= 0.0)
        return;
    double observed = r->single_errors;
    r->single_errors = fmax(observed, 1.0); /* the approximation has no value at 0 */
    add_phase_error(r, e);
    r->single_errors = observed;
    ks_scaled_counts n = ks_decoy_scale(&in->source, in->key, e, KS_HOEFFDING, 0);
    r->exact = vacuum_lower(&in->source, &n) + r->single_key * (1.0 - ks_entropy_capped(r->phase_error)) -
               in->leak - 6.0 * log2(19.0 / in->secrecy) - log2(2.0 / in->correctness);
}

/* Counts moved by Hoeffding's deviation and kept within [0, total], then scaled. */
static ks_scaled_counts clipped_counts(const ks_proof_input *in, const double *counts, double e) {
    double total = sum(in, counts), deviation = ks_hoeffding(total, e);
    ks_scaled_counts scaled = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        double weight = exp(in->source.mean[i]) / in->source.probability[i];
        scaled.low[i] = weight * clip(counts[i] - deviation, 0.0, total);
        scaled.up[i] = weight * clip(counts[i] + deviation, 0.0, total);
    }
    return scaled;
}

static ks_decoy_bounds clipped_bounds(const ks_proof_input *in, const double *counts, const double *errors,
                                      double e) {
    ks_scaled_counts n = clipped_counts(in, counts, e);
    double vacuum = vacuum_upper(in, counts, errors, e, 1);
    double single = ks_decoy_one_single(&in->source, &n, vacuum);
    return (ks_decoy_bounds){vacuum, clip(single, 0.0, sum(in, counts))};
}

void ks_proof_wiesemann_v3(ks_length_result *r, const ks_proof_input *in) {
    double e = in->secrecy / 15.0;
    store_bounds(r, clipped_bounds(in, in->key, in->key_errors, e),
                 clipped_bounds(in, in->test, in->test_errors, e));
    ks_scaled_counts m = clipped_counts(in, in->test_errors, e);
    double errors = ks_photon_probability(&in->source, 1) / (in->source.mean[0] - in->source.mean[1]) *
                    (m.up[0] - m.low[1]);
    r->single_errors = clip(errors, 0.0, sum(in, in->test));
    double s = r->single_key, t = r->single_test;
    set_void(r);
    if (s > 0.0 && t > 0.0)
        r->phase_error = fmin(0.5, fmin(0.5, r->single_errors / t) +
                                       sqrt((t + s) / (t * s) * (t + 1.0) / t * log(1.0 / e)));
    r->sampled = r->phase_error;
    r->exact = s * (1.0 - ks_entropy_capped(r->phase_error)) - in->leak - log2(2.0 / in->correctness) -
               4.0 * log2(15.0 / (in->secrecy * exp2(0.25)));
}

/* c with Pr[Bin(n, delta) >= n (delta + c)] <= e^2, Hoeffding. */
static double binomial_deviation(double n, double e) {
    return sqrt(log(1.0 / e) / n);
}

void ks_proof_tupkary2024(ks_length_result *r, const ks_proof_input *in) {
    double e = in->secrecy, tail = e * e / 2.0;
    store_bounds(r, ks_decoy_two(&in->source, in->key, tail, KS_HOEFFDING, 0),
                 ks_decoy_two(&in->source, in->test, tail, KS_HOEFFDING, 0));
    r->single_errors = ks_decoy_errors(&in->source, in->test_errors, tail, KS_HOEFFDING, 0);
    r->delta1 = in->delta1;
    r->delta2 = in->delta2;
    double s = r->single_key, t = r->single_test, v = r->single_errors;
    set_void(r);
    if (s <= 0.0 || t <= 0.0 || v >= t)
        return;
    r->sampled = v / t + sqrt(log(1.0 / e) * (t + s) * (t + 1.0) / (s * t * t));
    double g = binomial_deviation(s, e); /* their code adds it at delta = 0 too */
    r->phase_error = (r->sampled + in->delta1 + g) / (1.0 - in->delta2 - g);
    r->exact = s * (1.0 - ks_entropy_capped(r->phase_error)) - in->leak - 2.0 * log2(1.0 / (2.0 * e)) -
               log2(2.0 / e);
}

static const ks_proof table[] = {
    {"tomamichel2012", 1, ks_proof_tomamichel2012, "Nat. Commun. 3, 634 (2012)"},
    {"tomamichel-leverrier2017", 1, ks_proof_tomamichel_leverrier2017, "Quantum 1, 14 (2017)"},
    {"lim2014", 3, ks_proof_lim2014, "PRA 89, 022307 (2014)"},
    {"rusca2018", 2, ks_proof_rusca2018, "APL 112, 171104 (2018)"},
    {"wiesemann-v3", 2, ks_proof_wiesemann_v3, "arXiv:2405.16578v3"},
    {"tupkary2024", 3, ks_proof_tupkary2024, "arXiv:2408.17349"},
};

const ks_proof *ks_proof_table(int *count) {
    *count = (int)(sizeof table / sizeof table[0]);
    return table;
}

static ks_status check_sums(const ks_proof_input *in) {
    double key = sum(in, in->key), test = sum(in, in->test);
    if (!(key > 0.0 && key < 1e18 && test > 0.0 && test < 1e18))
        return ks_fail(KS_ERR_ARGUMENT,
                       "%g detections in the key basis and %g in the test basis: none can be missing", key,
                       test);
    if (!(in->leak >= 0.0 && in->leak < 1e18))
        return ks_fail(KS_ERR_ARGUMENT, "leak of %g bits", in->leak);
    if (!(in->secrecy > 1e-100 && in->secrecy < 1.0))
        return ks_fail(KS_ERR_ARGUMENT, "secrecy %g: between 1e-100 and 1 expected", in->secrecy);
    return KS_OK;
}

ks_status ks_proof_compute(ks_length_result *result, const ks_proof *proof, const ks_proof_input *in) {
    memset(result, 0, sizeof *result);
    if (in->source.intensities != proof->intensities)
        return ks_fail(KS_ERR_ARGUMENT, "%s is for %u intensities, the source has %u", proof->name,
                       proof->intensities, in->source.intensities);
    KS_TRY(ks_source_check(&in->source));
    KS_TRY(check_sums(in));
    int fixed = proof->intensities == 1;
    if (fixed && !(in->tolerance >= 0.0 && in->tolerance < 0.5))
        return ks_fail(KS_ERR_ARGUMENT, "tolerated error rate %g: 0 <= Q < 0.5 expected", in->tolerance);
    int tagged = proof->compute == ks_proof_tomamichel_leverrier2017;
    if (!tagged && proof->compute != ks_proof_tupkary2024 &&
        !(in->correctness > 1e-100 && in->correctness < 1.0))
        return ks_fail(KS_ERR_ARGUMENT, "correctness %g: between 1e-100 and 1 expected", in->correctness);
    for (uint32_t i = 0; i < in->source.intensities; i++)
        if (!(in->key[i] >= 0.0 && in->test[i] >= 0.0 && in->key_errors[i] >= 0.0 &&
              in->test_errors[i] >= 0.0))
            return ks_fail(KS_ERR_ARGUMENT, "a count of intensity %u is negative or no number", i);
    proof->compute(result, in);
    if (result->exact >= 1.0 && result->exact < 1e18)
        result->bits = result->limit = (uint64_t)floor(result->exact);
    return KS_OK;
}
