/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a states object: shared by its sources. */
#ifndef KS_HOST_FORMATS_STATES_OBJECT_H
#define KS_HOST_FORMATS_STATES_OBJECT_H

#include <keystill/states.h>

#include "host/formats/states_image.h"
#include "kernels/kernels.h"

/* States of slots [low, high) can be gathered, those of [high, end) may still come. */
struct ks_states {
    ks_states_image image;
    int has_header;
    uint64_t low, high, end;
    ks_state *pattern; /* one period, one a byte */
    ks_seeded_states generator;
    const uint8_t *packed; /* byte (slot - first) / 2 lies at packed[byte & mask] */
    uint64_t mask;
    void *mapping; /* a file's, or NULL */
    size_t mapping_bytes;
    /* streams */
    int is_stream, ended;
    uint8_t head[KS_STATES_HEADER_MAX];
    size_t head_bytes;     /* of the header, taken so far */
    uint8_t *ring;         /* mask + 1 bytes, a power of two; packed points to it */
    uint64_t window_bytes; /* most that are kept */
    uint64_t bytes_in;     /* states' bytes taken so far */
};

/* An object of a complete image; the source fills in the rest. */
KS_MUST_CHECK ks_status ks_states_create(ks_states **out, const ks_states_image *image);

/* Key and thresholds of a seeded source (docs/states.md). `source` and `test_basis` have been checked. */
void ks_seeded_states_derive(ks_seeded_states *generator, const uint8_t seed[32], const ks_source *source,
                             double test_basis);

#endif
