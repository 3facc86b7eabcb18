/* SPDX-License-Identifier: Apache-2.0 */
/* Secret key length of one block from announced counts.
 * Formula: variable-length entropic uncertainty relation, arXiv:2408.17349 (Tupkary, Nahar, Sinha,
 * Luetkenhaus), with one-sided Chernoff decoy bounds and exact inversion of the hypergeometric tail;
 * docs/security.md derives it. */
#ifndef KEYSTILL_LENGTH_H
#define KEYSTILL_LENGTH_H

#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_MAX_INTENSITIES = 3 };

/* What the source emits. intensities = 1: single photons or entangled pairs (no decoy); 2: one decoy; 3: two
 * decoys. mean[] are mean photon numbers in falling order (two decoys: mean[0] > mean[1] + mean[2]; one:
 * mean[1] > 0; at most 10), probability[] the chances of each, summing to 1. Neither is used without decoys.
 */
typedef struct ks_source {
    uint32_t intensities;
    double mean[KS_MAX_INTENSITIES];
    double probability[KS_MAX_INTENSITIES];
} ks_source;

/* Detector facts that the proof needs; there are no defaults: a laboratory must state them.
 * Efficiencies known to eta(1 +- efficiency_mismatch), dark count probabilities a gate to dark(1 +-
 * dark_mismatch). */
typedef struct ks_receiver {
    double efficiency_mismatch; /* Delta, 0 <= Delta < 1 */
    double dark_mismatch;       /* Delta', 0 <= Delta' < 1 */
    double dark_probability;    /* dark count probability per gate and detector */
    int random_swap;            /* nonzero: the roles of the two detectors are swapped at random each slot */
} ks_receiver;

/* Security parameters of one block: it is (2 eps_at + eps_pa + eps_ev)-secure, eps_ev following from the
 * verified length. */
typedef struct ks_epsilon {
    double acceptance;    /* eps_AT: sum of failure probabilities of all statistical statements <= eps_AT^2 */
    double amplification; /* eps_PA */
} ks_epsilon;

/* Integer counts of one block, each at most 2^48, indexed by intensity. Key basis: `key`, its errors
 * `key_errors` (one decoy: per intensity; otherwise unused); test basis: `test`, `test_errors`. */
typedef struct ks_counts {
    uint64_t key[KS_MAX_INTENSITIES];
    uint64_t key_errors[KS_MAX_INTENSITIES];
    uint64_t test[KS_MAX_INTENSITIES];
    uint64_t test_errors[KS_MAX_INTENSITIES];
} ks_counts;

/* All bits that must be subtracted because they were sent. */
typedef struct ks_leakage {
    uint64_t reconciliation; /* lambda_EC, the class that was charged, its selection bits included */
    uint64_t penalty;        /* lambda_pen: announced key-basis error counts */
    uint64_t verification;   /* tag and verdict: t + 1 */
    uint64_t dropped;        /* length of dropped frames */
} ks_leakage;

typedef struct ks_length_result {
    uint64_t bits;  /* l, 0 when the block yields nothing: one bit below `limit` */
    uint64_t limit; /* the formula rounded down: what a peer's l must not exceed. The bit between allows for
                     * the last digit of another machine's arithmetic */
    double exact;   /* l before the floor; very negative when a bound is void */
    double single_key;    /* s1: lower bound on single-photon key-basis detections */
    double single_test;   /* t1 */
    double single_errors; /* v1: upper bound on errors of single-photon test detections */
    double vacuum_key;    /* s0: bound used on the way (upper for one decoy, lower for two) */
    double vacuum_test;
    double sampled;        /* Lambda: phase-error bound before the detector correction */
    double phase_error;    /* E: after it; >= 0.5 means no key */
    double delta1, delta2; /* detector mismatch terms */
    double statement;      /* p: failure probability granted to each statement */
    uint32_t statements;   /* how many */
} ks_length_result;

/* Computes l and every intermediate. KS_ERR_ARGUMENT for parameters outside their ranges or counts that
 * contradict each other; a block that merely yields nothing is KS_OK with bits = 0. Pure, thread-safe, no
 * allocation. */
KS_API KS_MUST_CHECK ks_status ks_length_compute(ks_length_result *result, const ks_source *source,
                                                 const ks_receiver *receiver, const ks_epsilon *epsilon,
                                                 const ks_counts *counts, const ks_leakage *leakage);

/* 2 eps_AT + eps_PA + 2^log2_verification: what one block adds to the distance from an ideal key, tags aside.
 */
KS_API double ks_epsilon_total(const ks_epsilon *epsilon, double log2_verification);

/* Binary entropy, 1 for x >= 1/2: a bound on a rate never decreases past it. */
KS_API double ks_entropy_capped(double x);

/* Smallest U/n such that Pr[H <= m] <= p for H ~ Hypergeometric(n + k, m + U, k): with m errors seen in a
 * random sample of k out of n + k, the error rate of the other n exceeds the result with probability at most
 * p, for every population. 1.0 when no bound holds, p is not in (0, 1), or n + k exceeds 2^52. */
KS_API double ks_hypergeometric_upper(uint64_t n, uint64_t k, uint64_t m, double p);

#ifdef __cplusplus
}
#endif
#endif
