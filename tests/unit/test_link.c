/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <keystill/link.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/link/socket.h"

static ks_link_options defaults(void) {
    ks_link_options options;
    ks_link_options_init(&options);
    options.open_timeout = 5000;
    return options;
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- a listening end in a thread of its own */

typedef struct end {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    const char *spec;
    char address[KS_SPEC_LENGTH];
    ks_link_options options;
    ks_link *link;
    ks_status status;
} end;

static void note_address(void *context, const char *spec) {
    end *e = context;
    pthread_mutex_lock(&e->lock);
    snprintf(e->address, sizeof e->address, "%s", spec);
    pthread_cond_signal(&e->told);
    pthread_mutex_unlock(&e->lock);
}

static void *run_listener(void *context) {
    end *e = context;
    e->status = ks_link_open(&e->link, e->spec, 1, &e->options);
    return NULL;
}

/* Starts the listener and waits until its address is known. */
static void start_listener(end *e, const char *spec) {
    *e = (end){.spec = spec, .options = defaults()};
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->told, NULL);
    e->options.listening = note_address;
    e->options.context = e;
    cr_assert_eq(pthread_create(&e->thread, NULL, run_listener, e), 0);
    pthread_mutex_lock(&e->lock);
    while (!e->address[0])
        pthread_cond_wait(&e->told, &e->lock);
    pthread_mutex_unlock(&e->lock);
}

static void join(end *e) {
    pthread_join(e->thread, NULL);
}

/* "unix:" and a path of this test alone; the path begins at the sixth character. */
static char *temporary_spec(void) {
    static char spec[64];
    snprintf(spec, sizeof spec, "unix:/tmp/keystill-link-%d.sock", (int)getpid());
    return spec;
}

static char *temporary_path(void) {
    return temporary_spec() + 5;
}

/* A peer that speaks no protocol: a raw socket connected to the listener. */
static int raw_peer(end *e, const char *path) {
    unlink(path);
    start_listener(e, temporary_spec());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    join(e);
    cr_assert_eq(e->status, KS_OK);
    return fd;
}

static void exchange(ks_link *a, ks_link *b) {
    static uint8_t sent[300000];
    const size_t sizes[] = {1, 3, 4, 5, 70000, sizeof sent, 2};
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint8_t *got;
        size_t bytes;
        ks_status status =
            ks_link_send(a, sent, sizes[i], 0); /* the link keeps what the socket does not take */
        cr_assert_eq(status, KS_OK, "%s", ks_error_detail());
        while ((status = ks_link_receive(b, &got, &bytes, 0)) == KS_ERR_EMPTY) {
            ks_status flushed = ks_link_flush(a, 0);
            cr_assert(flushed == KS_OK || flushed == KS_ERR_FULL);
        }
        cr_assert_eq(status, KS_OK, "%s", ks_error_detail());
        cr_assert_eq(bytes, sizes[i]);
        cr_assert_arr_eq(got, sent, sizes[i]);
    }
}

static void check_transport(const char *spec) {
    end e;
    ks_link *link;
    ks_link_options options = defaults();
    const uint8_t *message;
    size_t bytes;
    start_listener(&e, spec);
    cr_assert_eq(ks_link_open(&link, e.address, 0, &options), KS_OK, "%s: %s", e.address, ks_error_detail());
    join(&e);
    cr_assert_eq(e.status, KS_OK);
    exchange(link, e.link);
    exchange(e.link, link);
    cr_assert_eq(ks_link_send(link, (const uint8_t *)"bye", 3, 100), KS_OK);
    ks_link_stop(e.link);
    cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 1000), KS_ERR_CLOSED);
    ks_link_close(link, 200);
    ks_link_close(e.link, 200);
}

Test(link, tcp) {
    check_transport("tcp:127.0.0.1:0");
}

Test(link, tcp_by_name_and_on_all_addresses) {
    end e;
    ks_link *link;
    ks_link_options options = defaults();
    char spec[64];
    start_listener(&e, "tcp::0");
    snprintf(spec, sizeof spec, "tcp:localhost%s", strrchr(e.address, ':'));
    cr_assert_eq(ks_link_open(&link, spec, 0, &options), KS_OK, "%s: %s", spec, ks_error_detail());
    join(&e);
    exchange(link, e.link);
    ks_link_close(link, 0);
    ks_link_close(e.link, 0);
}

