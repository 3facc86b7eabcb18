/* SPDX-License-Identifier: Apache-2.0 */
/* The authentication key pool: hash keys and one-time pads for Wegman-Carter tags, two directions apart.
 * The pool holds the rules and does no I/O: the caller hands it the file's image and carries out the writes
 * it asks for. A pad is handed out only after the write that burns it is durable; after a crash unused
 * reserved pads are lost, never reused. Layout of the pre-shared key and of the pool image: docs/key-pool.md.
 */
#ifndef KEYSTILL_POOL_H
#define KEYSTILL_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/random.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_pool ks_pool;

typedef enum ks_direction { KS_ALICE_TO_BOB = 0, KS_BOB_TO_ALICE = 1 } ks_direction;

enum {
    KS_PSK_BYTES = 4096,
    KS_PAD_BYTES = 16,
    KS_HASH_KEY_BYTES = 16,
    KS_POOL_CAPACITY =
        4096, /* pads a direction; refill to half of it at most, so that both ends always have room */
    KS_POOL_SKIP = 256 /* how far ahead of the position a received pad index may lie */
};

/* A write that must be durable (fsync) before anything that follows it takes effect. `data` stays valid until
 * ks_pool_write_done. offset + bytes may grow the file. */
typedef struct ks_pool_write {
    uint64_t offset;
    const uint8_t *data;
    size_t bytes;
} ks_pool_write;

/* Fingerprint of the pool that a pre-shared key makes; KS_ERR_FORMAT when it is none. */
KS_API KS_MUST_CHECK ks_status ks_pool_psk_fingerprint(uint8_t out[16], const uint8_t *psk, size_t psk_bytes);

/* A fresh pool image from a pre-shared key of KS_PSK_BYTES. *bytes in: capacity of `image`, out: used. With
 * image NULL: only the size. The caller stores it with mode 0600 and fsync before first use. */
KS_API KS_MUST_CHECK ks_status ks_pool_image_from_psk(uint8_t *image, size_t *bytes, const uint8_t *psk,
                                                      size_t psk_bytes);

/* Opens a pool from its image (copied into locked memory). Pads up to the durable watermark count as used.
 * Damaged or foreign images: KS_ERR_FORMAT. `batch`: pads reserved per durable write, 1..65536. */
KS_API KS_MUST_CHECK ks_status ks_pool_open(ks_pool **out, const uint8_t *image, size_t bytes,
                                            uint32_t batch);
KS_API void ks_pool_close(ks_pool *pool);

/* Identifies the common secret to the peer without revealing it; equal at both ends (derived one-way). */
KS_API void ks_pool_fingerprint(const ks_pool *pool, uint8_t out[16]);
/* The epoch stored in the image; ks_pool_set_epoch asks for the write that raises it to at least `epoch`. */
KS_API uint32_t ks_pool_epoch(const ks_pool *pool);
KS_API KS_MUST_CHECK ks_status ks_pool_set_epoch(ks_pool *pool, uint32_t epoch);

/* 1 and *write when a durable write is due, 0 otherwise. Call again only after ks_pool_write_done. */
KS_API int ks_pool_next_write(ks_pool *pool, ks_pool_write *write);
KS_API void ks_pool_write_done(ks_pool *pool);

/* Hash key of a direction; valid while the pool is open and no refill renews it. */
KS_API const uint8_t *ks_pool_hash_key(const ks_pool *pool, ks_direction direction);

/* Next unused pad index of a direction, as stored durably or handed out. */
KS_API uint64_t ks_pool_position(const ks_pool *pool, ks_direction direction);
/* Skips to at least `position` (both ends take the maximum at the start). KS_ERR_AUTH beyond what the pool
 * holds. */
KS_API KS_MUST_CHECK ks_status ks_pool_advance(ks_pool *pool, ks_direction direction, uint64_t position);

/* One past the last pad index of a direction: grows with refills only. */
KS_API uint64_t ks_pool_end(const ks_pool *pool, ks_direction direction);
/* Gives up every pad from `end` on: after a crash one end may have refilled from a block that the other never
 * heard confirmed; at the start both go back to the smaller end. The refills that brought them may come
 * again; pads of theirs that were handed out, or were not given up, are then burnt at once. Durable through
 * ks_pool_next_write. KS_ERR_ARGUMENT above the end; pads already handed out stay used. */
KS_API KS_MUST_CHECK ks_status ks_pool_truncate(ks_pool *pool, ks_direction direction, uint64_t end);

/* Takes the next pad for sending in `direction`: *index tells the peer which. KS_ERR_EMPTY: a durable write
 * is due first (ks_pool_next_write), then ask again. KS_ERR_AUTH: the pool is spent. */
KS_API KS_MUST_CHECK ks_status ks_pool_take(ks_pool *pool, ks_direction direction, uint8_t pad[KS_PAD_BYTES],
                                            uint64_t *index);
/* Burns and returns pad `index` for comparing a received tag, and burns those before it. An index below the
 * position is refused with KS_ERR_AUTH: a pad serves once; so is one more than KS_POOL_SKIP above it, lest a
 * forged message spend the pool. KS_ERR_EMPTY as above. */
KS_API KS_MUST_CHECK ks_status ks_pool_take_at(ks_pool *pool, ks_direction direction, uint64_t index,
                                               uint8_t pad[KS_PAD_BYTES]);

/* Pads left per direction. */
KS_API uint64_t ks_pool_level(const ks_pool *pool, ks_direction direction);

/* Adds distilled key bits, `bytes` a multiple of 2 * KS_PAD_BYTES, half to each direction (the first half
 * Alice to Bob), identified by (epoch, block) so that a repetition after a crash adds nothing (the last 64
 * refills are remembered; older ones count as done). KS_ERR_FULL beyond KS_POOL_CAPACITY, KS_ERR_STATE while
 * a truncation is not durable: nothing changes. Both ends call it with the same bits for a confirmed block.
 * Durable through ks_pool_next_write. */
KS_API KS_MUST_CHECK ks_status ks_pool_refill(ks_pool *pool, uint32_t epoch, uint32_t block,
                                              const uint8_t *key, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
