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

/* Fills `out` with `bytes` uniformly random bytes, unpredictable to anyone else. Called from whatever thread drives the
 * object it was given to; must be safe there. Anything but KS_OK stops the operation that asked. */
typedef ks_status (*ks_random_fn)(void *context, uint8_t *out, size_t bytes);

typedef struct ks_random {
    ks_random_fn fill;
    void *context;
    int test_only; /* nonzero: reproducible, for tests and simulation; every report says so */
} ks_random;

#ifdef __cplusplus
}
#endif
#endif
