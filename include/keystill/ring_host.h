/* SPDX-License-Identifier: Apache-2.0 */
/* Key rings as named shared memory, /dev/shm/keystill-NAME with mode 0600. Part of libkeystill-host. Names
 * have 1 to 64 characters of a-z A-Z 0-9 . _ - and do not begin with a dot. The kernel's file locks tell who
 * lives: they end with the process. The size of a ring never changes. Mappings are kept out of core dumps. */
#ifndef KEYSTILL_RING_HOST_H
#define KEYSTILL_RING_HOST_H

#include <stdint.h>
#include <keystill/ring.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_ring_map ks_ring_map;

/* Creates the ring, or takes over the one that a dead writer left (*recovered, may be NULL: its confirmed
 * keys). Its memory is locked, or KS_ERR_MEMORY. KS_ERR_STATE: another writer lives, or a ring of another
 * configuration is there (ks_ring_map_remove it). */
KS_API KS_MUST_CHECK ks_status ks_ring_map_create(ks_ring_map **out, const char *name,
                                                  const ks_ring_config *config, uint32_t *recovered);
/* Opens a ring for reading keys. KS_ERR_EMPTY: no ring of that name (yet). Locked in memory where limits
 * permit. */
KS_API KS_MUST_CHECK ks_status ks_ring_map_open(ks_ring_map **out, const char *name);
/* Detaches and unmaps; NULL is allowed. The ring stays. */
KS_API void ks_ring_map_close(ks_ring_map *map);

/* The ring inside, for the calls of ring.h; valid until the map is closed. */
KS_API ks_ring *ks_ring_map_ring(ks_ring_map *map);
/* Writer: at least once a second. Beats with the system's monotonic clock; settles what dead readers left
 * when no reader is attached. */
KS_API void ks_ring_map_heartbeat(ks_ring_map *map);
/* As ks_ring_get_status; writer_alive comes from the writer's lock. */
KS_API void ks_ring_map_get_status(ks_ring_map *map, ks_ring_status *status);
/* 0 once the ring was removed: a new one of that name is another ring. */
KS_API int ks_ring_map_is_current(const ks_ring_map *map);
/* 1 when the mapping is locked in memory. */
KS_API int ks_ring_map_is_locked(const ks_ring_map *map);

/* Wipes all keys of a ring without a living writer and removes its name. KS_ERR_STATE: its writer lives.
 * KS_ERR_EMPTY: no ring of that name. A damaged ring is wiped and removed too. */
KS_API KS_MUST_CHECK ks_status ks_ring_map_remove(const char *name);

#ifdef __cplusplus
}
#endif
#endif
