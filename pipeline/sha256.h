/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for the chain of the audit log. Plain C: a record is a few hundred bytes. */
#ifndef KS_PIPELINE_SHA256_H
#define KS_PIPELINE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { KS_SHA256_BYTES = 32 };

typedef struct ks_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} ks_sha256;

void ks_sha256_init(ks_sha256 *sha);
void ks_sha256_update(ks_sha256 *sha, const void *data, size_t bytes);
void ks_sha256_final(ks_sha256 *sha, uint8_t out[KS_SHA256_BYTES]);

#endif
