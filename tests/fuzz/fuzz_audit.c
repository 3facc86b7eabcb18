/* SPDX-License-Identifier: Apache-2.0 */
/* Audit logs: the input as a log, in one piece and in pieces; and a good log with bytes changed as the input
 * says: it must not pass for whole with as many records as before. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/audit.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char good[8192];
static size_t good_bytes;

static ks_status keep(void *context, const char *line, size_t bytes) {
    (void)context;
    if (bytes > sizeof good - good_bytes)
        abort();
    memcpy(good + good_bytes, line, bytes);
    good_bytes += bytes;
    return KS_OK;
}

static uint64_t now(void *context) {
    (void)context;
    return UINT64_C(1795248000000);
}

static void make_good(void) {
    const ks_audit_config config = {.append = keep, .now = now};
    const ks_audit_field field = {.name = "why", .kind = KS_AUDIT_TEXT, .text = "\"quoted\""};
    ks_audit *audit;
    if (ks_audit_create(&audit, &config) != KS_OK)
        abort();
    for (int i = 0; i < 3; i++)
        if (ks_audit_configuration(audit, &field, 1, "") != KS_OK)
            abort();
    ks_audit_destroy(audit);
}

static ks_status check(const char *text, size_t bytes, size_t piece, ks_audit_result *result) {
    ks_audit_check *c;
    ks_status status = ks_audit_check_create(&c, NULL);
    if (status != KS_OK)
        abort();
    for (size_t at = 0; at < bytes && status == KS_OK; at += piece)
        status = ks_audit_check_feed(c, text + at, bytes - at < piece ? bytes - at : piece);
    ks_audit_check_result(c, result);
    ks_audit_check_destroy(c);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ks_audit_result whole, pieces;
    static char changed[sizeof good];
    if (!good_bytes)
        make_good();
    const ks_status one = check((const char *)data, size, size ? size : 1, &whole);
    const ks_status many = check((const char *)data, size, 1 + size / 7, &pieces);
    if (one != many || memcmp(&whole.head, &pieces.head, sizeof whole.head) != 0 ||
        whole.bytes != pieces.bytes)
        abort();
    memcpy(changed, good, good_bytes);
    for (size_t i = 0; i + 3 <= size && i < 300; i += 3)
        changed[((size_t)data[i] << 8 | data[i + 1]) % good_bytes] ^= (char)data[i + 2];
    const ks_status status = check(changed, good_bytes, good_bytes, &whole);
    if (memcmp(changed, good, good_bytes) != 0 && status == KS_OK && whole.head.records == 3)
        abort();
    return 0;
}
