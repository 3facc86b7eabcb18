/* SPDX-License-Identifier: Apache-2.0 */
/* What writing and checking of the audit log share. */
#ifndef KS_PIPELINE_AUDIT_TEXT_H
#define KS_PIPELINE_AUDIT_TEXT_H

#include <keystill/audit.h>

#include "pipeline/sha256.h"

enum { KS_AUDIT_FIELDS_MAX = 64 };

static inline void ks_audit_hash(uint8_t out[KS_AUDIT_HASH], const char *text, size_t bytes) {
    ks_sha256 sha;
    ks_sha256_init(&sha);
    ks_sha256_update(&sha, text, bytes);
    ks_sha256_final(&sha, out);
}

static inline void ks_audit_hex(char out[2 * KS_AUDIT_HASH + 1], const uint8_t hash[KS_AUDIT_HASH]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < KS_AUDIT_HASH; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[2 * KS_AUDIT_HASH] = 0;
}

static inline ks_audit_field ks_audit_text(const char *name, const char *text) {
    return (ks_audit_field){.name = name, .kind = KS_AUDIT_TEXT, .text = text};
}
static inline ks_audit_field ks_audit_integer(const char *name, uint64_t value) {
    return (ks_audit_field){.name = name, .kind = KS_AUDIT_INTEGER, .integer = value};
}
static inline ks_audit_field ks_audit_number(const char *name, double value) {
    return (ks_audit_field){.name = name, .kind = KS_AUDIT_NUMBER, .number = value};
}
static inline ks_audit_field ks_audit_flag(const char *name, int value) {
    return (ks_audit_field){.name = name, .kind = KS_AUDIT_FLAG, .integer = value != 0};
}

#endif
