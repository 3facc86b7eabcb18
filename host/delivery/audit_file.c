/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log in a file: checked whole when opened, cut to its last whole record after a crash, appended
 * durably. */
#include <keystill/storage.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/status.h"

enum { PIECE = 1 << 16 };

struct ks_audit_file {
    ks_audit *audit;
    int fd;
    uint64_t size;
    char *path;
};

static ks_status sync_directory(const char *path) {
    char *copy = strdup(path);
    if (!copy)
        return ks_fail(KS_ERR_MEMORY, "no memory for a path");
    char *slash = strrchr(copy, '/');
    if (slash)
        slash[slash == copy] = '\0';
    int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    const int failed = fd < 0 || fsync(fd) != 0, error = errno;
    if (fd >= 0)
        close(fd);
    return failed ? ks_fail(KS_ERR_IO, "fsync of the directory of %s: %s", path, strerror(error)) : KS_OK;
}

/* ---- the callbacks of the log */

static uint64_t now(void *context) {
    struct timespec t;
    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A record that does not get in whole is taken back, as far as that works. */
static ks_status append(void *context, const char *line, size_t bytes) {
    ks_audit_file *file = context;
    ks_status status = KS_OK;
    for (size_t done = 0; done < bytes && status == KS_OK;) {
        ssize_t n = pwrite(file->fd, line + done, bytes - done, (off_t)(file->size + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            status =
                ks_fail(KS_ERR_IO, "%s: write: %s", file->path, n ? strerror(errno) : "nothing was taken");
    }
    if (status == KS_OK && fdatasync(file->fd) != 0)
        status = ks_fail(KS_ERR_IO, "%s: fdatasync: %s", file->path, strerror(errno));
    if (status == KS_OK)
        file->size += bytes;
    else if (ftruncate(file->fd, (off_t)file->size) != 0)
        return status; /* the next start finds the torn record and cuts it off */
    return status;
}

/* ---- opening */

static ks_status check_file(int fd, const char *path) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return ks_fail(KS_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ks_fail(KS_ERR_SECURITY, "%s is no regular file", path);
    if (info.st_uid != geteuid() || info.st_mode & 022)
        return ks_fail(KS_ERR_SECURITY, "%s belongs to another user or may be written by others (chmod go-w)",
                       path);
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return KS_OK;
    return errno == EAGAIN || errno == EACCES
               ? ks_fail(KS_ERR_STATE, "%s is in use by another process", path)
               : ks_fail(KS_ERR_IO, "cannot lock %s: %s", path, strerror(errno));
}

static ks_status read_all(ks_audit_file *file, ks_audit_check *check) {
    char piece[PIECE];
    for (;;) {
        ssize_t got = pread(file->fd, piece, sizeof piece, (off_t)file->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ks_fail(KS_ERR_IO, "%s: read: %s", file->path, strerror(errno));
        if (got == 0)
            return KS_OK;
        ks_status status = ks_audit_check_feed(check, piece, (size_t)got);
        if (status != KS_OK)
            return ks_fail_in(status, "%s", file->path);
        file->size += (uint64_t)got;
    }
}

static ks_status take_up(ks_audit_file *file, const ks_audit_result *found) {
    if (found->torn_bytes) {
        file->size = found->bytes;
        if (ftruncate(file->fd, (off_t)file->size) != 0 || fsync(file->fd) != 0)
            return ks_fail(KS_ERR_IO, "%s: cutting off a torn record: %s", file->path, strerror(errno));
    }
    const ks_audit_config config = {.head = found->head, .context = file, .append = append, .now = now};
    return ks_audit_create(&file->audit, &config);
}

static ks_status open_and_check(ks_audit_file *file, ks_audit_recovery *recovery) {
    ks_audit_check *check;
    ks_audit_result found;
    file->fd = open(file->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file->fd < 0 && errno == ENOENT) {
        file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        recovery->created = 1;
    }
    if (file->fd < 0)
        return ks_fail(errno == ELOOP ? KS_ERR_SECURITY : KS_ERR_IO, "cannot open %s: %s", file->path,
                       strerror(errno));
    KS_TRY(check_file(file->fd, file->path));
    if (recovery->created)
        KS_TRY(sync_directory(file->path));
    KS_TRY(ks_audit_check_create(&check, NULL));
    ks_status status = read_all(file, check);
    ks_audit_check_result(check, &found);
    ks_audit_check_destroy(check);
    if (status != KS_OK)
        return status;
    recovery->records = found.head.records;
    recovery->torn_bytes = found.torn_bytes;
    memcpy(recovery->configuration, found.configuration, sizeof found.configuration);
    return take_up(file, &found);
}

ks_status ks_audit_file_open(ks_audit_file **out, const char *path, ks_audit_recovery *recovery) {
    *out = NULL;
    *recovery = (ks_audit_recovery){.created = 0};
    ks_audit_file *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        return ks_fail(KS_ERR_MEMORY, "no memory for an audit log");
    }
    file->fd = -1;
    ks_status status = open_and_check(file, recovery);
    if (status != KS_OK) {
        ks_audit_file_close(file);
        return status;
    }
    *out = file;
    return KS_OK;
}

void ks_audit_file_close(ks_audit_file *file) {
    if (!file)
        return;
    ks_audit_destroy(file->audit);
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    free(file);
}

ks_audit *ks_audit_file_audit(ks_audit_file *file) {
    return file->audit;
}
