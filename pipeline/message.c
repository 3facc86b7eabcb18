/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/message.h"

#include <stdlib.h>
#include <string.h>

#include <keystill/secret.h>

#include "pipeline/status.h"

const char *ks_message_type_name(unsigned type) {
    static const char *const names[] = {
        "nothing", "HELLO", "READY",   "DETECTIONS", "BASES",   "PREPARED", "COUNTS", "PLAN",  "SYNDROME",
        "FLAGS",   "EXTRA", "DECODED", "VERIFY",     "VERDICT", "AMPLIFY",  "SEED",   "TAG_B", "TAG_A",
        "CONFIRM", "ABORT", "SKIP",    "HOLD",       "FINISH",  "CLOSE",    "START"};
    return type < sizeof names / sizeof *names ? names[type] : "unknown";
}

static void store(uint8_t *out, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t load(const uint8_t *in, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)in[i] << (8 * i);
    return v;
}

void ks_header_encode(uint8_t out[KS_MESSAGE_HEADER], const ks_header *h) {
    store(out, KS_MESSAGE_MAGIC, 4);
    out[4] = KS_PROTOCOL_VERSION;
    out[5] = h->type;
    out[6] = h->direction;
    out[7] = 0;
    store(out + 8, h->session, 8);
    store(out + 16, h->epoch, 4);
    store(out + 20, h->block, 4);
    store(out + 24, h->sequence, 4);
    store(out + 28, h->acknowledged, 4);
    store(out + 32, h->payload, 4);
    store(out + 36, 0, 4);
}

ks_status ks_header_decode(ks_header *out, const uint8_t *message, size_t bytes) {
    if (bytes >= 4 && memcmp(message, "KSB1", 4) == 0)
        return ks_fail(KS_ERR_AUTH,
                       "the peer wants to make a new pool with certificates, this end has one: a new one "
                       "needs --new-pool at both ends");
    if (bytes < KS_MESSAGE_HEADER)
        return ks_fail(KS_ERR_PROTOCOL, "message of %zu bytes: a header has %d", bytes, KS_MESSAGE_HEADER);
    if (load(message, 4) != KS_MESSAGE_MAGIC)
        return ks_fail(KS_ERR_PROTOCOL,
                       "offset 0: expected the magic KSM1, found %02x %02x %02x %02x: not a Keystill peer",
                       message[0], message[1], message[2], message[3]);
    if (message[4] != KS_PROTOCOL_VERSION)
        return ks_fail(KS_ERR_PROTOCOL, "offset 4: the peer speaks protocol version %u, this end %d",
                       message[4], KS_PROTOCOL_VERSION);
    if (message[6] > 1 || message[7] != 0 || load(message + 36, 4) != 0)
        return ks_fail(KS_ERR_PROTOCOL, "reserved fields of the message header are not zero");
    out->type = message[5];
    out->direction = message[6];
    out->session = load(message + 8, 8);
    out->epoch = (uint32_t)load(message + 16, 4);
    out->block = (uint32_t)load(message + 20, 4);
    out->sequence = (uint32_t)load(message + 24, 4);
    out->acknowledged = (uint32_t)load(message + 28, 4);
    out->payload = (uint32_t)load(message + 32, 4);
    if (bytes > KS_MESSAGE_MAX || out->payload != bytes - KS_MESSAGE_HEADER)
        return ks_fail(KS_ERR_PROTOCOL, "offset 32: %s announces %u bytes of payload, %zu follow",
                       ks_message_type_name(out->type), out->payload, bytes - KS_MESSAGE_HEADER);
    return KS_OK;
}

uint8_t *ks_put_space(ks_writer *w, size_t bytes) {
    if (w->failed)
        return NULL;
    if (bytes > w->capacity - w->bytes) {
        size_t capacity = w->capacity ? w->capacity : 256;
        while (capacity - w->bytes < bytes)
            capacity *= 2;
        uint8_t *data = malloc(capacity);
        if (!data) {
            w->failed = 1;
            return NULL;
        }
        if (w->data) {
            memcpy(data, w->data, w->bytes);
            ks_wipe(w->data, w->bytes);
            free(w->data);
        }
        w->data = data;
        w->capacity = capacity;
    }
    uint8_t *space = w->data + w->bytes;
    w->bytes += bytes;
    return space;
}

void ks_put(ks_writer *w, const void *data, size_t bytes) {
    uint8_t *space = ks_put_space(w, bytes);
    if (space && bytes)
        memcpy(space, data, bytes);
}

static void put_integer(ks_writer *w, uint64_t v, int bytes) {
    uint8_t *space = ks_put_space(w, (size_t)bytes);
    if (space)
        store(space, v, bytes);
}

void ks_put_u8(ks_writer *w, uint8_t v) {
    put_integer(w, v, 1);
}
void ks_put_u16(ks_writer *w, uint16_t v) {
    put_integer(w, v, 2);
}
void ks_put_u32(ks_writer *w, uint32_t v) {
    put_integer(w, v, 4);
}
void ks_put_u64(ks_writer *w, uint64_t v) {
    put_integer(w, v, 8);
}
void ks_put_double(ks_writer *w, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ks_put_u64(w, bits);
}

void ks_writer_release(ks_writer *w) {
    ks_wipe(w->data, w->bytes);
    free(w->data);
    *w = (ks_writer){0};
}

const uint8_t *ks_get(ks_cursor *c, size_t bytes) {
    if (c->failed || bytes > c->bytes - c->at) {
        c->failed = 1;
        return NULL;
    }
    const uint8_t *data = c->data + c->at;
    c->at += bytes;
    return data;
}

static uint64_t get_integer(ks_cursor *c, int bytes) {
    const uint8_t *data = ks_get(c, (size_t)bytes);
    return data ? load(data, bytes) : 0;
}

uint8_t ks_get_u8(ks_cursor *c) {
    return (uint8_t)get_integer(c, 1);
}
uint16_t ks_get_u16(ks_cursor *c) {
    return (uint16_t)get_integer(c, 2);
}
uint32_t ks_get_u32(ks_cursor *c) {
    return (uint32_t)get_integer(c, 4);
}
uint64_t ks_get_u64(ks_cursor *c) {
    return get_integer(c, 8);
}
double ks_get_double(ks_cursor *c) {
    uint64_t bits = ks_get_u64(c);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

ks_status ks_cursor_end(const ks_cursor *c, const char *what) {
    if (c->failed)
        return ks_fail(KS_ERR_PROTOCOL, "%s is cut short at %zu bytes", what, c->bytes);
    if (c->at != c->bytes)
        return ks_fail(KS_ERR_PROTOCOL, "%s has %zu bytes too many", what, c->bytes - c->at);
    return KS_OK;
}
