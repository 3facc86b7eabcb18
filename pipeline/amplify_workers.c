/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks are numbered; every thread takes the next number until none is left. A run counts as a generation:
 * workers sleep until it changes, and the caller returns when all have come back from it. */
#include "pipeline/amplify_workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/status.h"

struct ks_pool_of_workers {
    ks_workers view;
    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    unsigned generation, busy, started;
    int closing;
    ks_task_fn *task; /* of the run in progress; written under the mutex before the generation changes */
    void *argument;
    size_t count;
    atomic_size_t next;
    pthread_t threads[];
};

static void take_tasks(ks_pool_of_workers *pool) {
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count)
            return;
        pool->task(pool->argument, index);
    }
}

static void *work(void *argument) {
    ks_pool_of_workers *pool = argument;
    unsigned seen = 0;
    (void)pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->generation == seen && !pool->closing)
            (void)pthread_cond_wait(&pool->begin, &pool->mutex);
        if (pool->closing)
            break;
        seen = pool->generation;
        (void)pthread_mutex_unlock(&pool->mutex);
        take_tasks(pool);
        (void)pthread_mutex_lock(&pool->mutex);
        if (--pool->busy == 0)
            (void)pthread_cond_signal(&pool->end);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void run(void *context, ks_task_fn *task, void *argument, size_t count) {
    ks_pool_of_workers *pool = context;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->argument = argument;
    pool->count = count;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->busy = pool->started;
    pool->generation++;
    (void)pthread_cond_broadcast(&pool->begin);
    (void)pthread_mutex_unlock(&pool->mutex);
    take_tasks(pool);
    (void)pthread_mutex_lock(&pool->mutex);
    while (pool->busy)
        (void)pthread_cond_wait(&pool->end, &pool->mutex);
    (void)pthread_mutex_unlock(&pool->mutex);
}

ks_status ks_workers_create(ks_pool_of_workers **out, unsigned threads) {
    *out = NULL;
    ks_pool_of_workers *pool = calloc(1, sizeof *pool + (threads - 1) * sizeof *pool->threads);
    if (!pool)
        return ks_fail(KS_ERR_MEMORY, "no memory for %u threads", threads);
    pool->view = (ks_workers){.run = run, .context = pool};
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
    pool->closing = 1;
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
