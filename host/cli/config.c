/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/config.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

enum { CONFIG_LIMIT = 1 << 20 };

typedef struct config {
    const char *path, *command, *next, *end;
    ks_config_entry *entry;
    void *context;
    int line, result;
} config;

static int refuse(config *c, const char *why) {
    c->result = ks_cli_fail(KS_EXIT_USAGE, "%s:%d: %s", c->path, c->line, why);
    return c->result;
}

/* Hands the library one line at a time, without leading blanks: it would take an indented line for the
 * continuation of the value above, and would cut a long line into two. */
static char *next_line(char *line, int capacity, void *context) {
    config *c = context;
    if (c->next == c->end || c->result)
        return NULL;
    c->line++;
    const char *newline = memchr(c->next, '\n', (size_t)(c->end - c->next));
    const char *stop = newline ? newline : c->end;
    const char *from = c->next;
    while (from < stop && (*from == ' ' || *from == '\t'))
        from++;
    size_t length = (size_t)(stop - from);
    c->next = newline ? newline + 1 : c->end;
    if (length + 2 > (size_t)capacity || memchr(from, '\0', length)) {
        refuse(c, length + 2 > (size_t)capacity ? "the line is too long" : "the line holds a zero byte");
        return NULL;
    }
    memcpy(line, from, length);
    line[length] = '\n';
    line[length + 1] = '\0';
    return line;
}

static int names_command(const char *section) {
    static const char *const names[] = {
#define KS_COMMAND(name, summary) #name,
#include "host/cli/commands.def"
#undef KS_COMMAND
        NULL};
    size_t length = strcspn(section, " ");
    for (const char *const *name = names; *name; name++)
        if (strlen(*name) == length && strncmp(*name, section, length) == 0)
            return 1;
    return 0;
}

static int handle_entry(void *context, const char *section, const char *name, const char *value) {
    config *c = context;
    char place[512];
    if (c->result)
        return 0;
    if (section[0] && strcmp(section, c->command) != 0) {
        if (!names_command(section))
            refuse(c, "the section names no command");
        return c->result == 0;
    }
    snprintf(place, sizeof place, "%.400s:%d", c->path, c->line);
    c->result = c->entry(c->context, place, name, value);
    return c->result == 0;
}

/* The whole file, at most CONFIG_LIMIT bytes; NULL after saying why. */
static char *read_file(const char *path, size_t *bytes) {
    int fd = ks_cli_open_input(path);
    if (fd < 0)
        return NULL;
    FILE *file = fdopen(fd, "r");
    char *text = malloc(CONFIG_LIMIT);
    if (!file || !text) {
        ks_cli_fail(KS_EXIT_FAILED, "cannot read %s: out of memory", path);
        free(text);
        text = NULL;
    } else {
        *bytes = fread(text, 1, CONFIG_LIMIT, file);
        if (ferror(file) || *bytes == CONFIG_LIMIT) {
            ks_cli_fail(KS_EXIT_FAILED, "cannot read %s: %s", path,
                        ferror(file) ? "reading failed" : "larger than 1 MiB");
            free(text);
            text = NULL;
        }
    }
    if (file)
        fclose(file);
    else
        close(fd);
    return text;
}

int ks_config_read(const char *path, const char *command, ks_config_entry *entry, void *context) {
    size_t bytes = 0;
    char *text = read_file(path, &bytes);
    if (!text)
        return KS_EXIT_USAGE;
    config c = {.path = path,
                .command = command,
                .next = text,
                .end = text + bytes,
                .entry = entry,
                .context = context};
    int bad_line = ini_parse_stream(next_line, &c, handle_entry, &c);
    if (bad_line && !c.result) {
        c.line = bad_line;
        refuse(&c, "expected [section], NAME = VALUE or a comment");
    }
    free(text);
    return c.result;
}
