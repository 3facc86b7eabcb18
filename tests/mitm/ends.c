/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/mitm/ends.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <keystill/entropy.h>
#include <keystill/ring_host.h>
#include <keystill/storage.h>

enum { RING_SLOTS = 1024 };

static const char *const names[2] = {"alice", "bob"};

static int complain(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

/* Replaces this process; never returns. */
static void become(const ends *e, char *const *arguments, char *const *environment, const char *log) {
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600), nothing = open("/dev/null", O_RDONLY);
    if (fd < 0 || nothing < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || dup2(nothing, 0) < 0)
        _exit(125);
    for (; environment && *environment; environment++)
        putenv(*environment);
    execv(e->program, arguments);
    _exit(125);
}

static int simulate(const ends *e) {
    char events[192], states[192], misalignment[64], log[192];
    snprintf(events, sizeof events, "--events=%s/events", e->directory);
    snprintf(states, sizeof states, "--states-seed=%s/states", e->directory);
    snprintf(misalignment, sizeof misalignment, "--misalignment=%s", e->misalignment);
    snprintf(log, sizeof log, "%s/log", e->directory);
    char *arguments[] = {"keystill",
                         "simulate",
                         "--quiet",
                         "--preset=metro-10km",
                         "--mu=0.9",
                         "--probability=1",
                         "--distance=0",
                         "--receiver-loss=0",
                         "--pulses=46000",
                         "--format=slots",
                         "--alice-test-basis=0.2",
                         "--bob-test-basis=0.2",
                         events,
                         states,
                         misalignment,
                         NULL};
    pid_t pid = fork();
    if (pid == 0)
        become(e, arguments, NULL, log);
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "the simulator failed, see %s\n", log);
        return -1;
    }
    return 0;
}

static void remove_file(const ends *e, const char *name) {
    char path[192];
    snprintf(path, sizeof path, "%s/%s", e->directory, name);
    (void)unlink(path);
}

