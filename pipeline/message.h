/* SPDX-License-Identifier: Apache-2.0 */
/* Wire forms of the protocol's messages, docs/protocol.md. All integers little-endian. Writers append to a
 * growing buffer; readers are cursors that refuse to go past the end. What has KS_API is exported for
 * libkeystill-host alone. */
#ifndef KS_PIPELINE_MESSAGE_H
#define KS_PIPELINE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/session.h>
#include <keystill/status.h>

enum {
    KS_MESSAGE_MAGIC = 0x314d534b, /* "KSM1" */
    KS_PROTOCOL_VERSION = 1,
    KS_MESSAGE_HEADER = 40,
    KS_MESSAGE_CHUNK = 1 << 18, /* most payload bytes of bulk data in one message */
    KS_MESSAGE_MAX = KS_MESSAGE_HEADER + KS_MESSAGE_CHUNK + 4096, /* nothing longer is accepted */
    KS_SESSION_LEVEL = -1 /* as uint32: block number of messages that belong to no block */
};

typedef enum ks_message_type {
    KS_MSG_HELLO = 1,      /* session */
    KS_MSG_READY = 2,      /* session: epoch is stored durably */
    KS_MSG_DETECTIONS = 3, /* B->A */
    KS_MSG_BASES = 4,      /* B->A */
    KS_MSG_PREPARED = 5,   /* A->B */
    KS_MSG_COUNTS = 6,     /* A->B */
    KS_MSG_PLAN = 7,       /* A->B */
    KS_MSG_SYNDROME = 8,   /* A->B */
    KS_MSG_FLAGS = 9,      /* B->A */
    KS_MSG_EXTRA = 10,     /* A->B */
    KS_MSG_DECODED = 11,   /* B->A */
    KS_MSG_VERIFY = 12,    /* A->B */
    KS_MSG_VERDICT = 13,   /* B->A */
    KS_MSG_AMPLIFY = 14,   /* A->B */
    KS_MSG_SEED = 15,      /* A->B */
    KS_MSG_TAG_B = 16,     /* B->A */
    KS_MSG_TAG_A = 17,     /* A->B */
    KS_MSG_CONFIRM = 18,   /* session, B->A */
    KS_MSG_ABORT = 19,     /* block, either way */
    KS_MSG_SKIP = 20,      /* session, B->A */
    KS_MSG_HOLD = 21,      /* session, A->B */
    KS_MSG_FINISH = 22,    /* session, either way: no further block will begin */
    KS_MSG_CLOSE = 23,     /* session, either way */
    KS_MSG_START = 24      /* session: the tag of the greetings */
} ks_message_type;

const char *ks_message_type_name(unsigned type);

typedef struct ks_header {
    uint8_t type, direction;
    uint64_t session;
    uint32_t epoch, block, sequence, acknowledged, payload;
} ks_header;

void ks_header_encode(uint8_t out[KS_MESSAGE_HEADER], const ks_header *header);
/* Checks magic, version, reserved fields and that the payload length is what follows. KS_ERR_PROTOCOL
 * otherwise. */
ks_status ks_header_decode(ks_header *out, const uint8_t *message, size_t bytes);

/* A growing byte buffer; `failed` is sticky, so a row of puts is checked once. */
typedef struct ks_writer {
    uint8_t *data;
    size_t bytes, capacity;
    int failed;
} ks_writer;

KS_API void ks_put(ks_writer *w, const void *data, size_t bytes);
uint8_t *ks_put_space(ks_writer *w, size_t bytes); /* NULL on failure */
KS_API void ks_put_u8(ks_writer *w, uint8_t v);
void ks_put_u16(ks_writer *w, uint16_t v);
KS_API void ks_put_u32(ks_writer *w, uint32_t v);
void ks_put_u64(ks_writer *w, uint64_t v);
void ks_put_double(ks_writer *w, double v);  /* IEEE 754 binary64 */
KS_API void ks_writer_release(ks_writer *w); /* wipes and frees */

typedef struct ks_cursor {
    const uint8_t *data;
    size_t bytes, at;
    int failed;
} ks_cursor;

KS_API const uint8_t *ks_get(ks_cursor *c, size_t bytes); /* NULL past the end */
KS_API uint8_t ks_get_u8(ks_cursor *c);
uint16_t ks_get_u16(ks_cursor *c);
KS_API uint32_t ks_get_u32(ks_cursor *c);
uint64_t ks_get_u64(ks_cursor *c);
double ks_get_double(ks_cursor *c);
/* KS_ERR_PROTOCOL unless everything was read and nothing is left. */
KS_API ks_status ks_cursor_end(const ks_cursor *c, const char *what);

/* What both ends must agree on, as it stands in HELLO. */
KS_API void ks_put_parameters(ks_writer *w, const ks_link_parameters *p);
KS_API void ks_get_parameters(ks_cursor *c, ks_link_parameters *p);
/* KS_OK, or KS_ERR_PROTOCOL with the first differing field and both values. */
KS_API ks_status ks_parameters_match(const ks_link_parameters *ours, const ks_link_parameters *theirs);

#endif
