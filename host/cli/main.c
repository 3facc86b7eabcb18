/* SPDX-License-Identifier: Apache-2.0 */
/* The keystill program: finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/cli/words.h"

typedef struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
#define KS_COMMAND(name, summary) {#name, summary, ks_cmd_##name},
#include "host/cli/commands.def"
#undef KS_COMMAND
    {NULL, NULL, NULL}};

static const command *find_command(const char *name) {
    for (const command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static void print_usage(FILE *to) {
    fprintf(to,
            "Keystill %s distils secret keys from raw QKD detections.\n\nUsage: keystill COMMAND "
            "[options]\n\nCommands:\n",
            ks_version());
    for (const command *c = commands; c->name; c++)
        fprintf(to, "  %-10s %s\n", c->name, c->summary);
    fprintf(to,
            "\n`keystill COMMAND --help` explains a command.\n"
            "Exit codes: 0 ok, 1 failed, 2 usage, 3 malformed input, 4 security abort, 5 device or backend\n"
            "unavailable, 6 output closed, 130 interrupted.\n");
}

static int unknown_command(const char *name) {
    ks_closest closest = ks_closest_start(name);
    for (const command *c = commands; c->name; c++)
        ks_closest_offer(&closest, c->name);
    fprintf(stderr, "keystill: unknown command '%s'", name);
    if (closest.best)
        fprintf(stderr, "; did you mean '%s'?\n", closest.best);
    else
        fprintf(stderr, "; `keystill --help` lists the commands\n");
    return KS_EXIT_USAGE;
}

/* What is still buffered for stdout must get there, or the run did not succeed. */
static int flush_stdout(int exit_code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    if (exit_code != KS_EXIT_OK)
        return exit_code;
    fprintf(stderr, "keystill: standard output was closed\n");
    return KS_EXIT_CLOSED;
}

static int run_command(int argc, char **argv) {
    const char *word = argv[1];
    if (strcmp(word, "help") == 0 && argc > 2) {
        const command *c = find_command(argv[2]);
        char help[] = "--help";
        char *help_argv[] = {argv[2], help, NULL};
        if (!c)
            return unknown_command(argv[2]);
        ks_cli_set_command(c->name);
        return c->run(2, help_argv);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_usage(stdout);
        return KS_EXIT_OK;
    }
    if (strcmp(word, "--version") == 0) {
        printf("keystill %s (%s)\n", ks_version(), ks_cli_commit());
        return KS_EXIT_OK;
    }
    const command *c = find_command(word);
    if (!c)
        return unknown_command(word);
    ks_cli_set_command(c->name);
    return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a closed output is an error to report, not a silent death */
    if (argc < 2) {
        print_usage(stderr);
        return KS_EXIT_USAGE;
    }
    return flush_stdout(run_command(argc, argv));
}
