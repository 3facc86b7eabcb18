/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/transcript.h"

#include <keystill/secret.h>

static void absorb(ks_hash *hash, const uint8_t *data, size_t bytes) {
    ks_hash_update(hash, data, bytes);
    ks_hash_pad(hash);
}

void ks_transcript_init(ks_transcript *t, const uint8_t *const keys[2], const uint8_t *header, size_t bytes) {
    for (int tag = 0; tag < 2; tag++) {
        ks_hash_init(&t->stream[tag][KS_ALICE_TO_BOB], keys[tag]);
        ks_hash_init(&t->stream[tag][KS_BOB_TO_ALICE], keys[tag]);
        absorb(&t->stream[tag][KS_ALICE_TO_BOB], header, bytes);
    }
}

void ks_transcript_add(ks_transcript *t, ks_direction stream, const uint8_t *data, size_t bytes) {
    for (int tag = 0; tag < 2; tag++)
        absorb(&t->stream[tag][stream], data, bytes);
}

void ks_transcript_tag(const ks_transcript *t, ks_direction direction, const uint8_t pad[KS_PAD_BYTES],
                       uint8_t tag[16]) {
    uint8_t hash[16];
    ks_hash_pair(hash, &t->stream[direction][KS_ALICE_TO_BOB], &t->stream[direction][KS_BOB_TO_ALICE]);
    ks_tag_seal(tag, hash, pad);
    ks_wipe(hash, sizeof hash);
}

uint64_t ks_transcript_blocks(const ks_transcript *t) {
    return ks_hash_blocks(&t->stream[0][KS_ALICE_TO_BOB]) + ks_hash_blocks(&t->stream[0][KS_BOB_TO_ALICE]) +
           1;
}

void ks_transcript_wipe(ks_transcript *t) {
    ks_wipe(t, sizeof *t);
}
