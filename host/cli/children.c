/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/cli/cli.h"

void ks_child_init(ks_child *child, const char *command) {
    child->argc = child->text_count = 0;
    child->pid = 0;
    child->out = -1;
    child->have = 0;
    ks_child_add(child, "keystill");
    ks_child_add(child, command);
}

void ks_child_add(ks_child *child, const char *argument) {
    if (child->argc < KS_CHILD_ARGUMENTS)
        child->argv[child->argc] = argument;
    child->argc++;
}

void ks_child_addf(ks_child *child, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (text && child->text_count < KS_CHILD_ARGUMENTS)
        child->texts[child->text_count++] = text;
    ks_child_add(child, text ? text : "");
}

static void close_if_open(int fd) {
    if (fd >= 0)
        close(fd);
}

/* In the child. */
static void run(const ks_child *child, int in, int out) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (in < 0)
        in = open("/dev/null", O_RDONLY);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(KS_EXIT_FAILED);
    execv("/proc/self/exe", (char *const *)(uintptr_t)child->argv);
    _exit(KS_EXIT_FAILED);
}

int ks_child_start(ks_child *child, int in, int out) {
    int pipe_ends[2] = {-1, -1};
    if (child->argc > KS_CHILD_ARGUMENTS)
        return ks_cli_fail(KS_EXIT_FAILED, "too many arguments for %s", child->argv[1]);
    child->argv[child->argc] = NULL;
    if (out < 0 && pipe2(pipe_ends, O_CLOEXEC)) {
        close_if_open(in);
        return ks_cli_fail(KS_EXIT_FAILED, "pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0)
        run(child, in, out < 0 ? pipe_ends[1] : out);
    int error = errno;
    close_if_open(in);
    close_if_open(out);
    close_if_open(pipe_ends[1]);
    if (pid < 0) {
        close_if_open(pipe_ends[0]);
        return ks_cli_fail(KS_EXIT_FAILED, "cannot start a process: %s", strerror(error));
    }
    child->pid = pid;
    child->out = pipe_ends[0];
    return 0;
}

int ks_child_read(ks_child *child, void (*take)(void *context, const char *line), void *context) {
    ssize_t got = read(child->out, child->line + child->have, sizeof child->line - 1 - child->have);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 1;
    if (got <= 0) {
        close(child->out);
        child->out = -1;
        return 0;
    }
    child->have += (size_t)got;
    char *start = child->line, *newline;
    while ((newline = memchr(start, '\n', child->have - (size_t)(start - child->line))) != NULL) {
        *newline = '\0';
        take(context, start);
        start = newline + 1;
    }
    child->have -= (size_t)(start - child->line);
    memmove(child->line, start, child->have);
    if (child->have == sizeof child->line - 1)
        child->have = 0; /* no line of ours is so long */
    return 1;
}

int ks_child_ended(ks_child *child, int block) {
    int status;
    if (child->pid == 0)
        return 1;
    pid_t got;
    do
        got = waitpid(child->pid, &status, block ? 0 : WNOHANG);
    while (got < 0 && errno == EINTR && block);
    if (got == 0 || (got < 0 && errno == EINTR))
        return 0;
    child->exit_code = got < 0             ? KS_EXIT_FAILED
                       : WIFEXITED(status) ? WEXITSTATUS(status)
                                           : 128 + WTERMSIG(status);
    child->pid = 0;
    return 1;
}

void ks_child_interrupt(ks_child *child) {
    if (child->pid > 0)
        kill(child->pid, SIGINT);
}

void ks_child_kill(ks_child *child) {
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
}

void ks_child_free(ks_child *child) {
    close_if_open(child->out);
    child->out = -1;
    while (child->text_count)
        free(child->texts[--child->text_count]);
}
