/* SPDX-License-Identifier: Apache-2.0 */
/* Health tests of a source of random bytes: NIST SP 800-90B, 4.4.1 (repetition count) and 4.4.2 (adaptive
 * proportion). They find a source that is stuck or grossly biased, not one that an adversary knows. */
#ifndef KS_PIPELINE_HEALTH_H
#define KS_PIPELINE_HEALTH_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

/* Cutoffs for a claim of 4 bits of min-entropy a byte, half of what the source promises, and a false alarm
 * with probability 2^-40 at exactly that entropy; a good source raises one with probability below 2^-80 a
 * byte. */
enum {
    KS_HEALTH_REPETITIONS = 11, /* 1 + ceil(40 / 4) */
    KS_HEALTH_WINDOW = 512,
    KS_HEALTH_PROPORTION = 78, /* 1 + the smallest c with Pr[Bin(512, 2^-4) > c] <= 2^-40 */
    KS_HEALTH_START = 1024     /* bytes to be tested before the first use */
};

typedef struct ks_health {
    uint64_t bytes;        /* tested so far */
    uint32_t repetitions;  /* of `last`, in a row */
    uint32_t seen, window; /* of `first` in the window; bytes of it so far */
    uint8_t last, first;
} ks_health;

/* A zeroed ks_health is a new one. KS_ERR_SECURITY when a test fails. */
KS_MUST_CHECK ks_status ks_health_test(ks_health *health, const uint8_t *bytes, size_t n);

#endif
