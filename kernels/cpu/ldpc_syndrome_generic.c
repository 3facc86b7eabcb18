/* SPDX-License-Identifier: Apache-2.0 */
#define KS_NAME  ks_ldpc_syndrome_generic
#define KS_WORDS 2
#include "kernels/cpu/ldpc_syndrome.inc"
