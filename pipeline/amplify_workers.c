/* SPDX-License-Identifier: Apache-2.0 */
/* A run is a generation with a number of tasks left; both stand in one word, from which every thread takes a
 * task at a time: the caller from the first on, the others from the last back, so that from run to run a
 * thread meets data that its core has in its caches. Who took a task keeps the run open until it is done, so
 * a thread that wakes late finds either a task of the run it sees or nothing at all, and nobody waits for
 * sleepers. A product is a score of runs of a few microseconds: threads look for the next one for a moment
 * before they sleep. */
#include "pipeline/amplify_workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/status.h"

enum { LOOKS = 1000 }; /* some 20 to 50 microseconds */

struct ks_pool_of_workers {
    ks_workers view;
    atomic_uint_fast64_t ticket; /* generation << 32 | tasks left */
    atomic_size_t done;          /* tasks of this generation */
    atomic_size_t from_end;      /* tasks of this generation that others than the caller took */
    ks_task_fn *task;            /* of the run in progress; written while no task is out */
    void *argument;
    size_t count;
    atomic_uint sleepers;
    atomic_int waiting, closing;
    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    unsigned started;
    pthread_t threads[];
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Does tasks of the generation of `ticket` until none is left. */
static void take_tasks(ks_pool_of_workers *pool, uint_fast64_t ticket, int caller) {
    const uint_fast64_t generation = ticket >> 32;
    size_t from_start = 0;
    while (ticket >> 32 == generation && (uint32_t)ticket != 0) {
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1))
            continue;
        const size_t count = pool->count;
        pool->task(pool->argument, caller ? from_start++ : count - 1 - atomic_fetch_add(&pool->from_end, 1));
        if (atomic_fetch_add(&pool->done, 1) + 1 == count && atomic_load(&pool->waiting)) {
            (void)pthread_mutex_lock(&pool->mutex);
            (void)pthread_cond_signal(&pool->end);
            (void)pthread_mutex_unlock(&pool->mutex);
        }
        ticket = atomic_load(&pool->ticket);
    }
}

/* The ticket of a generation other than that of `seen`, or any ticket when the pool closes. */
static uint_fast64_t await_run(ks_pool_of_workers *pool, uint_fast64_t seen) {
    uint_fast64_t ticket = atomic_load(&pool->ticket);
    for (int i = 0; i < LOOKS && ticket >> 32 == seen >> 32; i++) {
        relax();
        ticket = atomic_load(&pool->ticket);
    }
    if (ticket >> 32 != seen >> 32)
        return ticket;
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while ((ticket = atomic_load(&pool->ticket)) >> 32 == seen >> 32 && !atomic_load(&pool->closing))
        (void)pthread_cond_wait(&pool->begin, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    (void)pthread_mutex_unlock(&pool->mutex);
    return ticket;
}

static void *work(void *argument) {
    ks_pool_of_workers *pool = argument;
    uint_fast64_t ticket = 0;
    while (!atomic_load(&pool->closing)) {
        ticket = await_run(pool, ticket);
        take_tasks(pool, ticket, 0);
    }
    return NULL;
}

static void await_end(ks_pool_of_workers *pool) {
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load(&pool->done) == pool->count)
            return;
        relax();
    }
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->waiting, 1);
    while (atomic_load(&pool->done) != pool->count)
        (void)pthread_cond_wait(&pool->end, &pool->mutex);
    atomic_store(&pool->waiting, 0);
    (void)pthread_mutex_unlock(&pool->mutex);
}

static void run(void *context, ks_task_fn *task, void *argument, size_t count) {
    ks_pool_of_workers *pool = context;
    if (count <= 1) {
        if (count)
            task(argument, 0);
        return;
    }
    pool->task = task;
    pool->argument = argument;
    pool->count = count;
    atomic_store(&pool->done, 0);
    atomic_store(&pool->from_end, 0);
    const uint_fast64_t ticket = ((atomic_load(&pool->ticket) >> 32) + 1) << 32 | count;
    atomic_store(&pool->ticket, ticket);
    if (atomic_load(&pool->sleepers)) {
        (void)pthread_mutex_lock(&pool->mutex);
        (void)pthread_cond_broadcast(&pool->begin);
        (void)pthread_mutex_unlock(&pool->mutex);
    }
    take_tasks(pool, ticket, 1);
    await_end(pool);
}

ks_status ks_workers_create(ks_pool_of_workers **out, unsigned threads) {
    *out = NULL;
    ks_pool_of_workers *pool = calloc(1, sizeof *pool + (threads - 1) * sizeof *pool->threads);
    if (!pool)
        return ks_fail(KS_ERR_MEMORY, "no memory for %u threads", threads);
    pool->view = (ks_workers){.run = run, .context = pool, .threads = threads};
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->begin, NULL);
    (void)pthread_cond_init(&pool->end, NULL);
    while (pool->started < threads - 1) {
        if (pthread_create(&pool->threads[pool->started], NULL, work, pool) != 0) {
            ks_workers_destroy(pool);
            return ks_fail(KS_ERR_MEMORY, "cannot start a thread");
        }
        pool->started++;
    }
    *out = pool;
    return KS_OK;
}

void ks_workers_destroy(ks_pool_of_workers *pool) {
    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->closing, 1);
    (void)pthread_cond_broadcast(&pool->begin);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->started; i++)
        (void)pthread_join(pool->threads[i], NULL);
    (void)pthread_cond_destroy(&pool->begin);
    (void)pthread_cond_destroy(&pool->end);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

const ks_workers *ks_workers_of(const ks_pool_of_workers *pool) {
    return pool ? &pool->view : NULL;
}
