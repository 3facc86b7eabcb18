/* SPDX-License-Identifier: Apache-2.0 */
/* Reading certificates and private keys. */
#include "host/certificates/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <keystill/secret.h>

#include "host/certificates/crypto.h"
#include "host/delivery/private_file.h"
#include "pipeline/status.h"

enum { MOST_FILE = 1 << 20 };

static const char *const names[KS_SIGNERS] = {"ED25519", "ML-DSA-65"};

const char *ks_signer_name(int algorithm) {
    return names[algorithm];
}

static int signer_of_key(EVP_PKEY *key) {
    for (int i = 0; key && i < KS_SIGNERS; i++)
        if (EVP_PKEY_is_a(key, names[i]))
            return i;
    return -1;
}

int ks_signer_of(X509 *certificate) {
    const int algorithm = signer_of_key(X509_get0_pubkey(certificate));
    ERR_clear_error(); /* a key that this library does not know leaves a word there */
    return algorithm;
}

unsigned ks_identity_signers(const ks_identity *identity) {
    unsigned count = 0;
    for (int i = 0; i < KS_SIGNERS; i++)
        count += identity->leaf[i] != NULL;
    return count;
}

int ks_identity_available(void) {
    return 1;
}

int ks_identity_has_ml_dsa(void) {
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, "ML-DSA-65", NULL);
    const int has = signature != NULL;
    EVP_SIGNATURE_free(signature);
    ERR_clear_error();
    return has;
}

int ks_identity_has_ml_kem(void) {
    return ks_crypto_has_ml_kem();
}

const char *ks_identity_algorithms(const ks_identity *identity) {
    if (!identity->leaf[1])
        return "Ed25519";
    return identity->leaf[0] ? "Ed25519 and ML-DSA-65" : "ML-DSA-65";
}

/* ---- files */

static ks_status in_file(ks_status status, const char *path) {
    return ks_fail_in(status, "%s", path);
}

/* Whether reading stopped because nothing more came. */
static int at_end_of_pem(void) {
    const unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* All certificates of a PEM file, at least one. */
static ks_status read_certificates(STACK_OF(X509) * *out, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    *out = NULL;
    if (!file)
        return ks_fail(KS_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > MOST_FILE) {
        fclose(file);
        return ks_fail(KS_ERR_FORMAT, "%s is no regular file of at most %d bytes", path, MOST_FILE);
    }
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *certificate;
    while (list && sk_X509_num(list) <= KS_MOST_CERTIFICATES &&
           (certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL)
        if (!sk_X509_push(list, certificate))
            X509_free(certificate);
    const int ended = at_end_of_pem();
    const int count = list ? sk_X509_num(list) : 0;
    fclose(file);
    *out = list;
    if (count > KS_MOST_CERTIFICATES)
        return ks_fail(KS_ERR_FORMAT, "%s holds more than %d certificates", path, KS_MOST_CERTIFICATES);
    if (!ended)
        return in_file(ks_crypto_fail(KS_ERR_FORMAT, "malformed certificate"), path);
    ERR_clear_error();
    return count ? KS_OK : ks_fail(KS_ERR_FORMAT, "%s holds no certificate in PEM form", path);
}

static ks_status keep_key(ks_identity *identity, EVP_PKEY *key) {
    const int algorithm = signer_of_key(key);
    if (algorithm >= 0 && !identity->key[algorithm]) {
        identity->key[algorithm] = key;
        return KS_OK;
    }
    EVP_PKEY_free(key);
    return algorithm < 0 ? ks_fail(KS_ERR_FORMAT, "a private key is neither Ed25519 nor ML-DSA-65")
                         : ks_fail(KS_ERR_FORMAT, "two private keys for %s", names[algorithm]);
}

/* One block of a PEM file; others than private keys are passed over. */
static ks_status take_block(ks_identity *identity, const char *name, const char *header, const uint8_t *data,
                            long bytes) {
    const size_t length = strlen(name), tail = sizeof "PRIVATE KEY" - 1;
    if (length < tail || strcmp(name + length - tail, "PRIVATE KEY") != 0)
        return KS_OK;
    if (strcmp(name, "ENCRYPTED PRIVATE KEY") == 0 || strstr(header, "ENCRYPTED"))
        return ks_fail(KS_ERR_FORMAT,
                       "a private key is encrypted; there is nobody to ask for its passphrase");
    EVP_PKEY *key = d2i_AutoPrivateKey_ex(NULL, &data, bytes, NULL, NULL);
    return key ? keep_key(identity, key)
               : ks_crypto_fail(KS_ERR_FORMAT, "a private key is malformed or unknown");
}

static ks_status parse_keys(ks_identity *identity, const uint8_t *text, size_t bytes) {
    BIO *input = BIO_new_mem_buf(text, (int)bytes);
    char *name, *header;
    uint8_t *data;
    long length;
    ks_status status = input ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for a private key");
    while (status == KS_OK && PEM_read_bio(input, &name, &header, &data, &length)) {
        status = take_block(identity, name, header, data, length);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)length);
    }
    BIO_free(input);
    if (status == KS_OK && !at_end_of_pem())
        status = ks_crypto_fail(KS_ERR_FORMAT, "malformed PEM");
    ERR_clear_error();
    if (status == KS_OK && !identity->key[0] && !identity->key[1])
        status = ks_fail(KS_ERR_FORMAT, "no private key in PEM form");
    return status;
}

