/* SPDX-License-Identifier: Apache-2.0 */
#include "host/delivery/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/status.h"

ks_status ks_private_write(int fd, const uint8_t *data, size_t bytes, uint64_t offset) {
    while (bytes) {
        ssize_t done = pwrite(fd, data, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return ks_fail(KS_ERR_IO, "write of %zu bytes at offset %llu: %s", bytes,
                           (unsigned long long)offset, done < 0 ? strerror(errno) : "nothing was taken");
        data += done;
        bytes -= (size_t)done;
        offset += (uint64_t)done;
    }
    return KS_OK;
}

ks_status ks_private_read(int fd, uint8_t *out, size_t bytes) {
    uint64_t offset = 0;
    while (offset < bytes) {
        ssize_t got = pread(fd, out + offset, bytes - offset, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ks_fail(KS_ERR_IO, "read at offset %llu: %s", (unsigned long long)offset, strerror(errno));
        if (got == 0)
            return ks_fail(KS_ERR_FORMAT, "the file ends at offset %llu, %zu bytes expected",
                           (unsigned long long)offset, bytes);
        offset += (uint64_t)got;
    }
    return KS_OK;
}

/* Opens the directory of a path, or a nameless file in it. */
static int open_beside(const char *path, int flags) {
    char *copy = strdup(path);
    if (!copy)
        return -1;
    char *slash = strrchr(copy, '/');
    if (slash)
        slash[slash == copy] = '\0';
    int fd = open(slash ? copy : ".", flags | O_CLOEXEC, 0600);
    free(copy);
    return fd;
}

/* Makes the name of a new file durable. */
static ks_status sync_directory(const char *path) {
    int fd = open_beside(path, O_RDONLY | O_DIRECTORY);
    int failed = fd < 0 || fsync(fd) != 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return failed ? ks_fail(KS_ERR_IO, "fsync of the directory of %s: %s", path, strerror(error)) : KS_OK;
}

static ks_status fill_new(int fd, const uint8_t *data, size_t bytes) {
    /* The mode that was asked for at creation, less umask, may be too narrow to open again. */
    if (fchmod(fd, 0600) != 0)
        return ks_fail(KS_ERR_IO, "mode 0600: %s", strerror(errno));
    KS_TRY(ks_private_write(fd, data, bytes, 0));
    if (fsync(fd) != 0)
        return ks_fail(KS_ERR_IO, "fsync: %s", strerror(errno));
    return KS_OK;
}

/* A file on its way: without a name, so that a process that dies leaves no secrets behind; where the file
 * system has no such files, under the name `part`. */
typedef struct new_file {
    int fd;
    char *part;
} new_file;

static ks_status open_new(new_file *f, const char *path) {
    *f = (new_file){.fd = open_beside(path, O_WRONLY | O_TMPFILE)};
    if (f->fd >= 0)
        return KS_OK;
    if (asprintf(&f->part, "%s.%ld.part", path, (long)getpid()) < 0) {
        f->part = NULL;
        return ks_fail(KS_ERR_MEMORY, "no memory for a path");
    }
    f->fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd >= 0)
        return KS_OK;
    ks_status status = ks_fail(KS_ERR_IO, "cannot create %s: %s", f->part, strerror(errno));
    free(f->part);
    return status;
}

/* Gives it its name; that never replaces a file. */
static ks_status name_new(const new_file *f, const char *path) {
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    if (linkat(AT_FDCWD, f->part ? f->part : self, AT_FDCWD, path, f->part ? 0 : AT_SYMLINK_FOLLOW) == 0)
        return KS_OK;
    return errno == EEXIST ? ks_fail(KS_ERR_STATE, "%s exists and is not replaced", path)
                           : ks_fail(KS_ERR_IO, "cannot create %s: %s", path, strerror(errno));
}

/* The name comes when the file is whole. */
ks_status ks_private_create(const char *path, const uint8_t *data, size_t bytes) {
    new_file f;
    KS_TRY(open_new(&f, path));
    ks_status status = fill_new(f.fd, data, bytes);
    status = status == KS_OK ? name_new(&f, path) : ks_fail_in(status, "%s", path);
    if (close(f.fd) != 0 && status == KS_OK)
        status = ks_fail(KS_ERR_IO, "close: %s", strerror(errno));
    if (f.part)
        (void)unlink(f.part);
    free(f.part);
    return status == KS_OK ? sync_directory(path) : status;
}

/* What is opened must be a private regular file of this user and of `bytes` bytes. */
static ks_status check_private(int fd, const char *path, size_t bytes) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return ks_fail(KS_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ks_fail(KS_ERR_SECURITY, "%s is no regular file", path);
    if (info.st_uid != geteuid())
        return ks_fail(KS_ERR_SECURITY, "%s belongs to user %lu, this is user %lu", path,
                       (unsigned long)info.st_uid, (unsigned long)geteuid());
    if (info.st_mode & 077)
        return ks_fail(KS_ERR_SECURITY, "%s has mode %03o: others than its owner have access (chmod 600)",
                       path, (unsigned)info.st_mode & 0777);
    if (bytes && (uint64_t)info.st_size != bytes)
        return ks_fail(KS_ERR_FORMAT, "%s has %llu bytes, %zu expected", path,
                       (unsigned long long)info.st_size, bytes);
    return KS_OK;
}

ks_status ks_private_open(int *fd, const char *path, int flags, size_t bytes) {
    *fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return errno == ELOOP ? ks_fail(KS_ERR_SECURITY, "%s is a symbolic link", path)
                              : ks_fail(KS_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    ks_status status = check_private(*fd, path, bytes);
    if (status != KS_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

ks_status ks_private_lock(int fd, const char *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return KS_OK;
    if (errno == EAGAIN || errno == EACCES)
        return ks_fail(KS_ERR_STATE, "%s is in use by another process", path);
    return ks_fail(KS_ERR_IO, "cannot lock %s: %s", path, strerror(errno));
}

ks_status ks_private_erase(int fd, const char *path, size_t bytes) {
    static const uint8_t zeros[4096];
    for (size_t at = 0; at < bytes; at += sizeof zeros)
        KS_TRY(ks_private_write(fd, zeros, bytes - at < sizeof zeros ? bytes - at : sizeof zeros, at));
    if (fsync(fd) != 0 || unlink(path) != 0)
        return ks_fail(KS_ERR_IO, "cannot erase %s: %s", path, strerror(errno));
    return sync_directory(path);
}
