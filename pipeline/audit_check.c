/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an audit log back: every line must be the one that its predecessors and its own text determine. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/audit_text.h"
#include "pipeline/status.h"

struct ks_audit_check {
    ks_audit_result result;
    uint8_t known[KS_AUDIT_HASH];
    int looking, failed;
    size_t have;
    char line[KS_AUDIT_RECORD_MAX];
};

ks_status ks_audit_check_create(ks_audit_check **out, const uint8_t known[KS_AUDIT_HASH]) {
    ks_audit_check *check = *out = calloc(1, sizeof *check);
    if (!check)
        return ks_fail(KS_ERR_MEMORY, "no memory for an audit log");
    if (known) {
        memcpy(check->known, known, KS_AUDIT_HASH);
        check->looking = 1;
    }
    return KS_OK;
}

void ks_audit_check_destroy(ks_audit_check *check) {
    free(check);
}

void ks_audit_check_result(const ks_audit_check *check, ks_audit_result *out) {
    *out = check->result;
    out->torn_bytes = check->failed ? 0 : check->have;
}

static ks_status broken(ks_audit_check *c, const char *reason) {
    c->failed = 1;
    return ks_fail(KS_ERR_FORMAT, "line %llu, offset %llu: %s",
                   (unsigned long long)c->result.head.records + 1, (unsigned long long)c->result.bytes,
                   reason);
}

/* 1 when `at` begins with the word, which is stepped over. */
static int step(const char **at, const char *end, const char *word) {
    const size_t n = strlen(word);
    if ((size_t)(end - *at) < n || memcmp(*at, word, n) != 0)
        return 0;
    *at += n;
    return 1;
}

/* The number of a record; no leading zeros, no sign. */
static int step_number(const char **at, const char *end, uint64_t *out) {
    const char *first = *at;
    *out = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        const uint64_t digit = (uint64_t)(**at - '0');
        if (*out > (UINT64_MAX - digit) / 10)
            return 0;
        *out = 10 * *out + digit;
    }
    return *at > first && (*first != '0' || *at == first + 1);
}

enum { HEX = 2 * KS_AUDIT_HASH };
#define PREV ",\"prev\":\""
#define HASH "\",\"hash\":\""
#define LAST "\"}"
enum { TAIL = sizeof PREV - 1 + HEX + sizeof HASH - 1 + HEX + sizeof LAST - 1 };

static void note_configuration(ks_audit_check *c, const char *at, const char *end) {
    static const char digest[] = ",\"digest\":\"";
    if (!step(&at, end, "configuration\"") || !step(&at, end, digest) || end - at < HEX)
        return;
    memcpy(c->result.configuration, at, HEX);
    c->result.configuration[HEX] = 0;
}

/* The head of a line: its number, its time, its event. NULL: it is none. */
static const char *event_of(const char *line, const char *end, uint64_t *number) {
    enum { TIME = 24 }; /* 2026-11-21T08:00:00.000Z */
    const char *at = line;
    if (!step(&at, end, "{\"n\":") || !step_number(&at, end, number) || !step(&at, end, ",\"time\":\"") ||
        end - at < TIME)
        return NULL;
    at += TIME;
    return step(&at, end, "\",\"event\":\"") ? at : NULL;
}

/* A line without its newline. */
static ks_status check_line(ks_audit_check *c, const char *line, size_t bytes) {
    ks_audit_head *head = &c->result.head;
    const char *end = line + bytes, *tail = bytes > TAIL ? end - TAIL : line, *at = tail;
    uint64_t number;
    uint8_t hash[KS_AUDIT_HASH];
    char previous[HEX + 1], own[HEX + 1];
    const char *event = event_of(line, tail, &number);
    if (!event)
        return broken(c, "this is no record: {\"n\":..,\"time\":..,\"event\":.. is expected");
    const char *prev = NULL, *covered = NULL, *given = NULL;
    if (step(&at, end, PREV) && end - at >= HEX) {
        prev = at;
        covered = at += HEX;
        covered++; /* the quotation mark is covered */
    }
    if (!prev || !step(&at, end, HASH) || end - at < HEX)
        return broken(c, "the record does not end with its hashes");
    given = at;
    at += HEX;
    if (!step(&at, end, LAST) || at != end)
        return broken(c, "the record does not end with its hashes");
    ks_audit_hash(hash, line, (size_t)(covered - line));
    ks_audit_hex(own, hash);
    ks_audit_hex(previous, head->hash);
    if (memcmp(own, given, HEX) != 0)
        return broken(c, "the record was altered: its hash does not fit");
    if (number != head->records)
        return broken(c, number > head->records ? "records before this one are missing"
                                                : "the record stands in the wrong place or came twice");
    if (memcmp(previous, prev, HEX) != 0)
        return broken(c, "the record does not continue the one before it, which was replaced");
    note_configuration(c, event, tail);
    memcpy(head->hash, hash, sizeof hash);
    head->records++;
    if (c->looking && memcmp(hash, c->known, sizeof hash) == 0)
        c->result.known_at = head->records;
    return KS_OK;
}

ks_status ks_audit_check_feed(ks_audit_check *c, const char *data, size_t bytes) {
    if (c->failed)
        return ks_fail(KS_ERR_STATE, "the audit log was found damaged before");
    while (bytes) {
        const char *newline = memchr(data, '\n', bytes);
        const size_t n = newline ? (size_t)(newline - data) : bytes;
        if (n > sizeof c->line - c->have)
            return broken(c, "a line longer than any record");
        memcpy(c->line + c->have, data, n);
        c->have += n;
        if (!newline)
            return KS_OK;
        KS_TRY(check_line(c, c->line, c->have));
        c->result.bytes += c->have + 1;
        c->have = 0;
        data += n + 1;
        bytes -= n + 1;
    }
    return KS_OK;
}
