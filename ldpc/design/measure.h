/* SPDX-License-Identifier: Apache-2.0 */
/* Where the codes of the family begin to fail in practice. */
#ifndef KS_LDPC_DESIGN_MEASURE_H
#define KS_LDPC_DESIGN_MEASURE_H

#include <stdio.h>
#include <keystill/status.h>

/* Writes ldpc/measured.c for the family that this program was linked with. */
KS_MUST_CHECK ks_status ks_measure_family(FILE *to);

#endif
