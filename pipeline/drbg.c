/* SPDX-License-Identifier: Apache-2.0 */
/* The generator of random bits. Its key is replaced before anything made from it leaves (fast key erasure):
 * who takes the state learns nothing of what was given out before, and fresh entropy makes it useless for
 * what comes after. */
#include <keystill/random.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "kernels/kernels.h"
#include "pipeline/health.h"
#include "pipeline/status.h"

enum { CHUNK_BLOCKS = 1 << 14, KEY_BYTES = 32 };

typedef struct generator {
    int alive; /* 0 in a child after fork, where this memory is zero */
    uint32_t state[16];
    ks_health health;
    uint8_t entropy[KS_HEALTH_START];
    uint8_t block[KS_CHACHA_BLOCK];
} generator;

struct ks_drbg {
    pthread_mutex_t mutex;
    ks_random source;
    int failed;
    generator *secret;
};

/* `bytes` of the source, tested, into g->entropy. */
static ks_status gather(ks_drbg *d, size_t bytes) {
    generator *g = d->secret;
    KS_TRY(d->source.fill(d->source.context, g->entropy, bytes));
    return ks_health_test(&g->health, g->entropy, bytes);
}

static void new_key(generator *g, const uint8_t key[KEY_BYTES]) {
    memcpy(g->state + 4, key, KEY_BYTES);
}

/* Fresh entropy into the key. */
static ks_status reseed(ks_drbg *d) {
    uint8_t key[KEY_BYTES];
    KS_TRY(gather(d, KEY_BYTES));
    memcpy(key, d->secret->state + 4, KEY_BYTES);
    for (int i = 0; i < KEY_BYTES; i++)
        key[i] ^= d->secret->entropy[i];
    new_key(d->secret, key);
    ks_wipe(key, sizeof key);
    ks_wipe(d->secret->entropy, KEY_BYTES);
    return KS_OK;
}

static ks_status instantiate(ks_drbg *d) {
    static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    generator *g = d->secret;
    memset(g, 0, sizeof *g);
    memcpy(g->state, constants, sizeof constants);
    KS_TRY(gather(d, KS_HEALTH_START));
    ks_wipe(g->entropy, sizeof g->entropy);
    KS_TRY(reseed(d));
    g->alive = 1;
    return KS_OK;
}

/* At most CHUNK_BLOCKS blocks. Block 0 holds the next key, what follows goes out. */
static ks_status chunk(ks_drbg *d, uint8_t *out, size_t bytes) {
    generator *g = d->secret;
    const size_t whole = bytes / KS_CHACHA_BLOCK, rest = bytes % KS_CHACHA_BLOCK;
    KS_TRY(reseed(d));
    g->state[12] = 1;
    ks_kernels_get()->chacha20(out, g->state, whole);
    if (rest) {
        g->state[12] = 1 + (uint32_t)whole;
        ks_kernels_get()->chacha20(g->block, g->state, 1);
        memcpy(out + whole * KS_CHACHA_BLOCK, g->block, rest);
    }
    g->state[12] = 0;
    ks_kernels_get()->chacha20(g->block, g->state, 1);
    new_key(g, g->block);
    ks_wipe(g->block, sizeof g->block);
    return KS_OK;
}

static ks_status generate(ks_drbg *d, uint8_t *out, size_t bytes) {
    if (d->failed)
        return ks_fail(KS_ERR_SECURITY, "the source of randomness has failed before: it is not used again");
    if (!d->secret->alive)
        KS_TRY(instantiate(d));
    while (bytes) {
        const size_t most = (size_t)CHUNK_BLOCKS * KS_CHACHA_BLOCK, n = bytes < most ? bytes : most;
        KS_TRY(chunk(d, out, n));
        out += n;
        bytes -= n;
    }
    return KS_OK;
}

static ks_status fill(void *context, uint8_t *out, size_t bytes) {
    ks_drbg *d = context;
    (void)pthread_mutex_lock(&d->mutex);
    ks_status status = generate(d, out, bytes);
    if (status != KS_OK) {
        d->failed = 1;
        ks_wipe(d->secret, sizeof *d->secret);
        ks_wipe(out, bytes);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return status;
}

ks_status ks_drbg_create(ks_drbg **out, const ks_random *source) {
    *out = NULL;
    if (!source || !source->fill)
        return ks_fail(KS_ERR_ARGUMENT, "a generator needs a source of entropy");
    ks_drbg *d = calloc(1, sizeof *d);
    if (!d)
        return ks_fail(KS_ERR_MEMORY, "no memory for a generator");
    (void)pthread_mutex_init(&d->mutex, NULL);
    d->source = *source;
    ks_status status = ks_secret_alloc((void **)&d->secret, sizeof *d->secret, KS_SECRET_PROCESS);
    if (status == KS_OK)
        status = instantiate(d);
    if (status != KS_OK) {
        ks_drbg_destroy(d);
        return status;
    }
    *out = d;
    return KS_OK;
}

void ks_drbg_destroy(ks_drbg *d) {
    if (!d)
        return;
    ks_secret_free(d->secret);
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
}

ks_random ks_drbg_random(ks_drbg *d) {
    return (ks_random){.fill = fill, .context = d, .test_only = d->source.test_only};
}
