/* SPDX-License-Identifier: Apache-2.0 */
/* Message densities of the decoder's own arithmetic: int8 values, all-zero codeword, so that a negative value
 * is an error. Richardson, Shokrollahi, Urbanke, IEEE Trans. IT 47(2), 619 (2001); discretised as Chung,
 * Forney, Richardson, Urbanke, IEEE Comm. Lett. 5(2), 58 (2001), with the saturations and the remap of
 * kernels/rows_ldpc.h in place of exact sums. */
#ifndef KS_LDPC_DESIGN_DENSITY_H
#define KS_LDPC_DESIGN_DENSITY_H

enum {
    KS_DENSITY_MAX = 127, /* values -127..127, value v at index v + 127 */
    KS_DENSITY_SIZE = 2 * KS_DENSITY_MAX + 1,
    KS_DENSITY_CAP = 46,  /* largest magnitude of a check's message: below half of KS_DENSITY_MAX */
    KS_DENSITY_INDEX = 63 /* largest magnitude that the remap tables tell apart */
};

typedef double ks_density[KS_DENSITY_SIZE];

/* What a check sends before the remap: probability of each table index, right sign and wrong sign. */
typedef struct ks_check_density {
    double right[KS_DENSITY_INDEX + 1], wrong[KS_DENSITY_INDEX + 1];
} ks_check_density;

/* Received bits of a binary symmetric channel: +weight with probability 1 - q, -weight with q. */
void ks_density_channel(ks_density out, double q, int weight);
/* out = saturating sum of independent a and b, b within +-KS_DENSITY_CAP. out may be a. */
void ks_density_add(ks_density out, const ks_density a, const ks_density b);
/* Probability of the wrong sign, half of zero included. */
double ks_density_error(const ks_density a);
void ks_density_normalise(ks_density a);
/* Sign-magnitude tail form of a density: tails[m] = P(|v| >= m), moments[m] = E[sign; |v| >= m], m = 0..128.
 * A product of these over inputs is the same form of the min-sum output. */
typedef struct ks_density_tails {
    double tails[KS_DENSITY_MAX + 2], moments[KS_DENSITY_MAX + 2];
} ks_density_tails;
void ks_density_tails_of(ks_density_tails *out, const ks_density a);
void ks_density_check_of(ks_check_density *out, const ks_density_tails *product);
/* Magnitude that index m is worth, in steps of `step` LLR: log(right / wrong), rounded, within
 * 0..KS_DENSITY_CAP; -1 where nothing arrives. */
int ks_density_worth(double right, double wrong, double step);
/* The density after each index m became magnitude map[m]. */
void ks_density_remap(ks_density out, const ks_check_density *in, const int map[KS_DENSITY_INDEX + 1]);
/* The map that follows from the density itself. Entries without mass continue their neighbours. */
void ks_density_own_map(int map[KS_DENSITY_INDEX + 1], const ks_check_density *in, double step);

#endif
