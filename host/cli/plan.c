/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int source_of(ks_source *source, const ks_plan *p, const ks_plan_setting *s) {
    double mu1 = s->x[0], mu2 = s->x[1], p1 = s->x[2], share = s->x[3];
    int inside = mu1 <= 1.5 && mu2 >= 0.005 && p1 >= 0.01 && p1 <= 0.98 && share >= 0.02 && share <= 0.98 &&
                 s->x[4] >= 0.05 && s->x[4] <= 0.995;
    if (p->decoys == 1)
        *source = (ks_source){2, {mu1, mu2}, {p1, 1.0 - p1}};
    else
        *source =
            (ks_source){3, {mu1, mu2, p->weakest}, {p1, (1.0 - p1) * share, (1.0 - p1) * (1.0 - share)}};
    return inside && (p->decoys == 1 ? mu1 > 1.05 * mu2 : mu1 > mu2 + p->weakest && mu2 > 2.0 * p->weakest);
}

/* Expected counts of a block. */
typedef struct expectation {
    double key[KS_MAX_INTENSITIES], key_errors[KS_MAX_INTENSITIES];
    double test[KS_MAX_INTENSITIES], test_errors[KS_MAX_INTENSITIES];
    double pulses, detections, qber; /* of the key basis */
} expectation;

static void expect(expectation *e, const ks_plan *p, const ks_plan_series *series, const ks_source *source,
                   double key, double km) {
    double eta = p->efficiency * pow(10.0, -(p->attenuation * km + p->loss) / 10.0), clicks = 0.0,
           errors = 0.0;
    double both_key = key * key, both_test = (1.0 - key) * (1.0 - key);
    double click[KS_MAX_INTENSITIES], wrong[KS_MAX_INTENSITIES];
    memset(e, 0, sizeof *e);
    for (uint32_t i = 0; i < source->intensities; i++) {
        double light = 1.0 - exp(-eta * source->mean[i]), seen = 1.0 - (1.0 - 2.0 * p->dark) * (1.0 - light);
        click[i] = seen * (1.0 + p->afterpulse);
        wrong[i] = fmin(p->dark + p->misalignment * light + p->afterpulse * seen / 2.0, click[i] / 2.0);
        clicks += source->probability[i] * click[i];
        errors += source->probability[i] * wrong[i];
    }
    e->pulses = series->detections > 0.0 ? series->detections / (both_key * clicks) : series->pulses;
    e->qber = errors / clicks;
    e->detections = e->pulses * both_key * clicks;
    for (uint32_t i = 0; i < source->intensities; i++) {
        double sent = e->pulses * source->probability[i];
        e->key[i] = sent * both_key * click[i];
        e->key_errors[i] = sent * both_key * wrong[i];
        e->test[i] = sent * both_test * click[i];
        e->test_errors[i] = sent * both_test * wrong[i];
    }
}

static ks_status own_length(ks_length_result *result, const ks_plan *p, const ks_source *source,
                            const expectation *e) {
    ks_counts counts = {{0}, {0}, {0}, {0}};
    uint64_t n = 0;
    for (uint32_t i = 0; i < source->intensities; i++) {
        n += counts.key[i] = (uint64_t)e->key[i];
        counts.key_errors[i] = (uint64_t)e->key_errors[i];
        counts.test[i] = (uint64_t)e->test[i];
        counts.test_errors[i] = (uint64_t)e->test_errors[i];
    }
    double numbers = p->decoys == 1 ? 2.0 : 1.0;
    ks_leakage leakage = {.reconciliation =
                              (uint64_t)ceil(p->correction * (double)n * ks_entropy_capped(e->qber)),
                          .penalty = (uint64_t)(numbers * ceil(log2((double)n + 1.0))),
                          .verification = 129};
    ks_epsilon epsilon = {0.4 * p->epsilon, 0.2 * p->epsilon}; /* 2 eps_AT + eps_PA */
    return ks_length_compute(result, source, &p->receiver, &epsilon, &counts, &leakage);
}

/* A published formula on the same counts, with the whole of epsilon: tupkary2024 names four equal parts of
 * it. */
