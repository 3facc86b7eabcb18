/* SPDX-License-Identifier: Apache-2.0 */
/* The verification hash: strands on the device, powers of the key and the last multiplication here. */
#include <string.h>
#include <keystill/secret.h>

#include "host/devices/gpu/lane.h"
#include "pipeline/status.h"

enum { ITEMS = 128, LEVELS = 7, GROUPS_MAX = 256, BLOCK = KS_HASH_BLOCK };
_Static_assert(1 << LEVELS == ITEMS, "a level for each halving of the strands");

/* out = a * b. */
static void times(uint8_t out[BLOCK], const uint8_t a[BLOCK], const uint8_t b[BLOCK]) {
    uint8_t zero[BLOCK] = {0}, factor[BLOCK];
    memcpy(factor, b, BLOCK);
    memmove(out, a, BLOCK);
    ks_kernels_get()->poly_hash(out, factor, zero, 1);
    ks_wipe(factor, sizeof factor);
}

/* powers[0] = key^strands, powers[1 + i] = key^(2^i): what one launch takes; strands is a power of two. */
static void powers_of(uint8_t (*powers)[BLOCK], unsigned levels, const uint8_t key[BLOCK], uint32_t strands) {
    uint8_t power[BLOCK];
    memcpy(power, key, BLOCK);
    for (unsigned i = 0; (UINT32_C(1) << i) < strands; i++) {
        if (i < levels)
            memcpy(powers[1 + i], power, BLOCK);
        times(power, power, power);
    }
    memcpy(powers[0], power, BLOCK);
    ks_wipe(power, sizeof power);
}

static uint32_t groups_for(size_t count) {
    uint32_t groups = 1;
    while (groups < GROUPS_MAX && (size_t)groups * ITEMS * 8 < count)
        groups *= 2;
    return groups;
}

/* value (the first 16 bytes of slot 2's host memory) = polynomial of the blocks in slot 0, before the last
 * factor. */
static ks_status launch(ks_lane *lane, const uint8_t key[BLOCK], size_t count, uint8_t **value) {
    uint8_t powers[2][1 + LEVELS + 1][BLOCK], raised[BLOCK];
    const uint32_t groups = groups_for(count);
    powers_of(powers[0], LEVELS, key, groups * ITEMS);
    memcpy(raised, key, BLOCK);
    for (unsigned i = 0; i < LEVELS; i++)
        times(raised, raised, raised);
    powers_of(powers[1], LEVELS + 1, raised, GROUPS_MAX);
    ks_gpu_memory *blocks, *factors[2], *values, *result;
    ks_status status = ks_lane_device(lane, 0, count * BLOCK, &blocks);
    for (unsigned i = 0; i < 2 && status == KS_OK; i++)
        status = ks_lane_send(lane, 1 + i, powers[i], sizeof powers[i], &factors[i]);
    ks_wipe(powers, sizeof powers);
    ks_wipe(raised, sizeof raised);
    KS_TRY(status);
    KS_TRY(ks_lane_device(lane, 3, (size_t)groups * BLOCK, &values));
    KS_TRY(ks_lane_device(lane, 4, BLOCK, &result));
    KS_TRY(ks_lane_host(lane, 4, BLOCK, (void **)value));
    const ks_gpu_arg first[] = {KS_GPU_MEMORY(values), KS_GPU_MEMORY(blocks), KS_GPU_MEMORY(factors[0]),
                                KS_GPU_U64(count)};
    KS_TRY(ks_gpu_run(
        lane->queue,
        &(ks_gpu_launch){.kernel = ks_gpu_poly_hash, .groups = groups, .groups_y = 1, .items = ITEMS}, first,
        4));
    const ks_gpu_arg second[] = {KS_GPU_MEMORY(result), KS_GPU_MEMORY(values), KS_GPU_MEMORY(factors[1]),
                                 KS_GPU_U64(groups)};
    KS_TRY(ks_gpu_run(
        lane->queue,
        &(ks_gpu_launch){.kernel = ks_gpu_poly_hash, .groups = 1, .groups_y = 1, .items = GROUPS_MAX}, second,
        4));
    return ks_gpu_read(lane->queue, *value, result, 0, BLOCK);
}

ks_status ks_lane_poly_hash(ks_lane *lane, uint8_t state[BLOCK], const uint8_t key[BLOCK],
                            const uint8_t *blocks, size_t count) {
    if (count == 0)
        return KS_OK;
    void *host;
    uint8_t *value;
    ks_gpu_memory *memory;
    KS_TRY(ks_lane_host(lane, 0, count * BLOCK, &host));
    KS_TRY(ks_lane_device(lane, 0, count * BLOCK, &memory));
    memcpy(host, blocks, count * BLOCK);
    for (int i = 0; i < BLOCK; i++)
        ((uint8_t *)host)[i] ^= state[i];
    KS_TRY(ks_gpu_write(lane->queue, memory, 0, host, count * BLOCK));
    KS_TRY(launch(lane, key, count, &value));
    KS_TRY(ks_gpu_finish(lane->queue));
    times(state, value, key);
    return KS_OK;
}

ks_status ks_lane_hash(ks_lane *lane, uint8_t tag[16], const uint8_t key[16], const uint64_t *bits,
                       size_t n) {
    size_t blocks = n / 128;
    uint8_t state[BLOCK] = {0}, last[BLOCK] = {0};
    KS_TRY(ks_lane_poly_hash(lane, state, key, (const uint8_t *)bits, blocks));
    if (n % 128) {
        uint64_t words[2] = {bits[2 * blocks], n % 128 > 64 ? bits[2 * blocks + 1] : 0};
        words[n % 128 > 64] &= n % 64 ? (UINT64_C(1) << n % 64) - 1 : ~UINT64_C(0);
        memcpy(last, words, BLOCK);
        uint8_t power[BLOCK];
        memcpy(power, key, BLOCK);
        ks_kernels_get()->poly_hash(state, power, last, 1);
        ks_wipe(power, sizeof power);
        ks_wipe(words, sizeof words);
        ks_wipe(last, sizeof last);
    }
    memcpy(tag, state, BLOCK);
    return KS_OK;
}
