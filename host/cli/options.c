/* SPDX-License-Identifier: Apache-2.0 */
/* Options: one table makes the parser, the configuration file and the help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/cli/config.h"
#include "host/cli/values.h"
#include "host/cli/words.h"
#include "kernels/kernels.h"

enum { MOST_OPTIONS = 80 };

typedef enum origin { UNSET, FROM_CONFIG, FROM_COMMAND_LINE } origin;

static int help_wanted, quiet, verbose;
static const char *config_path, *isa_name;

static const ks_option common_options[] = {
    {"help", 'h', KS_OPTION_FLAG, &help_wanted, NULL, "print this help", NULL},
    {"config", 0, KS_OPTION_TEXT, &config_path, "FILE", "options from an INI file, section [COMMAND]", NULL},
    {"quiet", 'q', KS_OPTION_FLAG, &quiet, NULL, "errors only", NULL},
    {"verbose", 'v', KS_OPTION_FLAG, &verbose, NULL, "more detail", NULL},
    {"json", 0, KS_OPTION_FLAG, &ks_cli_json, NULL, "one JSON object a line on standard output", NULL},
    {"isa", 0, KS_OPTION_TEXT, &isa_name, "NAME", "instruction set: generic avx2 avx512 avx512icl", NULL},
    {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};

typedef struct parser {
    const ks_option *options[MOST_OPTIONS];
    origin given[MOST_OPTIONS];
    int count;
} parser;

static int add_table(parser *p, const ks_option *table) {
    for (; table->name; table++) {
        if (p->count == MOST_OPTIONS)
            return ks_cli_fail(KS_EXIT_FAILED, "the option table is too long");
        p->options[p->count++] = table;
    }
    return 0;
}

/* Finds an option by name of `length` characters; *negated for --no-NAME of a flag. -1 when there is none. */
static int find_option(const parser *p, const char *name, size_t length, int *negated) {
    *negated = 0;
    for (int i = 0; i < p->count; i++)
        if (strlen(p->options[i]->name) == length && strncmp(p->options[i]->name, name, length) == 0)
            return i;
    *negated = 1;
    for (int i = 0; i < p->count; i++)
        if (p->options[i]->kind == KS_OPTION_FLAG && length > 3 && strncmp(name, "no-", 3) == 0 &&
            strlen(p->options[i]->name) == length - 3 &&
            strncmp(p->options[i]->name, name + 3, length - 3) == 0)
            return i;
    return -1;
}

static int unknown_option(const parser *p, const char *place, const char *name, size_t length) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 63 ? length : 63), name);
    ks_closest closest = ks_closest_start(word);
    for (int i = 0; i < p->count; i++)
        ks_closest_offer(&closest, p->options[i]->name);
    if (closest.best)
        return ks_cli_fail(KS_EXIT_USAGE, "%sunknown option '%s'; did you mean '%s'?", place, word,
                           closest.best);
    return ks_cli_fail(KS_EXIT_USAGE, "%sunknown option '%s'; --help lists them", place, word);
}

static int convert(const ks_option *option, const char *value) {
    switch (option->kind) {
    case KS_OPTION_FLAG:
        return ks_parse_flag(option->out, value);
    case KS_OPTION_TEXT:
        *(const char **)option->out = value;
        return 0;
    case KS_OPTION_U64:
        return ks_parse_u64(option->out, value);
    case KS_OPTION_NUMBER:
        return ks_parse_number(option->out, value);
    case KS_OPTION_CALL:
        break;
    }
    return option->call(option->out, value);
}

static const char *expectation(const ks_option *option) {
    switch (option->kind) {
    case KS_OPTION_FLAG:
        return "on or off";
    case KS_OPTION_U64:
        return "a whole number from 0 to 2^64-1, optionally with k M G T or Ki Mi Gi Ti";
    default:
        return "a finite number, optionally with k M G T or Ki Mi Gi Ti";
    }
}

/* `place` stands before messages: "" or "FILE:LINE: ". */
static int apply(parser *p, int index, const char *place, origin from, const char *value) {
    const ks_option *option = p->options[index];
    if (p->given[index] > from)
        return 0;
    if (p->given[index] == from && option->kind != KS_OPTION_CALL && option->kind != KS_OPTION_FLAG)
        return ks_cli_fail(KS_EXIT_USAGE, "%s--%s is given twice", place, option->name);
    p->given[index] = from;
    int result = convert(option, value);
    if (result == -1)
        return ks_cli_fail(KS_EXIT_USAGE, "%s--%s expects %s, not '%s'", place, option->name,
                           expectation(option), value);
    return result;
}

static int apply_config_entry(void *context, const char *place, const char *name, const char *value) {
    /* Texts from the configuration live to the end of the process. */
    static struct kept {
        struct kept *next;
        char text[];
    } * kept;
    parser *p = context;
    char prefix[512];
    int negated;
    snprintf(prefix, sizeof prefix, "%.500s: ", place);
    int index = find_option(p, name, strlen(name), &negated);
    if (index < 0 || negated || p->options[index]->out == &config_path ||
        p->options[index]->out == &help_wanted)
        return unknown_option(p, prefix, name, strlen(name));
    struct kept *copy = malloc(sizeof *copy + strlen(value) + 1);
    if (!copy)
        return ks_cli_fail(KS_EXIT_FAILED, "%sout of memory", prefix);
    strcpy(copy->text, value);
    copy->next = kept;
    kept = copy;
    return apply(p, index, prefix, FROM_CONFIG, copy->text);
}

