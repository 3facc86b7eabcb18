/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a process that is to die: KILL_AT=N kills it with SIGKILL at its Nth fsync, fdatasync, or
 * message sent: before the call when KILL_WHEN is "before", after it when "after". N = 0: it lives, and
 * KILL_COUNT names a file that gets the number of these calls when it ends. */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int is_this_one(long number, const char *when) {
    const char *at = getenv("KILL_AT"), *wanted = getenv("KILL_WHEN");
    return at && wanted && atol(at) == number && strcmp(wanted, when) == 0;
}

static long enter(void) {
    const long number = atomic_fetch_add(&calls, 1) + 1;
    if (is_this_one(number, "before"))
        (void)kill(getpid(), SIGKILL);
    return number;
}

static void leave(long number) {
    if (is_this_one(number, "after"))
        (void)kill(getpid(), SIGKILL);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("KILL_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f) {
        fprintf(f, "%ld\n", atomic_load(&calls));
        fclose(f);
    }
}

int fsync(int fd) {
    const long number = enter();
    int (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    const int result = next(fd);
    leave(number);
    return result;
}

int fdatasync(int fd) {
    const long number = enter();
    int (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    const int result = next(fd);
    leave(number);
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    const long number = enter();
    ssize_t (*next)(int, const struct msghdr *, int);
    *(void **)&next = dlsym(RTLD_NEXT, "sendmsg");
    const ssize_t result = next(fd, message, flags);
    leave(number);
    return result;
}
