/* SPDX-License-Identifier: Apache-2.0 */
/* Results of library calls and the text that explains the last failure of a thread. */
#ifndef KEYSTILL_STATUS_H
#define KEYSTILL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KS_API          __attribute__((visibility("default")))
#define KS_MUST_CHECK   __attribute__((warn_unused_result))
#define KS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define KS_API
#define KS_MUST_CHECK
#define KS_PRINTF(f, a)
#endif

/* Every fallible call returns one of these; results come back through pointers. Values never change meaning.
 */
typedef enum ks_status {
    KS_OK = 0,
    KS_ERR_ARGUMENT = 1,     /* the caller broke a documented precondition */
    KS_ERR_MEMORY = 2,       /* allocation or memory locking failed */
    KS_ERR_FORMAT = 3,       /* malformed input: a file, a record, a configuration */
    KS_ERR_PROTOCOL = 4,     /* the peer broke the protocol: bad length, order, version, configuration */
    KS_ERR_AUTH = 5,         /* an authentication tag did not verify, or the key pool cannot pay for one */
    KS_ERR_SECURITY = 6,     /* security abort: QBER over its limit, verification failed, length refused */
    KS_ERR_IO = 7,           /* storage or transport failed */
    KS_ERR_FULL = 8,         /* no room now; retry after the reader took something */
    KS_ERR_EMPTY = 9,        /* nothing there now; retry later */
    KS_ERR_UNAVAILABLE = 10, /* device, backend or instruction set is not usable here */
    KS_ERR_STATE = 11,       /* call is not allowed in this state */
    KS_ERR_CLOSED = 12,      /* the other side is gone, or the object was closed */
    KS_ERR_UNSUPPORTED = 13, /* understood, but not offered */
    KS_ERR_LIMIT = 14,       /* a configured or structural limit would be exceeded */
    KS_ERR_INTERRUPTED = 15, /* stopped on request */
    KS_ERR_INTERNAL = 16     /* a check of our own failed: a bug */
} ks_status;

/* Constant lower-case name, e.g. "malformed input"; never NULL. */
KS_API const char *ks_status_name(ks_status status);

/* Explanation of the calling thread's last failed call: root cause first, never secret, never NULL.
 * Valid until the thread's next library call. */
KS_API const char *ks_error_detail(void);

/* Library version, "MAJOR.MINOR.PATCH". */
KS_API const char *ks_version(void);

#ifdef __cplusplus
}
#endif
#endif
