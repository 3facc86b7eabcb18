/* SPDX-License-Identifier: Apache-2.0 */
/* Keys between the session and the ring (or the callback, which gets confirmed ones only). */
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/engine_internal.h"
#include "pipeline/status.h"

enum { HELD_BYTES = 1 << 16 }; /* first room for keys that wait */

static void remove_held(ks_held_block **at) {
    ks_held_block *h = *at;
    *at = h->next;
    ks_secret_free(h->data);
    free(h);
}

static ks_status grow_held(ks_held_block *h, size_t more) {
    if (h->bytes + more <= h->capacity)
        return KS_OK;
    const size_t capacity = h->capacity ? 2 * h->capacity : HELD_BYTES;
    uint8_t *data = NULL;
    KS_TRY(ks_secret_alloc((void **)&data, capacity, KS_SECRET_STRICT));
    if (h->data)
        memcpy(data, h->data, h->bytes);
    ks_secret_free(h->data);
    h->data = data;
    h->capacity = capacity;
    return KS_OK;
}

static ks_status hold_key(ks_engine *e, const ks_action *a) {
    ks_held_block **at = &e->held;
    while (*at && !((*at)->epoch == a->epoch && (*at)->block == a->block))
        at = &(*at)->next;
    ks_held_block *h = *at;
    if (!h) {
        h = *at = calloc(1, sizeof *h);
        if (!h)
            return ks_fail(KS_ERR_MEMORY, "no memory for keys");
        h->epoch = a->epoch;
        h->block = a->block;
        h->key_bytes = a->bytes;
    }
    KS_TRY(grow_held(h, sizeof a->id + a->bytes));
    memcpy(h->data + h->bytes, &a->id, sizeof a->id);
    memcpy(h->data + h->bytes + sizeof a->id, a->data, a->bytes);
    h->bytes += sizeof a->id + a->bytes;
    return KS_OK;
}

/* 1 when all keys of the block have found their place. */
static int place_block(ks_engine *e, ks_held_block *h) {
    for (; h->at < h->bytes; h->at += sizeof(ks_key_id) + h->key_bytes) {
        ks_key_id id;
        memcpy(&id, h->data + h->at, sizeof id);
        const uint8_t *key = h->data + h->at + sizeof id;
        if (!e->config.ring)
            e->config.on_key(e->config.context, &id, key, h->key_bytes);
        else if (ks_ring_append(e->config.ring, &id, h->epoch, h->block, key) != KS_OK)
            break;
    }
    if (e->config.ring && h->confirmed)
        ks_ring_confirm(e->config.ring, h->epoch, h->block);
    return h->at == h->bytes;
}

/* The ring takes keys in order; what does not fit waits here, and no further block is begun. Without a ring,
 * confirmed keys go to the callback. */
void ks_engine_place_keys(ks_engine *e) {
    if (e->config.ring && e->notes != ks_session_notes(e->session)) {
        e->notes = ks_session_notes(e->session);
        ks_ring_add_notes(e->config.ring, e->notes);
    }
    for (ks_held_block **at = &e->held; *at;) {
        const int ready = e->config.ring || (*at)->confirmed;
        if (ready && place_block(e, *at)) {
            remove_held(at);
            continue;
        }
        if (e->config.ring)
            break;
        at = &(*at)->next;
    }
    if (!e->config.ring)
        return;
    ks_ring_heartbeat(e->config.ring, e->config.now(e->config.context));
    const int full = e->held || !ks_ring_has_room(e->config.ring);
    if (full != e->holding) {
        e->holding = full;
        ks_session_hold(e->session, full);
    }
}

ks_status ks_engine_take_key(ks_engine *e, const ks_action *a) {
    if (e->config.ring && !e->held &&
        ks_ring_append(e->config.ring, &a->id, a->epoch, a->block, a->data) == KS_OK)
        return KS_OK;
    return hold_key(e, a);
}

void ks_engine_settle_block(ks_engine *e, const ks_action *a) {
    const int confirm = a->kind == KS_ACTION_CONFIRM;
    ks_held_block **at = &e->held;
    while (*at && !((*at)->epoch == a->epoch && (*at)->block == a->block))
        at = &(*at)->next;
    if (*at && confirm)
        (*at)->confirmed = 1;
    else if (*at)
        remove_held(at);
    if (e->config.ring && confirm)
        ks_ring_confirm(e->config.ring, a->epoch, a->block);
    else if (e->config.ring)
        ks_ring_discard(e->config.ring, a->epoch, a->block);
}

void ks_engine_drop_keys(ks_engine *e) {
    while (e->held)
        remove_held(&e->held);
}