static ks_status read_keys(ks_identity *identity, const char *path) {
    int fd;
    uint8_t *text = NULL;
    KS_TRY(ks_private_open(&fd, path, O_RDONLY, 0));
    const off_t bytes = lseek(fd, 0, SEEK_END);
    ks_status status = bytes > 0 && bytes <= MOST_FILE
                           ? ks_secret_alloc((void **)&text, (size_t)bytes, KS_SECRET_BLOCK)
                           : ks_fail(KS_ERR_FORMAT, "no private key in %lld bytes", (long long)bytes);
    if (status == KS_OK)
        status = ks_private_read(fd, text, (size_t)bytes);
    if (status == KS_OK)
        status = parse_keys(identity, text, (size_t)bytes);
    ks_secret_free(text);
    close(fd);
    return status == KS_OK ? KS_OK : in_file(status, path);
}

static ks_status check_dates(X509 *certificate) {
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0)
        return ks_fail(KS_ERR_SECURITY, "the certificate is not valid yet");
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        return ks_fail(KS_ERR_SECURITY, "the certificate has expired");
    return KS_OK;
}

/* Each certificate either fits a private key or lies between ours and an authority. */
static ks_status sort_certificates(ks_identity *identity, const STACK_OF(X509) * list) {
    for (int i = 0; i < sk_X509_num(list); i++) {
        X509 *certificate = sk_X509_value(list, i);
        const int algorithm = ks_signer_of(certificate);
        X509 **place = NULL;
        if (algorithm >= 0 && identity->key[algorithm] && !identity->leaf[algorithm] &&
            EVP_PKEY_eq(X509_get0_pubkey(certificate), identity->key[algorithm]) == 1)
            place = &identity->leaf[algorithm];
        if (i2d_X509(certificate, NULL) > KS_MOST_CERTIFICATE)
            return ks_fail(KS_ERR_FORMAT, "certificate %d is larger than %d bytes", i + 1,
                           KS_MOST_CERTIFICATE);
        if (!X509_up_ref(certificate) || (!place && !sk_X509_push(identity->between, certificate)))
            return ks_fail(KS_ERR_MEMORY, "no memory for a certificate");
        if (place)
            *place = certificate;
    }
    ERR_clear_error();
    for (int i = 0; i < KS_SIGNERS; i++) {
        if (identity->key[i] && !identity->leaf[i])
            return ks_fail(KS_ERR_FORMAT, "no certificate fits the private key for %s", names[i]);
        if (identity->leaf[i])
            KS_TRY(check_dates(identity->leaf[i]));
    }
    return KS_OK;
}

static ks_status read_own(ks_identity *identity, const ks_identity_files *files) {
    STACK_OF(X509) *list = NULL;
    KS_TRY(read_keys(identity, files->private_key));
    ks_status status = read_certificates(&list, files->certificate);
    if (status == KS_OK) {
        identity->between = sk_X509_new_null();
        status = identity->between ? sort_certificates(identity, list) : ks_fail(KS_ERR_MEMORY, "no memory");
        if (status != KS_OK)
            status = in_file(status, files->certificate);
    }
    sk_X509_pop_free(list, X509_free);
    return status;
}

