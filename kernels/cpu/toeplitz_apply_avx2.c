/* SPDX-License-Identifier: Apache-2.0 */
/* toeplitz_prepare and toeplitz_apply: bit-sliced additive FFT. docs/amplification.md. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BIT_SLICED   1
#define VECTOR_BYTES 32
#define INLINE       static inline __attribute__((always_inline))
#define UNROLL       _Pragma("GCC unroll 16")
#define OUTER        static __attribute__((noinline))
#define UNROLL_OUTER
#include "kernels/cpu/toeplitz_planes.inc"
#include "kernels/cpu/toeplitz_transform.inc"

ks_k_toeplitz_apply_fn ks_toeplitz_apply_avx2;
ks_k_toeplitz_prepare_fn ks_toeplitz_prepare_avx2;

void ks_toeplitz_prepare_avx2(const ks_toeplitz_shape *shape, void *prepared, void *work,
                              const uint64_t *seed, const ks_workers *workers) {
    prepare(shape, prepared, work, seed, workers);
}

void ks_toeplitz_apply_avx2(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                            const void *prepared, void *work, const ks_workers *workers) {
    apply(shape, out, key, prepared, work, workers);
}
