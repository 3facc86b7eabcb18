/* SPDX-License-Identifier: Apache-2.0 */
/* Talk on stderr: messages, failures and the progress line. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "host/cli/cli.h"

int ks_cli_json;
int ks_cli_verbosity = 1;

static const char *command_name;
static int progress_shown;

void ks_cli_set_command(const char *name) {
    command_name = name;
}

const char *ks_cli_command(void) {
    return command_name ? command_name : "";
}

int ks_cli_exit_code(ks_status status) {
    switch (status) {
    case KS_OK:
        return KS_EXIT_OK;
    case KS_ERR_ARGUMENT:
        return KS_EXIT_USAGE;
    case KS_ERR_FORMAT:
    case KS_ERR_PROTOCOL:
        return KS_EXIT_MALFORMED;
    case KS_ERR_AUTH:
    case KS_ERR_SECURITY:
        return KS_EXIT_SECURITY;
    case KS_ERR_UNAVAILABLE:
        return KS_EXIT_UNAVAILABLE;
    case KS_ERR_CLOSED:
        return KS_EXIT_CLOSED;
    case KS_ERR_INTERRUPTED:
        return KS_EXIT_INTERRUPTED;
    default:
        return KS_EXIT_FAILED;
    }
}

static void begin_line(void) {
    ks_cli_progress_end();
}

void ks_cli_say(int level, const char *format, ...) {
    if (ks_cli_verbosity < level)
        return;
    begin_line();
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static void print_prefix(void) {
    begin_line();
    fprintf(stderr, command_name ? "keystill %s: " : "keystill: ", command_name);
}

int ks_cli_fail(int exit_code, const char *format, ...) {
    print_prefix();
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return exit_code;
}

int ks_cli_fail_status(ks_status status, const char *what) {
    const char *detail = ks_error_detail();
    print_prefix();
    if (detail[0])
        fprintf(stderr, "%s: %s (%s)\n", what, detail, ks_status_name(status));
    else
        fprintf(stderr, "%s: %s\n", what, ks_status_name(status));
    return ks_cli_exit_code(status);
}

static double monotonic_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ks_cli_progress(const char *format, ...) {
    static int terminal = -1;
    static double last;
    if (terminal < 0)
        terminal = isatty(STDERR_FILENO);
    if (!terminal || ks_cli_verbosity < 1)
        return;
    double now = monotonic_seconds();
    if (progress_shown && now - last < 0.1)
        return;
    last = now;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
    progress_shown = 1;
}

void ks_cli_progress_end(void) {
    if (progress_shown)
        fputc('\n', stderr);
    progress_shown = 0;
}
