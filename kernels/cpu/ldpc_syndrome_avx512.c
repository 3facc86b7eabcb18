/* SPDX-License-Identifier: Apache-2.0 */
#define KS_NAME  ks_ldpc_syndrome_avx512
#define KS_WORDS 8
#include "kernels/cpu/ldpc_syndrome.inc"
