/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that holds key bits. */
#ifndef KEYSTILL_SECRET_H
#define KEYSTILL_SECRET_H

#include <stddef.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ks_secret_kind {
    KS_SECRET_STRICT, /* pool, ring and hash keys: locked in memory, or KS_ERR_MEMORY */
    KS_SECRET_BLOCK,  /* block buffers: locked where limits permit, else only kept out of dumps */
    KS_SECRET_PROCESS /* strict, and zeros in a child of fork: state that two processes must not share */
} ks_secret_kind;

/* Zeroed memory, 64-byte aligned, excluded from core dumps; bytes > 0. Free with ks_secret_free. */
KS_API KS_MUST_CHECK ks_status ks_secret_alloc(void **out, size_t bytes, ks_secret_kind kind);

/* Wipes and frees; NULL is allowed. */
KS_API void ks_secret_free(void *memory);

/* Overwrites with zeros in a way no compiler removes. */
KS_API void ks_wipe(void *memory, size_t bytes);

/* Overwrites the part of the calling thread's stack that functions called before have used, as far as 16 KiB:
 * what the compiler kept there of their secrets. */
KS_API void ks_wipe_stack(void);

/* 1 when equal, 0 otherwise; time depends on `bytes` only. */
KS_API int ks_equal(const void *a, const void *b, size_t bytes);

/* Number of KS_SECRET_BLOCK allocations of this process that could not be locked: nonzero deserves a warning.
 */
KS_API size_t ks_secret_unlocked(void);

#ifdef __cplusplus
}
#endif
#endif
