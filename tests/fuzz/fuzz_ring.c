/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile mapping: a good ring overwritten where the input says, before attaching and while it is used.
 * Nothing may be read or written outside the mapping, and every call ends. */
#include <keystill/ring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 5, KEY_BYTES = 20 };

static void *memory;
static size_t bytes;
static const ks_ring_config config = {.slots = SLOTS, .key_bytes = KEY_BYTES, .link = "fuzz"};

/* Records of 5 bytes: where (4096-byte page, offset in words), how much is repeated, value. */
static size_t scribble(const uint8_t *data, size_t size) {
    for (size_t i = 0; i + 5 <= size && i < 50; i += 5) {
        size_t place = (size_t)data[i] % 3 * 4096 + (size_t)data[i + 1] % 64 * 8;
        memset((uint8_t *)memory + place + data[i + 2] % 8, data[i + 3], 1 + data[i + 4] % 8);
    }
    return size < 50 ? size : 50;
}

static void use(ks_ring *ring, uint32_t n) {
    ks_key_id id = {{(uint8_t)n}}, ids[8];
    uint8_t key[4096];
    size_t count;
    ks_ring_status status;
    if (ks_ring_append(ring, &id, 1, n, key) == KS_OK)
        ks_ring_confirm(ring, 1, n);
    if (ks_ring_list(ring, ids, 8, &count) == KS_OK && count &&
        ks_ring_take_id(ring, &ids[count - 1], key, sizeof key) == KS_OK)
        (void)!ks_ring_take(ring, &id, key, sizeof key);
    ks_ring_heartbeat(ring, n * UINT64_C(3000000000));
    ks_ring_get_status(ring, &status, n);
    ks_ring_reclaim(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ks_ring *writer, *reader = NULL;
    if (!memory) {
        bytes = ks_ring_bytes(&config);
        memory = aligned_alloc(4096, bytes);
    }
    memset(memory, 0, bytes);
    if (ks_ring_writer_attach(&writer, memory, bytes, &config, NULL) != KS_OK)
        abort();
    use(writer, 1);
    size_t used = scribble(data, size);
    if (ks_ring_reader_attach(&reader, memory, bytes) == KS_OK)
        use(reader, 2);
    for (uint32_t n = 3; used < size && n < 40; n++) {
        used += scribble(data + used, size - used);
        use(writer, n);
        if (reader)
            use(reader, n);
    }
    ks_ring_wipe(writer);
    ks_ring_detach(reader);
    ks_ring_detach(writer);
    return 0;
}
