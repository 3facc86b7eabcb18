/* SPDX-License-Identifier: Apache-2.0 */
/* The list of rates, their sizes, and the choice among them. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "ldpc/code.h"
#include "pipeline/status.h"

static ks_code_rate rates[KS_CODE_RATES_MAX];
static unsigned rate_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint32_t ks_code_rows(const ks_base_spec *spec, uint32_t merges) {
    return spec->rows - merges;
}

/* By leak, then by base: exact integers. */
static int compare(const void *a, const void *b) {
    const ks_code_rate *x = a, *y = b;
    uint32_t p = ks_code_rows(&ks_family[x->base], x->merges) * ks_family[y->base].columns;
    uint32_t q = ks_code_rows(&ks_family[y->base], y->merges) * ks_family[x->base].columns;
    return p != q ? (p > q) - (p < q) : (x->base > y->base) - (x->base < y->base);
}

static void list_rates(void) {
    for (uint16_t b = 0; b < ks_family_count; b++)
        for (uint16_t m = 0; m <= ks_family[b].pairs && rate_count < KS_CODE_RATES_MAX; m++)
            rates[rate_count++] = (ks_code_rate){b, m};
    qsort(rates, rate_count, sizeof *rates, compare);
}

unsigned ks_ldpc_rate_count(void) {
    (void)pthread_once(&once, list_rates);
    return rate_count;
}

const ks_code_rate *ks_code_rate_of(uint16_t rate) {
    return rate < ks_ldpc_rate_count() ? &rates[rate] : NULL;
}

uint16_t ks_code_rate_find(uint16_t base, uint16_t merges) {
    unsigned i = 0;
    while (i + 1 < ks_ldpc_rate_count() && (rates[i].base != base || rates[i].merges != merges))
        i++;
    return (uint16_t)i;
}

static double between_marks(const double *mark, uint32_t pairs, uint32_t merges) {
    if (pairs == 0)
        return mark[0];
    double at = (double)merges * (KS_BASE_MARKS - 1) / pairs;
    int i = at >= KS_BASE_MARKS - 1 ? KS_BASE_MARKS - 2 : (int)at;
    return mark[i] + (at - i) * (mark[i + 1] - mark[i]);
}

double ks_code_threshold(const ks_base_spec *spec, uint32_t merges) {
    return between_marks(spec->threshold, spec->pairs, merges);
}

double ks_code_limit(uint16_t base, uint32_t merges, int exact) {
    const ks_base_measured *m = &ks_measured[base];
    return between_marks(exact ? m->exact : m->fast, ks_family[base].pairs, merges);
}

ks_status ks_ldpc_rate_info(ks_ldpc_rate *info, uint16_t rate) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    if (!r)
        return ks_fail(KS_ERR_ARGUMENT, "rate %u of %u", rate, ks_ldpc_rate_count());
    const ks_base_spec *spec = &ks_family[r->base];
    *info = (ks_ldpc_rate){.base = spec->name,
                           .columns = spec->columns,
                           .rows = spec->rows,
                           .edges = ks_base_edges(spec),
                           .merges = r->merges,
                           .leak = (double)ks_code_rows(spec, r->merges) / spec->columns,
                           .threshold = ks_code_threshold(spec, r->merges)};
    return KS_OK;
}

int ks_ldpc_supports(uint16_t rate, unsigned log2n) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    return r && log2n % 2 == 0 && log2n <= KS_LDPC_LOG2N_MAX &&
           log2n >= ks_base_log2n_min(&ks_family[r->base]);
}

ks_status ks_ldpc_next(uint16_t *next, uint16_t rate) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    if (!r)
        return ks_fail(KS_ERR_ARGUMENT, "rate %u of %u", rate, ks_ldpc_rate_count());
    if (r->merges == 0)
        return ks_fail(KS_ERR_EMPTY, "base %s has no more syndrome", ks_family[r->base].name);
    *next = ks_code_rate_find(r->base, (uint16_t)(r->merges - 1));
    return KS_OK;
}

static uint32_t lift(const ks_base_spec *spec, unsigned log2n) {
    return (1u << log2n) / spec->columns;
}

size_t ks_ldpc_mother_bits(uint16_t rate, unsigned log2n) {
    if (!ks_ldpc_supports(rate, log2n))
        return 0;
    const ks_base_spec *spec = &ks_family[rates[rate].base];
    return (size_t)spec->rows * lift(spec, log2n);
}

size_t ks_ldpc_syndrome_bits(uint16_t rate, unsigned log2n) {
    if (!ks_ldpc_supports(rate, log2n))
        return 0;
    const ks_base_spec *spec = &ks_family[rates[rate].base];
    return (size_t)ks_code_rows(spec, rates[rate].merges) * lift(spec, log2n);
}

