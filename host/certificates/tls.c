/* SPDX-License-Identifier: Apache-2.0 */
/* An outer layer against strangers and the curious; no statement of the proof rests on it. */
#include "host/link/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/certificates/crypto.h"
#include "host/certificates/identity.h"
#include "host/link/socket.h"
#include "pipeline/status.h"

struct ks_tls {
    SSL_CTX *context;
    SSL *ssl;
    BIO_METHOD *method;
    int fd, ended; /* the peer sends nothing more */
    pthread_mutex_t lock;
    ks_status judgement; /* of the peer's certificate */
    char reason[256];
};

/* ---- the socket; OpenSSL's own way to it raises SIGPIPE */

static int socket_write(BIO *bio, const char *data, int bytes) {
    const ks_tls *tls = BIO_get_data(bio);
    const ssize_t sent = send(tls->fd, data, (size_t)bytes, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int socket_read(BIO *bio, char *out, int room) {
    ks_tls *tls = BIO_get_data(bio);
    const ssize_t got = recv(tls->fd, out, (size_t)room, 0);
    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    tls->ended |= got == 0;
    return (int)got;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    const ks_tls *tls = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : command == BIO_CTRL_EOF ? tls->ended : 0;
}

static int use_socket(ks_tls *tls) {
    tls->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keystill socket");
    if (!tls->method || !BIO_meth_set_write(tls->method, socket_write) ||
        !BIO_meth_set_read(tls->method, socket_read) || !BIO_meth_set_ctrl(tls->method, socket_control))
        return 0;
    BIO *bio = BIO_new(tls->method);
    if (!bio)
        return 0;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    return 1;
}

/* ---- opening */

/* Instead of OpenSSL's own verification: the same judgement as in the bootstrap. */
static int judge(X509_STORE_CTX *chain, void *context) {
    const ks_identity *identity = context;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    ks_tls *tls = SSL_get_app_data(ssl);
    tls->judgement =
        ks_identity_judge(identity, X509_STORE_CTX_get0_cert(chain), X509_STORE_CTX_get0_untrusted(chain));
    if (tls->judgement == KS_OK)
        return 1;
    snprintf(tls->reason, sizeof tls->reason, "%s", ks_error_detail());
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static int use_certificates(SSL_CTX *context, const ks_identity *identity) {
    int good = 1;
    for (int i = 0; good && i < KS_SIGNERS; i++)
        if (identity->leaf[i])
            good =
                SSL_CTX_use_cert_and_key(context, identity->leaf[i], identity->key[i], identity->between, 1);
    return good;
}

/* ChaCha20 first: connections last for months, and its limit on bytes under one key is out of reach. */
static int configure(ks_tls *tls, const ks_identity *identity) {
    SSL_CTX *context = tls->context = SSL_CTX_new(TLS_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") ||
        !use_certificates(context, identity))
        return 0;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, judge, (void *)(uintptr_t)identity);
    return 1;
}

/* An error of OpenSSL's as one of ours. `result` is what the call gave, errno what it left. */
static ks_status explain(ks_tls *tls, int result) {
    const int system_error = errno, kind = SSL_get_error(tls->ssl, result);
    const unsigned long code = ERR_peek_error();
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        ERR_clear_error();
        return KS_ERR_EMPTY;
    }
    if (tls->judgement != KS_OK) {
        ERR_clear_error();
        return ks_fail(tls->judgement, "TLS: %s", tls->reason);
    }
    if (kind == SSL_ERROR_ZERO_RETURN)
        return ks_fail(KS_ERR_CLOSED, "the peer closed the connection");
    const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (kind == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return ks_fail(KS_ERR_IO, "TLS: the peer broke the connection%s%s", system_error ? ": " : "",
                       system_error ? strerror(system_error) : "");
    }
    /* Alerts of the peer tell what he has against our certificate. */
    return ks_crypto_fail(reason > SSL_AD_REASON_OFFSET ? KS_ERR_AUTH : KS_ERR_PROTOCOL, "TLS");
}

static ks_status shake_hands(ks_tls *tls, int fd, uint32_t timeout, int cancel_fd) {
    const uint64_t deadline = ks_link_now() + timeout;
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_do_handshake(tls->ssl);
        if (result == 1)
            return KS_OK;
        const ks_status status = explain(tls, result);
        if (status == KS_ERR_IO || status == KS_ERR_CLOSED)
            return ks_fail_in(KS_ERR_PROTOCOL, "before the handshake was done");
        if (status != KS_ERR_EMPTY)
            return status;
        const uint64_t now = ks_link_now();
        const short events = SSL_want_write(tls->ssl) ? POLLOUT : POLLIN;
        const ks_status waited =
            ks_socket_wait(fd, events, now < deadline ? (uint32_t)(deadline - now) : 0, cancel_fd);
        if (waited == KS_ERR_EMPTY)
            return ks_fail(KS_ERR_PROTOCOL, "TLS: the peer did not shake hands within %u ms", timeout);
        if (waited != KS_OK)
            return waited;
    }
}

ks_status ks_tls_open(ks_tls **out, int fd, int listening, const ks_identity *identity, uint32_t timeout,
                      int cancel_fd) {
    *out = NULL;
    ks_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return ks_fail(KS_ERR_MEMORY, "no memory for TLS");
    pthread_mutex_init(&tls->lock, NULL);
    tls->fd = fd;
    if (configure(tls, identity))
        tls->ssl = SSL_new(tls->context);
    ks_status status = tls->ssl && SSL_set_app_data(tls->ssl, tls) && use_socket(tls)
                           ? KS_OK
                           : ks_crypto_fail(KS_ERR_INTERNAL, "TLS");
    if (status == KS_OK) {
        if (listening)
            SSL_set_accept_state(tls->ssl);
        else
            SSL_set_connect_state(tls->ssl);
        status = shake_hands(tls, fd, timeout, cancel_fd);
    }
    if (status != KS_OK) {
        ks_tls_close(tls);
        return status;
    }
    *out = tls;
    return KS_OK;
}

void ks_tls_close(ks_tls *tls) {
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

ks_status ks_tls_read(ks_tls *tls, uint8_t *to, size_t room, size_t *got) {
    *got = 0;
    pthread_mutex_lock(&tls->lock);
    ERR_clear_error();
    errno = 0;
    const int result = SSL_read_ex(tls->ssl, to, room, got);
    const ks_status status = result == 1 ? KS_OK : explain(tls, result);
    pthread_mutex_unlock(&tls->lock);
    return status == KS_ERR_EMPTY ? KS_OK : status;
}

ks_status ks_tls_write(ks_tls *tls, const uint8_t *from, size_t bytes, size_t *taken) {
    *taken = 0;
    pthread_mutex_lock(&tls->lock);
    ERR_clear_error();
    errno = 0;
    const int result = SSL_write_ex(tls->ssl, from, bytes, taken);
    const ks_status status = result == 1 ? KS_OK : explain(tls, result);
    pthread_mutex_unlock(&tls->lock);
    return status == KS_ERR_EMPTY ? KS_OK : status;
}

void ks_tls_finish(ks_tls *tls) {
    pthread_mutex_lock(&tls->lock);
    (void)SSL_shutdown(tls->ssl); /* one way: the peer's own end follows */
    ERR_clear_error();
    pthread_mutex_unlock(&tls->lock);
}