Test(link, ipv6) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int usable = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0)
        close(fd);
    if (usable)
        check_transport("tcp:[::1]:0");
}

Test(link, unix_socket) {
    char *spec = temporary_spec();
    check_transport(spec);
    cr_assert_neq(access(spec + 5, F_OK), 0, "the socket file is removed");
}

Test(link, pair) {
    ks_link *a, *b;
    ks_link_options options = defaults();
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    exchange(a, b);
    exchange(b, a);
    ks_link_close(a, 0);
    ks_link_close(b, 0);
}

/* ---- order of starting */

static void *connect_early(void *context) {
    end *e = context;
    e->status = ks_link_open(&e->link, e->spec, 0, &e->options);
    return NULL;
}

Test(link, connecting_first_waits_for_the_listener) {
    char *spec = temporary_spec();
    end early = {.options = defaults()};
    ks_link *link;
    ks_link_options options = defaults();
    early.spec = spec;
    cr_assert_eq(pthread_create(&early.thread, NULL, connect_early, &early), 0);
    pause_ms(100);
    cr_assert_eq(ks_link_open(&link, spec, 1, &options), KS_OK);
    pthread_join(early.thread, NULL);
    cr_assert_eq(early.status, KS_OK);
    exchange(early.link, link);
    ks_link_close(link, 0);
    ks_link_close(early.link, 0);
}

Test(link, nobody_answers) {
    ks_link *link;
    ks_link_options options = defaults();
    options.open_timeout = 60;
    cr_assert_eq(ks_link_open(&link, "unix:/tmp/keystill-nobody-listens", 0, &options), KS_ERR_IO);
    cr_assert_eq(ks_link_open(&link, "tcp:127.0.0.1:0", 1, &options), KS_ERR_IO);
    cr_assert_null(link);
}

Test(link, a_stale_socket_file_is_replaced_a_foreign_file_is_not) {
    char *path = temporary_path(), *spec = temporary_spec();
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    check_transport(spec);

    FILE *file = fopen(path, "w");
    fclose(file);
    ks_link *link;
    ks_link_options options = defaults();
    cr_assert_eq(ks_link_open(&link, spec, 1, &options), KS_ERR_IO);
    struct stat info;
    cr_assert_eq(stat(path, &info), 0, "the file is still there");
    unlink(path);
}

Test(link, specs) {
    const char *bad[] = {
        "",          "tcp",        "tcp:",     "tcp:host", "tcp:host:", "tcp:host:x", "tcp:host:65536",
        "tcp:::1:5", "tcp:[::1]5", "tcp:[::1", "udp:a:1",  "unix:",     "tcp:h:-1",   "tcp:h:0000080"};
    ks_spec spec;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(ks_spec_parse(&spec, bad[i]), KS_ERR_ARGUMENT, "%s", bad[i]);
    char path[200] = "unix:";
    memset(path + 5, 'x', 150);
    cr_assert_eq(ks_spec_parse(&spec, path), KS_ERR_ARGUMENT);
    cr_assert_eq(ks_spec_parse(&spec, "tcp:[fe80::1]:80"), KS_OK);
    cr_assert_str_eq(spec.host, "fe80::1");
    cr_assert_str_eq(spec.port, "80");
    ks_link *link;
    ks_link_options options = defaults();
    cr_assert_eq(ks_link_open(&link, "tcp:localhost:0", 0, &options), KS_ERR_ARGUMENT);
}

/* ---- stopping */

static void *signal_later(void *context) {
    pause_ms(50);
    const uint64_t one = 1;
    cr_assert_eq(write(*(int *)context, &one, sizeof one), (ssize_t)sizeof one);
    return NULL;
}

Test(link, cancelling_ends_every_wait_at_once) {
    pthread_t thread;
    ks_link *link, *a, *b;
    ks_link_options options = defaults();
    const uint8_t *message;
    size_t bytes;
    options.cancel_fd = eventfd(0, EFD_CLOEXEC);
    options.open_timeout = 0;
    uint64_t start = ks_link_now();
    cr_assert_eq(pthread_create(&thread, NULL, signal_later, &options.cancel_fd), 0);
    cr_assert_eq(ks_link_open(&link, "tcp:127.0.0.1:0", 1, &options), KS_ERR_INTERRUPTED);
    pthread_join(thread, NULL);
    cr_assert_eq(ks_link_open(&link, "unix:/tmp/keystill-nobody-listens", 0, &options), KS_ERR_INTERRUPTED);
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    cr_assert_eq(ks_link_receive(a, &message, &bytes, 10000), KS_ERR_INTERRUPTED);
    cr_assert(ks_link_now() - start < 3000);
    ks_link_close(a, 5000);
    ks_link_close(b, 0);
    cr_assert(ks_link_now() - start < 3000, "saying goodbye does not outlast a cancellation");
}

