/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine tells its recorder, and what follows when that fails: nothing any more. */
#include <string.h>
#include <keystill/ring.h>

#include "pipeline/engine_internal.h"

ks_status ks_engine_tell(ks_engine *e, ks_engine_record *record) {
    const ks_pool *pool = e->config.session.pool;
    if (!e->config.record)
        return KS_OK;
    ks_session_totals totals;
    ks_session_get_totals(e->session, &totals);
    record->epsilon_life = totals.epsilon_life;
    record->role = e->config.session.role;
    record->notes = ks_session_notes(e->session);
    for (int d = 0; d < 2; d++)
        record->pads[d] = ks_pool_level(pool, (ks_direction)d);
    ks_status status = e->config.record(e->config.context, record);
    e->dead |= status != KS_OK;
    return status;
}

ks_status ks_engine_tell_open(ks_engine *e) {
    const int open = ks_session_established(e->session);
    if (open == e->told_open)
        return KS_OK;
    e->told_open = open;
    if (!open)
        return KS_OK;
    ks_session_totals totals;
    ks_session_get_totals(e->session, &totals);
    ks_engine_record record = {.kind = KS_RECORD_OPEN, .epoch = totals.epoch};
    return ks_engine_tell(e, &record);
}

/* The keys of a block come in a row, with running identifiers, before its report. */
void ks_engine_note_key(ks_engine *e, const ks_action *a) {
    if (e->told_keys && e->key_epoch == a->epoch && e->key_block == a->block)
        return;
    e->told_keys = 1;
    e->key_epoch = a->epoch;
    e->key_block = a->block;
    e->first_key = a->id;
}

ks_status ks_engine_tell_block(ks_engine *e, const ks_block_report *report) {
    ks_engine_record record = {
        .kind = KS_RECORD_BLOCK, .epoch = report->epoch, .block = report->block, .report = report};
    if (e->told_keys && e->key_epoch == report->epoch && e->key_block == report->block)
        record.first_key = e->first_key;
    return ks_engine_tell(e, &record);
}

ks_status ks_engine_tell_keys(ks_engine *e, const ks_action *a) {
    ks_engine_record record = {.kind = a->kind == KS_ACTION_CONFIRM ? KS_RECORD_KEYS : KS_RECORD_DISCARDED,
                               .epoch = a->epoch,
                               .block = a->block};
    return ks_engine_tell(e, &record);
}
