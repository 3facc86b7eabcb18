/* SPDX-License-Identifier: Apache-2.0 */
/* Disclosure of the least reliable bits of a frame that has no more syndrome to give: its entries in FLAGS
 * and EXTRA (docs/protocol.md). */
#ifndef KS_PIPELINE_NAMING_H
#define KS_PIPELINE_NAMING_H

#include "pipeline/message.h"
#include "pipeline/reconcile.h"

/* Bob: what FLAGS says of such a frame, and its count in `r`: the positions, or that none are named. */
KS_MUST_CHECK ks_status ks_naming_put(ks_writer *w, ks_reconciliation *r, ks_frame *f);
/* Alice: reads it for frame `index`, whose positions wait for the answer. KS_ERR_PROTOCOL when they are not
 * due. */
KS_MUST_CHECK ks_status ks_naming_read(ks_reconciliation *r, uint32_t index, ks_cursor *c);
/* Alice: the answer as an entry of EXTRA. frame: her bits. */
void ks_naming_answer(ks_writer *w, ks_frame *f, const uint64_t *frame);
/* Bob: reads it behind its first byte into the frame's bits and its memory; the frame is pending then. */
KS_MUST_CHECK ks_status ks_naming_take(ks_frame *f, uint64_t *frame, ks_cursor *c);

#endif
