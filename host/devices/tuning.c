/* SPDX-License-Identifier: Apache-2.0 */
/* The tuning file: one line a device and operation, fields apart by tabs:
 *     backend  index  operation  bits a second  name */
#include <errno.h>
#include <fcntl.h>
#include <keystill/device_select.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/status.h"

enum { LINE_BYTES = 512 };
static const char head[] = "# Keystill: measured speeds of compute devices, version 1\n";
static const char *const op_names[KS_GROUP_OPS] = {[KS_OP_SYNDROME] = "syndrome",
                                                   [KS_OP_DECODE] = "decode",
                                                   [KS_OP_HASH] = "hash",
                                                   [KS_OP_TOEPLITZ] = "toeplitz"};

static int op_of(const char *name) {
    for (int op = KS_OP_SYNDROME; op < KS_GROUP_OPS; op++)
        if (strcmp(op_names[op], name) == 0)
            return op;
    return 0;
}

/* The entry of a device, added when it is new; NULL when there is no room. */
static ks_tuning *entry_of(ks_tuning *entries, size_t room, size_t *count, const ks_tuning *like) {
    for (size_t i = 0; i < *count; i++)
        if (entries[i].index == like->index && strcmp(entries[i].backend, like->backend) == 0)
            return &entries[i];
    if (*count == room)
        return NULL;
    entries[*count] = *like;
    return &entries[(*count)++];
}

static int read_line(ks_tuning *entries, size_t room, size_t *count, const char *line) {
    ks_tuning like = {.index = 0};
    char op_name[16], index[8];
    double speed;
    int used = 0;
    if (sscanf(line, "%15[a-z]\t%7[0-9]\t%15[a-z]\t%lf\t%n", like.backend, index, op_name, &speed, &used) !=
            4 ||
        !used || !op_of(op_name) || !(speed > 0 && speed < 1e18) || strlen(line + used) >= sizeof like.name)
        return -1;
    like.index = (uint32_t)strtoul(index, NULL, 10);
    memcpy(like.name, line + used, strlen(line + used));
    ks_tuning *entry = entry_of(entries, room, count, &like);
    if (entry)
        entry->speed[op_of(op_name)] = speed;
    return 0;
}

ks_status ks_tuning_read(ks_tuning *entries, size_t room, size_t *count, const char *path) {
    char line[LINE_BYTES];
    *count = 0;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file)
        return !path || errno == ENOENT ? KS_OK : ks_fail(KS_ERR_IO, "%s: %s", path, strerror(errno));
    ks_status status = KS_OK;
    for (unsigned number = 1; status == KS_OK && fgets(line, sizeof line, file); number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        if (!end || (line[0] != '#' && line[0] && read_line(entries, room, count, line) != 0))
            status = ks_fail(KS_ERR_FORMAT, "%s: line %u: expected backend, index, operation, speed, name",
                             path, number);
    }
    if (status == KS_OK && ferror(file))
        status = ks_fail(KS_ERR_IO, "%s: %s", path, strerror(errno));
    (void)fclose(file);
    return status;
}

/* The text of the file, to be freed; NULL when memory is short. */
static char *text_of(const ks_tuning *entries, size_t count, size_t *bytes) {
    const size_t room = sizeof head + count * KS_GROUP_OPS * LINE_BYTES;
    char *text = malloc(room);
    size_t used = sizeof head - 1;
    if (!text)
        return NULL;
    memcpy(text, head, sizeof head);
    for (size_t i = 0; i < count; i++)
        for (int op = KS_OP_SYNDROME; op < KS_GROUP_OPS; op++)
            if (entries[i].speed[op] > 0)
                used +=
                    (size_t)snprintf(text + used, LINE_BYTES, "%s\t%u\t%s\t%.6g\t%s\n", entries[i].backend,
                                     entries[i].index, op_names[op], entries[i].speed[op], entries[i].name);
    *bytes = used;
    return text;
}

/* 0, or an error number. */
static int write_file(const char *path, const char *text, size_t bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), error = 0;
    if (fd < 0)
        return errno;
    for (size_t done = 0; done < bytes && !error;) {
        ssize_t n = write(fd, text + done, bytes - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? EIO : errno;
    }
    if (!error && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && !error)
        error = errno;
    return error;
}

ks_status ks_tuning_write(const ks_tuning *entries, size_t count, const char *path) {
    char fresh[4096];
    size_t bytes;
    int n = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof fresh)
        return ks_fail(KS_ERR_ARGUMENT, "the path of the tuning file is too long");
    char *text = text_of(entries, count, &bytes);
    if (!text)
        return ks_fail(KS_ERR_MEMORY, "no memory for the tuning file");
    int error = write_file(fresh, text, bytes);
    free(text);
    if (!error && rename(fresh, path) != 0)
        error = errno;
    if (!error)
        return KS_OK;
    (void)unlink(fresh);
    return ks_fail(KS_ERR_IO, "%s: %s", path, strerror(error));
}
