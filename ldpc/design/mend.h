/* SPDX-License-Identifier: Apache-2.0 */
/* Changes shifts of a graph until it has no codeword of low weight. */
#ifndef KS_LDPC_DESIGN_MEND_H
#define KS_LDPC_DESIGN_MEND_H

#include <stdint.h>
#include <stdio.h>
#include <keystill/status.h>

/* Writes ldpc/mended.c for the family that this program was linked with. Bases mended before, grown as they
 * are now, keep their row; to others go so many steps each. */
KS_MUST_CHECK ks_status ks_mend_family(FILE *to, uint64_t steps);

#endif
