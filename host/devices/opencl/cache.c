/* SPDX-License-Identifier: Apache-2.0 */
/* Files of compiled programs: a head with the digest of what follows. The folder must be this user's alone to
 * write, since what is read from it runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/devices/opencl/opencl.h"
#include "pipeline/status.h"

enum { HEAD_BYTES = 48 }; /* "KSCLB 1\n", 32 digits, 8 of zero */
static const char magic[] = "KSCLB 1\n";
static const size_t binary_max = (size_t)1 << 30;

/* FNV-1a. */
void ks_cl_digest_start(ks_cl_digest *digest) {
    digest->state = (unsigned __int128)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;
}

void ks_cl_digest_add(ks_cl_digest *digest, const void *data, size_t bytes) {
    const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        digest->state = (digest->state ^ at[i]) * prime;
}

void ks_cl_digest_text(char out[33], const ks_cl_digest *digest) {
    (void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)(digest->state >> 64),
                   (unsigned long long)digest->state);
}

static void make_head(char head[HEAD_BYTES], const unsigned char *data, size_t bytes) {
    ks_cl_digest digest;
    ks_cl_digest_start(&digest);
    ks_cl_digest_add(&digest, data, bytes);
    char digits[33];
    ks_cl_digest_text(digits, &digest);
    memset(head, 0, HEAD_BYTES);
    memcpy(head, magic, 8);
    memcpy(head + 8, digits, 32);
}

static int private_to_us(const struct stat *info) {
    return info->st_uid == geteuid() && (info->st_mode & 022) == 0;
}

static ks_status open_folder(int *fd, const char *cache) {
    *fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return ks_fail(KS_ERR_EMPTY, "%s: %s", cache, strerror(errno));
    struct stat info;
    if (fstat(*fd, &info) == 0 && private_to_us(&info))
        return KS_OK;
    (void)close(*fd);
    return ks_fail(KS_ERR_SECURITY, "%s: others may write there", cache);
}

static int read_all(int fd, void *out, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(fd, (char *)out + done, bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    return 1;
}

static int write_all(int fd, const void *data, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t put = write(fd, (const char *)data + done, bytes - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return 0;
        done += (size_t)put;
    }
    return 1;
}

static ks_status read_file(int fd, unsigned char **out, size_t *bytes) {
    struct stat info;
    char head[HEAD_BYTES], want[HEAD_BYTES];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || !private_to_us(&info) ||
        info.st_size <= HEAD_BYTES || (size_t)info.st_size > binary_max)
        return ks_fail(KS_ERR_EMPTY, "no compiled program");
    *bytes = (size_t)info.st_size - HEAD_BYTES;
    *out = malloc(*bytes);
    if (!*out)
        return ks_fail(KS_ERR_MEMORY, "no memory for a compiled program");
    if (read_all(fd, head, sizeof head) && read_all(fd, *out, *bytes)) {
        make_head(want, *out, *bytes);
        if (memcmp(head, want, sizeof head) == 0)
            return KS_OK;
    }
    free(*out);
    *out = NULL;
    return ks_fail(KS_ERR_EMPTY, "a damaged compiled program");
}

ks_status ks_cl_cache_read(const char *cache, const char *name, unsigned char **out, size_t *bytes) {
    *out = NULL;
    int folder;
    KS_TRY(open_folder(&folder, cache));
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    (void)close(folder);
    if (fd < 0)
        return ks_fail(KS_ERR_EMPTY, "no compiled program");
    ks_status status = read_file(fd, out, bytes);
    (void)close(fd);
    return status;
}

static ks_status write_file(int folder, const char *part, const char *name, const unsigned char *data,
                            size_t bytes) {
    char head[HEAD_BYTES];
    make_head(head, data, bytes);
    int fd = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ks_fail(KS_ERR_IO, "cannot create %s: %s", part, strerror(errno));
    int good = write_all(fd, head, sizeof head) && write_all(fd, data, bytes);
    if (close(fd) != 0)
        good = 0;
    if (good && renameat(folder, part, folder, name) == 0)
        return KS_OK;
    ks_status status = ks_fail(KS_ERR_IO, "cannot write %s: %s", name, strerror(errno));
    (void)unlinkat(folder, part, 0);
    return status;
}

ks_status ks_cl_cache_write(const char *cache, const char *name, const unsigned char *data, size_t bytes) {
    static _Atomic unsigned serial;
    if (bytes > binary_max - HEAD_BYTES)
        return ks_fail(KS_ERR_LIMIT, "a program of %zu bytes", bytes);
    if (mkdir(cache, 0700) != 0 && errno != EEXIST)
        return ks_fail(KS_ERR_IO, "cannot create %s: %s", cache, strerror(errno));
    int folder;
    KS_TRY(open_folder(&folder, cache));
    char part[128];
    (void)snprintf(part, sizeof part, ".%s.%ld.%u", name, (long)getpid(), serial++);
    ks_status status = write_file(folder, part, name, data, bytes);
    (void)close(folder);
    return status;
}
