/* SPDX-License-Identifier: Apache-2.0 */
#include "ldpc/design/family.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 600, TRACE = 1200, SEEDS = 24 };

static void count_degrees(ks_base_spec *spec, const ks_ensemble *ensemble)
{
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
    unsigned used = 0;
    for (unsigned d = 2; d < KS_ENSEMBLE_DEGREES; d++)
        if (count[d])
            spec->degrees[used++] = (ks_degree_count){(uint16_t)d, count[d]};
}

/* The ensemble as the integers have it. */
static ks_ensemble ensemble_of(const ks_base_spec *spec, unsigned merges)
{
    ks_ensemble e = {.step = spec->step};
    double edges = 0;
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        edges += (double)d->degree * d->count;
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        e.lambda[d->degree] = d->degree * d->count / edges;
    e.rows = (double)spec->rows / spec->columns;
    e.merges = (double)merges / spec->columns;
    return e;
}

static ks_base_level level_of(const ks_ensemble_pass *pass)
{
    ks_base_level level = {.error = (uint32_t)lround(pass->error * 0x1p32)};
    for (int k = 0; k < 2; k++)
        for (int m = 1; m <= KS_DENSITY_INDEX; m++)
            level.rise[k] |= (uint64_t)(pass->map[k][m] > pass->map[k][m - 1]) << m;
    return level;
}

static double unsatisfied(const ks_ensemble *e, double error)
{
    double degree = ks_ensemble_row_degree(e), single = (1 - pow(1 - 2 * error, degree)) / 2;
    return single + e->merges / ks_ensemble_leak(e) * ((1 - pow(1 - 2 * error, 2 * degree)) / 2 - single);
}

/* Levels apart by 1/44 of u, or by a factor 1.6 near the end. */
static void choose_levels(ks_base_spec *spec)
{
    static ks_ensemble_pass passes[TRACE];
    ks_ensemble e = ensemble_of(spec, spec->pairs / 2);
    int n = ks_ensemble_trace(passes, TRACE, &e, 0.99 * spec->threshold[2]);
    double last = 1;
    for (int i = 0; i < n && spec->levels < KS_BASE_LEVELS_MAX; i++) {
        double u = unsatisfied(&e, passes[i].error);
        if (i > 0 && last - u < 1. / 44 && last < 1.6 * u)
            continue;
        spec->level[spec->levels++] = level_of(&passes[i]);
        last = u;
    }
}

/* The seed of least flaws among SEEDS. */
static ks_status choose_seed(ks_base_spec *spec, ks_base_flaws *flaws)
{
    uint64_t first = spec->seed;
    uint32_t best = UINT32_MAX;
    for (uint64_t seed = first; seed < first + SEEDS; seed++) {
        ks_base_spec trial = *spec;
        ks_base_graph graph;
        ks_base_flaws f;
        trial.seed = seed;
        ks_status status = ks_base_grow(&graph, &f, &trial);
        if (status != KS_OK)
            return status;
        uint32_t cost = f.double_loops * 100000 + f.short_cycles * 1000 + f.merged_double_loops * 30 + f.merged_short_cycles;
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

ks_status ks_family_design(ks_base_spec *spec, ks_base_flaws *flaws, const ks_ensemble *ensemble, double spread)
{
    spec->rows = (uint16_t)lround(ensemble->rows * spec->columns);
    spec->pairs = (uint16_t)lround(spec->rows * spread);
    spec->step = ensemble->step;
    count_degrees(spec, ensemble);
    for (unsigned i = 0; i < KS_BASE_MARKS; i++) {
        ks_ensemble e = ensemble_of(spec, spec->pairs * i / (KS_BASE_MARKS - 1));
        spec->threshold[i] = ks_ensemble_threshold(&e, PASSES, 1e-4, 0.2);
    }
    choose_levels(spec);
    return choose_seed(spec, flaws);
}

void ks_family_print(FILE *to, const ks_base_spec *spec, const ks_base_flaws *flaws)
{
    fprintf(to, "    /* %u 4-cycles, %u when all pairs are merged; %u and %u loops of degree-2 columns */\n", flaws->short_cycles,
            flaws->merged_short_cycles, flaws->double_loops, flaws->merged_double_loops);
    fprintf(to, "    {\"%s\", %u, %u, %u, %" PRIu64 ", UINT64_C(0x%016" PRIX64 "), %g,\n     {", spec->name, spec->columns,
            spec->rows, spec->pairs, spec->seed, spec->digest, spec->step);
    for (int i = 0; i < KS_BASE_MARKS; i++)
        fprintf(to, "%s%.5f", i ? ", " : "", spec->threshold[i]);
    fprintf(to, "},\n     {");
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        fprintf(to, "%s{%u, %u}", d == spec->degrees ? "" : ", ", d->degree, d->count);
    fprintf(to, "},\n     %u,\n     {", spec->levels);
    for (unsigned l = 0; l < spec->levels; l++)
        fprintf(to, "%s{%" PRIu32 ", {UINT64_C(0x%" PRIX64 "), UINT64_C(0x%" PRIX64 ")}}", l ? ",\n      " : "",
                spec->level[l].error, spec->level[l].rise[0], spec->level[l].rise[1]);
    fprintf(to, "}},\n");
}
