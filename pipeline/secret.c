/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation is a private mapping of whole pages with its size in a leading page-internal header, so
 * that locking and dump exclusion never touch a neighbour's pages. */
#include <keystill/secret.h>

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/status.h"

enum { HEADER = 64, HUGE_FROM = 4 << 20, STACK_BYTES = 16 << 10 };

static atomic_size_t unlocked;

void ks_wipe(void *memory, size_t bytes) {
    if (memory && bytes) {
        memset(memory, 0, bytes);
        __asm__ volatile("" : : "r"(memory) : "memory");
    }
}

__attribute__((noinline)) void ks_wipe_stack(void) {
    uint8_t below[STACK_BYTES];
    ks_wipe(below, sizeof below);
}

int ks_equal(const void *a, const void *b, size_t bytes) {
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < bytes; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}

ks_status ks_secret_alloc(void **out, size_t bytes, ks_secret_kind kind) {
    *out = NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes == 0 || bytes > SIZE_MAX - HEADER - page)
        return ks_fail(KS_ERR_ARGUMENT, "secret allocation of %zu bytes", bytes);
    size_t size = (bytes + HEADER + page - 1) / page * page;
    uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return ks_fail(KS_ERR_MEMORY, "cannot map %zu bytes of secret memory", size);
    (void)madvise(base, size, MADV_DONTDUMP);
    if (size >= HUGE_FROM)
        (void)madvise(base, size, MADV_HUGEPAGE); /* transforms walk such blocks with large strides */
    if (mlock(base, size) != 0) {
        if (kind != KS_SECRET_BLOCK) {
            (void)munmap(base, size);
            return ks_fail(
                KS_ERR_MEMORY,
                "cannot lock %zu bytes of key memory: raise the limit of locked memory (ulimit -l)", size);
        }
        (void)atomic_fetch_add(&unlocked, 1);
    }
    if (kind == KS_SECRET_PROCESS && madvise(base, size, MADV_WIPEONFORK) != 0) {
        (void)munmap(base, size);
        return ks_fail(KS_ERR_MEMORY, "cannot keep %zu bytes of key memory from children", size);
    }
    memcpy(base, &size, sizeof size);
    *out = base + HEADER;
    return KS_OK;
}

void ks_secret_free(void *memory) {
    if (!memory)
        return;
    uint8_t *base = (uint8_t *)memory - HEADER;
    size_t size;
    memcpy(&size, base, sizeof size);
    ks_wipe(base, size);
    (void)munmap(base, size);
}

size_t ks_secret_unlocked(void) {
    return atomic_load(&unlocked);
}
