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

static int spend_psk(const char *psk, const char *path) {
    ks_status status = ks_psk_spend(psk, path);
    if (status != KS_OK)
        return ks_cli_fail_status(status, "authentication pool");
    ks_cli_say(1, "made the authentication pool %s; the pre-shared key in %s has served and is erased", path,
               psk);
    return 0;
}

static ks_status psk_fingerprint(uint8_t out[16], const char *path) {
    uint8_t *psk;
    ks_status status = ks_secret_alloc((void **)&psk, KS_PSK_BYTES, KS_SECRET_STRICT);
    if (status != KS_OK)
        return status;
    status = ks_psk_read(psk, path);
    if (status == KS_OK)
        status = ks_pool_psk_fingerprint(out, psk, KS_PSK_BYTES);
    ks_secret_free(psk);
    return status;
}

/* The old pool goes only when the key is good for a new one: not when the old one came from it. */
static int replace_pool(const char *psk, const char *path) {
    uint8_t theirs[16], ours[16];
    ks_pool_file *old;
    ks_status status = psk_fingerprint(theirs, psk);
    if (status == KS_OK)
        status = ks_pool_file_open(&old, path, PADS_A_WRITE);
    if (status == KS_OK) {
        ks_pool_fingerprint(ks_pool_file_pool(old), ours);
        ks_pool_file_close(old);
        if (ks_equal(ours, theirs, sizeof ours))
            return ks_cli_fail(KS_EXIT_SECURITY, "authentication pool: %s was made from %s itself", path,
                               psk);
        status = ks_pool_file_erase(path);
    }
    return status == KS_OK ? spend_psk(psk, path) : ks_cli_fail_status(status, "authentication pool");
}

static int load_pool(ks_keys *keys, const char *psk, const char *path) {
    ks_status status = ks_pool_file_open(&keys->pool, path, PADS_A_WRITE);
    if (status != KS_OK || !psk)
        return status == KS_OK ? 0 : ks_cli_fail_status(status, "authentication pool");
    status = ks_psk_settle(psk, keys->pool);
    if (status == KS_ERR_SECURITY)
        return ks_cli_fail(KS_EXIT_SECURITY, "authentication pool %s: %s (--new-pool replaces the pool)",
                           path, ks_error_detail());
    return status == KS_OK ? 0 : ks_cli_fail_status(status, "authentication pool");
}

static int is_missing(const char *path) {
    return access(path, F_OK) != 0 && errno == ENOENT;
}

static int open_pool_by_psk(ks_keys *keys, const ks_keys_choice *choice, const char *path) {
    int result = 0;
    if (is_missing(path))
        result = spend_psk(choice->psk, path);
    else if (choice->new_pool)
        result = replace_pool(choice->psk, path);
    return result ? result : load_pool(keys, choice->psk, path);
}

/* Certificates make a pool when that is asked for, and never otherwise: a pool that was lost is missed. */
static int open_pool_by_certificates(ks_keys *keys, const ks_keys_choice *choice, const ks_peer_choice *peer,
                                     const ks_session_config *session, int cancel_fd) {
    int result = 0;
    if (choice->new_pool)
        result = ks_certificates_make_pool(keys->identity, peer, session, choice->pool, cancel_fd);
    else if (is_missing(choice->pool))
        result = ks_cli_fail(
            KS_EXIT_SECURITY,
            "there is no authentication pool %s; --new-pool at both ends makes one by certificates",
            choice->pool);
    return result ? result : load_pool(keys, NULL, choice->pool);
}

static int open_pool_of_role(ks_keys *keys, const ks_keys_choice *choice, ks_role role) {
    char *path;
    if (asprintf(&path, "%s.%s.pool", choice->psk, role == KS_ALICE ? "alice" : "bob") < 0)
        return ks_cli_fail(KS_EXIT_FAILED, "out of memory");
    int result = open_pool_by_psk(keys, choice, path);
    free(path);
    return result;
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

static int check(const ks_keys_choice *choice, const ks_peer_choice *peer, const ks_identity *identity) {
    if (peer->tls && !identity)
        return ks_cli_fail(KS_EXIT_USAGE, "--tls needs certificates");
    if (choice->psk && identity && !peer->tls)
        return ks_cli_fail(KS_EXIT_USAGE, "a pool comes from --psk or from certificates, not from both");
    if (!choice->psk && !choice->pool)
        return ks_cli_fail(KS_EXIT_USAGE, identity ? "certificates need --pool FILE for the pool they make"
                                                   : "give --psk FILE or --pool FILE");
    if (choice->new_pool && !choice->psk && !identity)
        return ks_cli_fail(KS_EXIT_USAGE, "--new-pool needs --psk FILE or certificates");
    return 0;
}

int ks_keys_open(ks_keys *keys, const ks_keys_choice *choice, ks_peer_choice *peer,
                 const ks_session_config *session, uint32_t notes, int cancel_fd) {
    *keys = (ks_keys){.pool = NULL};
    int result = ks_certificates_open(&keys->identity, &choice->certificates);
    peer->identity = keys->identity;
    if (!result)
        result = check(choice, peer, keys->identity);
    if (!result)
        result = open_ring(keys, choice, session, notes); /* before a key is spent on a pool */
    if (result)
        return result;
    if (keys->identity && !choice->psk)
        return open_pool_by_certificates(keys, choice, peer, session, cancel_fd);
    if (!choice->psk)
        return load_pool(keys, NULL, choice->pool);
    return choice->pool ? open_pool_by_psk(keys, choice, choice->pool)
                        : open_pool_of_role(keys, choice, session->role);
}

ks_status ks_keys_store(void *context, uint64_t offset, const uint8_t *data, size_t bytes) {
    const ks_keys *keys = context;
    return ks_pool_file_write(keys->pool, offset, data, bytes);
}

uint64_t ks_keys_placed(const ks_keys *keys) {
    ks_ring_status ring;
    ks_ring_map_get_status(keys->ring, &ring);
    return ring.appended - keys->appended_before;
}

void ks_keys_close(ks_keys *keys) {
    ks_identity_close(keys->identity);
    ks_ring_map_close(keys->ring);
    ks_pool_file_close(keys->pool);
    *keys = (ks_keys){.pool = NULL};
}
