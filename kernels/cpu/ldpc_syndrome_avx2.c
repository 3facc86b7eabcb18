/* SPDX-License-Identifier: Apache-2.0 */
#define KS_NAME  ks_ldpc_syndrome_avx2
#define KS_WORDS 4
#include "kernels/cpu/ldpc_syndrome.inc"
