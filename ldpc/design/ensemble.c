/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/ensemble.h"

#include <math.h>
#include <string.h>

#include "ldpc/base.h"
#include "ldpc/splitmix.h"

double ks_ensemble_column_degree(const ks_ensemble *ensemble) {
    double s = 0;
    for (int d = 2; d < KS_ENSEMBLE_DEGREES; d++)
        s += ensemble->lambda[d] / d;
    return 1 / s;
}

double ks_ensemble_row_degree(const ks_ensemble *ensemble) {
    return ks_ensemble_column_degree(ensemble) / ensemble->rows;
}

double ks_ensemble_leak(const ks_ensemble *ensemble) {
    return ensemble->rows - ensemble->merges;
}

double ks_entropy(double q) {
    return -q * log2(q) - (1 - q) * log2(1 - q);
}

/* Messages of checks whose mean degree is `degree`: floor and ceiling of it mixed, by edges. */
static void check_messages(ks_density out, ks_check_density *check, const ks_density_tails *tails,
                           double degree, double step) {
    ks_density_tails product;
    double low = floor(degree), high_share = (degree - low) * (low + 1) / degree;
    for (int m = 0; m <= KS_DENSITY_MAX + 1; m++) {
        double t = pow(tails->tails[m], low - 1), s = pow(fabs(tails->moments[m]), low - 1);
        if (tails->moments[m] < 0 && ((int)low - 1) % 2)
            s = -s;
        product.tails[m] = t * (1 - high_share + high_share * tails->tails[m]);
        product.moments[m] = s * (1 - high_share + high_share * tails->moments[m]);
    }
    int map[KS_DENSITY_INDEX + 1];
    ks_density_check_of(check, &product);
    ks_density_own_map(map, check, step);
    ks_density_remap(out, check, map);
}

static void one_pass(ks_density messages, ks_ensemble_pass *pass, const ks_ensemble *ensemble,
                     const ks_density channel) {
    double degree = ks_ensemble_row_degree(ensemble);
    ks_density_tails tails;
    ks_density checks, merged, sum, next = {0};
    ks_density_tails_of(&tails, messages);
    check_messages(checks, &pass->check[0], &tails, degree, ensemble->step);
    if (ensemble->merges > 0) {
        double share = 2 * ensemble->merges / ensemble->rows;
        check_messages(merged, &pass->check[1], &tails, 2 * degree, ensemble->step);
        for (int i = 0; i < KS_DENSITY_SIZE; i++)
            checks[i] += share * (merged[i] - checks[i]);
    }
    memcpy(sum, channel, sizeof sum);
    int last = KS_ENSEMBLE_DEGREES - 1;
    while (last > 2 && ensemble->lambda[last] <= 0)
        last--;
    for (int d = 2; d <= last; d++) {
        ks_density_add(sum, sum, checks);
        if (ensemble->lambda[d] > 0)
            for (int i = 0; i < KS_DENSITY_SIZE; i++)
                next[i] += ensemble->lambda[d] * sum[i];
    }
    ks_density_normalise(next);
    memcpy(messages, next, sizeof next);
}

int ks_ensemble_run(const ks_ensemble *ensemble, double q, int limit) {
    double error = q;
    ks_density channel, messages;
    ks_ensemble_pass ignored;
    ks_density_channel(channel, q, KS_BASE_WEIGHT);
    memcpy(messages, channel, sizeof channel);
    for (int pass = 1; pass <= limit; pass++) {
        one_pass(messages, &ignored, ensemble, channel);
        double next = ks_density_error(messages);
        if (next < 1e-5)
            return pass;
        /* The gap to be closed is at least a factor q/1e-5; slower than this never ends in time. */
        if (pass > 4 && next > error * (1 - 0.25 / limit))
            return limit;
        error = next;
    }
    return limit;
}

int ks_ensemble_trace(ks_ensemble_pass *passes, int capacity, const ks_ensemble *ensemble, double q) {
    ks_density channel, messages;
    ks_density_channel(channel, q, KS_BASE_WEIGHT);
    memcpy(messages, channel, sizeof channel);
    int n = 0;
    for (; n < capacity; n++) {
        passes[n].error = ks_density_error(messages);
        if (passes[n].error < 1e-7)
            break;
        one_pass(messages, &passes[n], ensemble, channel);
    }
    return n;
}

