/* SPDX-License-Identifier: Apache-2.0 */
/* keystill plan: key rate against distance, with the best intensities, probabilities and basis bias at each.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <keystill/length.h>

#include "host/cli/cli.h"

/* A fibre link: Lim et al., PRA 89, 022307 (2014), section IV, without afterpulses. */
typedef struct plan {
    double attenuation, loss, efficiency, dark, misalignment; /* dB/km, dB, -, a gate and detector, - */
    double pulses, clock, correction;
    double epsilon, weakest;
    double from, to, step;
    uint64_t decoys;
    ks_receiver receiver;
    int random_swap;
} plan;

enum { VARIABLES = 5 };

/* What is optimised. */
typedef struct setting {
    double x[VARIABLES]; /* mu1, mu2, p1, share of p2 in what p1 leaves, probability of the key basis */
} setting;

static int source_of(ks_source *source, const plan *p, const setting *s) {
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

/* Expected counts; returns the error rate of the key basis. */
static double expect_counts(ks_counts *counts, const plan *p, const ks_source *source, double key,
                            double km) {
    double eta = p->efficiency * pow(10.0, -(p->attenuation * km + p->loss) / 10.0), clicks = 0.0,
           errors = 0.0;
    double both_key = key * key, both_test = (1.0 - key) * (1.0 - key);
    memset(counts, 0, sizeof *counts);
    for (uint32_t i = 0; i < source->intensities; i++) {
        double light = 1.0 - exp(-eta * source->mean[i]);
        double click = 1.0 - (1.0 - 2.0 * p->dark) * (1.0 - light), wrong = p->dark + p->misalignment * light;
        double sent = p->pulses * source->probability[i];
        wrong = fmin(wrong, click / 2.0);
        counts->key[i] = (uint64_t)(sent * both_key * click);
        counts->key_errors[i] = (uint64_t)(sent * both_key * wrong);
        counts->test[i] = (uint64_t)(sent * both_test * click);
        counts->test_errors[i] = (uint64_t)(sent * both_test * wrong);
        clicks += source->probability[i] * click;
        errors += source->probability[i] * wrong;
    }
    return errors / clicks;
}

/* The length of a block of expected counts; below zero where there is none, so that a search knows the way
 * up. */
static double length_of(ks_length_result *result, double *qber, const plan *p, const setting *s, double km) {
    ks_source source;
    ks_counts counts;
    if (!source_of(&source, p, s))
        return -INFINITY;
    *qber = expect_counts(&counts, p, &source, s->x[4], km);
    double n = (double)(counts.key[0] + counts.key[1] + counts.key[2]);
    double numbers = p->decoys == 1 ? 2.0 : 1.0;
    ks_leakage leakage = {.reconciliation = (uint64_t)ceil(p->correction * n * ks_entropy_capped(*qber)),
                          .penalty = (uint64_t)(numbers * ceil(log2(n + 1.0))),
                          .verification = 129};
    ks_epsilon epsilon = {0.4 * p->epsilon, 0.2 * p->epsilon}; /* 2 eps_AT + eps_PA */
    if (ks_length_compute(result, &source, &p->receiver, &epsilon, &counts, &leakage) != KS_OK)
        return -INFINITY;
    return fmax(result->exact, -1e18) -
           (result->exact < -1e200 ? 1e18 * (1.0 - result->single_key / (n + 1.0)) : 0.0);
}

/* Pattern search: each variable up and down by a factor that shrinks when nothing helps. */
static double climb(setting *best, const plan *p, double km) {
    ks_length_result result;
    double qber, height = length_of(&result, &qber, p, best, km);
    for (double stride = 0.25; stride > 0.004;) {
        int better = 0;
        for (int i = 0; i < 2 * VARIABLES; i++) {
            setting trial = *best;
            double *x = &trial.x[i / 2];
            /* Probabilities near 1 move by their complement. */
            if (i / 2 >= 2 && *x > 0.5)
                *x = 1.0 - (1.0 - *x) * (i & 1 ? 1.0 + stride : 1.0 / (1.0 + stride));
            else
                *x *= i & 1 ? 1.0 + stride : 1.0 / (1.0 + stride);
            double at = length_of(&result, &qber, p, &trial, km);
            if (at > height) {
                height = at;
                *best = trial;
                better = 1;
            }
        }
        stride = better ? stride : stride / 2.0;
    }
    return height;
}

static setting optimise(const plan *p, double km, const setting *previous) {
    static const setting starts[] = {{{0.5, 0.12, 0.6, 0.7, 0.9}}, {{0.45, 0.17, 0.4, 0.6, 0.7}}};
    setting best = *previous;
    double height = climb(&best, p, km);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        setting other = starts[i];
        double at = climb(&other, p, km);
        if (at > height) {
            height = at;
            best = other;
        }
    }
    return best;
}

