/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_audit.h"

#include <stdio.h>
#include <keystill/self_test.h>

#include "host/cli/code_files.h"

#define TEXT(n, v)                                                                                           \
    { .name = (n), .kind = KS_AUDIT_TEXT, .text = (v) }
#define INTEGER(n, v)                                                                                        \
    { .name = (n), .kind = KS_AUDIT_INTEGER, .integer = (v) }
#define NUMBER(n, v)                                                                                         \
    { .name = (n), .kind = KS_AUDIT_NUMBER, .number = (v) }
#define FLAG(n, v)                                                                                           \
    { .name = (n), .kind = KS_AUDIT_FLAG, .integer = (v) != 0 }
#define COUNT(fields) (sizeof(fields) / sizeof *(fields))

static ks_status write_configuration(ks_audit *audit, const ks_session_config *session,
                                     const char *previous) {
    static const char *const choices[] = {"unset", "active", "passive"}, *const efforts[] = {
                                                                             "fast", "balanced", "efficient"};
    const ks_link_parameters *p = &session->link;
    const double *mean = p->source.mean, *probability = p->source.probability;
    char link[sizeof p->link + 1];
    const ks_code_text code = ks_code_digest_text(p->code_digest);
    snprintf(link, sizeof link, "%.*s", (int)sizeof p->link, (const char *)p->link);
    const ks_audit_field fields[] = {
        TEXT("command", ks_cli_command()),
        TEXT("link", link),
        INTEGER("block_slots", p->block_slots),
        TEXT("key_basis", p->key_basis ? "X" : "Z"),
        INTEGER("intensities", p->source.intensities),
        NUMBER("mean_1", mean[0]),
        NUMBER("mean_2", mean[1]),
        NUMBER("mean_3", mean[2]),
        NUMBER("probability_1", probability[0]),
        NUMBER("probability_2", probability[1]),
        NUMBER("probability_3", probability[2]),
        NUMBER("efficiency_mismatch", p->receiver.efficiency_mismatch),
        NUMBER("dark_mismatch", p->receiver.dark_mismatch),
        NUMBER("dark_probability", p->receiver.dark_probability),
        FLAG("random_swap", p->receiver.random_swap),
        NUMBER("eps_acceptance", p->epsilon.acceptance),
        NUMBER("eps_amplification", p->epsilon.amplification),
        TEXT("basis_choice", choices[p->basis_choice]),
        FLAG("accept_passive", p->accept_passive),
        NUMBER("qber_limit", p->qber_limit),
        INTEGER("frame_bits", UINT64_C(1) << p->frame_log2),
        TEXT("effort", efforts[p->effort]),
        TEXT("code", session->code ? code.text : "family"),
        NUMBER("key_sample", p->key_sample),
        INTEGER("seed_batch", p->seed_batch),
        INTEGER("key_bytes", p->key_bytes),
        INTEGER("block_detections", p->block_detections),
        INTEGER("blocks_in_flight", session->blocks_in_flight),
        INTEGER("failures_to_stop", session->failures_to_stop),
        INTEGER("pool_target", session->pool_target),
        INTEGER("pool_floor", session->pool_floor),
        NUMBER("epsilon_life", session->epsilon_life),
        FLAG("test_only", session->random.test_only),
    };
    return ks_audit_configuration(audit, fields, COUNT(fields), previous);
}

static ks_status write_start(ks_audit *audit, const ks_audit_recovery *recovery,
                             const ks_session_config *session, ks_status tested, const char *failure) {
    const ks_audit_field start[] = {TEXT("command", ks_cli_command()), TEXT("version", ks_version()),
                                    TEXT("commit", ks_cli_commit()),
                                    INTEGER("torn_bytes_cut_off", recovery->torn_bytes)};
    const ks_audit_field test[] = {TEXT("result", tested == KS_OK ? "passed" : "failed"),
                                   TEXT("reason", failure)};
    ks_status status = ks_audit_write(audit, "start", start, COUNT(start));
    if (status == KS_OK)
        status = ks_audit_write(audit, "self-test", test, COUNT(test));
    return status == KS_OK ? write_configuration(audit, session, recovery->configuration) : status;
}

int ks_session_audit_open(ks_audit_file **file, const char *path, const ks_session_config *session) {
    char failure[200] = "";
    ks_audit_recovery recovery;
    const ks_status tested = ks_self_test();
    *file = NULL;
    if (tested != KS_OK)
        snprintf(failure, sizeof failure, "%s", ks_error_detail());
    if (path) {
        ks_status status = ks_audit_file_open(file, path, &recovery);
        if (status == KS_OK && recovery.torn_bytes)
            ks_cli_say(0,
                       "%s: the last record was torn by a crash: %llu bytes behind record %llu are cut off",
                       path, (unsigned long long)recovery.torn_bytes, (unsigned long long)recovery.records);
        if (status == KS_OK)
            status = write_start(ks_audit_file_audit(*file), &recovery, session, tested, failure);
        if (status != KS_OK)
            return ks_cli_fail(ks_cli_exit_code(status), "%s", ks_error_detail());
    }
    return tested == KS_OK ? 0 : ks_cli_fail(KS_EXIT_SECURITY, "%s", failure);
}

int ks_session_audit_close(ks_audit_file *file, int exit_code) {
    if (!file)
        return exit_code;
    const ks_audit_field fields[] = {TEXT("command", ks_cli_command()),
                                     INTEGER("exit_code", (uint64_t)exit_code)};
    ks_status status = ks_audit_write(ks_audit_file_audit(file), "stop", fields, COUNT(fields));
    if (status != KS_OK && exit_code == KS_EXIT_OK)
        exit_code = ks_cli_fail(ks_cli_exit_code(status), "%s", ks_error_detail());
    ks_audit_file_close(file);
    return exit_code;
}
