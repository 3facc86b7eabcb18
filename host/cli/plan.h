/* SPDX-License-Identifier: Apache-2.0 */
/* A fibre link on paper: expected counts, the length by any of the proofs, the best settings of the source.
 */
#ifndef KS_HOST_CLI_PLAN_H
#define KS_HOST_CLI_PLAN_H

#include <stdint.h>
#include <keystill/length.h>

#include "pipeline/finite_key_compare.h"

enum { KS_PLAN_VARIABLES = 5, KS_PLAN_SERIES = 12 };

/* Lim et al., PRA 89, 022307 (2014), section IV. */
typedef struct ks_plan {
    double attenuation, loss, efficiency, dark, misalignment,
        afterpulse; /* dB/km, dB, -, a gate and detector, -, - */
    double clock, correction;
    double epsilon;       /* security of a block, all in */
    double secrecy_a_bit; /* 0, or: published formulas take eps_sec = this times the length, eps_cor = this */
    double weakest;       /* second decoy */
    uint64_t decoys;
    ks_receiver receiver;
} ks_plan;

/* What is compared: a formula (NULL: the product's) at a size of blocks, pulses or detections in the key
 * basis. */
typedef struct ks_plan_series {
    const ks_proof *proof;
    double pulses, detections; /* one of them is 0 */
} ks_plan_series;

typedef struct ks_plan_setting {
    double
        x[KS_PLAN_VARIABLES]; /* mu1, mu2, p1, share of p2 in what p1 leaves, probability of the key basis */
} ks_plan_setting;

typedef struct ks_plan_point {
    double km, pulses, bits, rate, qber, phase_error, key_basis; /* rate: bits a pulse */
    ks_source source;
} ks_plan_point;

/* The best point at a distance. `setting` in: where to begin, out: the best. */
void ks_plan_optimise(ks_plan_point *out, ks_plan_setting *setting, const ks_plan *plan,
                      const ks_plan_series *series, double km);

/* A name for people: "lim2014, 1e+10 pulses". */
void ks_plan_series_name(char name[64], const ks_plan_series *series);

/* points[s * count + i]: series s at distance i. Key rate a pulse against distance, logarithmic, as SVG into
 * `fd`. 0, or -1 with errno. */
int ks_plan_plot(int fd, const ks_plan_series *series, int series_count, const ks_plan_point *points,
                 int count);

#endif
