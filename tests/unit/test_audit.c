/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: its chain, what breaks it, its file, and that nothing leaves an engine that is not on
 * record. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <keystill/audit.h>
#include <keystill/self_test.h>
#include <keystill/storage.h>

#include "pipeline/sha256.h"
#include "tests/unit/link_fixture.h"
#include "tests/unit/sha256.h"

static void assert_hash(const char *text, size_t bytes, const char *hex) {
    uint8_t hash[32];
    char got[65], theirs[65];
    ks_sha256 sha;
    ks_sha256_init(&sha);
    ks_sha256_update(&sha, text, bytes);
    ks_sha256_final(&sha, hash);
    for (int i = 0; i < 32; i++)
        (void)snprintf(got + 2 * i, 3, "%02x", hash[i]);
    sha256_hex(theirs, (const uint8_t *)text, bytes);
    cr_assert_str_eq(got, theirs, "%zu bytes", bytes);
    if (hex)
        cr_assert_str_eq(got, hex);
}

/* FIPS 180-4 examples, and every length around the block size against the tests' own implementation. */
Test(audit, sha256) {
    assert_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 0; n < sizeof bytes; n++)
        assert_hash(bytes, n, NULL);
}

Test(audit, self_test_passes) {
    cr_assert_eq(ks_self_test(), KS_OK, "%s", ks_error_detail());
}

/* ---- a log in memory */

typedef struct memory {
    char text[1 << 16];
    size_t bytes;
    uint64_t now;
    int fail;
} memory;

static ks_status keep(void *context, const char *line, size_t bytes) {
    memory *m = context;
    if (m->fail)
        return KS_ERR_IO;
    cr_assert_leq(m->bytes + bytes, sizeof m->text);
    memcpy(m->text + m->bytes, line, bytes);
    m->bytes += bytes;
    return KS_OK;
}

static uint64_t tell_time(void *context) {
    return ((memory *)context)->now;
}

static ks_audit *open_log(memory *m) {
    const ks_audit_config config = {.context = m, .append = keep, .now = tell_time};
    ks_audit *audit;
    memset(m, 0, sizeof *m);
    cr_assert_eq(ks_audit_create(&audit, &config), KS_OK);
    return audit;
}

static void write_some(ks_audit *audit, int records) {
    for (int i = 0; i < records; i++) {
        const ks_audit_field fields[] = {
            {.name = "i", .kind = KS_AUDIT_INTEGER, .integer = (uint64_t)i * 1000},
            {.name = "why", .kind = KS_AUDIT_TEXT, .text = "plain"}};
        cr_assert_eq(ks_audit_write(audit, "test", fields, 2), KS_OK);
    }
}

static ks_status check(const char *text, size_t bytes, size_t piece, ks_audit_result *result) {
    ks_audit_check *c;
    ks_status status = ks_audit_check_create(&c, NULL);
    for (size_t at = 0; at < bytes && status == KS_OK; at += piece)
        status = ks_audit_check_feed(c, text + at, bytes - at < piece ? bytes - at : piece);
    ks_audit_check_result(c, result);
    ks_audit_check_destroy(c);
    return status;
}

