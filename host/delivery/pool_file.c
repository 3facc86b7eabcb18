/* SPDX-License-Identifier: Apache-2.0 */
/* Key pools in files. */
#include <keystill/storage.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/delivery/private_file.h"
#include "pipeline/status.h"

struct ks_pool_file {
    ks_pool *pool;
    int fd;
    int broken;
    uint64_t size;
};

ks_status ks_pool_file_create(const char *path, const uint8_t psk[KS_PSK_BYTES]) {
    size_t bytes = 0;
    uint8_t *image;
    KS_TRY(ks_pool_image_from_psk(NULL, &bytes, psk, KS_PSK_BYTES));
    KS_TRY(ks_secret_alloc((void **)&image, bytes, KS_SECRET_STRICT));
    ks_status status = ks_pool_image_from_psk(image, &bytes, psk, KS_PSK_BYTES);
    if (status == KS_OK)
        status = ks_private_create(path, image, bytes);
    ks_secret_free(image);
    return status;
}

static ks_status load(ks_pool_file *file, const char *path, uint32_t batch) {
    uint8_t *image;
    KS_TRY(ks_private_lock(file->fd, path));
    KS_TRY(ks_secret_alloc((void **)&image, file->size, KS_SECRET_STRICT));
    ks_status status = ks_private_read(file->fd, image, file->size);
    if (status == KS_OK)
        status = ks_pool_open(&file->pool, image, file->size, batch);
    ks_secret_free(image);
    return status == KS_OK ? KS_OK : ks_fail_in(status, "%s", path);
}

ks_status ks_pool_file_open(ks_pool_file **out, const char *path, uint32_t batch) {
    *out = NULL;
    size_t bytes = 0;
    KS_TRY(ks_pool_image_from_psk(NULL, &bytes, NULL, 0));
    ks_pool_file *file = calloc(1, sizeof *file);
    if (!file)
        return ks_fail(KS_ERR_MEMORY, "no memory for a pool file");
    file->size = bytes;
    ks_status status = ks_private_open(&file->fd, path, O_RDWR, bytes);
    if (status == KS_OK)
        status = load(file, path, batch);
    if (status != KS_OK) {
        ks_pool_file_close(file);
        return status;
    }
    *out = file;
    return KS_OK;
}

ks_status ks_pool_file_erase(const char *path) {
    size_t bytes = 0;
    int fd;
    KS_TRY(ks_pool_image_from_psk(NULL, &bytes, NULL, 0));
    KS_TRY(ks_private_open(&fd, path, O_RDWR, bytes));
    ks_status status = ks_private_lock(fd, path);
    if (status == KS_OK)
        status = ks_private_erase(fd, path, bytes);
    close(fd);
    return status;
}

void ks_pool_file_close(ks_pool_file *file) {
    if (!file)
        return;
    ks_pool_close(file->pool);
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

ks_pool *ks_pool_file_pool(ks_pool_file *file) {
    return file->pool;
}

ks_status ks_pool_file_write(ks_pool_file *file, uint64_t offset, const uint8_t *data, size_t bytes) {
    if (file->broken)
        return ks_fail(KS_ERR_IO, "the pool file failed before: it is not written again");
    if (offset > file->size || bytes > file->size - offset)
        return ks_fail(KS_ERR_ARGUMENT, "%zu bytes at offset %llu lie outside of the pool", bytes,
                       (unsigned long long)offset);
    ks_status status = ks_private_write(file->fd, data, bytes, offset);
    if (status == KS_OK && fdatasync(file->fd) != 0)
        status = ks_fail(KS_ERR_IO, "fdatasync: %s", strerror(errno));
    file->broken = status != KS_OK;
    return status == KS_OK ? KS_OK : ks_fail_in(status, "key pool");
}

ks_status ks_pool_file_sync(ks_pool_file *file) {
    ks_pool_write write;
    while (ks_pool_next_write(file->pool, &write)) {
        KS_TRY(ks_pool_file_write(file, write.offset, write.data, write.bytes));
        ks_pool_write_done(file->pool);
    }
    return KS_OK;
}
