/* SPDX-License-Identifier: Apache-2.0 */
#define KS_NAME ks_ldpc_decode_sparse_avx2
#include "kernels/cpu/ldpc_decode_sparse.inc"
