/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: one JSON object a line and event, each bound to all before it by SHA-256 (docs/audit.md).
 * What is said and how it is chained is decided here; the caller gives storage and time. No record ever holds
 * a bit of a key. */
#ifndef KEYSTILL_AUDIT_H
#define KEYSTILL_AUDIT_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/engine.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KS_AUDIT_HASH = 32, KS_AUDIT_RECORD_MAX = 16384 };

/* Where a log stands: so many records, the last with this hash (zeros for none). */
typedef struct ks_audit_head {
    uint64_t records;
    uint8_t hash[KS_AUDIT_HASH];
} ks_audit_head;

typedef struct ks_audit_config {
    ks_audit_head head; /* of what is stored already */
    void *context;      /* given to the callbacks, which are called by one thread at a time */
    /* Appends a line, newline included: durable on return. */
    ks_status (*append)(void *context, const char *line, size_t bytes);
    uint64_t (*now)(void *context); /* milliseconds since 1970-01-01 UTC */
} ks_audit_config;

typedef struct ks_audit ks_audit;

KS_API KS_MUST_CHECK ks_status ks_audit_create(ks_audit **out, const ks_audit_config *config);
KS_API void ks_audit_destroy(ks_audit *audit);
KS_API void ks_audit_get_head(ks_audit *audit, ks_audit_head *out);

typedef enum ks_audit_kind { KS_AUDIT_TEXT, KS_AUDIT_INTEGER, KS_AUDIT_NUMBER, KS_AUDIT_FLAG } ks_audit_kind;
typedef struct ks_audit_field {
    const char *name; /* lower case, digits, '_' */
    ks_audit_kind kind;
    const char *text;
    uint64_t integer; /* also of a flag */
    double number;    /* not finite: null */
} ks_audit_field;

/* One record; thread-safe. `event` is a word of lower case and '-'. After a failure nothing more is taken:
 * KS_ERR_IO. */
KS_API KS_MUST_CHECK ks_status ks_audit_write(ks_audit *audit, const char *event,
                                              const ks_audit_field *fields, size_t n);

/* Writes the configuration, with a digest of it, unless `previous` (64 hexadecimal digits or "") is that
 * digest: a record "configuration" is a change of the configuration. */
KS_API KS_MUST_CHECK ks_status ks_audit_configuration(ks_audit *audit, const ks_audit_field *fields, size_t n,
                                                      const char *previous);

/* Says what an engine records: for ks_engine_config.record. */
KS_API KS_MUST_CHECK ks_status ks_audit_engine(ks_audit *audit, const ks_engine_record *record);

/* Reading a log back, in pieces of any size. */
typedef struct ks_audit_check ks_audit_check;
typedef struct ks_audit_result {
    ks_audit_head head;     /* of the records that are whole and in their place */
    uint64_t bytes;         /* up to the end of the last of them */
    uint64_t torn_bytes;    /* behind them, without an end of line: what a crash leaves */
    uint64_t known_at;      /* line of the record whose hash was asked for, 0: it is not there */
    char configuration[65]; /* digest of the last configuration, "" when none */
} ks_audit_result;

/* `known`: hash to look for, may be NULL. */
KS_API KS_MUST_CHECK ks_status ks_audit_check_create(ks_audit_check **out,
                                                     const uint8_t known[KS_AUDIT_HASH]);
KS_API void ks_audit_check_destroy(ks_audit_check *check);
/* KS_ERR_FORMAT at the first line that does not follow from those before it; line, offset and reason in the
 * detail. What comes after it is not looked at. */
KS_API KS_MUST_CHECK ks_status ks_audit_check_feed(ks_audit_check *check, const char *data, size_t bytes);
KS_API void ks_audit_check_result(const ks_audit_check *check, ks_audit_result *out);

#ifdef __cplusplus
}
#endif
#endif