size_t ks_ldpc_extra_bits(uint16_t from, uint16_t to, unsigned log2n) {
    if (!ks_ldpc_supports(from, log2n) || !ks_ldpc_supports(to, log2n) ||
        rates[from].base != rates[to].base || rates[from].merges < rates[to].merges)
        return 0;
    return (size_t)(rates[from].merges - rates[to].merges) * lift(&ks_family[rates[from].base], log2n);
}

/* Distance kept between the expected error rate and the limit that was measured at n = 2^18, of the exact
 * decoder for efficient, of the fast one for the others: a share of it for what other sizes lose, and
 * standard deviations of the number of errors in a frame (waterfall of Martinez-Mateo, Elkouss, Martin,
 * arXiv:1205.5729). Chosen by `keystill bench ldpc`: fast for few iterations, balanced for few frames that
 * need the exact decoder, efficient for the least leak with retries counted; docs/reconciliation.md. */
typedef struct margin {
    double share, deviations;
} margin;

static const margin margins[KS_LDPC_EFFICIENT + 1][4] = {
    /* n = 2^14, 2^16, 2^18, 2^20 */
    [KS_LDPC_FAST] = {{0.06, 2.0}, {0.05, 2.0}, {0.028, 2.0}, {0.028, 2.0}},
    [KS_LDPC_BALANCED] = {{0.03, 1.4}, {0.006, 1.4}, {0.002, 1.4}, {0.002, 1.4}},
    [KS_LDPC_EFFICIENT] = {{0.03, 1.0}, {0.005, 1.0}, {0.002, 0.7}, {0.004, 0.7}},
};

/* The leak is small at low error rates, and fast takes more of it for fewer passes: this share up to 2 %,
 * that of the table from 3 % on, a straight line between. */
static double share_of(ks_ldpc_effort effort, const margin *m, double qber) {
    const double most = 0.06, low = 0.02, high = 0.03;
    if (effort != KS_LDPC_FAST || qber >= high)
        return m->share;
    return qber <= low ? most : most + (m->share - most) * (qber - low) / (high - low);
}

/* Errors of a frame exceed their mean by so many deviations in less than one of 10^4 frames: the base must
 * still decode these when all its syndrome is known. What goes beyond has disclosed bits before it is
 * dropped; asking for more would cost small frames bases of higher leak. */
#define WORST_DEVIATIONS 3.8

static double entropy(double q) {
    return q <= 0 ? 0 : -q * log2(q) - (1 - q) * log2(1 - q);
}

/* The error rate that asks of a full frame as many syndrome bits as q asks of a frame filled to a share:
 * entropy(q) times the share, and a little more, because shortening bends the degrees of the checks. */
static double shortened(double q, double filled) {
    double goal = entropy(q < 0.5 ? q : 0.5) * filled * (1 + 0.3 * (1 - filled)), low = 0, high = 0.5;
    for (int i = 0; i < 40; i++) {
        double middle = (low + high) / 2;
        if (entropy(middle) < goal)
            low = middle;
        else
            high = middle;
    }
    return filled < 1 ? high : q;
}

/* Frames that do not need the smallest bases are better served by the others. */
static int is_first_choice(uint16_t rate, unsigned log2n) {
    return ks_ldpc_supports(rate, log2n) &&
           (log2n == KS_LDPC_LOG2N_MIN ||
            ks_base_log2n_min(&ks_family[rates[rate].base]) > KS_LDPC_LOG2N_MIN);
}

ks_status ks_ldpc_pick(uint16_t *rate, unsigned log2n, double qber, size_t real_bits, ks_ldpc_effort effort) {
    size_t n = (size_t)1 << (log2n & 31);
    if (log2n < KS_LDPC_LOG2N_MIN || log2n > KS_LDPC_LOG2N_MAX || log2n % 2)
        return ks_fail(KS_ERR_ARGUMENT, "frames of 2^%u bits are not served", log2n);
    if (real_bits == 0 || real_bits > n || !(qber >= 0 && qber <= 0.5) || effort > KS_LDPC_EFFICIENT)
        return ks_fail(KS_ERR_ARGUMENT, "%zu bits of %zu, error rate %g, effort %d", real_bits, n, qber,
                       (int)effort);
    const margin *m = &margins[effort][(log2n - KS_LDPC_LOG2N_MIN) / 2];
    const double share = share_of(effort, m, qber);
    double real = (double)real_bits, filled = real / (double)n, deviation = sqrt(qber * (1 - qber) / real);
    double first = shortened(qber * (1 + share) + m->deviations * deviation, filled);
    double last = shortened(qber * (1 + share) + WORST_DEVIATIONS * deviation, filled);
    const int exact = effort == KS_LDPC_EFFICIENT;
    unsigned best = 0;
    for (unsigned i = 0; i < ks_ldpc_rate_count(); i++) {
        if (!is_first_choice((uint16_t)i, log2n))
            continue;
        best = i;
        if (ks_code_limit(rates[i].base, rates[i].merges, exact) >= first &&
            ks_code_limit(rates[i].base, 0, exact) >= last)
            break;
    }
    *rate = (uint16_t)best;
    return KS_OK;
}
