/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: options from the command line and an INI file, talk on stderr, exit codes. */
#ifndef KS_HOST_CLI_CLI_H
#define KS_HOST_CLI_CLI_H

#include <stdint.h>
#include <stdio.h>
#include <keystill/status.h>

#define KS_COMMAND(name, summary) int ks_cmd_##name(int argc, char **argv);
#include "host/cli/commands.def"
#undef KS_COMMAND

/* Exit codes; a contract. */
enum {
    KS_EXIT_OK = 0,
    KS_EXIT_FAILED = 1,
    KS_EXIT_USAGE = 2,
    KS_EXIT_MALFORMED = 3,
    KS_EXIT_SECURITY = 4,
    KS_EXIT_UNAVAILABLE = 5,
    KS_EXIT_CLOSED = 6,
    KS_EXIT_INTERRUPTED = 130
};
int ks_cli_exit_code(ks_status status);

typedef enum ks_option_kind {
    KS_OPTION_FLAG, /* int *: set to 1; --no-NAME sets 0 */
    KS_OPTION_TEXT, /* const char **: points into argv or the configuration, valid to the end of the process
                     */
    KS_OPTION_U64,  /* uint64_t *: decimal, 0x..., 1e9, with k M G T (powers of 1000) or Ki Mi Gi Ti behind */
    KS_OPTION_NUMBER, /* double *: with the same suffixes */
    KS_OPTION_CALL /* int (*)(void *context, const char *argument): for repeatable options; 0 or an exit code
                    */
} ks_option_kind;

typedef struct ks_option {
    const char *name; /* long name without dashes; NULL ends the table */
    char letter;      /* short form or 0 */
    ks_option_kind kind;
    void *out;            /* as the kind says; KS_OPTION_CALL: the context */
    const char *argument; /* name in the help, NULL for flags */
    const char *help;
    int (*call)(void *context, const char *argument); /* KS_OPTION_CALL */
} ks_option;

/* Common to every command: --help, --config FILE (INI; section [COMMAND] or none; the command line wins), -q,
 * -v, --json,
 * --isa NAME. Parses argv against `options` (at most 64). Words that are no options ("-" is one, and so is
 * everything behind
 * "--") are moved to the end of argv in their order; *rest is the index of the first. An option other than
 * KS_OPTION_CALL that is given twice is refused. `synopsis` is what follows "keystill " in the usage line,
 * e.g. "inspect FILE [options]"; further lines of it are printed as they stand below. Returns -1 to go on,
 * otherwise the exit code to return at once (help was asked for, or a usage error was explained). */
int ks_cli_parse(const char *synopsis, const ks_option *options, int argc, char **argv, int *rest);

/* Set by ks_cli_parse. */
extern int ks_cli_json;      /* --json: one JSON object a line on stdout */
extern int ks_cli_verbosity; /* 1; -q: 0; -v: 2 */

/* The command that runs; prefix of its messages and its section of the configuration. */
void ks_cli_set_command(const char *name);
const char *ks_cli_command(void);

/* Commit and compiler of this program; the commit ends in "-dirty" when the tree had changes. */
const char *ks_cli_commit(void);
const char *ks_cli_compiler(void);

/* A line on stderr when verbosity >= level (0: errors, 1: results and warnings, 2: detail). */
void ks_cli_say(int level, const char *format, ...) KS_PRINTF(2, 3);
/* "keystill COMMAND: message" on stderr; returns `exit_code`. */
int ks_cli_fail(int exit_code, const char *format, ...) KS_PRINTF(2, 3);
/* The same from a library status with ks_error_detail(); the exit code follows from the status. */
int ks_cli_fail_status(ks_status status, const char *what);

/* One progress line on stderr, rewritten in place, at most ten a second, only on a terminal and verbosity
 * >= 1. */
void ks_cli_progress(const char *format, ...) KS_PRINTF(1, 2);
void ks_cli_progress_end(void);

/* Installs SIGINT, SIGTERM and (unless it is ignored) SIGHUP handlers that set a flag, and ignores SIGPIPE;
 * ks_cli_interrupted() reads the flag. A signal that comes more than a second later ends the process at once;
 * after ks_cli_clean_up_on_signal() it sets another flag instead, which ks_cli_impatient() reads. */
void ks_cli_catch_signals(void);
int ks_cli_interrupted(void);
void ks_cli_clean_up_on_signal(void);
int ks_cli_impatient(void);
/* An eventfd (or any descriptor) that a signal writes to; -1 for none. */
void ks_cli_wake_on_signal(int fd);

/* Opens FILE or "-" for reading / writing. An output goes to FILE.part and gets its name in
 * ks_cli_close_output when all was written, so that nothing half-written stays; fd >= 0 or -1 after saying
 * why. */
int ks_cli_open_input(const char *path);
typedef struct ks_cli_output {
    int fd;
    const char *path;
    char *part; /* NULL for stdout, pipes and devices */
} ks_cli_output;
int ks_cli_open_output(ks_cli_output *out, const char *path);
/* keep = 0 removes the part. Returns 0 or -1 after saying why. */
int ks_cli_close_output(ks_cli_output *out, int keep);
/* Writes all bytes; 0, or -1 with errno. */
int ks_cli_write_all(int fd, const void *data, size_t bytes);

#endif
