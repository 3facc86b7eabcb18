/* SPDX-License-Identifier: Apache-2.0 */
/* Records and their chain. A line is {"n":..,"time":"..","event":"..",FIELDS,"prev":"H","hash":"H"}; the hash
 * is SHA-256 of the line up to the comma before "hash", so it covers the previous hash and with it everything
 * before. */
#include <keystill/audit.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/audit_text.h"
#include "pipeline/sha256.h"
#include "pipeline/status.h"

struct ks_audit {
    ks_audit_config config;
    pthread_mutex_t mutex;
    int broken;
    char line[KS_AUDIT_RECORD_MAX];
};

ks_status ks_audit_create(ks_audit **out, const ks_audit_config *config) {
    *out = NULL;
    if (!config->append || !config->now)
        return ks_fail(KS_ERR_ARGUMENT, "an audit log needs storage and a clock");
    ks_audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return ks_fail(KS_ERR_MEMORY, "no memory for an audit log");
    audit->config = *config;
    (void)pthread_mutex_init(&audit->mutex, NULL);
    *out = audit;
    return KS_OK;
}

void ks_audit_destroy(ks_audit *audit) {
    if (!audit)
        return;
    (void)pthread_mutex_destroy(&audit->mutex);
    free(audit);
}

void ks_audit_get_head(ks_audit *audit, ks_audit_head *out) {
    (void)pthread_mutex_lock(&audit->mutex);
    *out = audit->config.head;
    (void)pthread_mutex_unlock(&audit->mutex);
}

/* ---- text */

typedef struct text {
    char *out;
    size_t bytes, capacity;
    int failed; /* it did not fit, or a name is no name */
} text;

static void put(text *t, const char *from, size_t n) {
    if (n > t->capacity - t->bytes) {
        t->failed = 1;
        return;
    }
    memcpy(t->out + t->bytes, from, n);
    t->bytes += n;
}

static void put_word(text *t, const char *word) {
    put(t, word, strlen(word));
}

/* Escapes as JSON has it; whatever is not printable ASCII becomes an escape of its byte value. */
static void put_string(text *t, const char *s) {
    put_word(t, "\"");
    for (; *s; s++) {
        char escaped[8];
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            (void)snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            (void)snprintf(escaped, sizeof escaped, "%c", c);
        put_word(t, escaped);
    }
    put_word(t, "\"");
}

static int is_word(const char *s) {
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == 0;
}

static void put_field(text *t, const ks_audit_field *f) {
    char number[40];
    t->failed |= !is_word(f->name);
    put_word(t, ",\"");
    put_word(t, f->name);
    put_word(t, "\":");
    if (f->kind == KS_AUDIT_TEXT) {
        put_string(t, f->text);
        return;
    }
    if (f->kind == KS_AUDIT_INTEGER)
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)f->integer);
    else if (f->kind == KS_AUDIT_FLAG)
        (void)snprintf(number, sizeof number, "%s", f->integer ? "true" : "false");
    else if (isfinite(f->number))
        (void)snprintf(number, sizeof number, "%.12g", f->number);
    else
        (void)snprintf(number, sizeof number, "null");
    for (char *c = number; *c; c++) /* whatever the locale says */
        if (*c == ',')
            *c = '.';
    put_word(t, number);
}

static void put_fields(text *t, const ks_audit_field *fields, size_t n) {
    for (size_t i = 0; i < n; i++)
        put_field(t, &fields[i]);
}

/* 1970-01-01 is day 719468 of a calendar whose years begin in March. */
static void put_time(text *t, uint64_t ms) {
    char time[40];
    const uint64_t day = ms / 86400000 + 719468, rest = ms % 86400000;
    const uint64_t era = day / 146097, d = day % 146097;
    const uint64_t year = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    const uint64_t day_of_year = d - (365 * year + year / 4 - year / 100), m = (5 * day_of_year + 2) / 153;
    const uint64_t month = m < 10 ? m + 3 : m - 9;
    (void)snprintf(time, sizeof time, "%04llu-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned long long)((year + era * 400 + (month <= 2)) % 10000), (unsigned)month,
                   (unsigned)(day_of_year - (153 * m + 2) / 5 + 1), (unsigned)(rest / 3600000),
                   (unsigned)(rest / 60000 % 60), (unsigned)(rest / 1000 % 60), (unsigned)(rest % 1000));
    put_string(t, time);
}

static void put_hash(text *t, const uint8_t hash[KS_AUDIT_HASH]) {
    char hex[2 * KS_AUDIT_HASH + 1];
    ks_audit_hex(hex, hash);
    put_string(t, hex);
}

/* ---- records */

static ks_status chain(ks_audit *audit, const char *event, const ks_audit_field *fields, size_t n) {
    text t = {.out = audit->line, .capacity = sizeof audit->line};
    char number[32];
    uint8_t hash[KS_AUDIT_HASH];
    ks_audit_head *head = &audit->config.head;
    if (audit->broken)
        return ks_fail(KS_ERR_IO, "the audit log failed before: it takes nothing more");
    (void)snprintf(number, sizeof number, "{\"n\":%llu,\"time\":", (unsigned long long)head->records);
    put_word(&t, number);
    put_time(&t, audit->config.now(audit->config.context));
    put_word(&t, ",\"event\":");
    put_string(&t, event);
    put_fields(&t, fields, n);
    put_word(&t, ",\"prev\":");
    put_hash(&t, head->hash);
    ks_audit_hash(hash, t.out, t.bytes);
    put_word(&t, ",\"hash\":");
    put_hash(&t, hash);
    put_word(&t, "}\n");
    if (t.failed || !is_word(event))
        return ks_fail(KS_ERR_ARGUMENT,
                       "audit log: a record \"%.32s\" that is too long or has no proper name", event);
    ks_status status = audit->config.append(audit->config.context, t.out, t.bytes);
    audit->broken = status != KS_OK; /* what a failed write left is not known: nothing may follow it */
    if (status != KS_OK)
        return ks_fail_in(status, "audit log");
    head->records++;
    memcpy(head->hash, hash, sizeof hash);
    return KS_OK;
}

ks_status ks_audit_write(ks_audit *audit, const char *event, const ks_audit_field *fields, size_t n) {
    (void)pthread_mutex_lock(&audit->mutex);
    ks_status status = chain(audit, event, fields, n);
    (void)pthread_mutex_unlock(&audit->mutex);
    return status;
}

ks_status ks_audit_configuration(ks_audit *audit, const ks_audit_field *fields, size_t n,
                                 const char *previous) {
    ks_audit_field all[KS_AUDIT_FIELDS_MAX];
    char *room = malloc(KS_AUDIT_RECORD_MAX), hex[65];
    uint8_t hash[KS_AUDIT_HASH];
    if (n + 2 > KS_AUDIT_FIELDS_MAX || !room) {
        free(room);
        return ks_fail(KS_ERR_ARGUMENT, "audit log: a configuration of %zu fields", n);
    }
    text t = {.out = room, .capacity = KS_AUDIT_RECORD_MAX};
    put_fields(&t, fields, n);
    ks_audit_hash(hash, t.out, t.bytes);
    free(room);
    ks_audit_hex(hex, hash);
    if (strcmp(hex, previous) == 0)
        return KS_OK;
    all[0] = ks_audit_text("digest", hex);
    all[1] = ks_audit_text("previous", previous);
    memcpy(all + 2, fields, n * sizeof *fields);
    return ks_audit_write(audit, "configuration", all, n + 2);
}
