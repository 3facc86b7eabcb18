/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the finite-key calculation that the product's formula (finite_key.c) and the calculators for
 * comparison (finite_key_compare.c) share. Counts are doubles here: what is announced is an integer, what
 * bounds it is not. */
#ifndef KS_PIPELINE_FINITE_KEY_H
#define KS_PIPELINE_FINITE_KEY_H

#include <keystill/length.h>

/* Whether the numbers of a source are those of a decoy-state source that the formulas cover; KS_ERR_ARGUMENT
 * says what is not. */
KS_MUST_CHECK ks_status ks_source_check(const ks_source *source);

/* How far an expectation may lie from a count. */
typedef enum ks_concentration {
    KS_HOEFFDING, /* sqrt(total ln(1/p) / 2), total over the intensities of the basis */
    KS_CHERNOFF   /* multiplicative, from the count itself; sums of independent, not identical, Bernoulli
                     variables */
} ks_concentration;

/* The exact result of a calculator whose bounds are void. */
#define KS_LENGTH_VOID (-1e300)

double ks_hoeffding(double total, double p);
double ks_chernoff_low(double count, double p);
double ks_chernoff_up(double count, double p);

/* Binary entropy, 0 outside (0, 1). */
double ks_entropy(double x);

/* tau_n = sum_k p_k e^-mu_k mu_k^n / n! for n = 0 or 1: the chance that a pulse has n photons. */
double ks_photon_probability(const ks_source *source, int photons);

/* (e^mu_k / p_k) (count_k -+ deviation). With `clip` lower values end at zero: an expected count is not
 * negative. */
typedef struct ks_scaled_counts {
    double low[KS_MAX_INTENSITIES], up[KS_MAX_INTENSITIES];
} ks_scaled_counts;
ks_scaled_counts ks_decoy_scale(const ks_source *source, const double *counts, double p,
                                ks_concentration concentration, int clip);
double ks_decoy_total(const ks_source *source, const double *counts);

/* Bounds of one basis on detections from vacuum and from single photons. */
typedef struct ks_decoy_bounds {
    double vacuum; /* lower bound for two decoys, upper bound for one */
    double single; /* lower bound */
} ks_decoy_bounds;

/* Lim et al., PRA 89, 022307 (2014), eqs (2), (3). Needs mu1 > mu2 + mu3, mu2 > mu3 >= 0. */
ks_decoy_bounds ks_decoy_two(const ks_source *source, const double *counts, double p,
                             ks_concentration concentration, int clip);
/* Upper bound on single-photon errors from errors per intensity: Lim eq. (4); with one decoy Rusca et al.,
 * APL 112, 171104 (2018), (A22). Not negative. */
double ks_decoy_errors(const ks_source *source, const double *errors, double p,
                       ks_concentration concentration, int clip);
/* Rusca (A17), (A19) with a selected concentration, clipping, and the self-consistent vacuum bound: vacuum
 * errors are fair coins, so v0 <= tau0 min_k m_k^+ e^mu_k / p_k gives s0 <= (sqrt(L/2) + sqrt(L/2 + 2 v0))^2,
 * L = ln(1/p). */
ks_decoy_bounds ks_decoy_one(const ks_source *source, const double *counts, const double *errors, double p,
                             ks_concentration concentration);
/* Single-photon lower bound of Rusca (A17) for a known upper bound on vacuum detections; before any clipping.
 */
double ks_decoy_one_single(const ks_source *source, const ks_scaled_counts *counts, double vacuum_up);

/* Serfling 1974: Pr[rate of n unseen >= rate of k seen + result] <= p. */
double ks_serfling(double n, double k, double p);

/* Detector terms of arXiv:2408.17349 for active basis choice and two detectors. */
void ks_detector_terms(const ks_receiver *receiver, double *delta1, double *delta2);

#endif
