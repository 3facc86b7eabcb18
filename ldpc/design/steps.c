/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/steps.h"

#include <math.h>

#include "ldpc/code.h"
#include "ldpc/design/ensemble.h"

#define GRID 1.0005 /* from one q to the next */

/* Limit and leak of a rate, only those that no rate of less leak outdoes; by rising limit. */
typedef struct corner {
    double limit, leak;
    uint16_t base;
} corner;

static unsigned list_corners(corner *out, int exact) {
    unsigned n = 0;
    for (unsigned i = 0; i < ks_ldpc_rate_count(); i++) {
        const ks_code_rate *r = ks_code_rate_of((uint16_t)i);
        const ks_base_spec *spec = &ks_family[r->base];
        double limit = ks_code_limit(r->base, r->merges, exact);
        if (ks_base_log2n_min(spec) == KS_LDPC_LOG2N_MIN || (n > 0 && limit <= out[n - 1].limit))
            continue;
        double leak = (double)ks_code_rows(spec, r->merges) / spec->columns;
        n -= n > 0 && out[n - 1].leak >= leak;
        out[n++] = (corner){limit, leak, r->base};
    }
    return n;
}

static void print_range(FILE *to, const corner *corners, unsigned n, double low, double high) {
    double least = 9, most = 0, sum = 0, cost = 0, dearest = 0;
    unsigned points = 0, at = 1, used = 0, last = 0;
    for (double q = low; q < high && at < n; q *= GRID) {
        while (at < n && corners[at].limit < q)
            at++;
        if (at == n)
            break;
        const corner *c = &corners[at], *before = c - 1;
        double f = c->leak / ks_entropy(q);
        double line =
            before->leak + (c->leak - before->leak) * (q - before->limit) / (c->limit - before->limit);
        double step = q > before->limit ? c->leak / line - 1 : 0;
        least = f < least ? f : least;
        most = f > most ? f : most;
        dearest = step > dearest ? step : dearest;
        sum += f;
        cost += step;
        used += at != last;
        last = at;
        points++;
    }
    if (points > 0)
        fprintf(to, " %5u | %.3f, %.3f to %.3f | %.2f %%, %.2f %% |", used, sum / points, least, most,
                100 * cost / points, 100 * dearest);
}

void ks_steps_print(FILE *to) {
    static const double ranges[] = {0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.115};
    static corner corners[2][KS_CODE_RATES_MAX];
    unsigned n[2];
    for (int exact = 0; exact < 2; exact++)
        n[exact] = list_corners(corners[exact], exact);
    fprintf(
        to,
        "| QBER | fast: rates | f at the limit: mean, range | step: mean, most | exact: rates | f | step |\n"
        "|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i + 1 < sizeof ranges / sizeof *ranges; i++) {
        fprintf(to, "| %g to %g %% |", 100 * ranges[i], 100 * ranges[i + 1]);
        for (int exact = 0; exact < 2; exact++)
            print_range(to, corners[exact], n[exact], ranges[i], ranges[i + 1]);
        fputc('\n', to);
    }
}
