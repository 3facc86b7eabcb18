/* SPDX-License-Identifier: Apache-2.0 */
/* From a degree distribution to a row of the family's table. */
#ifndef KS_LDPC_DESIGN_FAMILY_H
#define KS_LDPC_DESIGN_FAMILY_H

#include <stdio.h>

#include "ldpc/base.h"
#include "ldpc/design/ensemble.h"

/* spec: name, columns and first seed are given, the rest is filled. Pairs: `spread` of the rows. */
KS_MUST_CHECK ks_status ks_family_design(ks_base_spec *spec, ks_base_flaws *flaws,
                                         const ks_ensemble *ensemble, double spread);
/* As an initialiser in C. */
void ks_family_print(FILE *to, const ks_base_spec *spec, const ks_base_flaws *flaws);

#endif
