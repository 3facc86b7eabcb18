/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys for tests, in files of a temporary directory. */
#ifndef KS_TESTS_CERTIFICATES_MAKER_H
#define KS_TESTS_CERTIFICATES_MAKER_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct maker {
    char directory[64];
} maker;

/* What a certificate says; zeros are sensible. */
typedef struct maker_wish {
    const char *name, *dns, *usage;
    long from_days, days; /* from now; 0 days: 30 */
    int authority;
    X509 *issuer;
    EVP_PKEY *issuer_key;
} maker_wish;

static inline void maker_need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "cannot make %s\n", what);
        exit(1);
    }
}

static inline void maker_init(maker *m) {
    strcpy(m->directory, "/tmp/keystill-certificates-XXXXXX");
    maker_need(mkdtemp(m->directory) != NULL, "a directory");
}

static inline void maker_clean(maker *m) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", m->directory);
    maker_need(system(command) == 0, "room");
}

static inline char *maker_path(const maker *m, const char *name) {
    char *path;
    maker_need(asprintf(&path, "%s/%s", m->directory, name) > 0, "a path");
    return path; /* tests are short */
}

static inline EVP_PKEY *maker_key(const char *algorithm) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
    maker_need(key != NULL, algorithm);
    return key;
}

static inline void maker_extension(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    maker_need(e && X509_add_ext(x, e, -1), value);
    X509_EXTENSION_free(e);
}

static inline X509 *maker_certificate(EVP_PKEY *key, const maker_wish *wish) {
    static long serial;
    X509 *x = X509_new();
    const long day = 24 * 3600;
    maker_need(x != NULL, "a certificate");
    X509 *issuer = wish->issuer ? wish->issuer : x;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), wish->from_days * day - 60);
    X509_gmtime_adj(X509_getm_notAfter(x), (wish->days ? wish->days : 30) * day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)(wish->name ? wish->name : "test"), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    maker_need(X509_set_pubkey(x, key), "a public key");
    maker_extension(x, issuer, NID_subject_key_identifier, "hash");
    if (wish->authority)
        maker_extension(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (wish->dns)
        maker_extension(x, issuer, NID_subject_alt_name, wish->dns);
    if (wish->usage)
        maker_extension(x, issuer, NID_key_usage, wish->usage);
    maker_need(X509_sign(x, wish->issuer_key ? wish->issuer_key : key, NULL) > 0, "a signature");
    return x;
}

static inline char *maker_write_certificates(const maker *m, const char *name, X509 *const *list, int count) {
    char *path = maker_path(m, name);
    FILE *file = fopen(path, "w");
    for (int i = 0; file && i < count; i++)
        maker_need(PEM_write_X509(file, list[i]), "a certificate file");
    maker_need(file && fclose(file) == 0, name);
    return path;
}

static inline char *maker_write_keys(const maker *m, const char *name, EVP_PKEY *const *list, int count) {
    char *path = maker_path(m, name);
    FILE *file = fopen(path, "w");
    for (int i = 0; file && i < count; i++)
        maker_need(PEM_write_PrivateKey(file, list[i], NULL, NULL, 0, NULL, NULL), "a key file");
    maker_need(file && fclose(file) == 0 && chmod(path, 0600) == 0, name);
    return path;
}

#endif
