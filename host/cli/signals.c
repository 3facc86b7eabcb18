/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "host/cli/cli.h"

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t cleans_up, impatient;
static int wake_fd = -1;

/* A terminal and a parent that passes the signal on make two of one wish; only a later one is impatience. */
static int is_impatience(void) {
    static struct timespec first;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!interrupted)
        first = now;
    return now.tv_sec - first.tv_sec > 1;
}

static void handle(int signal_number) {
    (void)signal_number;
    if (is_impatience()) {
        if (!cleans_up)
            _exit(KS_EXIT_INTERRUPTED);
        impatient = 1;
    }
    interrupted = 1;
    if (wake_fd >= 0) {
        const uint64_t one = 1;
        ssize_t written = write(wake_fd, &one, sizeof one);
        (void)written; /* an eventfd that is already set wakes as well */
    }
}

void ks_cli_catch_signals(void) {
    struct sigaction action = {.sa_handler = handle}, hangup;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* ignored: nohup */
        sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void ks_cli_wake_on_signal(int fd) {
    wake_fd = fd;
}

int ks_cli_interrupted(void) {
    return interrupted != 0;
}

void ks_cli_clean_up_on_signal(void) {
    cleans_up = 1;
}

int ks_cli_impatient(void) {
    return impatient != 0;
}