Test(audit, a_record_is_json_and_says_when) {
    static memory m;
    ks_audit *audit = open_log(&m);
    m.now = UINT64_C(951782400123); /* 2000-02-29 */
    const ks_audit_field fields[] = {
        {.name = "text", .kind = KS_AUDIT_TEXT, .text = "a \"b\" \\ \n \xc3\xa9"},
        {.name = "big", .kind = KS_AUDIT_INTEGER, .integer = INT64_MAX},
        {.name = "part", .kind = KS_AUDIT_NUMBER, .number = 0.25},
        {.name = "void", .kind = KS_AUDIT_NUMBER, .number = 1.0 / 0.0},
        {.name = "yes", .kind = KS_AUDIT_FLAG, .integer = 1}};
    cr_assert_eq(ks_audit_write(audit, "test", fields, 5), KS_OK);
    json_t *o = json_loadb(m.text, m.bytes - 1, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(o);
    cr_assert_str_eq(json_string_value(json_object_get(o, "time")), "2000-02-29T00:00:00.123Z");
    cr_assert_str_eq(json_string_value(json_object_get(o, "text")), "a \"b\" \\ \n \xc3\x83\xc2\xa9");
    cr_assert_eq(json_integer_value(json_object_get(o, "big")), INT64_MAX);
    cr_assert_eq(json_real_value(json_object_get(o, "part")), 0.25);
    cr_assert(json_is_null(json_object_get(o, "void")));
    cr_assert(json_is_true(json_object_get(o, "yes")));
    json_decref(o);
    const uint64_t moments[] = {0, UINT64_C(1795248000000), UINT64_C(4102444799999)};
    const char *const texts[] = {"1970-01-01T00:00:00.000Z", "2026-11-21T08:00:00.000Z",
                                 "2099-12-31T23:59:59.999Z"};
    for (int i = 0; i < 3; i++) {
        m.bytes = 0;
        m.now = moments[i];
        cr_assert_eq(ks_audit_write(audit, "test", NULL, 0), KS_OK);
        cr_assert(strstr(m.text, texts[i]), "%s", texts[i]);
    }
    cr_assert_eq(ks_audit_write(audit, "no event", NULL, 0), KS_ERR_ARGUMENT);
    ks_audit_destroy(audit);
}

Test(audit, a_whole_log_reads_back_in_pieces_of_any_size) {
    static memory m;
    ks_audit *audit = open_log(&m);
    ks_audit_head head;
    ks_audit_result result;
    write_some(audit, 5);
    ks_audit_get_head(audit, &head);
    for (size_t piece = 1; piece <= m.bytes; piece = piece * 2 + 1) {
        cr_assert_eq(check(m.text, m.bytes, piece, &result), KS_OK, "%s", ks_error_detail());
        cr_assert_eq(result.head.records, 5);
        cr_assert_eq(result.bytes, m.bytes);
        cr_assert_arr_eq(result.head.hash, head.hash, 32);
    }
    ks_audit_destroy(audit);
}

/* Every byte of a log matters: whatever is flipped, the log is not the log any more. */
Test(audit, every_altered_byte_is_found) {
    static memory m;
    ks_audit *audit = open_log(&m);
    ks_audit_result result;
    write_some(audit, 3);
    size_t line_ends[3] = {0};
    for (size_t i = 0, line = 0; i < m.bytes; i++)
        if (m.text[i] == '\n')
            line_ends[line++] = i;
    for (size_t i = 0; i < m.bytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            m.text[i] ^= (char)(1 << bit);
            const ks_status status = check(m.text, m.bytes, m.bytes, &result);
            const size_t line = i > line_ends[1] ? 2 : i > line_ends[0] ? 1 : 0;
            if (i == m.bytes - 1 &&
                status == KS_OK) /* the last end of line: the last record counts as torn */
                cr_assert(result.head.records == 2 && result.torn_bytes > 0);
            else
                cr_assert(status == KS_ERR_FORMAT && result.head.records == line, "byte %zu: %llu records", i,
                          (unsigned long long)result.head.records);
            m.text[i] ^= (char)(1 << bit);
        }
    ks_audit_destroy(audit);
}

static void assert_broken(const memory *m, uint64_t line, const char *reason) {
    ks_audit_result result;
    cr_assert_eq(check(m->text, m->bytes, m->bytes, &result), KS_ERR_FORMAT);
    cr_assert_eq(result.head.records + 1, line);
    cr_assert(strstr(ks_error_detail(), reason), "%s", ks_error_detail());
}

Test(audit, deleted_moved_repeated_and_foreign_records_are_found) {
    static memory m, other, changed;
    ks_audit *audit = open_log(&m), *foreign;
    write_some(audit, 4);
    const size_t one = (size_t)((const char *)memchr(m.text, '\n', m.bytes) - m.text) + 1;
    const char *second = m.text + one;
    const size_t two = (size_t)((const char *)memchr(second, '\n', m.bytes) - second) + 1;
    changed = m; /* the second is gone */
    memmove(changed.text + one, changed.text + one + two, changed.bytes - one - two);
    changed.bytes -= two;
    assert_broken(&changed, 2, "missing");
    changed = m; /* the first two change places */
    memcpy(changed.text, second, two);
    memcpy(changed.text + two, m.text, one);
    assert_broken(&changed, 1, "missing");
    changed = m; /* the first twice */
    memmove(changed.text + one, changed.text, changed.bytes);
    changed.bytes += one;
    assert_broken(&changed, 2, "wrong place or came twice");
    foreign = open_log(&other); /* the first of another log, good in itself */
    other.now = 5;
    write_some(foreign, 1);
    changed = m;
    memmove(changed.text + other.bytes, changed.text + one, changed.bytes - one);
    memcpy(changed.text, other.text, other.bytes);
    changed.bytes += other.bytes - one;
    assert_broken(&changed, 2, "does not continue");
    ks_audit_destroy(foreign);
    ks_audit_destroy(audit);
}

Test(audit, a_log_cut_off_between_records_shows_by_its_head) {
    static memory m;
    ks_audit *audit = open_log(&m);
    ks_audit_head head;
    ks_audit_result result;
    ks_audit_check *c;
    write_some(audit, 3);
    ks_audit_get_head(audit, &head);
    for (int cut = 0; cut < 2; cut++) {
        size_t bytes = m.bytes;
        if (cut)
            do
                bytes--;
            while (m.text[bytes - 1] != '\n');
        cr_assert_eq(ks_audit_check_create(&c, head.hash), KS_OK);
        cr_assert_eq(ks_audit_check_feed(c, m.text, bytes), KS_OK);
        ks_audit_check_result(c, &result);
        ks_audit_check_destroy(c);
        cr_assert_eq(result.known_at, cut ? 0 : 3);
    }
    ks_audit_destroy(audit);
}

Test(audit, nothing_follows_a_failed_write) {
    static memory m;
    ks_audit *audit = open_log(&m);
    write_some(audit, 1);
    m.fail = 1;
    cr_assert_eq(ks_audit_write(audit, "test", NULL, 0), KS_ERR_IO);
    m.fail = 0;
    cr_assert_eq(ks_audit_write(audit, "test", NULL, 0), KS_ERR_IO);
    ks_audit_destroy(audit);
}

Test(audit, a_configuration_is_written_when_it_changes) {
    static memory m;
    ks_audit *audit = open_log(&m);
    ks_audit_result result;
    ks_audit_field field = {.name = "limit", .kind = KS_AUDIT_NUMBER, .number = 0.11};
    cr_assert_eq(ks_audit_configuration(audit, &field, 1, ""), KS_OK);
    cr_assert_eq(check(m.text, m.bytes, m.bytes, &result), KS_OK);
    cr_assert_eq(strlen(result.configuration), 64);
    cr_assert_eq(ks_audit_configuration(audit, &field, 1, result.configuration), KS_OK);
    cr_assert_eq(check(m.text, m.bytes, m.bytes, &result), KS_OK);
    cr_assert_eq(result.head.records, 1, "the same again is no change");
    field.number = 0.12;
    cr_assert_eq(ks_audit_configuration(audit, &field, 1, result.configuration), KS_OK);
    cr_assert_eq(check(m.text, m.bytes, m.bytes, &result), KS_OK);
    cr_assert_eq(result.head.records, 2);
    ks_audit_destroy(audit);
}

/* ---- the file */

static char path[64];

static void set_up(void) {
    (void)snprintf(path, sizeof path, "/tmp/keystill-audit-%d", (int)getpid());
    (void)unlink(path);
}

static void tear_down(void) {
    (void)unlink(path);
}

static ks_audit_file *open_file(ks_audit_recovery *recovery) {
    ks_audit_file *file;
    cr_assert_eq(ks_audit_file_open(&file, path, recovery), KS_OK, "%s", ks_error_detail());
    return file;
}

Test(audit_file, goes_on_after_a_crash_at_every_byte, .init = set_up, .fini = tear_down) {
    ks_audit_recovery recovery;
    struct stat info;
    ks_audit_file *file = open_file(&recovery);
    cr_assert(recovery.created);
    cr_assert_eq(ks_audit_write(ks_audit_file_audit(file), "one", NULL, 0), KS_OK);
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    const off_t first = info.st_size;
    cr_assert_eq(ks_audit_write(ks_audit_file_audit(file), "two", NULL, 0), KS_OK);
    cr_assert_eq(stat(path, &info), 0);
    ks_audit_file_close(file);
    for (off_t size = info.st_size; size >= first; size--) {
        cr_assert_eq(truncate(path, size), 0);
        file = open_file(&recovery);
        const int whole = size == info.st_size;
        cr_assert_eq(recovery.records, whole ? 2 : 1);
        cr_assert_eq(recovery.torn_bytes, whole ? 0 : (uint64_t)(size - first));
        if (size < info.st_size) { /* and the chain goes on from there */
            cr_assert_eq(ks_audit_write(ks_audit_file_audit(file), "two", NULL, 0), KS_OK);
            ks_audit_file_close(file);
            file = open_file(&recovery);
            cr_assert_eq(recovery.records, 2);
            cr_assert_eq(recovery.torn_bytes, 0);
        }
        ks_audit_file_close(file);
    }
}

Test(audit_file, refuses_what_is_damaged_or_taken_or_not_its_own, .init = set_up, .fini = tear_down) {
    ks_audit_recovery recovery;
    ks_audit_file *file = open_file(&recovery), *second;
    cr_assert_eq(ks_audit_write(ks_audit_file_audit(file), "one", NULL, 0), KS_OK);
    cr_assert_eq(ks_audit_write(ks_audit_file_audit(file), "two", NULL, 0), KS_OK);
    cr_assert_eq(ks_audit_file_open(&second, path, &recovery), KS_ERR_STATE);
    ks_audit_file_close(file);
    cr_assert_eq(chmod(path, 0666), 0);
    cr_assert_eq(ks_audit_file_open(&second, path, &recovery), KS_ERR_SECURITY);
    cr_assert_eq(chmod(path, 0600), 0);
    FILE *damage = fopen(path, "r+");
    cr_assert_not_null(damage);
    cr_assert_eq(fseek(damage, 40, SEEK_SET), 0);
    (void)fputc('~', damage);
    (void)fclose(damage);
    cr_assert_eq(ks_audit_file_open(&second, path, &recovery), KS_ERR_FORMAT);
    cr_assert(strstr(ks_error_detail(), "line 1, offset 0"), "%s", ks_error_detail());
    cr_assert_eq(ks_audit_file_open(&second, "/tmp", &recovery), KS_ERR_IO);
}

/* ---- the engine: what is not on record does not happen */

typedef struct recorder {
    int records, fail_at, blocks, confirmed; /* told; number of the record that fails; of which kinds */
} recorder;

static recorder recorders[2];

static ks_status record(void *context, const ks_engine_record *r) {
    const fixture_end *e = context;
    recorder *own = &recorders[e->role];
    if (own->records++ == own->fail_at)
        return KS_ERR_IO;
    if (r->kind == KS_RECORD_BLOCK && r->report->outcome == KS_OUTCOME_KEY)
        own->blocks++;
    if (r->kind == KS_RECORD_KEYS) {
        own->confirmed++;
        cr_assert_leq(own->confirmed, own->blocks, "keys before their block");
    }
    return KS_OK;
}

/* The recorder of one end fails at its first, second, ... record: that end stops with the error, no end
 * delivers keys of a block that is not on its record, and what both delivered is alike. */
Test(audit_engine, no_key_without_its_record) {
    static fixture f;
    int last = 0;
    for (int end = 0; end < 2; end++)
        for (int fail_at = 0; fail_at < 40; fail_at++) {
            fixture_init(&f);
            f.record = record;
            memset(recorders, 0, sizeof recorders);
            recorders[end].fail_at = fail_at;
            recorders[!end].fail_at = -1;
            cr_assert_eq(fixture_start(&f), KS_OK);
            fixture_run(&f, UINT64_C(2) << 19);
            fixture_finish(&f);
            last = recorders[end].records;
            if (last <= fail_at) { /* there are no more */
                cr_assert_eq(f.end[end].end, KS_OK);
                cr_assert(fixture_keys_identical(&f));
                cr_assert_eq(recorders[end].confirmed, 2);
                fixture_stop(&f);
                break;
            }
            cr_assert_eq(f.end[end].end, KS_ERR_IO, "record %d", fail_at);
            cr_assert(f.end[end].closed);
            cr_assert_eq(last, fail_at + 1, "nothing is recorded after a failure");
            for (int i = 0; i < 2; i++)
                cr_assert(f.end[i].key_count == 0 || recorders[i].confirmed > 0);
            cr_assert(recorders[end].confirmed > 0 || f.end[end].key_count == 0);
            cr_assert(fixture_keys_agree(&f));
            fixture_stop(&f);
        }
    cr_assert_geq(last, 6); /* open, two blocks, two confirmations, the end */
}
