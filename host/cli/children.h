/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes of this program, each a keystill command of its own, whose standard output is read line by
 * line. */
#ifndef KS_HOST_CLI_CHILDREN_H
#define KS_HOST_CLI_CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

enum { KS_CHILD_ARGUMENTS = 64, KS_CHILD_LINE = 1 << 16 };

typedef struct ks_child {
    const char *argv[KS_CHILD_ARGUMENTS + 1];
    int argc;
    char *texts[KS_CHILD_ARGUMENTS]; /* arguments that were built here */
    int text_count;
    pid_t pid;     /* 0: not running */
    int out;       /* its standard output, -1: none */
    int exit_code; /* once it ended; 128 + signal when a signal ended it */
    char line[KS_CHILD_LINE];
    size_t have;
} ks_child;

/* Arguments of `keystill ...`; a format for the second. Too many: they are counted, and starting fails. */
void ks_child_init(ks_child *child, const char *command);
void ks_child_add(ks_child *child, const char *argument);
void ks_child_addf(ks_child *child, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Starts this program with the arguments. Standard input is `in` (-1: /dev/null); standard output is read by
 * the parent
 * (`out` -1) or is `out`. Descriptors given are closed here. 0, or an exit code after saying why. */
int ks_child_start(ks_child *child, int in, int out);

/* Reads what is there (after poll on child->out) and calls `take` for every whole line. 0 at the end of the
 * output. */
int ks_child_read(ks_child *child, void (*take)(void *context, const char *line), void *context);

/* 1 when it has ended (exit_code is set) or never ran; `block`: waits for it. */
int ks_child_ended(ks_child *child, int block);
/* Asks it to end: a signal. */
void ks_child_interrupt(ks_child *child);
/* Ends it at once. */
void ks_child_kill(ks_child *child);
void ks_child_free(ks_child *child);

#endif
