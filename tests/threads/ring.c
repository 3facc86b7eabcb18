/* SPDX-License-Identifier: Apache-2.0 */
/* One writer and several readers on one ring, some sharing a handle: every key once, and no data race that
 * the thread sanitizer sees. */
#include <keystill/ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 64, KEYS = 20000, READERS = 4 };

static void *memory;
static size_t bytes;
static ks_ring *shared_reader;
static atomic_uint seen[KEYS], total, bad;

static void *read_keys(void *context) {
    int mode = *(const int *)context; /* 0: own handle, 1: shared handle, 2: by identifier */
    ks_ring *ring = shared_reader;
    if (mode != 1 && ks_ring_reader_attach(&ring, memory, bytes) != KS_OK)
        exit(1);
    while (atomic_load(&total) < KEYS) {
        ks_key_id id, ids[4];
        uint8_t key[32];
        size_t count = 0;
        ks_status status = KS_ERR_EMPTY;
        if (mode != 2) {
            status = ks_ring_take(ring, &id, key, sizeof key);
        } else if (ks_ring_list(ring, ids, 4, &count) == KS_OK && count) {
            id = ids[count - 1];
            status = ks_ring_take_id(ring, &id, key, sizeof key);
        }
        if (status == KS_ERR_EMPTY) {
            usleep(20);
            continue;
        }
        uint32_t n;
        memcpy(&n, id.bytes, sizeof n);
        if (status != KS_OK || n >= KEYS || key[0] != (uint8_t)n || key[31] != (uint8_t)n)
            atomic_fetch_add(&bad, 1);
        else
            atomic_fetch_add(&seen[n], 1);
        atomic_fetch_add(&total, 1);
    }
    if (mode != 1)
        ks_ring_detach(ring);
    return NULL;
}

static void write_keys(ks_ring *writer) {
    for (uint32_t n = 0, block = 0; n < KEYS; block++) {
        uint32_t first = n;
        for (ks_status status = KS_OK; status == KS_OK && n < KEYS && n - first < 7; n += status == KS_OK) {
            ks_key_id id = {{0}};
            uint8_t key[32];
            memcpy(id.bytes, &n, sizeof n);
            memset(key, (uint8_t)n, sizeof key);
            status = ks_ring_append(writer, &id, 1, block, key);
        }
        ks_ring_confirm(writer, 1, block);
        ks_ring_heartbeat(writer, block);
        if (n == first)
            usleep(20);
    }
}

int main(void) {
    static const int modes[READERS] = {0, 1, 1, 2};
    const ks_ring_config config = {.slots = SLOTS, .key_bytes = 32};
    bytes = ks_ring_bytes(&config);
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ks_ring *writer;
    if (memory == MAP_FAILED || ks_ring_writer_attach(&writer, memory, bytes, &config, NULL) != KS_OK ||
        ks_ring_reader_attach(&shared_reader, memory, bytes) != KS_OK)
        return 1;
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        if (pthread_create(&threads[i], NULL, read_keys, (void *)&modes[i]) != 0)
            return 1;
    write_keys(writer);
    for (int i = 0; i < READERS; i++)
        (void)pthread_join(threads[i], NULL);
    for (uint32_t n = 0; n < KEYS; n++)
        atomic_fetch_add(&bad, atomic_load(&seen[n]) != 1);
    printf("%u keys, %u wrong\n", atomic_load(&total), atomic_load(&bad));
    ks_ring_detach(shared_reader);
    ks_ring_detach(writer);
    (void)munmap(memory, bytes);
    return atomic_load(&bad) != 0;
}