static void print_array(const char *name, const double *values, uint32_t count) {
    printf("\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++)
        printf("%s%.5g", i ? "," : "", values[i]);
    printf("],");
}

static void print_json(const plan *p, const setting *s, const ks_source *source, const ks_length_result *r,
                       double km, double qber) {
    double rate = (double)r->bits / p->pulses;
    printf("{\"km\":%.6g,\"bits\":%llu,\"rate_per_pulse\":%.6g,\"bits_per_second\":%.6g,", km,
           (unsigned long long)r->bits, rate, rate * p->clock);
    print_array("mus", source->mean, source->intensities);
    print_array("ps", source->probability, source->intensities);
    printf("\"key_basis\":%.5g,\"qber\":%.6g,\"phase_error\":%.6g,\"block_seconds\":%.6g}\n", s->x[4], qber,
           r->phase_error, p->pulses / p->clock);
}

static void print_point(const plan *p, const setting *s, double km) {
    ks_length_result r;
    ks_source source;
    double qber = 0.0;
    (void)length_of(&r, &qber, p, s, km);
    (void)source_of(&source, p, s);
    double rate = (double)r.bits / p->pulses, last = source.intensities == 3 ? source.probability[2] : 0.0;
    if (ks_cli_json)
        print_json(p, s, &source, &r, km, qber);
    else if (r.bits)
        printf("%7.1f  %11.4e  %11.4e  %6.2f  %6.2f  %6.3f %6.3f  %5.3f %5.3f %5.3f  %5.3f\n", km, rate,
               rate * p->clock, 100 * qber, 100 * r.phase_error, source.mean[0], source.mean[1],
               source.probability[0], source.probability[1], last, s->x[4]);
    else
        printf("%7.1f  no key\n", km);
    fflush(stdout);
}

static int check(const plan *p) {
    if (p->receiver.efficiency_mismatch < 0.0 || p->receiver.dark_mismatch < 0.0 || p->random_swap < 0)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--efficiency-mismatch, --dark-mismatch and --[no-]random-swap have no "
                           "defaults: the length depends on them");
    if (p->decoys != 1 && p->decoys != 2)
        return ks_cli_fail(KS_EXIT_USAGE, "--decoys is 1 or 2");
    if (!(p->step > 0.0 && p->from >= 0.0 && p->to >= p->from && (p->to - p->from) / p->step <= 1000.0))
        return ks_cli_fail(KS_EXIT_USAGE, "--from, --to, --step: rising, at most 1000 points");
    if (!(p->pulses >= 1000.0 && p->pulses <= 1e14 && p->clock > 0.0 && p->epsilon > 1e-30 &&
          p->epsilon < 0.1))
        return ks_cli_fail(KS_EXIT_USAGE, "--pulses 1000 to 1e14, --clock above 0, --epsilon 1e-30 to 0.1");
    if (!(p->efficiency > 0.0 && p->efficiency <= 1.0 && p->dark >= 0.0 && p->dark < 0.5 &&
          p->misalignment >= 0.0 && p->misalignment < 0.5 && p->correction >= 1.0 && p->attenuation >= 0.0 &&
          p->loss >= 0.0 && p->weakest >= 0.0 && p->weakest < 0.01))
        return ks_cli_fail(KS_EXIT_USAGE, "a parameter of the link is out of its range");
    return KS_EXIT_OK;
}

