/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pipeline/bits.h"
#include "pipeline/session_internal.h"

ks_status ks_plane_reserve(ks_plane *plane, uint64_t bits) {
    if (bits <= plane->capacity)
        return KS_OK;
    uint64_t capacity = plane->capacity * 2;
    if (capacity < bits)
        capacity = bits;
    capacity = (capacity + 511) / 512 * 512;
    uint64_t *words = NULL;
    KS_TRY(ks_secret_alloc((void **)&words, capacity / 8, KS_SECRET_BLOCK));
    if (plane->words)
        memcpy(words, plane->words, plane->capacity / 8);
    ks_secret_free(plane->words);
    plane->words = words;
    plane->capacity = capacity;
    return KS_OK;
}

void ks_plane_release(ks_plane *plane) {
    ks_secret_free(plane->words);
    *plane = (ks_plane){0};
}

ks_status ks_plane_append_bytes(ks_plane *plane, const uint8_t *bytes, uint64_t n) {
    KS_TRY(ks_plane_reserve(plane, plane->bits + n));
    for (uint64_t done = 0; done < n; done += 64) {
        uint64_t word = 0, take = n - done < 64 ? n - done : 64;
        memcpy(&word, bytes + done / 8, (take + 7) / 8);
        ks_bits_copy(plane->words, plane->bits + done, &word, 0, take);
    }
    plane->bits += n;
    return KS_OK;
}
