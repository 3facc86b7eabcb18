/* SPDX-License-Identifier: Apache-2.0 */
/* The transcript of a block in canonical order: header, all messages Alice -> Bob, all messages Bob -> Alice,
 * each message padded with zeros to 16 bytes. The two directions arrive interleaved; two running hashes are
 * combined at the end. Tags of the two directions use separate hash keys, so each stream is hashed under
 * both. */
#ifndef KS_PIPELINE_TRANSCRIPT_H
#define KS_PIPELINE_TRANSCRIPT_H

#include <keystill/pool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/authenticate.h"

typedef struct ks_transcript {
    ks_hash stream[2][2]; /* [tag direction][stream direction]; the header begins the stream Alice -> Bob */
} ks_transcript;

/* `keys`: hash key of each tag direction. */
void ks_transcript_init(ks_transcript *t, const uint8_t *const keys[2], const uint8_t *header, size_t bytes);
void ks_transcript_add(ks_transcript *t, ks_direction stream, const uint8_t *data, size_t bytes);
/* Wegman-Carter tag of everything added so far, under the hash key of `direction` and a one-time pad. */
void ks_transcript_tag(const ks_transcript *t, ks_direction direction, const uint8_t pad[KS_PAD_BYTES],
                       uint8_t tag[16]);
/* Blocks of 16 bytes a tag covers, the length block included. */
uint64_t ks_transcript_blocks(const ks_transcript *t);
void ks_transcript_wipe(ks_transcript *t);

#endif