/* ---- hostile and broken peers */

Test(link, giant_length_is_refused_before_memory_is_taken) {
    end e;
    const uint8_t *message;
    size_t bytes;
    char *path = temporary_path();
    int fd = raw_peer(&e, path);
    cr_assert_eq(write(fd, "\xff\xff\xff\xff", 4), 4);
    cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 1000), KS_ERR_PROTOCOL);
    cr_assert_not_null(strstr(ks_error_detail(), "4294967295"));
    ks_link_close(e.link, 0);
    close(fd);
}

Test(link, other_protocols_are_refused) {
    const char *garbage[] = {"GET / HTTP/1.1\r\n\r\n", "\177ELF"};
    const size_t lengths[] = {18, 4};
    for (int i = 0; i < 2; i++) {
        end e;
        const uint8_t *message;
        size_t bytes;
        int fd = raw_peer(&e, temporary_path());
        cr_assert_eq(write(fd, garbage[i], lengths[i]), (ssize_t)lengths[i]);
        cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 1000), KS_ERR_PROTOCOL, "garbage %d", i);
        ks_link_close(e.link, 0);
        close(fd);
    }
}

Test(link, early_close_says_where) {
    const struct {
        const char *bytes;
        size_t length;
        ks_status status;
    } cases[] = {{"", 0, KS_ERR_CLOSED}, {"\5\0", 2, KS_ERR_IO}, {"\5\0\0\0abc", 7, KS_ERR_IO}};
    for (int i = 0; i < 3; i++) {
        end e;
        const uint8_t *message;
        size_t bytes;
        int fd = raw_peer(&e, temporary_path());
        cr_assert_eq(write(fd, cases[i].bytes, cases[i].length), (ssize_t)cases[i].length);
        close(fd);
        cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 1000), cases[i].status, "%s",
                     ks_error_detail());
        ks_link_close(e.link, 0);
    }
}

Test(link, byte_by_byte_peer) {
    end e;
    const uint8_t *message;
    size_t bytes;
    int fd = raw_peer(&e, temporary_path());
    const char stream[] = "\3\0\0\0abc\1\0\0\0z";
    ks_status status = KS_ERR_EMPTY;
    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(status, KS_ERR_EMPTY);
        cr_assert_eq(write(fd, stream + i, 1), 1);
        status = ks_link_receive(e.link, &message, &bytes, 5);
    }
    cr_assert_eq(status, KS_OK);
    cr_assert(bytes == 3 && memcmp(message, "abc", 3) == 0);
    cr_assert_eq(write(fd, stream + 7, 5), 5);
    cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 100), KS_OK);
    cr_assert(bytes == 1 && *message == 'z');
    close(fd);
    ks_link_close(e.link, 0);
}

Test(link, a_peer_that_stops_inside_a_message_is_dead) {
    const uint8_t *message;
    size_t bytes;
    ks_link *a, *b;
    ks_link_options options = defaults();
    options.peer_timeout = 80;
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    static uint8_t large[4 << 20];
    cr_assert_eq(ks_link_send(a, large, sizeof large, 0), KS_OK, "the rest stays with the link");
    cr_assert_eq(ks_link_receive(b, &message, &bytes, 3000), KS_ERR_IO);
    cr_assert_not_null(strstr(ks_error_detail(), "stopped inside a message"));
    ks_link_close(a, 0);
    ks_link_close(b, 0);
}

Test(link, signs_of_life_keep_a_silent_peer_alive_and_are_no_messages) {
    const uint8_t *message;
    size_t bytes;
    ks_link *a, *b;
    ks_link_options options = defaults();
    options.peer_timeout = 400;
    options.heartbeat = 50;
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    for (int i = 0; i < 30; i++) { /* 600 ms without a message */
        cr_assert_eq(ks_link_flush(a, 0), KS_OK);
        cr_assert_eq(ks_link_receive(b, &message, &bytes, 20), KS_ERR_EMPTY, "%s", ks_error_detail());
    }
    cr_assert_eq(ks_link_send(a, (const uint8_t *)"abc", 3, 100), KS_OK);
    ks_status status;
    while ((status = ks_link_receive(b, &message, &bytes, 20)) == KS_ERR_EMPTY)
        ;
    cr_assert_eq(status, KS_OK);
    cr_assert(bytes == 3 && memcmp(message, "abc", 3) == 0);
    cr_assert_eq(ks_link_receive(b, &message, &bytes, 3000), KS_ERR_IO, "nobody flushes any more");
    cr_assert_not_null(strstr(ks_error_detail(), "no sign of life for 400 ms"));
    ks_link_close(a, 0);
    ks_link_close(b, 0);
}

