/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling without replacement: from the errors seen in a sample to those not seen. */
#include <math.h>

#include "pipeline/finite_key.h"

/* Counts above this are not exact in double arithmetic with room for sums. */
static const double largest = 4503599627370496.0; /* 2^52 */

/* A tail is accepted when it is below p by more than the error of its computation. */
static const double safety = 1e-10;

double ks_serfling(double n, double k, double p) {
    return sqrt((n + k) * (k + 1.0) / (2.0 * n * k * k) * log(1.0 / p));
}

/* ln n! - ln( sqrt(2 pi n) (n/e)^n ), n >= 1: Stirling's series, or directly where the series is short of
 * digits. */
static double stirling_error(double n) {
    if (n < 16.0) {
        int sign;
        return lgamma_r(n + 1.0, &sign) - (n + 0.5) * log(n) + n - 0.5 * log(2.0 * M_PI);
    }
    double s = 1.0 / (n * n);
    return (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s / 1188)))) / n;
}

/* x ln(x/mean) + mean - x without cancellation: Loader 2000, "Fast and accurate computation of binomial
 * probabilities", section 4. */
static double deviance(double x, double mean) {
    double v = (x - mean) / (x + mean);
    if (fabs(v) >= 0.1)
        return x * log(x / mean) + mean - x;
    double sum = (x - mean) * v, term = 2.0 * x * v, square = v * v;
    for (int j = 1; j < 60; j++) {
        term *= square;
        double next = sum + term / (2 * j + 1);
        if (next == sum)
            break;
        sum = next;
    }
    return sum;
}

/* ln Pr[Bin(n, a/(a+b)) = x], a, b > 0, by Loader's saddle-point form: exact up to rounding, with no large
 * terms to cancel as in a sum of ln-gammas (at n = 1e9 those cost six digits). */
static double log_binomial(double x, double n, double a, double b) {
    double p = a / (a + b), q = b / (a + b);
    if (x <= 0.0)
        return n * log1p(-p);
    if (x >= n)
        return n * log(p);
    double y = n - x;
    return stirling_error(n) - stirling_error(x) - stirling_error(y) - deviance(x, n * p) -
           deviance(y, n * q) + 0.5 * log(n / (2.0 * M_PI * x * y));
}

/* A population of n + k with `marked` marked, k of them drawn. */
typedef struct urn {
    double n, k, marked;
} urn;

/* ln Pr[H = x]. The hypergeometric law is a quotient of binomial ones for any common chance; k/(n+k) centres
 * all three. */
static double log_point(const urn *u, double x) {
    if (u->marked <= 0.0)
        return 0.0;
    double unmarked = u->n + u->k - u->marked;
    double rest = unmarked > 0.0 ? log_binomial(u->k - x, unmarked, u->k, u->n) : 0.0;
    return log_binomial(x, u->marked, u->k, u->n) + rest - log_binomial(u->k, u->n + u->k, u->k, u->n);
}

/* Pr[H = x - 1] / Pr[H = x] */
static double ratio_down(const urn *u, double x) {
    return x / (u->k - x + 1.0) * ((u->n - u->marked + x) / (u->marked - x + 1.0));
}

/* ln Pr[H <= m], summed outwards from the largest term not above m. */
static double log_tail(const urn *u, double m) {
    double low = fmax(0.0, u->marked - u->n), high = fmin(m, fmin(u->marked, u->k));
    if (high < low)
        return -INFINITY;
    double mode = floor((u->k + 1.0) * ((u->marked + 1.0) / (u->n + u->k + 2.0)));
    double pivot = fmax(low, fmin(high, mode));
    double sum = 1.0, term = 1.0;
    for (double x = pivot; x > low && term > sum * 1e-18; x -= 1.0) {
        term *= ratio_down(u, x);
        sum += term;
    }
    term = 1.0;
    for (double x = pivot + 1.0; x <= high && term > sum * 1e-18; x += 1.0) {
        term /= ratio_down(u, x);
        sum += term;
    }
    return log_point(u, pivot) + log(sum);
}

double ks_hypergeometric_upper(uint64_t n, uint64_t k, uint64_t m, double p) {
    if (n == 0 || k == 0 || m > k || !(p > 0.0 && p < 1.0) || (double)n + (double)k > largest)
        return 1.0;
    double limit = log(p) - safety, errors = (double)m;
    urn u = {(double)n, (double)k, errors + (double)n};
    if (log_tail(&u, errors) > limit)
        return 1.0;
    /* The tail falls as the population has more errors: with `low` it is above p, with `high` it is not. */
    uint64_t low = 0, high = n;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        u.marked = errors + (double)middle;
        if (log_tail(&u, errors) > limit)
            low = middle;
        else
            high = middle;
    }
    return (double)high / (double)n;
}
