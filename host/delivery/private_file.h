/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold secrets: created whole, opened with suspicion, written durably. */
#ifndef KS_HOST_DELIVERY_PRIVATE_FILE_H
#define KS_HOST_DELIVERY_PRIVATE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

/* A durable new file of mode 0600, whole or not at all. KS_ERR_STATE: it exists, and stays as it is. */
ks_status ks_private_create(const char *path, const uint8_t *data, size_t bytes);

/* Opens what must be a private regular file of this user, of `bytes` bytes (0: any number). `flags` as of
 * open. */
ks_status ks_private_open(int *fd, const char *path, int flags, size_t bytes);

/* For this descriptor alone: the lock goes with it, not with the process, so that a second open in this
 * process is refused too (KS_ERR_STATE). */
ks_status ks_private_lock(int fd, const char *path);

ks_status ks_private_read(int fd, uint8_t *out, size_t bytes);
ks_status ks_private_write(int fd, const uint8_t *data, size_t bytes, uint64_t offset);

/* Overwrites an open file with zeros, durably, and removes its name. */
ks_status ks_private_erase(int fd, const char *path, size_t bytes);

#endif
