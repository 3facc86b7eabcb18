/* SPDX-License-Identifier: Apache-2.0 */
/* keystill plan: key rate against distance, with the best intensities, probabilities and basis bias at each;
 * proofs and sizes of blocks side by side. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/cli/plan.h"
#include "host/cli/values.h"

typedef struct plan_options {
    ks_plan plan;
    double from, to, step, pulses;
    const char *proofs, *blocks, *detections, *plot;
    int random_swap;
    ks_plan_series series[KS_PLAN_SERIES];
    int series_count;
} plan_options;

static void print_array(const char *name, const double *values, uint32_t count) {
    printf("\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++)
        printf("%s%.5g", i ? "," : "", values[i]);
    printf("],");
}

static void print_json(const plan_options *o, const ks_plan_series *series, const ks_plan_point *p) {
    printf("{\"km\":%.6g,\"proof\":\"%s\",\"bits\":%.0f,\"rate_per_pulse\":%.6g,\"bits_per_second\":%.6g,",
           p->km, series->proof ? series->proof->name : "keystill", p->bits, p->rate,
           p->rate * o->plan.clock);
    print_array("mus", p->source.mean, p->source.intensities);
    print_array("ps", p->source.probability, p->source.intensities);
    printf("\"key_basis\":%.5g,\"qber\":%.6g,\"phase_error\":%.6g,\"pulses\":%.6g,\"block_seconds\":%.6g}\n",
           p->key_basis, p->qber, p->phase_error, p->pulses, p->pulses / o->plan.clock);
}

/* One series: all of a point in a row. */
static void print_point(const plan_options *o, const ks_plan_point *p) {
    const double *mu = p->source.mean, *share = p->source.probability;
    if (p->bits > 0.0)
        printf("%7.1f  %11.4e  %11.4e  %6.2f  %6.2f  %6.3f %6.3f  %5.3f %5.3f %5.3f  %5.3f\n", p->km, p->rate,
               p->rate * o->plan.clock, 100 * p->qber, 100 * p->phase_error, mu[0], mu[1], share[0], share[1],
               p->source.intensities == 3 ? share[2] : 0.0, p->key_basis);
    else
        printf("%7.1f  no key\n", p->km);
}

static void print_head(const plan_options *o) {
    char name[64];
    if (ks_cli_json)
        return;
    if (o->series_count == 1) {
        printf(
            "     km   rate/pulse       bit/s   QBER%%  phase%%     mu1    mu2     p1    p2    p3  p_key\n");
        return;
    }
    printf("secret bits a pulse, each at its own best setting\n");
    for (int s = 0; s < o->series_count; s++) {
        ks_plan_series_name(name, &o->series[s]);
        printf("  %c: %s\n", 'A' + s, name);
    }
    printf("     km");
    for (int s = 0; s < o->series_count; s++)
        printf("  %11c", 'A' + s);
    printf("\n");
}

/* A row of the table, or an object for each series. points[s * count]. */
static void print_row(const plan_options *o, const ks_plan_point *points, int count) {
    if (!ks_cli_json && o->series_count > 1)
        printf("%7.1f", points[0].km);
    for (int s = 0; s < o->series_count; s++) {
        const ks_plan_point *p = &points[s * count];
        if (ks_cli_json)
            print_json(o, &o->series[s], p);
        else if (o->series_count == 1)
            print_point(o, p);
        else if (p->bits > 0.0)
            printf("  %11.4e", p->rate);
        else
            printf("  %11s", "-");
    }
    if (!ks_cli_json && o->series_count > 1)
        printf("\n");
    fflush(stdout);
}

static int check(const plan_options *o) {
    const ks_plan *p = &o->plan;
    if (p->receiver.efficiency_mismatch < 0.0 || p->receiver.dark_mismatch < 0.0 || o->random_swap < 0)
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--efficiency-mismatch, --dark-mismatch and --[no-]random-swap have no "
                           "defaults: the length depends on them");
    if (p->decoys != 1 && p->decoys != 2)
        return ks_cli_fail(KS_EXIT_USAGE, "--decoys is 1 or 2");
    if (!(o->step > 0.0 && o->from >= 0.0 && o->to >= o->from && (o->to - o->from) / o->step <= 1000.0))
        return ks_cli_fail(KS_EXIT_USAGE, "--from, --to, --step: rising, at most 1000 points");
    if (!(p->clock > 0.0 && p->epsilon > 1e-30 && p->epsilon < 0.1 && p->secrecy_a_bit >= 0.0 &&
          p->secrecy_a_bit < 1e-6))
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--clock above 0, --epsilon 1e-30 to 0.1, --secrecy-a-bit below 1e-6");
    if (!(p->efficiency > 0.0 && p->efficiency <= 1.0 && p->dark >= 0.0 && p->dark < 0.5 &&
          p->misalignment >= 0.0 && p->misalignment < 0.5 && p->afterpulse >= 0.0 && p->afterpulse < 0.5 &&
          p->correction >= 1.0 && p->attenuation >= 0.0 && p->loss >= 0.0 && p->weakest >= 0.0 &&
          p->weakest < 0.01))
        return ks_cli_fail(KS_EXIT_USAGE, "a parameter of the link is out of its range");
    return KS_EXIT_OK;
}

