/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of randomness. Part of libkeystill-host. */
#ifndef KEYSTILL_ENTROPY_H
#define KEYSTILL_ENTROPY_H

#include <stdint.h>
#include <keystill/random.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The generator of this process: getrandom behind ks_drbg, with its health tests. Thread-safe; made at the
 * first use, whose failure (KS_ERR_MEMORY: no locked memory; KS_ERR_SECURITY: unhealthy) the fill returns. */
KS_API ks_random ks_random_system(void);

/* Reproducible bits for tests and simulation only; `state` is the seed, advanced by use; one thread at a
 * time. */
KS_API ks_random ks_random_seeded(uint64_t *state);

#ifdef __cplusplus
}
#endif
#endif