/* --name, --name=value, --name value. *at is the argument's index and moves past what was used. */
static int parse_long(parser *p, int argc, char **argv, int *at) {
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    int negated;
    int index = find_option(p, name, length, &negated);
    if (index < 0)
        return unknown_option(p, "", name, length);
    const ks_option *option = p->options[index];
    ++*at;
    if (option->kind == KS_OPTION_FLAG) {
        if (equals)
            return ks_cli_fail(KS_EXIT_USAGE, "--%s takes no value", option->name);
        return apply(p, index, "", FROM_COMMAND_LINE, negated ? "off" : "on");
    }
    if (equals)
        return apply(p, index, "", FROM_COMMAND_LINE, equals + 1);
    if (*at == argc)
        return ks_cli_fail(KS_EXIT_USAGE, "--%s needs a value (%s)", option->name, option->argument);
    return apply(p, index, "", FROM_COMMAND_LINE, argv[(*at)++]);
}

/* -qv, -n5, -n 5. */
static int parse_short(parser *p, int argc, char **argv, int *at) {
    const char *letters = argv[(*at)++] + 1;
    for (; *letters; letters++) {
        int index = 0;
        while (index < p->count && p->options[index]->letter != *letters)
            index++;
        if (index == p->count)
            return ks_cli_fail(KS_EXIT_USAGE, "unknown option '-%c'; --help lists them", *letters);
        if (p->options[index]->kind != KS_OPTION_FLAG) {
            if (!letters[1] && *at == argc)
                return ks_cli_fail(KS_EXIT_USAGE, "-%c needs a value (%s)", *letters,
                                   p->options[index]->argument);
            return apply(p, index, "", FROM_COMMAND_LINE, letters[1] ? letters + 1 : argv[(*at)++]);
        }
        int result = apply(p, index, "", FROM_COMMAND_LINE, "on");
        if (result)
            return result;
    }
    return 0;
}

static void print_table(const ks_option *table) {
    for (; table->name; table++) {
        char left[64];
        char letter[5] = "    ";
        if (table->letter)
            snprintf(letter, sizeof letter, "-%c, ", table->letter);
        snprintf(left, sizeof left, "%s--%s %s", letter, table->name, table->argument ? table->argument : "");
        printf(strlen(left) <= 30 ? "  %-30s %s\n" : "  %s\n                                 %s\n", left,
               table->help);
    }
}

static void print_help(const char *synopsis, const ks_option *options) {
    printf("Usage: keystill %s\n", synopsis);
    if (options->name)
        printf("\nOptions:\n");
    print_table(options);
    printf("\nCommon options:\n");
    print_table(common_options);
}

/* Options are taken out; the words that stay are moved behind them in their order. */
static int parse_arguments(parser *p, int argc, char **argv, int *rest) {
    char **words = calloc((size_t)argc + 1, sizeof *words);
    int word_count = 0, option_count = 1, result = 0;
    if (!words)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    for (int at = 1; at < argc && !result;) {
        int start = at;
        if (strcmp(argv[at], "--") == 0) {
            for (at++; at < argc; at++)
                words[word_count++] = argv[at];
            argv[option_count++] = argv[start];
            break;
        }
        if (argv[at][0] != '-' || !argv[at][1]) {
            words[word_count++] = argv[at++];
            continue;
        }
        result = argv[at][1] == '-' ? parse_long(p, argc, argv, &at) : parse_short(p, argc, argv, &at);
        while (start < at)
            argv[option_count++] = argv[start++];
    }
    if (!result && !help_wanted) {
        memcpy(argv + option_count, words, (size_t)word_count * sizeof *words);
        *rest = option_count;
    }
    free(words);
    return result;
}

static int choose_isa(void) {
    if (!isa_name)
        return 0;
    int result = ks_kernels_force(isa_name);
    if (result == -1)
        return ks_cli_fail(KS_EXIT_USAGE, "--isa: unknown instruction set '%s'", isa_name);
    if (result)
        return ks_cli_fail(KS_EXIT_UNAVAILABLE, "--isa: this machine does not have %s", isa_name);
    return 0;
}

int ks_cli_parse(const char *synopsis, const ks_option *options, int argc, char **argv, int *rest) {
    parser p = {.count = 0};
    int result = add_table(&p, options);
    if (!result)
        result = add_table(&p, common_options);
    if (!result)
        result = parse_arguments(&p, argc, argv, rest);
    if (!result && help_wanted) {
        print_help(synopsis, options);
        return KS_EXIT_OK;
    }
    if (!result && config_path)
        result = ks_config_read(config_path, ks_cli_command(), apply_config_entry, &p);
    if (!result && quiet)
        ks_cli_verbosity = 0;
    else if (!result && verbose)
        ks_cli_verbosity = 2;
    if (!result)
        result = choose_isa();
    return result ? result : -1;
}
