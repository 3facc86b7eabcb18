/* SPDX-License-Identifier: Apache-2.0 */
/* Named key rings. Byte 0 of the file is locked by the writer, byte 1 (shared) by readers, both for their
 * lives. Whoever gets byte 1 exclusively knows that there is no reader and settles what dead ones left. Locks
 * belong to the open file (OFD), so other descriptors of the same process neither share nor break them. */
#include <keystill/ring_host.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

enum { WRITER_BYTE = 0, READER_BYTE = 1, NAME_MAX_LENGTH = 64, CREATE_TRIES = 16 };

struct ks_ring_map {
    ks_ring *ring;
    void *memory;
    size_t bytes;
    int fd, is_writer, is_locked;
};

typedef char shm_name[sizeof "/keystill-" + NAME_MAX_LENGTH];

static ks_status make_name(shm_name out, const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strnlen(name, NAME_MAX_LENGTH + 1);
    if (length == 0 || length > NAME_MAX_LENGTH || name[0] == '.' || strspn(name, allowed) != length)
        return ks_fail(KS_ERR_ARGUMENT,
                       "a ring's name has 1 to %d characters of a-z A-Z 0-9 . _ - and no leading dot",
                       NAME_MAX_LENGTH);
    memcpy(out, "/keystill-", sizeof "/keystill-" - 1);
    memcpy(out + sizeof "/keystill-" - 1, name, length + 1);
    return KS_OK;
}

/* F_RDLCK, F_WRLCK or F_UNLCK on one byte; 1 when it was done. */
static int lock_byte(int fd, off_t byte, short type, int command) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;
    do
        result = fcntl(fd, command, &lock);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static int writer_lives(int fd) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITER_BYTE, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static uint64_t monotonic_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Keys live in nobody else's file, and nobody else reads them. */
static ks_status check_file(int fd, const char *name, struct stat *info) {
    if (fstat(fd, info) != 0)
        return ks_fail(KS_ERR_IO, "ring %s: %s", name, strerror(errno));
    if (!S_ISREG(info->st_mode) || info->st_uid != geteuid() || (info->st_mode & 077) != 0)
        return ks_fail(KS_ERR_IO, "ring %s: /dev/shm/keystill-%s must be a file of this user with mode 0600",
                       name, name);
    return KS_OK;
}

static ks_status open_file(int *fd, const char *name, int flags) {
    shm_name path;
    KS_TRY(make_name(path, name));
    *fd = shm_open(path, flags, 0600);
    if (*fd >= 0)
        return KS_OK;
    if (errno == ENOENT)
        return ks_fail(KS_ERR_EMPTY, "there is no ring named %s", name);
    return ks_fail(KS_ERR_IO, "ring %s: %s", name, strerror(errno));
}

static ks_status map_file(ks_ring_map *map, const char *name) {
    void *memory = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (memory == MAP_FAILED)
        return ks_fail(KS_ERR_MEMORY, "ring %s: cannot map %zu bytes: %s", name, map->bytes, strerror(errno));
    map->memory = memory;
    (void)madvise(memory, map->bytes, MADV_DONTDUMP);
    map->is_locked = mlock(memory, map->bytes) == 0;
    if (map->is_writer && !map->is_locked)
        return ks_fail(
            KS_ERR_MEMORY,
            "ring %s: cannot lock %zu bytes of key memory: raise the limit of locked memory (ulimit -l)",
            name, map->bytes);
    return KS_OK;
}

static ks_status map_new(ks_ring_map **out, int is_writer) {
    *out = calloc(1, sizeof **out);
    if (!*out)
        return ks_fail(KS_ERR_MEMORY, "ring mapping");
    (*out)->fd = -1;
    (*out)->is_writer = is_writer;
    return KS_OK;
}

void ks_ring_map_close(ks_ring_map *map) {
    if (!map)
        return;
    ks_ring_detach(map->ring);
    if (map->memory)
        (void)munmap(map->memory, map->bytes);
    if (map->fd >= 0)
        (void)close(map->fd);
    free(map);
}

/* Settles what dead readers left, if there is no living one. New readers wait for the lock meanwhile: a pass
 * over the ring. */
static void reclaim_if_alone(const ks_ring_map *map) {
    if (!lock_byte(map->fd, READER_BYTE, F_WRLCK, F_OFD_SETLK))
        return;
    ks_ring_reclaim(map->ring);
    (void)lock_byte(map->fd, READER_BYTE, F_UNLCK, F_OFD_SETLK);
}

/* Opens or creates the file and becomes its writer. The name may be removed between open and lock: then once
 * more. */
static ks_status become_writer(ks_ring_map *map, const char *name, int flags, struct stat *info) {
    for (int tries = 0; tries < CREATE_TRIES; tries++) {
        KS_TRY(open_file(&map->fd, name, flags));
        KS_TRY(check_file(map->fd, name, info));
        if (!lock_byte(map->fd, WRITER_BYTE, F_WRLCK, F_OFD_SETLK))
            return ks_fail(KS_ERR_STATE, "ring %s has a living writer", name);
        KS_TRY(check_file(map->fd, name, info));
        if (info->st_nlink > 0)
            return KS_OK;
        (void)close(map->fd);
        map->fd = -1;
    }
    return ks_fail(KS_ERR_IO, "ring %s is removed as fast as it is created", name);
}

