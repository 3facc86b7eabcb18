/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/family.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAST_LEVEL 0.004
#define MOST_TWOS  0.9

enum { PASSES = 600, TRACE = 1200, SEEDS = 12 };

static void count_degrees(ks_base_spec *spec, const ks_ensemble *ensemble) {
    double mean = ks_ensemble_column_degree(ensemble), rest[KS_ENSEMBLE_DEGREES] = {0};
    uint16_t count[KS_ENSEMBLE_DEGREES] = {0};
    unsigned placed = 0, limit = spec->rows - spec->pairs;
    for (unsigned d = 2; d < KS_ENSEMBLE_DEGREES; d++) {
        double share = ensemble->lambda[d] / d * mean * spec->columns;
        unsigned to = d < limit ? d : limit;
        count[to] = (uint16_t)(count[to] + (unsigned)share);
        placed += (unsigned)share;
        rest[to] += share - floor(share);
    }
    for (; placed < spec->columns; placed++) {
        unsigned most = 2;
        for (unsigned d = 2; d < KS_ENSEMBLE_DEGREES; d++)
            if (rest[d] > rest[most])
                most = d;
        count[most]++;
        rest[most] -= 1;
    }
    /* Degree-2 columns must fit into a forest over the rows. */
    uint16_t most_twos = (uint16_t)(MOST_TWOS * spec->rows);
    if (count[2] > most_twos) {
        count[3] = (uint16_t)(count[3] + count[2] - most_twos);
        count[2] = most_twos;
    }
    unsigned used = 0;
    for (unsigned d = 2; d < KS_ENSEMBLE_DEGREES; d++)
        if (count[d])
            spec->degrees[used++] = (ks_degree_count){(uint16_t)d, count[d]};
}

/* The ensemble as the integers have it. */
static ks_ensemble ensemble_of(const ks_base_spec *spec, unsigned merges) {
    ks_ensemble e = {.step = spec->step};
    double edges = 0;
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        edges += (double)d->degree * d->count;
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        e.lambda[d->degree] = d->degree * d->count / edges;
    /* A light base's other rows count as pairs that are always merged. */
    double whole = spec->light ? spec->rows - 2.0 * spec->pairs : 0;
    e.rows = (spec->rows + whole) / spec->columns;
    e.merges = (merges + whole) / spec->columns;
    e.whole = whole / spec->columns;
    return e;
}

/* One table for a run of passes: what their messages are worth taken together. */
static ks_base_level level_of(const ks_ensemble_pass *passes, int count, double step) {
    ks_base_level level = {.error = (uint32_t)lround(passes->error * 0x1p32)};
    for (int k = 0; k < 2; k++) {
        ks_check_density sum = passes->check[k];
        int map[KS_DENSITY_INDEX + 1];
        for (int i = 1; i < count; i++)
            for (int m = 0; m <= KS_DENSITY_INDEX; m++) {
                sum.right[m] += passes[i].check[k].right[m];
                sum.wrong[m] += passes[i].check[k].wrong[m];
            }
        ks_density_own_map(map, &sum, step);
        for (int m = 0; m <= KS_DENSITY_INDEX; m++)
            level.table[k][m] = (char)(KS_BASE_ZERO + map[m]);
    }
    return level;
}

static double unsatisfied(const ks_ensemble *e, double error) {
    double degree = ks_ensemble_row_degree(e), single = (1 - pow(1 - 2 * error, degree)) / 2;
    return single + e->merges / ks_ensemble_leak(e) * ((1 - pow(1 - 2 * error, 2 * degree)) / 2 - single);
}

/* Levels apart by 1/44 of u, or by a factor 1.6 near the end. The very first pass has one magnitude only,
 * which says nothing of others: it shares the table of the passes after it. Nor does the end, where all
 * messages are large: the decoder, which halves its messages there, keeps the table of u = LAST_LEVEL. */
