/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's program in C, outside the source tree: the length of a block, and keys through a ring of its own
 * memory. */
#include <keystill/keystill.h>
#include <keystill/ring_host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void require(ks_status status, const char *what) {
    if (status == KS_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, ks_status_name(status), ks_error_detail());
    exit(1);
}

static void pass_keys(void) {
    ks_ring_config config = {0};
    config.slots = 8;
    config.key_bytes = 32;
    memcpy(config.link, "embedding", 9);
    size_t bytes = ks_ring_bytes(&config);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    ks_ring *writer, *reader;
    ks_key_id id = {{42}}, got;
    uint8_t key[32] = "thirty-two bytes of no secret..", copy[32];
    require(ks_ring_writer_attach(&writer, memory, bytes, &config, NULL), "writer");
    require(ks_ring_reader_attach(&reader, memory, bytes), "reader");
    require(ks_ring_append(writer, &id, 1, 1, key), "append");
    ks_ring_confirm(writer, 1, 1);
    require(ks_ring_take(reader, &got, copy, sizeof copy), "take");
    if (memcmp(key, copy, sizeof key) != 0 || ks_ring_take(reader, &got, copy, sizeof copy) != KS_ERR_EMPTY)
        exit(1);
    ks_ring_detach(reader);
    ks_ring_detach(writer);
    munmap(memory, bytes);
}

static void compute_length(void) {
    ks_source source = {1, {1}, {1}};
    ks_receiver receiver = {0};
    ks_epsilon epsilon = {1e-12, 1e-12};
    ks_counts counts = {0};
    ks_leakage leakage = {0};
    ks_length_result result;
    counts.key[0] = 1000000;
    counts.test[0] = 100000;
    counts.test_errors[0] = 1000;
    leakage.reconciliation = 100000;
    require(ks_length_compute(&result, &source, &receiver, &epsilon, &counts, &leakage), "length");
    if (result.bits == 0 || result.bits >= 1000000)
        exit(1);
    printf("%llu secret bits\n", (unsigned long long)result.bits);
}

int main(void) {
    ks_ring_map *none;
    printf("keystill %s\n", ks_version());
    pass_keys();
    compute_length();
    return ks_ring_map_open(&none, "no-such-ring-here") == KS_ERR_EMPTY ? 0 : 1;
}