static void remove_secrets(const ends *e) {
    static const char *const files[] = {"psk.0", "psk.1", "pool.0", "pool.1"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove_file(e, files[i]);
    for (int role = 0; role < 2; role++) {
        ks_status status = ks_ring_map_remove(e->ring[role]);
        (void)status; /* there may be none */
    }
}

static int write_secret(const char *path, const uint8_t *data, size_t bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    int failed = fd < 0 || write(fd, data, bytes) != (ssize_t)bytes;
    if (fd >= 0)
        close(fd);
    return failed ? complain(path) : 0;
}

/* Each end has a copy of the pre-shared key and makes its pool of it when it starts for the first time. */
int ends_renew(ends *e) {
    char path[192];
    uint8_t psk[KS_PSK_BYTES];
    const ks_random random = ks_random_system();
    int failed = random.fill(random.context, psk, sizeof psk) != KS_OK;
    remove_secrets(e);
    for (int role = 0; role < 2 && !failed; role++) {
        e->keys[role].count = 0;
        snprintf(path, sizeof path, "%s/psk.%d", e->directory, role);
        failed = write_secret(path, psk, sizeof psk);
    }
    return failed ? -1 : 0;
}

int ends_open(ends *e, const char *program) {
    const char *base = getenv("TMPDIR");
    e->program = program;
    snprintf(e->directory, sizeof e->directory, "%.80s/keystill-mitm-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(e->directory))
        return complain("temporary directory");
    for (int role = 0; role < 2; role++)
        snprintf(e->ring[role], sizeof e->ring[role], "mitm-%d-%s", (int)getpid(), names[role]);
    return simulate(e) || ends_renew(e) ? -1 : 0;
}

int ends_start(ends *e, int role, uint16_t port, char *const *environment) {
    char input[192], psk[192], pool[192], connect[64], ring[96], answer[64], log[192];
    snprintf(input, sizeof input, role ? "--events=%s/events" : "--states=%s/states", e->directory);
    snprintf(psk, sizeof psk, "--psk=%s/psk.%d", e->directory, role);
    snprintf(pool, sizeof pool, "--pool=%s/pool.%d", e->directory, role);
    snprintf(connect, sizeof connect, "--connect=tcp:127.0.0.1:%u", port);
    snprintf(ring, sizeof ring, "--ring=%s", e->ring[role]);
    snprintf(answer, sizeof answer, "--answer-timeout=%s", e->answer_timeout);
    snprintf(log, sizeof log, "%s/%s.log", e->directory, names[role]);
    char *arguments[40] = {"keystill",
                           role ? "bob" : "alice",
                           input,
                           psk,
                           pool,
                           connect,
                           ring,
                           answer,
                           "--intensities=single",
                           "--basis-choice=active",
                           "--efficiency-mismatch=0",
                           "--dark-mismatch=0",
                           "--dark-probability=1e-6",
                           "--block=15000",
                           "--eps-acceptance=1e-2",
                           "--eps-amplification=1e-2",
                           "--key-bits=128",
                           "--frame-bits=16Ki",
                           "--threads=1",
                           "--epsilon-life=0",
                           "--ring-slots=1024",
                           "--connect-timeout=10",
                           "--peer-timeout=10"};
    size_t n = 0;
    while (arguments[n])
        n++;
    if (role) {
        arguments[n++] = "--format=slots";
        arguments[n++] = "--lanes=H=0,V=1,D=2,A=3";
        arguments[n++] = "--clock=100M";
    } else {
        arguments[n++] = "--expected-qber=0.012"; /* too little on purpose: further rounds come */
    }
    arguments[n] = NULL;
    pid_t pid = fork();
    if (pid == 0)
        become(e, arguments, environment, log);
    if (pid < 0)
        return complain("fork");
    e->pid[role] = pid;
    return 0;
}

int ends_running(ends *e) {
    int running = 0;
    for (int role = 0; role < 2; role++) {
        int status;
        if (e->pid[role] && waitpid(e->pid[role], &status, WNOHANG) == e->pid[role]) {
            e->pid[role] = 0;
            e->code[role] = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        running += e->pid[role] != 0;
    }
    return running;
}

void ends_kill(ends *e, int role) {
    if (e->pid[role])
        (void)kill(e->pid[role], SIGKILL);
}

/* ---- keys */

static int by_id(const void *a, const void *b) {
    return memcmp(&((const end_key *)a)->id, &((const end_key *)b)->id, sizeof(ks_key_id));
}

static int add(end_keys *k, const end_key *key) {
    if (k->count == k->capacity) {
        size_t capacity = k->capacity ? 2 * k->capacity : 1024;
        end_key *item = realloc(k->item, capacity * sizeof *item);
        if (!item)
            return complain("memory");
        k->item = item;
        k->capacity = capacity;
    }
    k->item[k->count++] = *key;
    return 0;
}

static int take(ends *e, int role) {
    ks_ring_map *map;
    end_keys *k = &e->keys[role];
    ks_status status = ks_ring_map_open(&map, e->ring[role]);
    if (status == KS_ERR_EMPTY)
        return 0; /* this end did not come so far */
    if (status != KS_OK) {
        fprintf(stderr, "ring: %s\n", ks_error_detail());
        return -1;
    }
    end_key key;
    int result = 0;
    while (!result && ks_ring_take(ks_ring_map_ring(map), &key.id, key.bytes, sizeof key.bytes) == KS_OK)
        result = add(k, &key);
    ks_ring_map_close(map);
    qsort(k->item, k->count, sizeof *k->item, by_id);
    for (size_t i = 1; i < k->count; i++)
        if (by_id(&k->item[i - 1], &k->item[i]) == 0) {
            fprintf(stderr, "%s delivered an identifier twice\n", names[role]);
            return -1;
        }
    return result;
}

int ends_take(ends *e) {
    int alice = take(e, 0), bob = take(e, 1);
    return alice || bob ? -1 : 0;
}

static int look(ends *e, int role) {
    ks_ring_map *map;
    free(e->confirmed[role]);
    e->confirmed[role] = NULL;
    e->confirmed_count[role] = 0;
    ks_status status = ks_ring_map_open(&map, e->ring[role]);
    if (status == KS_ERR_EMPTY)
        return 0;
    if (status != KS_OK)
        return -1;
    e->confirmed[role] = calloc(RING_SLOTS, sizeof(ks_key_id));
    if (e->confirmed[role])
        status =
            ks_ring_list(ks_ring_map_ring(map), e->confirmed[role], RING_SLOTS, &e->confirmed_count[role]);
    ks_ring_map_close(map);
    return status == KS_OK && e->confirmed[role] ? 0 : -1;
}

int ends_look(ends *e) {
    return look(e, 0) || look(e, 1) ? -1 : 0;
}

size_t ends_missing(const ends *e) {
    size_t missing = 0;
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < e->confirmed_count[role]; i++)
            missing += bsearch(&e->confirmed[role][i], e->keys[role].item, e->keys[role].count,
                               sizeof(end_key), by_id) == NULL;
    return missing;
}

size_t ends_compare(const ends *e, size_t only[2]) {
    const end_keys *a = &e->keys[0], *b = &e->keys[1];
    size_t i = 0, j = 0, differing = 0;
    only[0] = only[1] = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : by_id(&a->item[i], &b->item[j]);
        only[0] += order < 0;
        only[1] += order > 0;
        differing += order == 0 && memcmp(a->item[i].bytes, b->item[j].bytes, ENDS_KEY) != 0;
        i += order <= 0;
        j += order >= 0;
    }
    return differing;
}

/* ---- what is left */

void ends_last_words(const ends *e, int role, char *out, size_t capacity) {
    char path[192], line[256];
    snprintf(path, sizeof path, "%s/%s.log", e->directory, names[role]);
    FILE *f = fopen(path, "r");
    out[0] = '\0';
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, names[role], strlen(names[role])) == 0 || strncmp(line, "keystill", 8) == 0)
            snprintf(out, capacity, "%.*s", (int)strcspn(line, "\n"), line);
    if (f)
        fclose(f);
}

size_t ends_debris(const ends *e) {
    size_t found = 0;
    const int nameless = open(e->directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (nameless < 0)
        return 0;
    close(nameless);
    DIR *d = opendir(e->directory);
    const struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL)
        found += strstr(entry->d_name, ".part") != NULL;
    if (d)
        closedir(d);
    return found;
}

static void remove_directory(const char *directory) {
    DIR *d = opendir(directory);
    const struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    if (rmdir(directory) != 0)
        (void)complain(directory);
}

void ends_close(ends *e) {
    for (int role = 0; role < 2; role++) {
        ends_kill(e, role);
        if (e->pid[role])
            (void)waitpid(e->pid[role], NULL, 0);
        free(e->keys[role].item);
        free(e->confirmed[role]);
    }
    remove_secrets(e);
    remove_directory(e->directory);
}