/* ---- series: every proof at every size */

static int add_series(plan_options *o, const ks_proof *proof, double pulses, double detections) {
    if (o->series_count == KS_PLAN_SERIES)
        return ks_cli_fail(KS_EXIT_USAGE, "more than %d curves", KS_PLAN_SERIES);
    o->series[o->series_count++] = (ks_plan_series){proof, pulses, detections};
    return KS_EXIT_OK;
}

/* The next word of a list; 0 at its end, -1 when it is too long. */
static int next_word(const char **list, char word[40]) {
    const size_t n = strcspn(*list, ",");
    if (n == 0 || n >= 40)
        return n ? -1 : 0;
    memcpy(word, *list, n);
    word[n] = '\0';
    *list += n + (*list + n != strchr(*list, '\0'));
    return 1;
}

static int find_proof(const ks_proof **proof, const char *name, uint64_t decoys) {
    int count;
    const ks_proof *table = ks_proof_table(&count);
    *proof = NULL;
    if (strcmp(name, "keystill") == 0)
        return KS_EXIT_OK;
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0 && table[i].intensities == decoys + 1) {
            *proof = &table[i];
            return KS_EXIT_OK;
        }
    return ks_cli_fail(KS_EXIT_USAGE, "--proofs: '%s' is no proof for %llu decoys (%s)", name,
                       (unsigned long long)decoys,
                       decoys == 1 ? "keystill, rusca2018, wiesemann-v3" : "keystill, lim2014, tupkary2024");
}

static int add_sizes(plan_options *o, const ks_proof *proof, const char *list, int detections) {
    char word[40];
    double size;
    int code = KS_EXIT_OK, more;
    while (code == KS_EXIT_OK && (more = next_word(&list, word)) != 0) {
        if (more < 0 || ks_parse_number(&size, word) || !(size >= 1000.0 && size <= 1e14))
            return ks_cli_fail(KS_EXIT_USAGE,
                               "sizes of blocks are numbers from 1000 to 1e14, separated by commas");
        code = add_series(o, proof, detections ? 0.0 : size, detections ? size : 0.0);
    }
    return code;
}

static int make_series(plan_options *o) {
    const char *list = o->proofs;
    char word[40];
    int more, code = KS_EXIT_OK;
    while (code == KS_EXIT_OK && (more = next_word(&list, word)) != 0) {
        const ks_proof *proof;
        if (more < 0)
            return ks_cli_fail(KS_EXIT_USAGE, "--proofs: a name is too long");
        code = find_proof(&proof, word, o->plan.decoys);
        if (code == KS_EXIT_OK)
            code = add_sizes(o, proof, o->detections ? o->detections : o->blocks, o->detections != NULL);
    }
    if (code == KS_EXIT_OK && o->series_count == 0)
        return ks_cli_fail(KS_EXIT_USAGE, "nothing to plan: --proofs and sizes of blocks are empty");
    return code;
}

static int plot(const plan_options *o, const ks_plan_point *points, int count) {
    ks_cli_output out;
    if (!o->plot)
        return KS_EXIT_OK;
    if (ks_cli_open_output(&out, o->plot) < 0)
        return KS_EXIT_FAILED;
    const int failed = ks_plan_plot(out.fd, o->series, o->series_count, points, count);
    if (failed)
        ks_cli_fail(KS_EXIT_FAILED, "%s: %s", o->plot, strerror(errno));
    return ks_cli_close_output(&out, !failed) || failed ? KS_EXIT_FAILED : KS_EXIT_OK;
}

static int run(plan_options *o) {
    ks_plan_setting setting[KS_PLAN_SERIES];
    const int count = (int)floor((o->to - o->from) / o->step + 1e-9) + 1;
    ks_plan_point *points = calloc((size_t)(count * o->series_count), sizeof *points);
    if (!points)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    o->plan.receiver.dark_probability = o->plan.dark;
    o->plan.receiver.random_swap = o->random_swap;
    for (int s = 0; s < o->series_count; s++)
        setting[s] = (ks_plan_setting){{0.5, 0.12, 0.6, 0.7, 0.9}};
    print_head(o);
    ks_cli_catch_signals();
    int code = KS_EXIT_OK;
    for (int i = 0; i < count && code == KS_EXIT_OK; i++) {
        for (int s = 0; s < o->series_count; s++)
            ks_plan_optimise(&points[s * count + i], &setting[s], &o->plan, &o->series[s],
                             o->from + i * o->step);
        if (ks_cli_interrupted())
            code = KS_EXIT_INTERRUPTED;
        else
            print_row(o, points + i, count);
    }
    if (code == KS_EXIT_OK)
        code = ferror(stdout) ? KS_EXIT_CLOSED : plot(o, points, count);
    free(points);
    return code;
}

