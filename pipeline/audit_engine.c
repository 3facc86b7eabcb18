/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about an engine: sessions, blocks, keys by identifier, pool levels, ends. Counts, rates and
 * identifiers are public or local facts; keys, seeds and pads never come near. */
#include <keystill/ring.h>

#include "pipeline/audit_text.h"
#include "pipeline/status.h"

static const char *role_name(ks_role role) {
    return role == KS_ALICE ? "alice" : "bob";
}

/* A block whose tag failed and a block that was given up are events of their own name: auditors look for
 * them. */
static const char *block_event(ks_outcome outcome) {
    switch (outcome) {
    case KS_OUTCOME_AUTH:
        return "authentication-failure";
    case KS_OUTCOME_ABORTED:
    case KS_OUTCOME_LOST:
        return "abort";
    case KS_OUTCOME_KEY:
    case KS_OUTCOME_NOTHING:
        break;
    }
    return "block";
}

static const char *outcome_name(ks_outcome outcome) {
    static const char *const names[] = {"key", "no key", "aborted", "authentication failed", "lost"};
    return (unsigned)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

static ks_status write_block(ks_audit *audit, const ks_engine_record *r) {
    const ks_block_report *b = r->report;
    char first[37];
    ks_key_id_format(first, &r->first_key);
    const ks_audit_field fields[] = {
        ks_audit_text("role", role_name(r->role)),
        ks_audit_integer("epoch", b->epoch),
        ks_audit_integer("block", b->block),
        ks_audit_text("outcome", outcome_name(b->outcome)),
        ks_audit_text("cause", ks_cause_name(b->cause)),
        ks_audit_text("status", ks_status_name(b->status)),
        ks_audit_text("reason", b->reason),
        ks_audit_integer("slots", b->slots),
        ks_audit_integer("detections", b->detections),
        ks_audit_integer("sifted_bits", b->sifted_bits),
        ks_audit_integer("test_bits", b->test_bits),
        ks_audit_integer("sample_bits", b->sample_bits),
        ks_audit_integer("key_errors", b->key_errors),
        ks_audit_number("qber", b->qber),
        ks_audit_number("test_qber", b->test_qber),
        ks_audit_number("phase_error", b->length.phase_error),
        ks_audit_integer("leak_reconciliation", b->leakage.reconciliation),
        ks_audit_integer("leak_penalty", b->leakage.penalty),
        ks_audit_integer("leak_verification", b->leakage.verification),
        ks_audit_integer("leak_dropped", b->leakage.dropped),
        ks_audit_integer("disclosed_bits", b->disclosed_bits),
        ks_audit_number("epsilon", b->epsilon),
        ks_audit_number("epsilon_life", r->epsilon_life),
        ks_audit_integer("secret_bits", b->secret_bits),
        ks_audit_integer("pool_bits", b->pool_bits),
        ks_audit_integer("pads_alice_to_bob", r->pads[KS_ALICE_TO_BOB]),
        ks_audit_integer("pads_bob_to_alice", r->pads[KS_BOB_TO_ALICE]),
        ks_audit_flag("test_only", (b->notes & KS_RING_NOTE_TEST) != 0),
        ks_audit_flag("accepted_passive", (b->notes & KS_RING_NOTE_ACCEPTED_PASSIVE) != 0),
        ks_audit_integer("keys", b->keys),
        ks_audit_text("first_key", b->keys ? first : ""),
    };
    return ks_audit_write(audit, block_event(b->outcome), fields, sizeof fields / sizeof *fields);
}

static ks_status write_keys(ks_audit *audit, const ks_engine_record *r) {
    const ks_audit_field fields[] = {
        ks_audit_text("role", role_name(r->role)),
        ks_audit_integer("epoch", r->epoch),
        ks_audit_integer("block", r->block),
    };
    return ks_audit_write(audit, r->kind == KS_RECORD_KEYS ? "keys" : "keys-discarded", fields,
                          sizeof fields / sizeof *fields);
}

static ks_status write_open(ks_audit *audit, const ks_engine_record *r) {
    const ks_audit_field fields[] = {
        ks_audit_text("role", role_name(r->role)),
        ks_audit_integer("epoch", r->epoch),
        ks_audit_integer("pads_alice_to_bob", r->pads[KS_ALICE_TO_BOB]),
        ks_audit_integer("pads_bob_to_alice", r->pads[KS_BOB_TO_ALICE]),
        ks_audit_flag("test_only", (r->notes & KS_RING_NOTE_TEST) != 0),
        ks_audit_flag("accepted_passive", (r->notes & KS_RING_NOTE_ACCEPTED_PASSIVE) != 0),
    };
    return ks_audit_write(audit, "session", fields, sizeof fields / sizeof *fields);
}

static ks_status write_closed(ks_audit *audit, const ks_engine_record *r) {
    const ks_audit_field fields[] = {
        ks_audit_text("role", role_name(r->role)),
        ks_audit_integer("epoch", r->epoch),
        ks_audit_text("status", ks_status_name(r->status)),
        ks_audit_text("reason", r->reason),
        ks_audit_integer("pads_alice_to_bob", r->pads[KS_ALICE_TO_BOB]),
        ks_audit_integer("pads_bob_to_alice", r->pads[KS_BOB_TO_ALICE]),
    };
    return ks_audit_write(audit, r->status == KS_ERR_AUTH ? "authentication-failure" : "session-end", fields,
                          sizeof fields / sizeof *fields);
}

ks_status ks_audit_engine(ks_audit *audit, const ks_engine_record *record) {
    switch (record->kind) {
    case KS_RECORD_OPEN:
        return write_open(audit, record);
    case KS_RECORD_BLOCK:
        return write_block(audit, record);
    case KS_RECORD_KEYS:
    case KS_RECORD_DISCARDED:
        return write_keys(audit, record);
    case KS_RECORD_CLOSED:
        return write_closed(audit, record);
    }
    return ks_fail(KS_ERR_ARGUMENT, "audit log: record of kind %d", (int)record->kind);
}
