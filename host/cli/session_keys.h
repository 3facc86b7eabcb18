/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets of an end: its authentication pool, durable in a file, and the ring its keys go to. */
#ifndef KS_HOST_CLI_SESSION_KEYS_H
#define KS_HOST_CLI_SESSION_KEYS_H

#include <stdint.h>
#include <keystill/ring_host.h>
#include <keystill/session.h>
#include <keystill/storage.h>

#include "host/cli/cli.h"
#include "host/cli/session_certificates.h"

typedef struct ks_keys_choice {
    const char *psk, *pool, *ring;
    ks_identity_files certificates;
    int new_pool;
    uint64_t ring_slots;
} ks_keys_choice;

#define KS_KEYS_CHOICE_OPTIONS(c)                                                                             \
    {"psk", 0, KS_OPTION_TEXT, &(c).psk, "FILE", "pre-shared key, 4096 bytes: makes the pool and is erased",  \
     NULL},                                                                                                   \
        {"pool",    0,      KS_OPTION_TEXT,                                                                   \
         &(c).pool, "FILE", "authentication pool (default: PSK.alice.pool or PSK.bob.pool)",                  \
         NULL},                                                                                               \
        {"new-pool", 0, KS_OPTION_FLAG, &(c).new_pool, NULL, "make a pool in place of the one that is there", \
         NULL},                                                                                               \
        KS_CERTIFICATE_OPTIONS((c).certificates),                                                             \
        {"ring", 0, KS_OPTION_TEXT, &(c).ring, "NAME", "key ring that takes the keys (mandatory)", NULL}, {   \
        "ring-slots", 0, KS_OPTION_U64, &(c).ring_slots, "N", "keys the ring holds (16384)", NULL             \
    }

void ks_keys_choice_init(ks_keys_choice *choice);

typedef struct ks_keys {
    ks_identity *identity; /* when certificates were named */
    ks_pool_file *pool;
    ks_ring_map *ring;
    uint64_t appended_before; /* keys the ring had taken before this run */
} ks_keys;

/* 0, or an exit code after saying why. `notes`: KS_RING_NOTE_*. A bootstrap waits for the peer, unless
 * `cancel_fd` becomes readable. The identity goes to `peer` too, for TLS. */
int ks_keys_open(ks_keys *keys, const ks_keys_choice *choice, ks_peer_choice *peer,
                 const ks_session_config *session, uint32_t notes, int cancel_fd);
/* Keys that the ring has taken in this run. */
uint64_t ks_keys_placed(const ks_keys *keys);
/* The engine's `store`; `context` is the ks_keys. */
ks_status ks_keys_store(void *context, uint64_t offset, const uint8_t *data, size_t bytes);
void ks_keys_close(ks_keys *keys);

#endif
