/* SPDX-License-Identifier: Apache-2.0 */
/* Decoy-state bounds from counts. */
#include "pipeline/finite_key.h"

#include <math.h>

double ks_hoeffding(double total, double p) {
    return sqrt(total / 2.0 * log(1.0 / p));
}

double ks_chernoff_low(double count, double p) {
    double b = log(1.0 / p);
    return count - (0.5 * b + sqrt(2.0 * count * b + 0.25 * b * b));
}

double ks_chernoff_up(double count, double p) {
    double b = log(1.0 / p);
    return count + b + sqrt(2.0 * count * b + b * b);
}

double ks_photon_probability(const ks_source *source, int photons) {
    double sum = 0.0;
    for (uint32_t i = 0; i < source->intensities; i++)
        sum += source->probability[i] * exp(-source->mean[i]) * (photons ? source->mean[i] : 1.0);
    return sum;
}

double ks_decoy_total(const ks_source *source, const double *counts) {
    double total = 0.0;
    for (uint32_t i = 0; i < source->intensities; i++)
        total += counts[i];
    return total;
}

ks_scaled_counts ks_decoy_scale(const ks_source *source, const double *counts, double p,
                                ks_concentration concentration, int clip) {
    ks_scaled_counts scaled = {{0}, {0}};
    double deviation = ks_hoeffding(ks_decoy_total(source, counts), p);
    for (uint32_t i = 0; i < source->intensities; i++) {
        double weight = exp(source->mean[i]) / source->probability[i];
        int hoeffding = concentration == KS_HOEFFDING;
        double low = hoeffding ? counts[i] - deviation : ks_chernoff_low(counts[i], p);
        double up = hoeffding ? counts[i] + deviation : ks_chernoff_up(counts[i], p);
        scaled.low[i] = weight * (clip ? fmax(0.0, low) : low);
        scaled.up[i] = weight * up;
    }
    return scaled;
}

ks_decoy_bounds ks_decoy_two(const ks_source *source, const double *counts, double p,
                             ks_concentration concentration, int clip) {
    ks_scaled_counts n = ks_decoy_scale(source, counts, p, concentration, clip);
    double mu1 = source->mean[0], mu2 = source->mean[1], mu3 = source->mean[2];
    double tau0 = ks_photon_probability(source, 0), tau1 = ks_photon_probability(source, 1);
    ks_decoy_bounds bounds;
    bounds.vacuum = fmax(0.0, tau0 * (mu2 * n.low[2] - mu3 * n.up[1]) / (mu2 - mu3));
    double squares = mu2 * mu2 - mu3 * mu3;
    double multi = squares / (mu1 * mu1) * (n.up[0] - bounds.vacuum / tau0);
    double single = tau1 * mu1 * (n.low[1] - n.up[2] - multi) / (mu1 * (mu2 - mu3) - squares);
    bounds.single = fmax(0.0, single);
    return bounds;
}

double ks_decoy_errors(const ks_source *source, const double *errors, double p,
                       ks_concentration concentration, int clip) {
    ks_scaled_counts m = ks_decoy_scale(source, errors, p, concentration, clip);
    uint32_t weak = source->intensities - 1, strong = weak - 1;
    double bound = ks_photon_probability(source, 1) * (m.up[strong] - m.low[weak]) /
                   (source->mean[strong] - source->mean[weak]);
    return fmax(0.0, bound);
}

double ks_decoy_one_single(const ks_source *source, const ks_scaled_counts *n, double vacuum_up) {
    double mu1 = source->mean[0], mu2 = source->mean[1];
    double tau0 = ks_photon_probability(source, 0), tau1 = ks_photon_probability(source, 1);
    double ratio = mu2 / mu1 * (mu2 / mu1);
    double rest = n->low[1] - ratio * n->up[0] - (mu1 * mu1 - mu2 * mu2) / (mu1 * mu1) * vacuum_up / tau0;
    return tau1 * mu1 / (mu2 * (mu1 - mu2)) * rest;
}

ks_decoy_bounds ks_decoy_one(const ks_source *source, const double *counts, const double *errors, double p,
                             ks_concentration concentration) {
    ks_scaled_counts n = ks_decoy_scale(source, counts, p, concentration, 1);
    ks_scaled_counts m = ks_decoy_scale(source, errors, p, concentration, 1);
    double total = ks_decoy_total(source, counts);
    double wrong =
        fmin(ks_photon_probability(source, 0) * fmin(m.up[0], m.up[1]), ks_decoy_total(source, errors));
    double half = log(1.0 / p) / 2.0;
    double root = sqrt(half) + sqrt(half + 2.0 * wrong);
    ks_decoy_bounds bounds;
    bounds.vacuum = fmin(total, root * root);
    bounds.single = fmax(0.0, fmin(ks_decoy_one_single(source, &n, bounds.vacuum), total));
    return bounds;
}
