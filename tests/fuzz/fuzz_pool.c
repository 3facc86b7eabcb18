/* SPDX-License-Identifier: Apache-2.0 */
/* Key pool images: the first page and the records from the input with fitting checksums when its first byte
 * is odd, so that fields behind them are reached; then every operation. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/pool.h>

#include "pipeline/authenticate.h"
#include "pipeline/key_pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(uint8_t *from, size_t bytes) {
    static const uint8_t key[16] = "Keystill pool v1";
    ks_hash hash;
    ks_hash_init(&hash, key);
    ks_hash_update(&hash, from, bytes);
    ks_hash_final(&hash, from + bytes);
}

static void exercise(ks_pool *pool, const uint8_t *image) {
    uint8_t pad[16];
    uint64_t index;
    ks_pool_write write;
    for (int turn = 0; turn < 40; turn++) {
        ks_direction d = (ks_direction)(turn & 1);
        ks_status status = turn % 3 ? ks_pool_take(pool, d, pad, &index)
                                    : ks_pool_take_at(pool, d, ks_pool_position(pool, d) + 3, pad);
        if (turn % 5 == 0)
            status = ks_pool_refill(pool, image[20], (uint32_t)turn / 10, image + 4096, 64 * 32);
        if (turn % 7 == 0)
            status = ks_pool_truncate(pool, d, ks_pool_end(pool, d) / 2);
        if (turn % 11 == 0)
            status = ks_pool_advance(pool, d, ks_pool_end(pool, d));
        (void)status;
        while (ks_pool_next_write(pool, &write)) {
            if (write.offset + write.bytes > KS_POOL_IMAGE_BYTES)
                abort();
            ks_pool_write_done(pool);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t image[KS_POOL_IMAGE_BYTES];
    memset(image, 0, sizeof image);
    size_t used = size < KS_POOL_RING_OFFSET ? size : KS_POOL_RING_OFFSET;
    if (used)
        memcpy(image, data, used);
    if (used && data[0] & 1) {
        memcpy(image, "KSPOOL\r\n\1\0\0\0\0\20\0\0", 16);
        memcpy(image + KS_POOL_PAGE, "KSRECORD", 8);
        /* The record's own fields come from behind the header. */
        if (size > 96)
            memcpy(image + KS_POOL_PAGE + 8, data + 80, size - 80 < 2600 ? size - 80 : 2600);
        seal(image, 64);
        seal(image + KS_POOL_PAGE, KS_POOL_RECORD_BYTES - 16);
    }
    ks_pool *pool;
    if (ks_pool_open(&pool, image, sizeof image, 4) == KS_OK)
        exercise(pool, image);
    else
        pool = NULL;
    ks_pool_close(pool);
    return 0;
}
