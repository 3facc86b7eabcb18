/* SPDX-License-Identifier: Apache-2.0 */
/* A link with TLS around it: both ends talk at once, and who is not the peer gets nowhere. */
#include <criterion/criterion.h>
#include <keystill/bootstrap.h>
#include <keystill/link.h>
#include <pthread.h>

#include "tests/certificates/maker.h"

enum { MESSAGES = 200, LARGEST = 200000 };

static maker made;
static ks_identity *identity[2], *stranger;

/* An identity with a certificate of its own; its peer is who has `peer_path`. */
static char *self_signed(const char *name, char **key_path) {
    EVP_PKEY *key = maker_key("ED25519");
    X509 *x = maker_certificate(key, &(maker_wish){.name = name});
    char file[64];
    snprintf(file, sizeof file, "%s.key", name);
    *key_path = maker_write_keys(&made, file, &key, 1);
    char *path = maker_write_certificates(&made, name, &x, 1);
    EVP_PKEY_free(key);
    X509_free(x);
    return path;
}

static void enter(void) {
    char *path[3], *key[3];
    const char *const names[] = {"alice", "bob", "mallory"};
    ks_identity **out[] = {&identity[0], &identity[1], &stranger};
    maker_init(&made);
    for (int i = 0; i < 3; i++)
        path[i] = self_signed(names[i], &key[i]);
    for (int i = 0; i < 3; i++) {
        const ks_identity_files files = {path[i], key[i], path[i == 0], NULL, NULL};
        cr_assert_eq(ks_identity_open(out[i], &files), KS_OK, "%s", ks_error_detail());
    }
    for (int i = 0; i < 3; i++) {
        free(path[i]);
        free(key[i]);
    }
}

static void leave(void) {
    ks_identity_close(identity[0]);
    ks_identity_close(identity[1]);
    ks_identity_close(stranger);
    maker_clean(&made);
}

TestSuite(tls, .init = enter, .fini = leave);

typedef struct end {
    const ks_identity *identity;
    int listen;
    ks_link *link;
    ks_status status;
    char detail[256];
    int right; /* messages that came as they were sent */
} end;

static char spec[80];

static void *open_end(void *context) {
    end *e = context;
    ks_link_options options;
    ks_link_options_init(&options);
    options.open_timeout = 5000;
    options.peer_timeout = 2000;
    options.tls = e->identity;
    e->status = ks_link_open(&e->link, spec, e->listen, &options);
    snprintf(e->detail, sizeof e->detail, "%s", ks_error_detail());
    return NULL;
}

static void open_both(end ends[2]) {
    pthread_t thread;
    snprintf(spec, sizeof spec, "unix:%s/socket", made.directory);
    ends[0].listen = 1;
    cr_assert_eq(pthread_create(&thread, NULL, open_end, &ends[0]), 0);
    open_end(&ends[1]);
    pthread_join(thread, NULL);
}

static size_t size_of(int i) {
    return 1 + (size_t)i * (size_t)i * 31 % LARGEST;
}

static void *send_all(void *context) {
    end *e = context;
    uint8_t *message = malloc(LARGEST);
    for (int i = 0; message && i < MESSAGES; i++) {
        memset(message, i, size_of(i));
        while (ks_link_send(e->link, message, size_of(i), 100) == KS_ERR_FULL)
            ;
        while (ks_link_flush(e->link, 100) == KS_ERR_FULL)
            ;
    }
    free(message);
    return NULL;
}

static void *receive_all(void *context) {
    end *e = context;
    for (int i = 0; i < MESSAGES; i++) {
        const uint8_t *message;
        size_t bytes;
        ks_status status;
        while ((status = ks_link_receive(e->link, &message, &bytes, 1000)) == KS_ERR_EMPTY)
            ;
        e->right += status == KS_OK && bytes == size_of(i) && message[0] == (uint8_t)i &&
                    message[bytes - 1] == (uint8_t)i;
        if (status != KS_OK)
            break;
    }
    return NULL;
}

Test(tls, both_ends_send_and_receive_at_once, .timeout = 60) {
    end ends[2] = {{.identity = identity[0]}, {.identity = identity[1]}};
    pthread_t threads[4];
    const uint8_t *message;
    size_t bytes;
    open_both(ends);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(ends[i].status, KS_OK, "%s", ends[i].detail);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, i & 1 ? receive_all : send_all, &ends[i / 2]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(ends[0].right, MESSAGES);
    cr_expect_eq(ends[1].right, MESSAGES);
    ks_link_close(ends[0].link, 50);
    cr_expect_eq(ks_link_receive(ends[1].link, &message, &bytes, 1000), KS_ERR_CLOSED, "%s",
                 ks_error_detail());
    ks_link_close(ends[1].link, 0);
}

Test(tls, somebody_else_is_refused_by_either_end) {
    end ends[2] = {{.identity = identity[0]}, {.identity = stranger}};
    open_both(ends);
    cr_expect_eq(ends[0].status, KS_ERR_AUTH);
    cr_expect(strstr(ends[0].detail, "not the one that is expected"), "%s", ends[0].detail);
    if (ends[1].status == KS_OK) { /* her handshake ends before his judgement comes */
        const uint8_t *message;
        size_t bytes;
        cr_expect_eq(ks_link_receive(ends[1].link, &message, &bytes, 1000), KS_ERR_AUTH, "%s",
                     ks_error_detail());
        ks_link_close(ends[1].link, 0);
    }
    end other[2] = {{.identity = stranger}, {.identity = identity[0]}};
    open_both(other);
    cr_expect_eq(other[1].status, KS_ERR_AUTH);
    cr_expect_neq(other[0].status, KS_OK);
}

Test(tls, a_peer_without_it_is_refused) {
    end ends[2] = {{.identity = identity[0]}, {.identity = NULL}};
    pthread_t thread;
    snprintf(spec, sizeof spec, "unix:%s/socket", made.directory);
    ends[0].listen = 1;
    cr_assert_eq(pthread_create(&thread, NULL, open_end, &ends[0]), 0);
    open_end(&ends[1]);
    cr_assert_eq(ends[1].status, KS_OK, "%s", ends[1].detail);
    cr_assert_eq(ks_link_send(ends[1].link, (const uint8_t *)"no hello of TLS", 15, 100), KS_OK);
    pthread_join(thread, NULL);
    cr_expect_eq(ends[0].status, KS_ERR_PROTOCOL, "%s", ends[0].detail);
    ks_link_close(ends[1].link, 0);
    end silent[2] = {{.identity = identity[0]}, {.identity = NULL}};
    open_both(silent);
    cr_expect_eq(silent[0].status, KS_ERR_PROTOCOL);
    cr_expect(strstr(silent[0].detail, "did not shake hands within 2000 ms"), "%s", silent[0].detail);
    ks_link_close(silent[1].link, 0);
}
