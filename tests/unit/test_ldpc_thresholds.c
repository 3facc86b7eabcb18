/* SPDX-License-Identifier: Apache-2.0 */
/* The thresholds that the family's table records, against density evolution and against what was measured.
 * KS_LONG=1: every base at every mark. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "ldpc/base.h"
#include "ldpc/design/ensemble.h"

enum { PASSES = 600 };

/* Degrees as the table has them; the whole rows of a light base are pairs that are never split. */
static double threshold_of(const ks_base_spec *spec, unsigned merges) {
    const double edges = ks_base_edges(spec), columns = spec->columns;
    const unsigned whole = spec->light ? spec->rows - 2u * spec->pairs : 0;
    ks_ensemble e = {.rows = (spec->rows + whole) / columns,
                     .merges = (merges + whole) / columns,
                     .whole = whole / columns,
                     .step = spec->step};
    for (const ks_degree_count *d = spec->degrees; d->count; d++)
        e.lambda[d->degree] = d->degree * d->count / edges;
    return ks_ensemble_threshold(&e, PASSES);
}

Test(ldpc_thresholds, are_those_of_density_evolution) {
    const int all = getenv("KS_LONG") != NULL;
    for (unsigned b = 0; b < ks_family_count; b += all ? 1 : 40)
        for (unsigned mark = all ? 0 : 2; mark < (all ? KS_BASE_MARKS : 3u); mark++) {
            const ks_base_spec *spec = &ks_family[b];
            double again = threshold_of(spec, spec->pairs * mark / (KS_BASE_MARKS - 1));
            cr_expect_float_eq(again, spec->threshold[mark], 6e-6, "base %s mark %u: %.5f, recorded %.5f",
                               spec->name, mark, again, spec->threshold[mark]);
        }
}

/* Frames of 2^18 bits reach the threshold of n without end but for a few per cent, and no further. At the
 * last mark a base may fall behind: it is not picked there. */
Test(ldpc_thresholds, are_what_was_measured) {
    for (unsigned b = 0; b < ks_family_count; b++)
        for (unsigned mark = 0; mark + 1 < KS_BASE_MARKS; mark++) {
            const double threshold = ks_family[b].threshold[mark], fast = ks_measured[b].fast[mark];
            const double least =
                ks_family[b].columns == 256 ? 0.85 : 0.93; /* few columns: many short cycles */
            cr_expect(fast > least * threshold && fast < 1.07 * threshold,
                      "base %s mark %u: %.5f, threshold %.5f", ks_family[b].name, mark, fast, threshold);
            cr_expect_gt(ks_measured[b].exact[mark], 0.97 * fast, "base %s mark %u", ks_family[b].name, mark);
        }
}
