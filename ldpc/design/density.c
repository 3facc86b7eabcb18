/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/density.h"

#include <math.h>
#include <string.h>

enum { M = KS_DENSITY_MAX, CAP = KS_DENSITY_CAP, TOP = KS_DENSITY_INDEX };

void ks_density_channel(ks_density out, double q, int weight) {
    memset(out, 0, sizeof(ks_density));
    out[M + weight] = 1 - q;
    out[M - weight] = q;
}

void ks_density_add(ks_density out, const ks_density a, const ks_density b) {
    double sum[KS_DENSITY_SIZE + 2 * CAP] = {0};
    for (int v = -CAP; v <= CAP; v++) {
        double p = b[M + v];
        if (p < 1e-40)
            continue;
        double *to = sum + CAP + v;
        for (int i = 0; i < KS_DENSITY_SIZE; i++)
            to[i] += p * a[i];
    }
    memcpy(out, sum + CAP, sizeof(ks_density));
    for (int i = 0; i < CAP; i++) {
        out[0] += sum[i];
        out[KS_DENSITY_SIZE - 1] += sum[CAP + KS_DENSITY_SIZE + i];
    }
}

double ks_density_error(const ks_density a) {
    double e = a[M] / 2;
    for (int i = 0; i < M; i++)
        e += a[i];
    return e;
}

void ks_density_normalise(ks_density a) {
    double s = 0;
    for (int i = 0; i < KS_DENSITY_SIZE; i++)
        s += a[i];
    for (int i = 0; i < KS_DENSITY_SIZE; i++)
        a[i] /= s;
}

void ks_density_tails_of(ks_density_tails *out, const ks_density a) {
    double tail = 0, moment = 0;
    out->tails[M + 1] = out->moments[M + 1] = 0;
    for (int m = M; m > 0; m--) {
        out->tails[m] = tail += a[M + m] + a[M - m];
        out->moments[m] = moment += a[M + m] - a[M - m];
    }
    out->tails[0] = tail + a[M];
    out->moments[0] = moment;
}

void ks_density_check_of(ks_check_density *out, const ks_density_tails *product) {
    for (int m = 0; m <= TOP; m++) {
        double mass = product->tails[m] - (m < TOP ? product->tails[m + 1] : 0);
        double sign = m ? product->moments[m] - (m < TOP ? product->moments[m + 1] : 0) : 0;
        out->right[m] = fmax((mass + sign) / 2, 0);
        out->wrong[m] = fmax((mass - sign) / 2, 0);
    }
}

int ks_density_worth(double right, double wrong, double step) {
    if (right + wrong < 1e-18)
        return -1;
    double llr = wrong < right * 1e-15 ? 35 : log(right / wrong);
    int worth = (int)floor(llr / step + 0.5);
    return worth < 0 ? 0 : worth > CAP ? CAP : worth;
}

void ks_density_remap(ks_density out, const ks_check_density *in, const int map[KS_DENSITY_INDEX + 1]) {
    memset(out, 0, sizeof(ks_density));
    for (int m = 0; m <= TOP; m++) {
        out[M + map[m]] += in->right[m];
        out[M - map[m]] += in->wrong[m];
    }
}

/* Between known entries a straight line; before the first and after the last a slope of one. */
static void fill_gaps(int map[KS_DENSITY_INDEX + 1]) {
    int last = 0;
    for (int m = 1; m <= TOP; m++) {
        if (map[m] < 0)
            continue;
        for (int k = last + 1; k < m; k++)
            map[k] = last ? map[last] + (map[m] - map[last]) * (k - last) / (m - last) : map[m] - (m - k);
        last = m;
    }
    for (int k = last + 1; k <= TOP; k++)
        map[k] = map[k - 1] + 1;
}

void ks_density_own_map(int map[KS_DENSITY_INDEX + 1], const ks_check_density *in, double step) {
    map[0] = 0;
    for (int m = 1; m <= TOP; m++)
        map[m] = ks_density_worth(in->right[m], in->wrong[m], step);
    fill_gaps(map);
    map[0] = 0;
    for (int m = 1; m <= TOP; m++)
        map[m] = map[m] < map[m - 1] ? map[m - 1] : map[m] > CAP ? CAP : map[m];
}
