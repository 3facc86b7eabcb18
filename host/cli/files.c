/* SPDX-License-Identifier: Apache-2.0 */
/* Input and output files of the commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/cli.h"

int ks_cli_open_input(const char *path) {
    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0)
        ks_cli_fail(KS_EXIT_FAILED, "cannot read %s: %s", path, strerror(errno));
    return fd;
}

static int writes_in_place(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

int ks_cli_open_output(ks_cli_output *out, const char *path) {
    *out = (ks_cli_output){.fd = -1, .path = path};
    if (strcmp(path, "-") == 0)
        return out->fd = STDOUT_FILENO;
    if (writes_in_place(path)) {
        out->fd = open(path, O_WRONLY | O_CLOEXEC);
    } else if (asprintf(&out->part, "%s.part", path) < 0) {
        out->part = NULL;
        errno = ENOMEM;
    } else {
        /* Outputs may be Alice's states or keys: for the owner alone, whatever lies there from before. */
        (void)unlink(out->part);
        out->fd = open(out->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (out->fd < 0) {
        ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
        free(out->part);
        out->part = NULL;
    }
    return out->fd;
}

int ks_cli_close_output(ks_cli_output *out, int keep) {
    int failed = 0;
    if (out->fd >= 0 && out->fd != STDOUT_FILENO)
        failed = close(out->fd) != 0;
    out->fd = -1;
    if (out->part && keep && !failed)
        failed = rename(out->part, out->path) != 0;
    int error = errno;
    if (out->part && (!keep || failed))
        unlink(out->part);
    free(out->part);
    out->part = NULL;
    if (failed && keep)
        ks_cli_fail(KS_EXIT_FAILED, "cannot write %s: %s", out->path, strerror(error));
    return failed ? -1 : 0;
}

int ks_cli_write_all(int fd, const void *data, size_t bytes) {
    const char *from = data;
    while (bytes) {
        ssize_t written = write(fd, from, bytes);
        if (written < 0 && errno == EINTR && !ks_cli_interrupted())
            continue;
        if (written < 0)
            return -1;
        from += written;
        bytes -= (size_t)written;
    }
    return 0;
}
