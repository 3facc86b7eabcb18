/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them: decimal, 0x..., 2.5e9, with k M G T (powers of 1000) or Ki Mi Gi Ti behind.
 */
#ifndef KS_HOST_CLI_VALUES_H
#define KS_HOST_CLI_VALUES_H

#include <stdint.h>

/* 0; or -1 for text that is no number, a fraction (u64), or a number out of range. *out is written on success
 * only. */
int ks_parse_u64(uint64_t *out, const char *text);
int ks_parse_number(double *out, const char *text);
/* on off, yes no, true false, 1 0. */
int ks_parse_flag(int *out, const char *text);

#endif
