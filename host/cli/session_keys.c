/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/session_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <keystill/secret.h>

enum { PADS_A_WRITE = 8 };

void ks_keys_choice_init(ks_keys_choice *choice) {
    *choice = (ks_keys_choice){.ring_slots = 16384};
}

/* ---- the pool */

static int create_pool(const char *path, const char *psk_path) {
    uint8_t *psk = NULL;
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status == KS_OK)
        status = ks_psk_read(psk, psk_path);
    if (status == KS_OK)
        status = ks_pool_file_create(path, psk);
    ks_secret_free(psk);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "authentication pool");
    ks_cli_say(1, "made the authentication pool %s; the pre-shared key %s has served and should be deleted",
               path, psk_path);
    return 0;
}

static int open_pool(ks_keys *keys, const char *path, const char *psk) {
    int result = psk && access(path, F_OK) && errno == ENOENT ? create_pool(path, psk) : 0;
    if (result)
        return result;
    ks_status status = ks_pool_file_open(&keys->pool, path, PADS_A_WRITE);
    return status == KS_OK ? 0 : ks_cli_fail_status(status, "authentication pool");
}

static int open_pool_of_choice(ks_keys *keys, const ks_keys_choice *choice, ks_role role) {
    char *path;
    if (!choice->pool && !choice->psk)
        return ks_cli_fail(KS_EXIT_USAGE, "give --psk FILE or --pool FILE");
    if (choice->pool)
        return open_pool(keys, choice->pool, choice->psk);
    if (asprintf(&path, "%s.%s.pool", choice->psk, role == KS_ALICE ? "alice" : "bob") < 0)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    int result = open_pool(keys, path, choice->psk);
    free(path);
    return result;
}

ks_status ks_keys_store(void *context, uint64_t offset, const uint8_t *data, size_t bytes) {
    const ks_keys *keys = context;
    return ks_pool_file_write(keys->pool, offset, data, bytes);
}

/* ---- the ring */

static int open_ring(ks_keys *keys, const ks_keys_choice *choice, const ks_session_config *session,
                     uint32_t notes) {
    ks_ring_config config = {.key_bytes = session->link.key_bytes, .notes = notes};
    uint32_t recovered = 0;
    if (!choice->ring)
        return ks_cli_fail(KS_EXIT_USAGE, "--ring NAME is mandatory");
    if (choice->ring_slots < 1 || choice->ring_slots > 1u << 24)
        return ks_cli_fail(KS_EXIT_USAGE, "--ring-slots expects 1 to 2^24");
    config.slots = (uint32_t)choice->ring_slots;
    memcpy(config.link, session->link.link, sizeof config.link);
    ks_status status = ks_ring_map_create(&keys->ring, choice->ring, &config, &recovered);
    if (status != KS_OK)
        return ks_cli_fail_status(status, choice->ring);
    ks_ring_status ring;
    ks_ring_map_get_status(keys->ring, &ring);
    keys->appended_before = ring.appended;
    if (recovered)
        ks_cli_say(1, "ring %s holds %u keys of an earlier run", choice->ring, recovered);
    return 0;
}

int ks_keys_open(ks_keys *keys, const ks_keys_choice *choice, const ks_session_config *session,
                 uint32_t notes) {
    *keys = (ks_keys){.pool = NULL};
    int result = open_pool_of_choice(keys, choice, session->role);
    return result ? result : open_ring(keys, choice, session, notes);
}

uint64_t ks_keys_placed(const ks_keys *keys) {
    ks_ring_status ring;
    ks_ring_map_get_status(keys->ring, &ring);
    return ring.appended - keys->appended_before;
}

void ks_keys_close(ks_keys *keys) {
    ks_ring_map_close(keys->ring);
    ks_pool_file_close(keys->pool);
    *keys = (ks_keys){.pool = NULL};
}
