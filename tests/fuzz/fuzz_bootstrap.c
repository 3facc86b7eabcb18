/* SPDX-License-Identifier: Apache-2.0 */
/* links: -lssl -lcrypto */
/* The bootstrap's receiving path. Even first byte: messages as they stand in the input, to Alice or to Bob.
 * Odd: a true exchange in which the input patches messages. Whoever was lied to must not end well. */
#include <stdint.h>
#include <stdlib.h>

#include "host/certificates/wire.h"
#include "tests/certificates/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static ks_identity *identity[2];
static ks_link_parameters parameters;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    maker made;
    char *certificate[2], *key[2];
    (void)argc;
    (void)argv;
    maker_init(&made);
    pair_parameters(&parameters);
    for (int end = 0; end < 2; end++) {
        EVP_PKEY *private_key = maker_key("ED25519");
        X509 *x = maker_certificate(private_key, &(maker_wish){.name = end ? "bob" : "alice"});
        certificate[end] = maker_write_certificates(&made, end ? "bob.pem" : "alice.pem", &x, 1);
        key[end] = maker_write_keys(&made, end ? "bob.key" : "alice.key", &private_key, 1);
        EVP_PKEY_free(private_key);
        X509_free(x);
    }
    for (int end = 0; end < 2; end++) {
        const ks_identity_files files = {certificate[end], key[end], certificate[1 - end], NULL, NULL};
        maker_need(ks_identity_open(&identity[end], &files) == KS_OK, ks_error_detail());
    }
    for (int end = 0; end < 2; end++) {
        free(certificate[end]);
        free(key[end]);
    }
    maker_clean(&made);
    return 0;
}

/* A patch: sender and number, place, length, bytes. */
typedef struct patches {
    const uint8_t *data;
    size_t size;
    int lied_to[2];
} patches;

static int patch(pair *p, int from, unsigned number, uint8_t *message, size_t *bytes) {
    patches *all = p->context;
    static uint8_t before[KS_BOOTSTRAP_MAX];
    const size_t bytes_before = *bytes;
    memcpy(before, message, bytes_before);
    for (size_t at = 0; at + 4 <= all->size;) {
        const uint8_t *one = all->data + at;
        size_t length = one[3] % 64u, place = one[1] | (size_t)one[2] << 8;
        length = length < all->size - at - 4 ? length : all->size - at - 4;
        at += 4 + length;
        if ((one[0] & 1) != from || (one[0] >> 1) % 3u != number)
            continue;
        for (size_t i = 0; i < length && place + i < *bytes; i++)
            message[place + i] ^= one[4 + i];
        if (one[0] & 0x80 && place < *bytes)
            *bytes = place;
    }
    all->lied_to[1 - from] |= *bytes != bytes_before || memcmp(before, message, *bytes) != 0;
    return 1;
}

static void start(pair *p) {
    for (int end = 0; end < 2; end++)
        pair_create(p, end, identity[end], &parameters);
}

static void exchange(const uint8_t *data, size_t size) {
    pair p = {.tap = patch};
    patches all = {data, size, {0, 0}};
    p.context = &all;
    start(&p);
    pair_run(&p);
    for (int end = 0; end < 2; end++)
        if (all.lied_to[end] && ks_bootstrap_finished(p.end[end]))
            abort();
    if (!all.lied_to[0] && !all.lied_to[1] && !ks_bootstrap_finished(p.end[0]))
        abort();
    if (p.has_psk[0] && p.has_psk[1] && memcmp(p.psk[0], p.psk[1], sizeof p.psk[0]) != 0)
        abort();
    pair_destroy(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    if (data[0] & 1) {
        exchange(data + 1, size - 1);
        return 0;
    }
    pair p = {.tap = NULL};
    const int to = data[0] >> 1 & 1;
    start(&p);
    for (size_t at = 1; at + 2 <= size;) {
        size_t length = data[at] | (size_t)data[at + 1] << 8;
        length = length < size - at - 2 ? length : size - at - 2;
        pair_deliver(&p, to, data + at + 2, length);
        at += 2 + length;
    }
    if (p.has_psk[to])
        abort();
    pair_destroy(&p);
    return 0;
}
