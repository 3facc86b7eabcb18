/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/naming.h"

#include <stdlib.h>

#include "ldpc/ldpc.h"
#include "pipeline/positions.h"
#include "pipeline/status.h"

enum { COUNT_MAX = 1 << (KS_LDPC_LOG2N_MAX - KS_POSITIONS_LOW) };

ks_status ks_naming_put(ks_writer *w, ks_reconciliation *r, ks_frame *f) {
    if (!f->memory || w->bytes > KS_MESSAGE_CHUNK / 2 || !ks_reconciliation_may_name(r, f)) {
        ks_put_u8(w, 0);
        return KS_OK;
    }
    uint32_t positions[COUNT_MAX];
    KS_TRY(ks_ldpc_least_reliable(positions, ks_positions_count(f->log2n), f->memory));
    ks_put_u8(w, 1);
    uint8_t *out = ks_put_space(w, ks_positions_bytes(f->log2n));
    if (!out)
        return ks_fail(KS_ERR_MEMORY, "no memory for positions");
    ks_positions_write(out, positions, f->log2n);
    ks_reconciliation_name(r, f);
    f->named = 1;
    return KS_OK;
}

ks_status ks_naming_read(ks_reconciliation *r, uint32_t index, ks_cursor *c) {
    ks_frame *f = &r->frames[index];
    const uint8_t kind = ks_get_u8(c);
    if (kind == 0)
        return KS_OK;
    if (kind != 1 || !ks_reconciliation_may_name(r, f))
        return ks_fail(KS_ERR_PROTOCOL, "FLAGS: positions of frame %u (kind %u) are not due", index, kind);
    const uint8_t *data = ks_get(c, ks_positions_bytes(f->log2n));
    if (!data)
        return ks_cursor_end(c, "FLAGS");
    free(f->positions);
    f->positions = malloc(ks_positions_count(f->log2n) * sizeof *f->positions);
    if (!f->positions)
        return ks_fail(KS_ERR_MEMORY, "no memory for positions");
    ks_reconciliation_name(r, f);
    return ks_positions_read(f->positions, data, f->log2n, f->real_bits);
}

void ks_naming_answer(ks_writer *w, ks_frame *f, const uint64_t *frame) {
    const size_t count = ks_positions_count(f->log2n);
    ks_put_u8(w, 3);
    uint8_t *bits = ks_put_space(w, count / 8);
    if (bits)
        ks_positions_take(bits, frame, f->positions, count);
    free(f->positions);
    f->positions = NULL;
    f->state = KS_FRAME_PENDING;
}

ks_status ks_naming_take(ks_frame *f, uint64_t *frame, ks_cursor *c) {
    const size_t count = ks_positions_count(f->log2n);
    uint32_t positions[COUNT_MAX];
    const uint8_t *bits = ks_get(c, count / 8);
    if (!bits)
        return ks_cursor_end(c, "EXTRA");
    KS_TRY(ks_ldpc_least_reliable(positions, count, f->memory));
    ks_positions_put(frame, bits, positions, count);
    f->named = 0;
    f->state = KS_FRAME_PENDING;
    return ks_ldpc_know(f->memory, positions, count, frame);
}