/* ---- the peer's */

static ks_status pin(ks_identity *identity, const STACK_OF(X509) * list) {
    for (int i = 0; i < sk_X509_num(list); i++) {
        X509 *certificate = sk_X509_value(list, i);
        const int algorithm = ks_signer_of(certificate);
        if (algorithm < 0)
            return ks_fail(KS_ERR_FORMAT, "certificate %d is neither for Ed25519 nor for ML-DSA-65%s", i + 1,
                           ks_identity_has_ml_dsa() ? "" : ", which this machine's OpenSSL does not have");
        if (identity->peer[algorithm] || !X509_up_ref(certificate))
            return ks_fail(KS_ERR_FORMAT, "two certificates for %s", names[algorithm]);
        identity->peer[algorithm] = certificate;
        KS_TRY(check_dates(certificate));
    }
    for (int i = 0; i < KS_SIGNERS; i++)
        if (!identity->peer[i] != !identity->leaf[i])
            return ks_fail(KS_ERR_SECURITY, "%s a certificate for %s, this end %s: both ends need the same",
                           identity->peer[i] ? "the peer has" : "the peer lacks", names[i],
                           identity->leaf[i] ? "has one" : "has none");
    return KS_OK;
}

static ks_status trust(ks_identity *identity, const STACK_OF(X509) * list) {
    identity->authorities = X509_STORE_new();
    int good = identity->authorities != NULL;
    for (int i = 0; good && i < sk_X509_num(list); i++)
        good = X509_STORE_add_cert(identity->authorities, sk_X509_value(list, i));
    return good ? KS_OK : ks_crypto_fail(KS_ERR_FORMAT, "authorities");
}

static ks_status read_peer(ks_identity *identity, const ks_identity_files *files) {
    STACK_OF(X509) *list = NULL;
    const char *path = files->peer_ca ? files->peer_ca : files->peer_certificate;
    ks_status status = read_certificates(&list, path);
    if (status == KS_OK) {
        status = files->peer_ca ? trust(identity, list) : pin(identity, list);
        if (status != KS_OK)
            status = in_file(status, path);
    }
    sk_X509_pop_free(list, X509_free);
    return status;
}

static ks_status check_files(const ks_identity_files *files) {
    if (!files->certificate || !files->private_key)
        return ks_fail(KS_ERR_ARGUMENT, "a certificate and its private key belong together");
    if (!files->peer_ca == !files->peer_certificate)
        return ks_fail(
            KS_ERR_ARGUMENT,
            "give either the peer's certificate or the authority that signed it with the peer's name");
    if (!files->peer_ca != !files->peer_name)
        return ks_fail(KS_ERR_ARGUMENT, files->peer_ca
                                            ? "an authority signs for many: the peer's name is needed"
                                            : "a name serves with an authority only");
    if (files->peer_name &&
        (!files->peer_name[0] || strlen(files->peer_name) >= sizeof((ks_identity *)0)->peer_name))
        return ks_fail(KS_ERR_ARGUMENT, "the peer's name has 1 to 255 bytes");
    return KS_OK;
}

ks_status ks_identity_open(ks_identity **out, const ks_identity_files *files) {
    *out = NULL;
    KS_TRY(check_files(files));
    ks_identity *identity = calloc(1, sizeof *identity);
    if (!identity)
        return ks_fail(KS_ERR_MEMORY, "no memory for an identity");
    if (files->peer_name)
        strcpy(identity->peer_name, files->peer_name);
    ERR_clear_error();
    ks_status status = read_own(identity, files);
    if (status == KS_OK)
        status = read_peer(identity, files);
    if (status != KS_OK) {
        ks_identity_close(identity);
        return status;
    }
    *out = identity;
    return KS_OK;
}

void ks_identity_close(ks_identity *identity) {
    if (!identity)
        return;
    for (int i = 0; i < KS_SIGNERS; i++) {
        EVP_PKEY_free(identity->key[i]);
        X509_free(identity->leaf[i]);
        X509_free(identity->peer[i]);
    }
    sk_X509_pop_free(identity->between, X509_free);
    X509_STORE_free(identity->authorities);
    free(identity);
}