/* Real memory for all of it now: a full file system must not kill a writer later. */
static ks_status size_file(const ks_ring_map *map, const char *name, const struct stat *info) {
    if ((size_t)info->st_size == map->bytes)
        return KS_OK;
    if (info->st_size != 0)
        return ks_fail(KS_ERR_STATE, "ring %s is there with another configuration (%lld bytes, not %zu)",
                       name, (long long)info->st_size, map->bytes);
    int failure = posix_fallocate(map->fd, 0, (off_t)map->bytes);
    if (failure == 0)
        return KS_OK;
    (void)!ftruncate(map->fd, 0); /* never used yet: the next attempt starts afresh */
    return ks_fail(KS_ERR_MEMORY, "ring %s: %zu bytes of shared memory: %s", name, map->bytes,
                   strerror(failure));
}

static ks_status create(ks_ring_map *map, const char *name, const ks_ring_config *config,
                        uint32_t *recovered) {
    struct stat info;
    map->bytes = ks_ring_bytes(config);
    if (map->bytes == 0)
        return ks_fail(KS_ERR_ARGUMENT, "ring %s: %u slots of %u bytes are out of range", name, config->slots,
                       config->key_bytes);
    KS_TRY(become_writer(map, name, O_RDWR | O_CREAT, &info));
    KS_TRY(size_file(map, name, &info));
    KS_TRY(map_file(map, name));
    (void)madvise(map->memory, map->bytes, MADV_DONTFORK);
    ks_status status = ks_ring_writer_attach(&map->ring, map->memory, map->bytes, config, recovered);
    if (status != KS_OK)
        return ks_fail_in(status, "ring %s", name);
    ks_ring_map_heartbeat(map);
    return KS_OK;
}

ks_status ks_ring_map_create(ks_ring_map **out, const char *name, const ks_ring_config *config,
                             uint32_t *recovered) {
    KS_TRY(map_new(out, 1));
    ks_status status = create(*out, name, config, recovered);
    if (status != KS_OK) {
        ks_ring_map_close(*out);
        *out = NULL;
    }
    return status;
}

static ks_status open_reader(ks_ring_map *map, const char *name) {
    struct stat info;
    KS_TRY(open_file(&map->fd, name, O_RDWR));
    KS_TRY(check_file(map->fd, name, &info));
    if (info.st_size == 0)
        return ks_fail(KS_ERR_EMPTY, "ring %s is being created", name);
    map->bytes = (size_t)info.st_size;
    KS_TRY(map_file(map, name));
    /* Shared at once where a living reader holds it; else exclusive first, to settle what dead ones left. */
    int alone = lock_byte(map->fd, READER_BYTE, F_WRLCK, F_OFD_SETLK);
    if (!alone && !lock_byte(map->fd, READER_BYTE, F_RDLCK, F_OFD_SETLKW))
        return ks_fail(KS_ERR_IO, "ring %s: %s", name, strerror(errno));
    ks_status status = ks_ring_reader_attach(&map->ring, map->memory, map->bytes);
    if (status != KS_OK)
        return ks_fail_in(status, "ring %s", name);
    if (alone) {
        ks_ring_reclaim(map->ring);
        if (!lock_byte(map->fd, READER_BYTE, F_RDLCK, F_OFD_SETLK))
            return ks_fail(KS_ERR_IO, "ring %s: %s", name, strerror(errno));
    }
    return KS_OK;
}

ks_status ks_ring_map_open(ks_ring_map **out, const char *name) {
    KS_TRY(map_new(out, 0));
    ks_status status = open_reader(*out, name);
    if (status != KS_OK) {
        ks_ring_map_close(*out);
        *out = NULL;
    }
    return status;
}

ks_ring *ks_ring_map_ring(ks_ring_map *map) {
    return map->ring;
}

void ks_ring_map_heartbeat(ks_ring_map *map) {
    ks_ring_heartbeat(map->ring, monotonic_ns());
    if (map->is_writer)
        reclaim_if_alone(map);
}

void ks_ring_map_get_status(ks_ring_map *map, ks_ring_status *status) {
    ks_ring_get_status(map->ring, status, monotonic_ns());
    status->writer_alive = map->is_writer || writer_lives(map->fd);
}

int ks_ring_map_is_current(const ks_ring_map *map) {
    struct stat info;
    return fstat(map->fd, &info) == 0 && info.st_nlink > 0;
}

int ks_ring_map_is_locked(const ks_ring_map *map) {
    return map->is_locked;
}

static ks_status wipe_and_unlink(ks_ring_map *map, const char *name) {
    struct stat info;
    shm_name path;
    KS_TRY(make_name(path, name));
    KS_TRY(become_writer(map, name, O_RDWR, &info));
    if (info.st_size > 0) {
        map->bytes = (size_t)info.st_size;
        map->memory = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
        if (map->memory == MAP_FAILED) {
            map->memory = NULL;
            return ks_fail(KS_ERR_MEMORY, "ring %s: cannot map %zu bytes: %s", name, map->bytes,
                           strerror(errno));
        }
        /* By its rules first: a reader that is still attached finds an empty ring, and then one that is not
         * ready. */
        if (ks_ring_reader_attach(&map->ring, map->memory, map->bytes) == KS_OK)
            (void)ks_ring_wipe(map->ring);
        ks_wipe(map->memory, map->bytes);
    }
    if (shm_unlink(path) != 0)
        return ks_fail(KS_ERR_IO, "ring %s: %s", name, strerror(errno));
    return KS_OK;
}

ks_status ks_ring_map_remove(const char *name) {
    ks_ring_map *map;
    KS_TRY(map_new(&map, 0));
    ks_status status = wipe_and_unlink(map, name);
    ks_ring_map_close(map);
    return status;
}
