/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys in files. A key makes one pool and is erased by that: what stays in the file says so. */
#include <keystill/storage.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/delivery/private_file.h"
#include "pipeline/status.h"

/* Stands at the head of a key that has served, before zeros. */
static const char served[] = "Keystill: this pre-shared key has made its pool and is erased.\n";

static int has_served(const uint8_t psk[KS_PSK_BYTES]) {
    return memcmp(psk, served, sizeof served - 1) == 0;
}

ks_status ks_psk_create(const char *path, const ks_random *random) {
    uint8_t *psk;
    KS_TRY(ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT));
    ks_status status = random->fill(random->context, psk, KS_PSK_BYTES);
    if (status == KS_OK)
        status = ks_private_create(path, psk, KS_PSK_BYTES);
    ks_secret_free(psk);
    return status;
}

static ks_status load(uint8_t psk[KS_PSK_BYTES], int fd, const char *path) {
    ks_status status = ks_private_read(fd, psk, KS_PSK_BYTES);
    if (status != KS_OK) {
        ks_wipe(psk, KS_PSK_BYTES);
        return ks_fail_in(status, "%s", path);
    }
    if (has_served(psk))
        return ks_fail(
            KS_ERR_SECURITY,
            "%s has made its pool and is erased: a second pool would use the same pads again; make a "
            "new key for both ends",
            path);
    return KS_OK;
}

ks_status ks_psk_read(uint8_t psk[KS_PSK_BYTES], const char *path) {
    int fd;
    KS_TRY(ks_private_open(&fd, path, O_RDONLY, KS_PSK_BYTES));
    ks_status status = load(psk, fd, path);
    close(fd);
    return status;
}

static ks_status erase(int fd, const char *path) {
    uint8_t rest[KS_PSK_BYTES] = {0};
    memcpy(rest, served, sizeof served - 1);
    ks_status status = ks_private_write(fd, rest, sizeof rest, 0);
    if (status == KS_OK && fsync(fd) != 0)
        status = ks_fail(KS_ERR_IO, "fsync: %s", strerror(errno));
    return status == KS_OK ? KS_OK : ks_fail_in(status, "%s cannot be erased", path);
}

/* The pool first, then the erasure: a crash between the two is made good by ks_psk_settle. A key that cannot
 * be erased makes no pool. */
static ks_status spend(int fd, const char *path, const char *pool_path, uint8_t *psk) {
    KS_TRY(ks_private_lock(fd, path));
    KS_TRY(load(psk, fd, path));
    KS_TRY(ks_pool_file_create(pool_path, psk));
    ks_status status = erase(fd, path);
    if (status != KS_OK)
        (void)unlink(pool_path); /* nobody has used it */
    return status;
}

ks_status ks_psk_spend(const char *path, const char *pool_path) {
    uint8_t *psk;
    int fd;
    KS_TRY(ks_private_open(&fd, path, O_RDWR, KS_PSK_BYTES));
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status == KS_OK) {
        status = spend(fd, path, pool_path, psk);
        ks_secret_free(psk);
    }
    close(fd);
    return status;
}

static ks_status settle(int fd, const char *path, const ks_pool *pool, uint8_t *psk) {
    uint8_t ours[16], theirs[16];
    KS_TRY(ks_private_read(fd, psk, KS_PSK_BYTES));
    if (has_served(psk))
        return KS_OK;
    KS_TRY(ks_pool_psk_fingerprint(theirs, psk, KS_PSK_BYTES));
    ks_pool_fingerprint(pool, ours);
    if (ks_equal(ours, theirs, sizeof ours))
        return erase(fd, path);
    return ks_fail(KS_ERR_SECURITY, "%s is another key than the pool was made from", path);
}

ks_status ks_psk_settle(const char *path, ks_pool_file *pool) {
    uint8_t *psk;
    int fd;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return KS_OK; /* somebody was thorough */
    KS_TRY(ks_private_open(&fd, path, O_RDWR, KS_PSK_BYTES));
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status == KS_OK) {
        status = settle(fd, path, ks_pool_file_pool(pool), psk);
        ks_secret_free(psk);
    }
    close(fd);
    return status;
}