Test(link, a_flood_of_signs_of_life_ends_at_the_deadline) {
    static const uint8_t zeros[4096];
    const uint8_t *message;
    size_t bytes;
    end e;
    int fd = raw_peer(&e, temporary_path());
    cr_assert_eq(write(fd, zeros, sizeof zeros), (ssize_t)sizeof zeros);
    pause_ms(2);
    cr_assert_eq(ks_link_receive(e.link, &message, &bytes, 0), KS_ERR_EMPTY);
    cr_assert_eq(write(fd, "\1\0\0\0z", 5), 5);
    ks_status status;
    while ((status = ks_link_receive(e.link, &message, &bytes, 10)) == KS_ERR_EMPTY)
        ;
    cr_assert_eq(status, KS_OK);
    cr_assert(bytes == 1 && *message == 'z');
    close(fd);
    ks_link_close(e.link, 0);
}

Test(link, a_slow_reader_holds_the_sender_back) {
    ks_link *a, *b;
    ks_link_options options = defaults();
    static uint8_t block[1 << 20];
    const uint8_t *message;
    size_t bytes, sent = 0, received = 0;
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    ks_status status;
    while ((status = ks_link_send(a, block, sizeof block, 5)) == KS_OK)
        cr_assert_lt(++sent, 64, "the queue has a bound");
    cr_assert_eq(status, KS_ERR_FULL);
    while (received < sent) {
        status = ks_link_receive(b, &message, &bytes, 0);
        received += status == KS_OK;
        cr_assert(status == KS_OK || status == KS_ERR_EMPTY);
        status = ks_link_flush(a, 0);
        cr_assert(status == KS_OK || status == KS_ERR_FULL);
    }
    ks_link_close(a, 0);
    ks_link_close(b, 0);
}

Test(link, too_large_to_send) {
    ks_link *a, *b;
    ks_link_options options = defaults();
    options.message_limit = 100;
    uint8_t message[101] = {0};
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    cr_assert_eq(ks_link_send(a, message, 101, 0), KS_ERR_LIMIT);
    cr_assert_eq(ks_link_send(a, message, 0, 0), KS_ERR_LIMIT);
    cr_assert_eq(ks_link_send(a, message, 100, 0), KS_OK);
    ks_link_close(a, 0);
    ks_link_close(b, 0);
}

static void *close_flushing(void *link) {
    ks_link_close(link, 5000);
    return NULL;
}

Test(link, closing_flushes_what_was_taken) {
    ks_link *a, *b;
    ks_link_options options = defaults();
    static uint8_t large[4 << 20];
    const uint8_t *message;
    size_t bytes;
    pthread_t thread;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i % 253);
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    cr_assert_eq(ks_link_send(a, large, sizeof large, 0), KS_OK);
    cr_assert_eq(ks_link_send(b, large, 10, 0), KS_OK,
                 "unread data of the other way must not reset the connection");
    cr_assert_eq(pthread_create(&thread, NULL, close_flushing, a), 0);
    cr_assert_eq(ks_link_receive(b, &message, &bytes, 5000), KS_OK);
    cr_assert(bytes == sizeof large && memcmp(message, large, bytes) == 0);
    cr_assert_eq(ks_link_receive(b, &message, &bytes, 5000), KS_ERR_CLOSED);
    ks_link_close(b, 100);
    pthread_join(thread, NULL);
}

Test(link, sending_to_the_dead_raises_no_signal) {
    ks_link *a, *b;
    ks_link_options options = defaults();
    signal(SIGPIPE, SIG_DFL);
    cr_assert_eq(ks_link_pair(&a, &b, &options), KS_OK);
    ks_link_close(b, 0);
    cr_assert_eq(ks_link_send(a, (const uint8_t *)"x", 1, 0), KS_ERR_IO);
    ks_link_close(a, 0);
}
