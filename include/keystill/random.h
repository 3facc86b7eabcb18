/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness enters the library in one place: a callback given by the caller. */
#ifndef KEYSTILL_RANDOM_H
#define KEYSTILL_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `out` with `bytes` uniformly random bytes, unpredictable to anyone else. Called from whatever thread
 * drives the object it was given to; must be safe there. Anything but KS_OK stops the operation that asked.
 */
typedef ks_status (*ks_random_fn)(void *context, uint8_t *out, size_t bytes);

typedef struct ks_random {
    ks_random_fn fill;
    void *context;
    int test_only; /* nonzero: reproducible, for tests and simulation; every report says so */
} ks_random;

/* A generator between a source of entropy and those who need bits (docs/randomness.md): ChaCha20 whose key is
 * replaced after every request and takes 32 fresh bytes of the source before every 1 MiB and every request.
 * Every byte of the source goes through the health tests of SP 800-90B; when one fails, or the source does,
 * the generator gives nothing more, ever: KS_ERR_SECURITY. */
typedef struct ks_drbg ks_drbg;

/* Tests 1024 bytes of the source, which are not used, and seeds itself. The source is asked by one thread at
 * a time. */
KS_API KS_MUST_CHECK ks_status ks_drbg_create(ks_drbg **out, const ks_random *source);
KS_API void ks_drbg_destroy(ks_drbg *drbg); /* wipes; NULL is allowed */

/* The generator as a source for everything else; valid as long as the generator. Thread-safe. After a fork
 * the child seeds anew. Test-only when its source is. */
KS_API ks_random ks_drbg_random(ks_drbg *drbg);

#ifdef __cplusplus
}
#endif
#endif