static void choose_levels(ks_base_spec *spec) {
    static ks_ensemble_pass passes[TRACE];
    ks_ensemble e = ensemble_of(spec, spec->pairs / 2);
    int n = ks_ensemble_trace(passes, TRACE, &e, 0.99 * spec->threshold[2]);
    for (int from = 1, to; from < n && spec->levels < KS_BASE_LEVELS_MAX; from = to) {
        double u = unsatisfied(&e, passes[from].error);
        if (u < LAST_LEVEL)
            break;
        for (to = from + 1; to < n; to++) {
            double v = unsatisfied(&e, passes[to].error);
            if (u - v >= 1. / 44 || u >= 1.6 * v)
                break;
        }
        spec->level[spec->levels++] = level_of(passes + from, to - from, spec->step);
    }
}

/* The seed of least flaws among SEEDS. */
static ks_status choose_seed(ks_base_spec *spec, ks_base_flaws *flaws) {
    uint64_t first = spec->seed;
    uint32_t best = UINT32_MAX;
    for (uint64_t seed = first; seed < first + SEEDS; seed++) {
        ks_base_spec trial = *spec;
        ks_base_graph graph;
        ks_base_flaws f;
        trial.seed = seed;
        ks_status status = ks_base_grow(&graph, &f, &trial, NULL);
        if (status != KS_OK)
            return status;
        uint32_t cost = f.double_loops * 100000 + f.short_cycles * 1000 + f.merged_double_loops * 30 +
                        f.merged_short_cycles;
        if (cost < best) {
            best = cost;
            spec->seed = seed;
            spec->digest = ks_base_digest(&graph, spec);
            *flaws = f;
        }
        ks_base_graph_free(&graph);
    }
    return KS_OK;
}

ks_status ks_family_design(ks_base_spec *spec, ks_base_flaws *flaws, const ks_ensemble *ensemble,
                           double spread) {
    spec->light = ensemble->whole > 0;
    spec->rows = (uint16_t)lround((ensemble->rows - ensemble->whole) * spec->columns);
    spec->pairs = (uint16_t)lround(spec->rows * spread);
    spec->step = ensemble->step;
    count_degrees(spec, ensemble);
    for (unsigned i = 0; i < KS_BASE_MARKS; i++) {
        ks_ensemble e = ensemble_of(spec, spec->pairs * i / (KS_BASE_MARKS - 1));
        spec->threshold[i] = ks_ensemble_threshold(&e, PASSES);
    }
    choose_levels(spec);
    return choose_seed(spec, flaws);
}

void ks_family_print(FILE *to, const ks_base_spec *spec, const ks_base_flaws *flaws) {
    fprintf(to, "    /* %u 4-cycles, %u when all pairs are merged; %u and %u loops of degree-2 columns */\n",
            flaws->short_cycles, flaws->merged_short_cycles, flaws->double_loops, flaws->merged_double_loops);
    fprintf(to, "    {\"%s\", %u, %u, %u, %" PRIu64 ", UINT64_C(0x%016" PRIX64 "), %g,\n     {", spec->name,
            spec->columns, spec->rows, spec->pairs, spec->seed, spec->digest, spec->step);
    for (int i = 0; i < KS_BASE_MARKS; i++)
        fprintf(to, "%s%.5f", i ? ", " : "", spec->threshold[i]);
    fprintf(to, "},\n     {");
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        fprintf(to, "%s{%u, %u}", d == spec->degrees ? "" : ", ", d->degree, d->count);
    fprintf(to, "},\n     %u,\n     {", spec->levels);
    for (unsigned l = 0; l < spec->levels; l++)
        fprintf(to, "%s{%" PRIu32 ",\n       {\"%.64s\",\n        \"%.64s\"}}", l ? ",\n      " : "",
                spec->level[l].error, spec->level[l].table[0], spec->level[l].table[1]);
    fprintf(to, "}, %u},\n", spec->light);
}
