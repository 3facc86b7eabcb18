/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of state images (QST1, QSP1, QSS1; docs/states.md): bytes to fields and back. */
#ifndef KS_HOST_FORMATS_STATES_IMAGE_H
#define KS_HOST_FORMATS_STATES_IMAGE_H

#include <stddef.h>
#include <keystill/states.h>

typedef enum ks_states_kind { KS_STATES_PACKED = 0, KS_STATES_PATTERN, KS_STATES_SEEDED } ks_states_kind;

enum { KS_STATES_FIXED_BYTES = 64 };

typedef struct ks_states_image {
    ks_states_kind kind;
    ks_states_header header;
    double test_basis;   /* KS_STATES_SEEDED */
    uint64_t period;     /* KS_STATES_PATTERN */
    size_t header_bytes; /* fixed part and intensity table */
} ks_states_image;

/* Reads the 64 fixed bytes: everything but the intensity table. */
KS_MUST_CHECK ks_status ks_states_image_read_fixed(ks_states_image *image, const uint8_t *bytes);
/* Reads the intensity table, which begins at byte 64; image->header_bytes bytes are there. */
KS_MUST_CHECK ks_status ks_states_image_read_table(ks_states_image *image, const uint8_t *bytes);
/* Both, with a check of `size`. */
KS_MUST_CHECK ks_status ks_states_image_read(ks_states_image *image, const uint8_t *bytes, size_t size);

/* Checks the fields and writes them, image->header_bytes excepted, which it computes into *size. */
KS_MUST_CHECK ks_status ks_states_image_write(uint8_t *out, size_t capacity, size_t *size,
                                              const ks_states_image *image);

/* KS_ERR_ARGUMENT when a field is outside its range. */
KS_MUST_CHECK ks_status ks_states_image_check(const ks_states_image *image);

#endif
