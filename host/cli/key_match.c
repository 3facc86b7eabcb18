/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/key_match.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

enum { FIRST_CAPACITY = 1024 };

/* A key that waits for its twin. */
typedef struct waiting {
    struct waiting *next;
    ks_key_id id;
    int side;
    size_t bytes;
    uint8_t key[];
} waiting;

struct ks_key_match {
    pthread_mutex_t lock;
    ks_key_agreed *agreed;
    void *context;
    waiting **buckets; /* hash table with chains */
    size_t capacity, count;
    ks_key_match_result result;
};

/* Identifiers of a link differ in few bits: both words are mixed. */
static size_t bucket_of(const ks_key_id *id, size_t capacity) {
    uint64_t word[2];
    memcpy(word, id->bytes, sizeof word);
    uint64_t mixed = (word[0] ^ word[0] >> 32) * UINT64_C(0x9E3779B97F4A7C15) + word[1];
    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return (size_t)(mixed ^ mixed >> 32) & (capacity - 1);
}

ks_status ks_key_match_create(ks_key_match **out, ks_key_agreed *agreed, void *context) {
    ks_key_match *match = calloc(1, sizeof *match);
    waiting **buckets = calloc(FIRST_CAPACITY, sizeof *buckets);
    if (!match || !buckets) {
        free(match);
        free(buckets);
        return KS_ERR_MEMORY;
    }
    pthread_mutex_init(&match->lock, NULL);
    match->agreed = agreed;
    match->context = context;
    match->buckets = buckets;
    match->capacity = FIRST_CAPACITY;
    *out = match;
    return KS_OK;
}

static void drop(waiting *entry) {
    ks_wipe(entry->key, entry->bytes);
    free(entry);
}

void ks_key_match_destroy(ks_key_match *match) {
    if (!match)
        return;
    for (size_t i = 0; i < match->capacity; i++)
        for (waiting *entry = match->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            drop(entry);
        }
    free(match->buckets);
    pthread_mutex_destroy(&match->lock);
    free(match);
}

static ks_status grow(ks_key_match *match) {
    size_t capacity = match->capacity * 2;
    waiting **buckets = calloc(capacity, sizeof *buckets);
    if (!buckets)
        return KS_ERR_MEMORY;
    for (size_t i = 0; i < match->capacity; i++)
        for (waiting *entry = match->buckets[i], *next; entry; entry = next) {
            size_t b = bucket_of(&entry->id, capacity);
            next = entry->next;
            entry->next = buckets[b];
            buckets[b] = entry;
        }
    free(match->buckets);
    match->buckets = buckets;
    match->capacity = capacity;
    return KS_OK;
}

static ks_status keep(ks_key_match *match, int side, const ks_key_id *id, const uint8_t *key, size_t bytes) {
    if (match->count >= match->capacity) {
        ks_status status = grow(match);
        if (status != KS_OK)
            return status;
    }
    waiting *entry = malloc(sizeof *entry + bytes);
    if (!entry)
        return KS_ERR_MEMORY;
    waiting **bucket = &match->buckets[bucket_of(id, match->capacity)];
    *entry = (waiting){.next = *bucket, .id = *id, .side = side, .bytes = bytes};
    memcpy(entry->key, key, bytes);
    *bucket = entry;
    match->count++;
    match->result.only[side]++;
    return KS_OK;
}

/* Compares with the twin at *place and takes it out. */
static void settle(ks_key_match *match, waiting **place, int side, const uint8_t *key, size_t bytes) {
    waiting *twin = *place;
    int same = twin->side != side && twin->bytes == bytes && memcmp(twin->key, key, bytes) == 0;
    match->result.only[twin->side]--;
    if (same) {
        match->result.agreed++;
        match->result.agreed_bytes += bytes;
        if (match->agreed)
            match->agreed(match->context, &twin->id, key, bytes);
    } else {
        match->result.differing++;
    }
    *place = twin->next;
    match->count--;
    drop(twin);
}

ks_status ks_key_match_put(ks_key_match *match, int side, const ks_key_id *id, const uint8_t *key,
                           size_t bytes) {
    ks_status status = KS_OK;
    pthread_mutex_lock(&match->lock);
    waiting **place = &match->buckets[bucket_of(id, match->capacity)];
    while (*place && memcmp((*place)->id.bytes, id->bytes, sizeof id->bytes) != 0)
        place = &(*place)->next;
    if (*place)
        settle(match, place, side, key, bytes);
    else
        status = keep(match, side, id, key, bytes);
    pthread_mutex_unlock(&match->lock);
    return status;
}

void ks_key_match_get(ks_key_match *match, ks_key_match_result *out) {
    pthread_mutex_lock(&match->lock);
    *out = match->result;
    pthread_mutex_unlock(&match->lock);
}
