/* SPDX-License-Identifier: Apache-2.0 */
/* keystill bench ring: keys into a ring, confirmed, and out again, in order and by identifier. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <keystill/ring.h>

#include "bench/bench.h"
#include "host/cli/cli.h"

enum { KEY_BYTES = 32 };

typedef struct ring_bench {
    ks_ring *writer, *reader;
    uint32_t slots;
    int by_id;
    uint64_t wrong; /* keys that were not what had been put in */
} ring_bench;

/* Key n: its number spread over identifier and key; looked up in an order far from that of the ring. */
static void make_key(uint32_t n, ks_key_id *id, uint8_t key[KEY_BYTES]) {
    uint64_t mixed = (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    memset(id, 0, sizeof *id);
    memcpy(id->bytes, &mixed, sizeof mixed);
    memset(key, (int)(mixed >> 56), KEY_BYTES);
}

static void fill_and_empty(void *context) {
    ring_bench *b = context;
    ks_key_id id, got;
    uint8_t key[KEY_BYTES], copy[KEY_BYTES];
    uint64_t stride = b->slots % 7919 ? 7919 : 1; /* prime to the number of slots */
    for (uint32_t n = 0; n < b->slots; n++) {
        make_key(n, &id, key);
        b->wrong += ks_ring_append(b->writer, &id, 1, 1, key) != KS_OK;
    }
    ks_ring_confirm(b->writer, 1, 1);
    for (uint32_t i = 0; i < b->slots; i++) {
        make_key(b->by_id ? (uint32_t)(i * stride % b->slots) : i, &id, key);
        ks_status status = b->by_id ? ks_ring_take_id(b->reader, &id, copy, sizeof copy)
                                    : ks_ring_take(b->reader, &got, copy, sizeof copy);
        b->wrong += status != KS_OK || memcmp(key, copy, sizeof key) != 0;
    }
}

static int measure(ring_bench *b, double seconds) {
    ks_bench_times times = ks_bench_time(fill_and_empty, b, 5, seconds);
    ks_bench_row row;
    ks_bench_row_begin(&row, "ring", "cpu", NULL, 1);
    ks_bench_row_text(&row, "taken", b->by_id ? "by identifier" : "in order");
    ks_bench_row_u64(&row, "slots", b->slots);
    ks_bench_row_u64(&row, "key_bytes", KEY_BYTES);
    ks_bench_row_rate(&row, "keys_per_second", times, b->slots, 1);
    return ks_bench_row_end(&row, times.best, b->wrong == 0);
}

static int run_ring(uint32_t slots, double seconds) {
    ks_ring_config config = {.slots = slots, .key_bytes = KEY_BYTES, .link = "bench"};
    ring_bench b = {.slots = slots};
    size_t bytes = ks_ring_bytes(&config);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ks_cli_fail(KS_EXIT_FAILED, "no memory for %zu bytes", bytes);
    int code = KS_EXIT_OK;
    ks_status status = ks_ring_writer_attach(&b.writer, memory, bytes, &config, NULL);
    if (status == KS_OK)
        status = ks_ring_reader_attach(&b.reader, memory, bytes);
    if (status != KS_OK)
        code = ks_cli_fail_status(status, "ring");
    for (; code == KS_EXIT_OK && b.by_id < 2; b.by_id++)
        code = measure(&b, seconds);
    ks_ring_detach(b.reader);
    ks_ring_detach(b.writer);
    (void)munmap(memory, bytes);
    return code;
}

int ks_bench_ring(int argc, char **argv) {
    uint64_t slots = 0;
    double seconds = 0.3;
    int rest;
    const ks_option options[] = {
        {"slots", 'n', KS_OPTION_U64, &slots, "N", "slots of the ring (default 4096, 65536, 1048576)", NULL},
        {"seconds", 's', KS_OPTION_NUMBER, &seconds, "S", "time a row (default 0.3)", NULL},
        {NULL, 0, KS_OPTION_FLAG, NULL, NULL, NULL, NULL}};
    int code = ks_cli_parse("bench ring [options]", options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (slots > 1 << 24)
        return ks_cli_fail(KS_EXIT_USAGE, "--slots is at most 16777216");
    static const uint32_t sizes[] = {4096, 65536, 1048576};
    if (slots)
        return run_ring((uint32_t)slots, seconds);
    for (size_t i = 0; code <= 0 && i < sizeof sizes / sizeof *sizes; i++)
        code = run_ring(sizes[i], seconds);
    return code;
}
