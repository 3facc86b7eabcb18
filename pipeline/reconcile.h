/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a block's reconciliation: how the sifted key is cut into frames, which rates they have, what
 * was disclosed and what is charged (docs/security.md, leakage classes). Both ends keep it and must arrive at
 * the same numbers. */
#ifndef KS_PIPELINE_RECONCILE_H
#define KS_PIPELINE_RECONCILE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/code.h>
#include <keystill/session.h>
#include <keystill/status.h>

typedef enum ks_frame_state {
    KS_FRAME_PENDING, /* not decoded yet */
    KS_FRAME_FAILED,  /* this round */
    KS_FRAME_DONE,
    KS_FRAME_DROPPED /* published */
} ks_frame_state;

typedef struct ks_frame {
    uint64_t offset;     /* first bit in the sifted key; a multiple of 64 */
    uint32_t real_bits;  /* key bits; the rest of the 2^log2n is known zeros */
    uint32_t coded_bits; /* of an imported code: what decoding takes for received; 0: the frame is its own
                            syndrome */
    uint8_t log2n;
    uint8_t state;
    uint8_t reported; /* Bob: Alice knows that it is done */
    uint16_t rate;
    uint8_t namings;               /* how often its least reliable bits were named */
    uint8_t named;                 /* Bob: they are, and Alice has not answered */
    uint32_t *positions;           /* Alice: what he named, until she answers; NULL: nothing */
    struct ks_ldpc_memory *memory; /* Bob, failed frames: where the decoder stopped, or NULL */
    size_t words_at;               /* where its syndrome begins among those of all frames, in words */
} ks_frame;

typedef struct ks_reconciliation {
    const ks_code *code; /* NULL: the family */
    ks_frame *frames;
    uint32_t count, round;
    uint32_t pending;      /* frames neither done nor dropped */
    uint64_t padded_bits;  /* frame space of the whole key */
    uint64_t first_bits;   /* syndromes of the first round and one flag a frame: the smallest class */
    uint64_t class_step;   /* bits between classes */
    uint64_t flag_bits;    /* flags sent so far */
    uint64_t named_bits;   /* positions named so far, and the bits there */
    uint64_t dropped_bits; /* lengths of dropped frames */
    uint64_t iterations;
    size_t words; /* room for the largest syndromes of all frames */
} ks_reconciliation;

enum {
    KS_CLASS_BITS = 5,
    KS_MAX_ROUNDS = 64,
    KS_NAMINGS_MAX = 8,       /* of one frame */
    KS_KEPT_BYTES = 64 << 20, /* of decoders, a session */
    /* Columns of an imported code: as many frames as a block may have fit into the messages, and so does a
       frame. */
    KS_CODE_COLUMNS_MIN = 1 << 10,
    KS_CODE_COLUMNS_MAX = 1 << 20
};

/* Cuts `key_bits` into frames of 2^log2n bits and smaller ones for the rest; a function of its arguments
 * alone. */
ks_status ks_reconciliation_layout(ks_reconciliation *r, uint64_t key_bits, unsigned log2n);
/* The same for frames of an imported code, which are of one length (so that they are decoded side by side), a
 * multiple of 64 bits and at most the code's columns; the others are known zeros. The last frame is filled up
 * with zeros, which decoding takes for received ones. What is left behind whole frames, when it is no longer
 * than a syndrome, goes in place of its syndrome. */
ks_status ks_reconciliation_layout_code(ks_reconciliation *r, uint64_t key_bits, const ks_code *code);
/* KS_ERR_LIMIT: whatever the code, so short a syndrome cannot correct so high an error rate (Slepian, Wolf: n
 * h(q) bits at least). */
ks_status ks_reconciliation_check_code(const ks_reconciliation *r, double qber);
/* What a frame's task says of its code. */
ks_frame_task ks_reconciliation_task(const ks_reconciliation *r, const ks_frame *f);
/* Bits and bytes of the syndrome that is sent first for a frame; the tail of the last byte is zero. */
uint64_t ks_reconciliation_syndrome_bits(const ks_reconciliation *r, const ks_frame *f);
size_t ks_reconciliation_syndrome_bytes(const ks_reconciliation *r, const ks_frame *f);
/* Alice: chooses the rate of every frame for an expected error rate. */
ks_status ks_reconciliation_rates(ks_reconciliation *r, double qber, ks_effort effort);
/* Fixes the classes and the room for syndromes from the rates of the first round; before any syndrome is
 * sent. */
void ks_reconciliation_fix_classes(ks_reconciliation *r);
/* Bits disclosed so far: syndromes of frames that are not dropped; flags, named positions and the bits there
 * of all frames: they are not known from the frame that is published. */
uint64_t ks_reconciliation_disclosed(const ks_reconciliation *r);
/* What the largest class holds: nobody may disclose more. */
uint64_t ks_reconciliation_largest(const ks_reconciliation *r);
/* What the key length is charged: the smallest class that holds the disclosed bits, and the bits that name
 * the class. Dropped frames are charged apart, with their length. */
uint64_t ks_reconciliation_charge(const ks_reconciliation *r);
/* Alice: the rate to which a failed frame goes next, within the largest class; frames granted before are
 * counted by their rates. KS_ERR_LIMIT: the frame is to be dropped. */
ks_status ks_reconciliation_next(const ks_reconciliation *r, const ks_frame *f, uint16_t *rate);
/* 1 when all syndrome of a frame of the family is known to Bob. */
int ks_reconciliation_is_exhausted(const ks_reconciliation *r, const ks_frame *f);
/* 1 when the least reliable bits of a failed frame may be named: it is exhausted and no mere rest of a frame,
 * its namings are not used up, and the largest class has room for the positions, the bits and two more
 * rounds. Then ks_reconciliation_name counts them, answer included. */
int ks_reconciliation_may_name(const ks_reconciliation *r, const ks_frame *f);
void ks_reconciliation_name(ks_reconciliation *r, ks_frame *f);
void ks_reconciliation_release(ks_reconciliation *r);

#endif
