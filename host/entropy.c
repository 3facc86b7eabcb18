/* SPDX-License-Identifier: Apache-2.0 */
#include <keystill/entropy.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "pipeline/status.h"

/* ---- the system's generator, behind our own with its health tests: one for the process */

static ks_status ask_kernel(void *context, uint8_t *out, size_t bytes) {
    (void)context;
    while (bytes) {
        ssize_t got = getrandom(out, bytes < (1u << 20) ? bytes : 1u << 20, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ks_fail(KS_ERR_IO, "getrandom: %s", strerror(errno));
        out += got;
        bytes -= (size_t)got;
    }
    return KS_OK;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static ks_drbg *process_wide;

static ks_status get_generator(ks_drbg **out) {
    const ks_random kernel = {.fill = ask_kernel};
    (void)pthread_mutex_lock(&mutex);
    ks_status status = process_wide ? KS_OK : ks_drbg_create(&process_wide, &kernel);
    *out = process_wide;
    (void)pthread_mutex_unlock(&mutex);
    return status;
}

static ks_status fill_system(void *context, uint8_t *out, size_t bytes) {
    ks_drbg *drbg;
    (void)context;
    KS_TRY(get_generator(&drbg));
    const ks_random random = ks_drbg_random(drbg);
    return random.fill(random.context, out, bytes);
}

ks_random ks_random_system(void) {
    return (ks_random){.fill = fill_system};
}

/* ---- SplitMix64: good statistics, no secrecy */

static ks_status fill_seeded(void *context, uint8_t *out, size_t bytes) {
    uint64_t *state = context;
    while (bytes) {
        uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
        z ^= z >> 31;
        size_t n = bytes < sizeof z ? bytes : sizeof z;
        memcpy(out, &z, n);
        out += n;
        bytes -= n;
    }
    return KS_OK;
}

ks_random ks_random_seeded(uint64_t *state) {
    return (ks_random){.fill = fill_seeded, .context = state, .test_only = 1};
}