static ks_status published_length(ks_length_result *result, const ks_plan *p, const ks_proof *proof,
                                  const ks_source *source, const expectation *e) {
    ks_proof_input in = {.source = *source,
                         .leak = p->correction * e->detections * ks_entropy_capped(e->qber),
                         .secrecy = p->epsilon,
                         .correctness = 1e-15,
                         .counts = KS_HOEFFDING};
    memcpy(in.key, e->key, sizeof in.key);
    memcpy(in.key_errors, e->key_errors, sizeof in.key_errors);
    memcpy(in.test, e->test, sizeof in.test);
    memcpy(in.test_errors, e->test_errors, sizeof in.test_errors);
    if (proof->compute == ks_proof_tupkary2024)
        in.secrecy = p->epsilon / 4.0;
    if (p->secrecy_a_bit <= 0.0)
        return ks_proof_compute(result, proof, &in);
    double length = 0.1 * e->detections;
    in.correctness = p->secrecy_a_bit;
    ks_status status = KS_OK;
    for (int i = 0; i < 8 && status == KS_OK; i++) { /* the security is asked for by bit of the result */
        in.secrecy = fmin(p->secrecy_a_bit * fmax(length, 1.0), 0.5);
        status = ks_proof_compute(result, proof, &in);
        if (status != KS_OK || result->exact <= 0.0 || fabs(result->exact - length) < 0.5)
            break;
        length = result->exact;
    }
    return status;
}

/* Key a pulse at a setting; below zero where there is none, so that a search knows the way up. */
static double height(ks_plan_point *point, const ks_plan *p, const ks_plan_series *series,
                     const ks_plan_setting *s, double km) {
    ks_length_result result;
    expectation e;
    *point = (ks_plan_point){.km = km, .key_basis = s->x[4], .phase_error = 0.5};
    if (!source_of(&point->source, p, s))
        return -INFINITY;
    expect(&e, p, series, &point->source, s->x[4], km);
    ks_status status = series->proof ? published_length(&result, p, series->proof, &point->source, &e)
                                     : own_length(&result, p, &point->source, &e);
    point->pulses = e.pulses;
    point->qber = e.qber;
    if (status != KS_OK)
        return -INFINITY;
    point->bits = (double)result.bits;
    point->rate = point->bits / e.pulses;
    point->phase_error = result.phase_error;
    double length = fmax(result.exact, -1e18);
    if (result.exact < -1e200)
        length -= 1e18 * (1.0 - result.single_key / (e.detections + 1.0));
    return length / e.pulses;
}

/* Pattern search: each variable up and down by a factor that shrinks when nothing helps. */
static double climb(ks_plan_setting *best, const ks_plan *p, const ks_plan_series *series, double km) {
    ks_plan_point point;
    double top = height(&point, p, series, best, km);
    for (double stride = 0.25; stride > 0.004;) {
        int better = 0;
        for (int i = 0; i < 2 * KS_PLAN_VARIABLES; i++) {
            ks_plan_setting trial = *best;
            double *x = &trial.x[i / 2];
            /* Probabilities near 1 move by their complement. */
            if (i / 2 >= 2 && *x > 0.5)
                *x = 1.0 - (1.0 - *x) * (i & 1 ? 1.0 + stride : 1.0 / (1.0 + stride));
            else
                *x *= i & 1 ? 1.0 + stride : 1.0 / (1.0 + stride);
            double at = height(&point, p, series, &trial, km);
            if (at > top) {
                top = at;
                *best = trial;
                better = 1;
            }
        }
        stride = better ? stride : stride / 2.0;
    }
    return top;
}

void ks_plan_optimise(ks_plan_point *out, ks_plan_setting *setting, const ks_plan *plan,
                      const ks_plan_series *series, double km) {
    static const ks_plan_setting starts[] = {{{0.5, 0.12, 0.6, 0.7, 0.9}}, {{0.45, 0.17, 0.4, 0.6, 0.7}}};
    ks_plan_setting best = *setting;
    double top = climb(&best, plan, series, km);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        ks_plan_setting other = starts[i];
        double at = climb(&other, plan, series, km);
        if (at > top) {
            top = at;
            best = other;
        }
    }
    *setting = best;
    (void)height(out, plan, series, &best, km);
}

void ks_plan_series_name(char name[64], const ks_plan_series *series) {
    snprintf(name, 64, "%s, %.3g %s", series->proof ? series->proof->name : "keystill",
             series->detections > 0.0 ? series->detections : series->pulses,
             series->detections > 0.0 ? "sifted" : "pulses");
}
