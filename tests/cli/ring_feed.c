/* SPDX-License-Identifier: Apache-2.0 */
/* ring_feed NAME KEYS [hold]: makes a ring of 16 slots with KEYS confirmed keys 00.., 01.., ... for tests of
 * programs that read rings. With `hold` it stays its writer until its standard input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/ring_host.h>

int main(int argc, char **argv) {
    ks_ring_config config = {.slots = 16, .key_bytes = 32, .link = "ring_feed", .notes = KS_RING_NOTE_TEST};
    ks_ring_map *map;
    if (argc < 3)
        return 2;
    if (ks_ring_map_create(&map, argv[1], &config, NULL) != KS_OK) {
        fprintf(stderr, "ring_feed: %s\n", ks_error_detail());
        return 1;
    }
    for (int n = 0; n < atoi(argv[2]); n++) {
        ks_key_id id = {{(uint8_t)n}};
        uint8_t key[32];
        memset(key, n, sizeof key);
        if (ks_ring_append(ks_ring_map_ring(map), &id, 1, 1, key) != KS_OK)
            return 1;
    }
    ks_ring_confirm(ks_ring_map_ring(map), 1, 1);
    puts("ready");
    fflush(stdout);
    char byte;
    if (argc > 3)
        while (read(STDIN_FILENO, &byte, 1) > 0)
            ks_ring_map_heartbeat(map);
    ks_ring_map_close(map);
    return 0;
}
