/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log of a command that runs an end of a link: --audit FILE. */
#ifndef KS_HOST_CLI_SESSION_AUDIT_H
#define KS_HOST_CLI_SESSION_AUDIT_H

#include <keystill/session.h>
#include <keystill/storage.h>

#include "host/cli/cli.h"

#define KS_AUDIT_OPTION(path)                                                                                \
    {                                                                                                        \
        "audit", 0, KS_OPTION_TEXT, &(path), "FILE",                                                         \
            "append to this audit log (docs/audit.md); without it nothing is logged", NULL                   \
    }

/* Runs the self-test, opens the log (`path` NULL: none, *file stays NULL) and writes what a start has to say.
 * 0 or an exit code after saying why. */
int ks_session_audit_open(ks_audit_file **file, const char *path, const ks_session_config *session);
/* The last record, with the exit code. Returns it, or another one when the record could not be written. */
int ks_session_audit_close(ks_audit_file *file, int exit_code);

#endif