int ks_cmd_plan(int argc, char **argv) {
    plan_options o = {.plan = {.attenuation = 0.2,
                               .efficiency = 0.2,
                               .dark = 1e-6,
                               .misalignment = 0.01,
                               .clock = 1e9,
                               .correction = 1.16,
                               .epsilon = 1e-10,
                               .weakest = 2e-4,
                               .decoys = 2,
                               .receiver = {-1.0, -1.0, 0.0, 0}},
                      .to = 150.0,
                      .step = 10.0,
                      .proofs = "keystill",
                      .blocks = "1e10",
                      .random_swap = -1};
    ks_plan *p = &o.plan;
    const ks_option options[] = {
        {"from", 0, KS_OPTION_NUMBER, &o.from, "KM", "first distance (default 0)", NULL},
        {"to", 0, KS_OPTION_NUMBER, &o.to, "KM", "last distance (default 150)", NULL},
        {"step", 0, KS_OPTION_NUMBER, &o.step, "KM", "step (default 10)", NULL},
        {"proofs", 0, KS_OPTION_TEXT, &o.proofs, "NAME,...",
         "compare: keystill lim2014 tupkary2024, with one decoy keystill rusca2018 wiesemann-v3", NULL},
        {"pulses", 'n', KS_OPTION_TEXT, &o.blocks, "N,...",
         "pulses a block, several to compare (default 1e10)", NULL},
        {"sifted", 0, KS_OPTION_TEXT, &o.detections, "N,...",
         "instead: detections a block in the key basis, as papers have it", NULL},
        {"plot", 0, KS_OPTION_TEXT, &o.plot, "FILE.svg", "draw the curves", NULL},
        {"decoys", 0, KS_OPTION_U64, &p->decoys, "N", "decoy intensities, 1 or 2 (default 2)", NULL},
        {"clock", 0, KS_OPTION_NUMBER, &p->clock, "HZ", "pulses a second (default 1e9)", NULL},
        {"attenuation", 0, KS_OPTION_NUMBER, &p->attenuation, "DB", "fibre loss a kilometre (default 0.2)",
         NULL},
        {"loss", 0, KS_OPTION_NUMBER, &p->loss, "DB", "loss besides the fibre (default 0)", NULL},
        {"efficiency", 0, KS_OPTION_NUMBER, &p->efficiency, "E", "detector efficiency (default 0.2)", NULL},
        {"dark", 0, KS_OPTION_NUMBER, &p->dark, "P", "dark counts a gate and detector (default 1e-6)", NULL},
        {"misalignment", 0, KS_OPTION_NUMBER, &p->misalignment, "Q", "error rate of light (default 0.01)",
         NULL},
        {"afterpulse", 0, KS_OPTION_NUMBER, &p->afterpulse, "P", "afterpulses a click (default 0)", NULL},
        {"correction", 0, KS_OPTION_NUMBER, &p->correction, "F", "bits disclosed over n h(Q) (default 1.16)",
         NULL},
        {"epsilon", 0, KS_OPTION_NUMBER, &p->epsilon, "E",
         "security a block: 2 eps_AT + eps_PA (default 1e-10)", NULL},
        {"secrecy-a-bit", 0, KS_OPTION_NUMBER, &p->secrecy_a_bit, "E",
         "published proofs: eps_sec is this times the length, eps_cor is this", NULL},
        {"weakest", 0, KS_OPTION_NUMBER, &p->weakest, "MU", "second decoy (default 2e-4)", NULL},
        {"efficiency-mismatch", 0, KS_OPTION_NUMBER, &p->receiver.efficiency_mismatch, "D",
         "efficiencies known to eta(1 +- D); required", NULL},
        {"dark-mismatch", 0, KS_OPTION_NUMBER, &p->receiver.dark_mismatch, "D",
         "dark counts known to d(1 +- D); required", NULL},
        {"random-swap", 0, KS_OPTION_FLAG, &o.random_swap, NULL,
         "detectors swap roles at random, or --no-random-swap; required", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest, code = ks_cli_parse("plan [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (rest < argc)
        return ks_cli_fail(KS_EXIT_USAGE, "unexpected '%s'", argv[rest]);
    if ((code = check(&o)) || (code = make_series(&o)))
        return code;
    return run(&o);
}
