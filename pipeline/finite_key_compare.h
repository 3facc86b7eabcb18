/* SPDX-License-Identifier: Apache-2.0 */
/* Published finite-key formulas, for comparison only: each as its paper (or its authors' code) has it, faults
 * included (docs/security.md, section 2). The product's key length is ks_length_compute. */
#ifndef KS_PIPELINE_FINITE_KEY_COMPARE_H
#define KS_PIPELINE_FINITE_KEY_COMPARE_H

#include "pipeline/finite_key.h"

/* What any of the formulas takes; each says which fields it reads. Counts may be expectations. */
typedef struct ks_proof_input {
    ks_source source;
    double key[KS_MAX_INTENSITIES], key_errors[KS_MAX_INTENSITIES];
    double test[KS_MAX_INTENSITIES], test_errors[KS_MAX_INTENSITIES];
    double leak;             /* bits disclosed for error correction */
    double secrecy;          /* eps_sec; tupkary2024: every one of its parameters */
    double correctness;      /* eps_cor */
    double tolerance;        /* tolerated error rate of the fixed-length formulas */
    double tag_bits;         /* tomamichel-leverrier2017 */
    double delta1, delta2;   /* tupkary2024: detector terms */
    ks_concentration counts; /* lim2014: the paper has Hoeffding; SatQuMA offers Chernoff */
} ks_proof_input;

/* `result->exact` is l before the floor, KS_LENGTH_VOID where a bound is void; fields a formula does not have
 * stay 0. */
typedef void ks_proof_fn(ks_length_result *result, const ks_proof_input *input);

/* Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012), theorem 2. key[0], test[0], leak, secrecy,
 * correctness, tolerance; `sampled` is mu, `phase_error` tolerance + mu. */
ks_proof_fn ks_proof_tomamichel2012;
/* Tomamichel, Leverrier, Quantum 1, 14 (2017). key[0], test[0], leak, secrecy, tolerance, tag_bits; `sampled`
 * is the best nu of 3999 in (0, 1/2 - tolerance). */
ks_proof_fn ks_proof_tomamichel_leverrier2017;
/* Lim et al., PRA 89, 022307 (2014), eqs (1)-(5), with v1 never above all test errors. Three intensities. */
ks_proof_fn ks_proof_lim2014;
/* Rusca et al., APL 112, 171104 (2018), (A1)-(A25). Two intensities; `vacuum_key` is the upper bound of
 * (A16). */
ks_proof_fn ks_proof_rusca2018;
/* Wiesemann et al., arXiv:2405.16578v3, as the authors' code of 2026-03 has it. Two intensities. */
ks_proof_fn ks_proof_wiesemann_v3;
/* Tupkary et al., arXiv:2408.17349, as the authors' code has it: two-sided Hoeffding, Serfling. Three
 * intensities. */
ks_proof_fn ks_proof_tupkary2024;

typedef struct ks_proof {
    const char *name;
    uint32_t intensities;
    ks_proof_fn *compute;
    const char *reference;
} ks_proof;

/* The table of the above; *count receives its length. */
const ks_proof *ks_proof_table(int *count);
/* KS_ERR_ARGUMENT when the input is outside of what the named formula can be evaluated on; otherwise fills
 * `result`, `bits` being the floor. */
KS_MUST_CHECK ks_status ks_proof_compute(ks_length_result *result, const ks_proof *proof,
                                         const ks_proof_input *input);

#endif