static int run(plan *p) {
    setting s = {{0.5, 0.12, 0.6, 0.7, 0.9}};
    p->receiver.dark_probability = p->dark;
    p->receiver.random_swap = p->random_swap;
    if (!ks_cli_json)
        printf(
            "     km   rate/pulse       bit/s   QBER%%  phase%%     mu1    mu2     p1    p2    p3  p_key\n");
    ks_cli_catch_signals();
    for (double km = p->from; km <= p->to + 1e-9; km += p->step) {
        if (ks_cli_interrupted())
            return KS_EXIT_INTERRUPTED;
        s = optimise(p, km, &s);
        print_point(p, &s, km);
    }
    return ferror(stdout) ? KS_EXIT_CLOSED : KS_EXIT_OK;
}

int ks_cmd_plan(int argc, char **argv) {
    plan p = {.attenuation = 0.2,
              .efficiency = 0.2,
              .dark = 1e-6,
              .misalignment = 0.01,
              .pulses = 1e10,
              .clock = 1e9,
              .correction = 1.16,
              .epsilon = 1e-10,
              .weakest = 2e-4,
              .to = 150.0,
              .step = 10.0,
              .decoys = 2,
              .receiver = {-1.0, -1.0, 0.0, 0},
              .random_swap = -1};
    const ks_option options[] = {
        {"from", 0, KS_OPTION_NUMBER, &p.from, "KM", "first distance (default 0)", NULL},
        {"to", 0, KS_OPTION_NUMBER, &p.to, "KM", "last distance (default 150)", NULL},
        {"step", 0, KS_OPTION_NUMBER, &p.step, "KM", "step (default 10)", NULL},
        {"decoys", 0, KS_OPTION_U64, &p.decoys, "N", "decoy intensities, 1 or 2 (default 2)", NULL},
        {"pulses", 'n', KS_OPTION_NUMBER, &p.pulses, "N", "pulses a block (default 1e10)", NULL},
        {"clock", 0, KS_OPTION_NUMBER, &p.clock, "HZ", "pulses a second (default 1e9)", NULL},
        {"attenuation", 0, KS_OPTION_NUMBER, &p.attenuation, "DB", "fibre loss a kilometre (default 0.2)",
         NULL},
        {"loss", 0, KS_OPTION_NUMBER, &p.loss, "DB", "loss besides the fibre (default 0)", NULL},
        {"efficiency", 0, KS_OPTION_NUMBER, &p.efficiency, "E", "detector efficiency (default 0.2)", NULL},
        {"dark", 0, KS_OPTION_NUMBER, &p.dark, "P", "dark counts a gate and detector (default 1e-6)", NULL},
        {"misalignment", 0, KS_OPTION_NUMBER, &p.misalignment, "Q", "error rate of light (default 0.01)",
         NULL},
        {"correction", 0, KS_OPTION_NUMBER, &p.correction, "F", "bits disclosed over n h(Q) (default 1.16)",
         NULL},
        {"epsilon", 0, KS_OPTION_NUMBER, &p.epsilon, "E",
         "security a block: 2 eps_AT + eps_PA (default 1e-10)", NULL},
        {"weakest", 0, KS_OPTION_NUMBER, &p.weakest, "MU", "second decoy (default 2e-4)", NULL},
        {"efficiency-mismatch", 0, KS_OPTION_NUMBER, &p.receiver.efficiency_mismatch, "D",
         "efficiencies known to eta(1 +- D); required", NULL},
        {"dark-mismatch", 0, KS_OPTION_NUMBER, &p.receiver.dark_mismatch, "D",
         "dark counts known to d(1 +- D); required", NULL},
        {"random-swap", 0, KS_OPTION_FLAG, &p.random_swap, NULL,
         "detectors swap roles at random, or --no-random-swap; required", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("plan [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    code = check(&p);
    return code == KS_EXIT_OK ? run(&p) : code;
}
