/* SPDX-License-Identifier: Apache-2.0 */
/* Criterion runs each test in its own process, so the parser's statics start fresh. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

static uint64_t seed = 1;
static double rate = 1.0;
static const char *name = "none";
static int fast, calls;
static char called[64];

static int note(void *context, const char *argument) {
    strcat(context, argument);
    calls++;
    return strcmp(argument, "bad") == 0 ? 7 : 0;
}

static const ks_option options[] = {{"seed", 's', KS_OPTION_U64, &seed, "S", "seed", NULL},
                                    {"rate", 0, KS_OPTION_NUMBER, &rate, "R", "rate", NULL},
                                    {"name", 'n', KS_OPTION_TEXT, &name, "NAME", "name", NULL},
                                    {"fast", 'f', KS_OPTION_FLAG, &fast, NULL, "fast", NULL},
                                    {"lane", 'l', KS_OPTION_CALL, called, "LANE", "lane", note},
                                    {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};

static int rest;
static char *argv[16];

static int parse(int argc, const char **words) {
    argv[0] = (char *)"bench";
    for (int i = 0; i < argc; i++)
        argv[i + 1] = (char *)words[i];
    argv[argc + 1] = NULL;
    ks_cli_set_command("bench");
    return ks_cli_parse("bench [options]", options, argc + 1, argv, &rest);
}
#define PARSE(...)                                                                                           \
    parse((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

/* A configuration in a temporary file. */
static const char *config(const char *text) {
    static char path[] = "/tmp/keystill-config-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static int parse_config(const char *text) {
    const char *path = config(text);
    int result = PARSE("--config", path);
    unlink(path);
    return result;
}

Test(options, every_form) {
    cr_assert_eq(
        PARSE("one", "--seed=5k", "-fnBob", "--rate", "-2", "-", "-l", "a", "--lane=b", "-v", "--", "-x"),
        -1);
    cr_assert_eq(seed, 5000);
    cr_assert_eq(rate, -2.0);
    cr_assert_str_eq(name, "Bob");
    cr_assert_eq(fast, 1);
    cr_assert_str_eq(called, "ab");
    cr_assert_eq(ks_cli_verbosity, 2);
    cr_assert_str_eq(argv[rest], "one");
    cr_assert_str_eq(argv[rest + 1], "-");
    cr_assert_str_eq(argv[rest + 2], "-x");
    cr_assert_null(argv[rest + 3]);
}

Test(options, no_words) {
    cr_assert_eq(PARSE("-q"), -1);
    cr_assert_eq(rest, 2);
    cr_assert_eq(ks_cli_verbosity, 0);
}

Test(options, last_flag_wins) {
    cr_assert_eq(PARSE("--fast", "--no-fast"), -1);
    cr_assert_eq(fast, 0);
}

Test(options, unknown_name) {
    cr_assert_eq(PARSE("--sed", "5"), KS_EXIT_USAGE);
}

Test(options, unknown_letter) {
    cr_assert_eq(PARSE("-fz"), KS_EXIT_USAGE);
}

Test(options, missing_value) {
    cr_assert_eq(PARSE("--seed"), KS_EXIT_USAGE);
}

Test(options, missing_short_value) {
    cr_assert_eq(PARSE("-s"), KS_EXIT_USAGE);
}

Test(options, value_of_a_flag) {
    cr_assert_eq(PARSE("--fast=1"), KS_EXIT_USAGE);
}

Test(options, no_prefix_on_a_value) {
    cr_assert_eq(PARSE("--no-seed"), KS_EXIT_USAGE);
}

Test(options, duplicate) {
    cr_assert_eq(PARSE("--seed", "1", "-s2"), KS_EXIT_USAGE);
}

Test(options, overflow) {
    cr_assert_eq(PARSE("--seed", "18446744073709551616"), KS_EXIT_USAGE);
    cr_assert_eq(seed, 1);
}

Test(options, callback_decides_the_exit_code) {
    cr_assert_eq(PARSE("-l", "bad", "-l", "more"), 7);
    cr_assert_eq(calls, 1);
}

Test(options, help_ends_parsing) {
    cr_assert_eq(PARSE("--help"), KS_EXIT_OK);
}

Test(options, unknown_isa) {
    cr_assert_eq(PARSE("--isa", "sse9"), KS_EXIT_USAGE);
}

Test(options, generic_isa) {
    cr_assert_eq(PARSE("--isa", "generic"), -1);
}

Test(config, command_line_wins_whatever_its_place) {
    const char *path =
        config("name = Carol\nseed = 7 ; comment\nlane = x\n[bench]\n  rate = 3k\nfast = on\n");
    cr_assert_eq(PARSE("--seed", "5", "--config", path, "--name", "Dave", "-l", "y"), -1);
    unlink(path);
    cr_assert_eq(seed, 5);
    cr_assert_str_eq(name, "Dave");
    cr_assert_eq(rate, 3000.0);
    cr_assert_eq(fast, 1);
    cr_assert_str_eq(called, "y", "a repeatable option of the command line replaces the configuration's");
}

Test(config, repeatable_options_and_indentation) {
    cr_assert_eq(parse_config("# a comment\n lane = p\n\t lane = q\n\n[bench]\nname = Eve"), -1);
    cr_assert_str_eq(called, "pq");
    cr_assert_str_eq(name, "Eve");
}

Test(config, unknown_option) {
    cr_assert_eq(parse_config("sead = 7\n"), KS_EXIT_USAGE);
}

Test(config, unknown_section) {
    cr_assert_eq(parse_config("[bensh]\nseed = 7\n"), KS_EXIT_USAGE);
}

Test(config, duplicate) {
    cr_assert_eq(parse_config("seed = 7\n[bench]\nseed = 8\n"), KS_EXIT_USAGE);
}

Test(config, bad_value) {
    cr_assert_eq(parse_config("seed = seven\n"), KS_EXIT_USAGE);
}

Test(config, no_entry) {
    cr_assert_eq(parse_config("seed 7\n"), KS_EXIT_USAGE);
}

Test(config, long_line) {
    char text[600] = "name = ";
    memset(text + 7, 'x', 500);
    cr_assert_eq(parse_config(text), KS_EXIT_USAGE);
}

Test(config, nested_configuration) {
    cr_assert_eq(parse_config("config = other.ini\n"), KS_EXIT_USAGE);
}

Test(config, absent_file) {
    cr_assert_eq(PARSE("--config", "/nonexistent/keystill.ini"), KS_EXIT_USAGE);
}

Test(exit_codes, of_statuses) {
    cr_assert_eq(ks_cli_exit_code(KS_OK), 0);
    cr_assert_eq(ks_cli_exit_code(KS_ERR_FORMAT), 3);
    cr_assert_eq(ks_cli_exit_code(KS_ERR_AUTH), 4);
    cr_assert_eq(ks_cli_exit_code(KS_ERR_UNAVAILABLE), 5);
    cr_assert_eq(ks_cli_exit_code(KS_ERR_INTERRUPTED), 130);
}

Test(output, appears_only_when_kept) {
    char path[] = "/tmp/keystill-output-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    unlink(path);
    ks_cli_output out;
    cr_assert(ks_cli_open_output(&out, path) >= 0);
    cr_assert_eq(ks_cli_write_all(out.fd, "abc", 3), 0);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(ks_cli_close_output(&out, 0), 0);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert(ks_cli_open_output(&out, path) >= 0);
    cr_assert_eq(ks_cli_close_output(&out, 1), 0);
    cr_assert_eq(access(path, F_OK), 0);
    unlink(path);
}
