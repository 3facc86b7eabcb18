/* SPDX-License-Identifier: Apache-2.0 */
/* toeplitz_prepare and toeplitz_apply: byte-sliced additive FFT with GF2P8MULB. docs/amplification.md. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_BYTES 64
#define INLINE       static inline __attribute__((always_inline))
#define UNROLL       _Pragma("GCC unroll 16")
#define OUTER        INLINE
#define UNROLL_OUTER UNROLL
#include "kernels/cpu/toeplitz_bytes.inc"
#include "kernels/cpu/toeplitz_transform.inc"

ks_k_toeplitz_apply_fn ks_toeplitz_apply_avx512icl;
ks_k_toeplitz_prepare_fn ks_toeplitz_prepare_avx512icl;

void ks_toeplitz_prepare_avx512icl(const ks_toeplitz_shape *shape, void *prepared, void *work,
                                   const uint64_t *seed, const ks_workers *workers) {
    prepare(shape, prepared, work, seed, workers);
}

void ks_toeplitz_apply_avx512icl(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                                 const void *prepared, void *work, const ks_workers *workers) {
    apply(shape, out, key, prepared, work, workers);
}
