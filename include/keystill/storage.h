/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys and key pools in files. Part of libkeystill-host.
 * Files that hold secrets are refused (KS_ERR_SECURITY) when they are no regular file of this user, can be
 * read or written by group or others, or are reached through a symbolic link as the last part of their path.
 */
#ifndef KEYSTILL_STORAGE_H
#define KEYSTILL_STORAGE_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/audit.h>
#include <keystill/pool.h>
#include <keystill/random.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes KS_PSK_BYTES random bytes to a new file of mode 0600 and makes it durable. An existing file stays as
 * it is: KS_ERR_STATE. */
KS_API KS_MUST_CHECK ks_status ks_psk_create(const char *path, const ks_random *random);
/* Reads a pre-shared key. `psk` should be secret memory; the caller wipes it. KS_ERR_SECURITY: it has served.
 */
KS_API KS_MUST_CHECK ks_status ks_psk_read(uint8_t psk[KS_PSK_BYTES], const char *path);

/* Makes the pool of a pre-shared key and erases the key in its file, because a second pool from it would hand
 * out the same pads: whoever tries is refused (KS_ERR_SECURITY). No pool is made when the key cannot be
 * erased, or when the pool's file exists (KS_ERR_STATE). */
KS_API KS_MUST_CHECK ks_status ks_psk_spend(const char *psk_path, const char *pool_path);
typedef struct ks_pool_file ks_pool_file;
/* Erases what a crash inside ks_psk_spend left of the pool's own key. KS_OK also when the key has been erased
 * or its file is gone; KS_ERR_SECURITY when the file holds another key than the pool was made from. */
KS_API KS_MUST_CHECK ks_status ks_psk_settle(const char *psk_path, ks_pool_file *pool);

/* Makes a pool file of mode 0600 from a pre-shared key, durable, whole or not at all. An existing file stays
 * as it is: KS_ERR_STATE. A second pool from the same key would hand out the same pads: keep none of the
 * copies of the key. */
KS_API KS_MUST_CHECK ks_status ks_pool_file_create(const char *path, const uint8_t psk[KS_PSK_BYTES]);

/* Overwrites a pool file that nobody has open with zeros and removes it. */
KS_API KS_MUST_CHECK ks_status ks_pool_file_erase(const char *path);

/* Opens a pool file for this process alone: KS_ERR_STATE while another one has it. `batch` as for
 * ks_pool_open. */
KS_API KS_MUST_CHECK ks_status ks_pool_file_open(ks_pool_file **out, const char *path, uint32_t batch);
/* Releases pool and lock; NULL is allowed. Changes that were not synced are lost, which is safe. */
KS_API void ks_pool_file_close(ks_pool_file *file);

KS_API ks_pool *ks_pool_file_pool(ks_pool_file *file);

/* One write as ks_pool_next_write asks for it, durable on return. After a failure the file takes nothing more
 * (what a failed fsync left on the medium is not known): every later call gives KS_ERR_IO, until the file is
 * opened again. One thread at a time; it may be another one than the pool's. */
KS_API KS_MUST_CHECK ks_status ks_pool_file_write(ks_pool_file *file, uint64_t offset, const uint8_t *data,
                                                  size_t bytes);
/* Carries out all writes that are due. */
KS_API KS_MUST_CHECK ks_status ks_pool_file_sync(ks_pool_file *file);

/* The audit log in a file: mode 0600 when it is made, for this process alone, every record durable
 * (fdatasync) when it is said to be. */
typedef struct ks_audit_file ks_audit_file;

typedef struct ks_audit_recovery {
    int created;
    uint64_t records;       /* found */
    uint64_t torn_bytes;    /* of a record that a crash cut off: they are gone now */
    char configuration[65]; /* for ks_audit_configuration */
} ks_audit_recovery;

/* Opens or makes the file and checks all of it. KS_ERR_FORMAT, and nothing is touched, when a record does not
 * follow from those before it; KS_ERR_STATE while another process has the file; KS_ERR_SECURITY when it is no
 * regular file of this user or others may write to it. */
KS_API KS_MUST_CHECK ks_status ks_audit_file_open(ks_audit_file **out, const char *path,
                                                  ks_audit_recovery *recovery);
KS_API void ks_audit_file_close(ks_audit_file *file);
KS_API ks_audit *ks_audit_file_audit(ks_audit_file *file);

#ifdef __cplusplus
}
#endif
#endif
