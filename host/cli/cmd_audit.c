/* SPDX-License-Identifier: Apache-2.0 */
/* keystill audit verify: whether an audit log is what was written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <keystill/audit.h>

#include "host/cli/cli.h"

typedef struct verification {
    const char *head, *path;
    uint64_t records; /* at least so many */
    uint8_t known[KS_AUDIT_HASH];
} verification;

static int parse_hash(uint8_t out[KS_AUDIT_HASH], const char *text) {
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * KS_AUDIT_HASH || text[strspn(text, digits)])
        return ks_cli_fail(KS_EXIT_USAGE,
                           "--head expects %d hexadecimal digits, as `audit verify` prints them",
                           2 * KS_AUDIT_HASH);
    for (size_t i = 0; i < KS_AUDIT_HASH; i++)
        out[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
                           (strchr(digits, text[2 * i + 1]) - digits));
    return 0;
}

static int read_log(ks_audit_check *check, const char *path) {
    char piece[1 << 16];
    int fd = ks_cli_open_input(path), code = 0;
    if (fd < 0)
        return KS_EXIT_FAILED;
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            code = ks_cli_fail(KS_EXIT_FAILED, "%s: %s", path, strerror(errno));
        if (got <= 0)
            break;
        ks_status status = ks_audit_check_feed(check, piece, (size_t)got);
        if (status != KS_OK) {
            code = ks_cli_fail(ks_cli_exit_code(status), "%s: %s", path, ks_error_detail());
            break;
        }
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return code;
}

static void print(const verification *v, const ks_audit_result *r, int code) {
    char hex[2 * KS_AUDIT_HASH + 1];
    for (size_t i = 0; i < KS_AUDIT_HASH; i++)
        snprintf(hex + 2 * i, 3, "%02x", r->head.hash[i]);
    if (ks_cli_json)
        printf("{\"records\":%llu,\"bytes\":%llu,\"torn_bytes\":%llu,\"head\":\"%s\",\"whole\":%s}\n",
               (unsigned long long)r->head.records, (unsigned long long)r->bytes,
               (unsigned long long)r->torn_bytes, hex, code ? "false" : "true");
    else if (ks_cli_verbosity >= 1)
        printf("%s: %llu records%s, head %s\n", v->path, (unsigned long long)r->head.records,
               code ? " before the damage" : ", whole", hex);
}

static int judge(const verification *v, const ks_audit_result *r) {
    if (r->torn_bytes)
        return ks_cli_fail(
            KS_EXIT_MALFORMED,
            "%s: line %llu, offset %llu: %llu bytes without an end of line: a crash, or a writer at work",
            v->path, (unsigned long long)r->head.records + 1, (unsigned long long)r->bytes,
            (unsigned long long)r->torn_bytes);
    if (v->head && !r->known_at)
        return ks_cli_fail(
            KS_EXIT_MALFORMED,
            "%s: line %llu, offset %llu: the log ends without the record of that hash: it was cut off or "
            "written anew",
            v->path, (unsigned long long)r->head.records + 1, (unsigned long long)r->bytes);
    if (r->head.records < v->records)
        return ks_cli_fail(KS_EXIT_MALFORMED,
                           "%s: line %llu, offset %llu: the log ends after %llu records of %llu", v->path,
                           (unsigned long long)r->head.records + 1, (unsigned long long)r->bytes,
                           (unsigned long long)r->head.records, (unsigned long long)v->records);
    return KS_EXIT_OK;
}

static int verify(const verification *v) {
    ks_audit_check *check;
    ks_audit_result result;
    ks_status status = ks_audit_check_create(&check, v->head ? v->known : NULL);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "audit log");
    int code = read_log(check, v->path);
    ks_audit_check_result(check, &result);
    ks_audit_check_destroy(check);
    if (!code)
        code = judge(v, &result);
    print(v, &result, code);
    return code;
}

int ks_cmd_audit(int argc, char **argv) {
    verification v = {.path = NULL};
    const ks_option options[] = {
        {"head", 0, KS_OPTION_TEXT, &v.head, "HASH", "hash of a record that the log must have", NULL},
        {"records", 0, KS_OPTION_U64, &v.records, "N", "so many records it must have at least", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int rest = 0;
    int code = ks_cli_parse(
        "audit verify FILE [options]\n"
        "Checks an audit log: no record altered, missing, moved or torn. Prints its head, the hash of\n"
        "the last record: kept elsewhere, it shows later whether the end of the log was cut off.",
        options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (argc - rest < 1 || strcmp(argv[rest], "verify") != 0)
        return ks_cli_fail(KS_EXIT_USAGE,
                           argc - rest < 1 ? "give an action: verify" : "unknown action '%s' (verify)",
                           argv[rest]);
    if (argc - rest != 2)
        return ks_cli_fail(KS_EXIT_USAGE, "one FILE is required");
    v.path = argv[rest + 1];
    if (v.head && (code = parse_hash(v.known, v.head)))
        return code;
    return verify(&v);
}
