/* SPDX-License-Identifier: Apache-2.0 */
/* The session: messages out. */
#include "pipeline/session_internal.h"

void ks_message_begin(ks_writer *w) {
    *w = (ks_writer){0};
    (void)ks_put_space(w, KS_MESSAGE_HEADER);
}

ks_status ks_message_seal(ks_session *s, ks_block *b, ks_message_type type, ks_writer *w, size_t more) {
    if (w->failed)
        return ks_fail(KS_ERR_MEMORY, "no memory for a message");
    ks_header h = {.type = (uint8_t)type,
                   .direction = (uint8_t)s->out,
                   .session = type == KS_MSG_HELLO ? 0 : s->id,
                   .epoch = type == KS_MSG_HELLO ? 0 : s->epoch,
                   .block = b ? b->number : (uint32_t)KS_SESSION_LEVEL,
                   .sequence = b ? b->sent++ : s->sent++,
                   .acknowledged = b ? b->received : s->received,
                   .payload = (uint32_t)(w->bytes + more - KS_MESSAGE_HEADER)};
    ks_header_encode(w->data, &h);
    return KS_OK;
}

ks_status ks_message_queue(ks_session *s, ks_writer *w) {
    ks_node *node = ks_session_queue(s, KS_ACTION_SEND);
    if (!node) {
        ks_writer_release(w);
        return KS_ERR_MEMORY;
    }
    node->data = w->data;
    node->bytes = w->bytes;
    s->totals.bytes_sent += w->bytes;
    s->totals.messages_sent++;
    *w = (ks_writer){0};
    return KS_OK;
}

ks_status ks_message_end(ks_session *s, ks_block *b, ks_message_type type, ks_writer *w) {
    ks_status status = ks_message_seal(s, b, type, w, 0);
    if (status == KS_OK && b)
        ks_transcript_add(&b->transcript, s->out, w->data, w->bytes);
    if (status != KS_OK) {
        ks_writer_release(w);
        return ks_session_end(s, status);
    }
    return ks_message_queue(s, w);
}