/* q at which `leak` is `f` times the entropy. */
static double inverse(double leak, double f) {
    double low = 1e-6, high = 0.5;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (ks_entropy(middle) * f < leak)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double ks_ensemble_threshold(const ks_ensemble *ensemble, int limit) {
    double high = inverse(ks_ensemble_leak(ensemble), 1), low = high * 0.99;
    for (; low > 1e-4 && ks_ensemble_run(ensemble, low, limit) >= limit; low *= 0.99)
        high = low;
    while (high - low > 2e-4 * high) {
        double middle = (low + high) / 2;
        if (ks_ensemble_run(ensemble, middle, limit) < limit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static const int degree_set[] = {2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 25, 32};
enum { DEGREES = sizeof degree_set / sizeof *degree_set };

static double uniform(uint64_t *state) {
    return (double)(ks_splitmix(state) >> 11) * 0x1p-53;
}

static int is_within(const ks_ensemble *ensemble, double cycles, double density) {
    double mean = ks_ensemble_column_degree(ensemble);
    double twos =
        ensemble->lambda[2] / 2 * mean / ((ensemble->rows - ensemble->whole) * (1 - KS_ENSEMBLE_MANY));
    return mean <= density && twos <= cycles;
}

/* Moves edges among three degrees. 0 when the result is no distribution or breaks a limit. */
static int perturb(ks_ensemble *to, const ks_ensemble *from, double size, double cycles, double density,
                   uint64_t *state) {
    int degrees[3];
    for (int i = 0; i < 3; i++)
        degrees[i] = degree_set[ks_splitmix(state) % DEGREES];
    if (degrees[0] == degrees[1] || degrees[0] == degrees[2] || degrees[1] == degrees[2])
        return 0;
    *to = *from;
    double a = (uniform(state) + uniform(state) + uniform(state) - 1.5) * size;
    double b = (uniform(state) + uniform(state) + uniform(state) - 1.5) * size;
    if (to->lambda[degrees[0]] + a < 0)
        a = -to->lambda[degrees[0]];
    if (to->lambda[degrees[1]] + b < 0)
        b = -to->lambda[degrees[1]];
    to->lambda[degrees[0]] += a;
    to->lambda[degrees[1]] += b;
    to->lambda[degrees[2]] -= a + b;
    return to->lambda[degrees[2]] >= 0 && is_within(to, cycles, density);
}

/* 1 when the ensemble decodes at leak / h = f at both ends of the range of merges. */
static int reaches(ks_ensemble ensemble, double f, int limit) {
    static const double ends[2] = {KS_ENSEMBLE_MANY, KS_ENSEMBLE_FEW};
    for (int i = 0; i < 2; i++) {
        ensemble.merges = ensemble.whole + ends[i] * (ensemble.rows - ensemble.whole);
        if (ks_ensemble_run(&ensemble, inverse(ks_ensemble_leak(&ensemble), f), limit) >= limit)
            return 0;
    }
    return 1;
}

double ks_ensemble_optimise(ks_ensemble *ensemble, int limit, double cycles, double density, int trials,
                            uint64_t seed) {
    double best = 3, size = 0.1;
    int misses = 0;
    while (!is_within(ensemble, cycles, 1e9)) {
        ensemble->lambda[3] += 0.05 * ensemble->lambda[2];
        ensemble->lambda[2] *= 0.95;
    }
    for (double step = 0.1; step > 2e-4; step /= 2)
        while (best - step > 1 && reaches(*ensemble, best - step, limit))
            best -= step;
    for (int t = 0; t < trials; t++) {
        ks_ensemble candidate;
        if (!perturb(&candidate, ensemble, size, cycles, density, &seed))
            continue;
        if (reaches(candidate, best - 2e-4, limit)) {
            for (double step = 0.016; step > 1e-4; step /= 2)
                while (reaches(candidate, best - step, limit))
                    best -= step;
            *ensemble = candidate;
            misses = 0;
        } else if (++misses % 60 == 0) {
            size = size > 0.004 ? size * 0.7 : 0.1;
        }
    }
    return best;
}
