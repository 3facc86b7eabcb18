/* SPDX-License-Identifier: Apache-2.0 */
#include "host/simulator/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/status.h"

enum { THREADS_MOST = 64, AHEAD = 4 /* segments a thread */ };

typedef enum slot_state { SLOT_FREE = 0, SLOT_TAKEN, SLOT_MADE } slot_state;

/* Segment number n stands in place n mod places. */
typedef struct place {
    ks_sim_segment segment;
    slot_state state;
    ks_status status;
    char detail[160]; /* why it failed: error texts belong to threads */
} place;

struct ks_sim_workers {
    const ks_sim_plan *plan;
    uint64_t segments, next, current; /* next to be made; in use by the caller */
    unsigned threads, places;
    int stop;
    pthread_mutex_t lock;
    pthread_cond_t made, freed;
    pthread_t thread[THREADS_MOST];
    place *place;
};

/* Waits for a segment to make; NULL when there is none left. */
static place *claim(ks_sim_workers *w, uint64_t *number) {
    place *found = NULL;
    pthread_mutex_lock(&w->lock);
    while (!w->stop && (w->segments == 0 || w->next < w->segments) &&
           w->place[w->next % w->places].state != SLOT_FREE)
        pthread_cond_wait(&w->freed, &w->lock);
    if (!w->stop && (w->segments == 0 || w->next < w->segments)) {
        *number = w->next++;
        found = &w->place[*number % w->places];
        found->state = SLOT_TAKEN;
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

static void *work(void *argument) {
    ks_sim_workers *w = argument;
    uint64_t number = 0;
    for (place *p; (p = claim(w, &number)) != NULL;) {
        ks_status status = ks_sim_segment_make(&p->segment, w->plan, number);
        pthread_mutex_lock(&w->lock);
        p->status = status;
        if (status != KS_OK) {
            strncpy(p->detail, ks_error_detail(), sizeof p->detail - 1);
            w->stop = 1;
        }
        p->state = SLOT_MADE;
        pthread_cond_broadcast(&w->made);
        pthread_cond_broadcast(&w->freed);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

ks_status ks_sim_workers_create(ks_sim_workers **out, const ks_sim_plan *plan, unsigned threads,
                                uint64_t segments) {
    *out = NULL;
    ks_sim_workers *w = calloc(1, sizeof *w);
    if (!w)
        return ks_fail(KS_ERR_MEMORY, "simulator: %zu bytes", sizeof *w);
    w->plan = plan;
    w->segments = segments;
    w->places = threads ? AHEAD * threads : 1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->made, NULL);
    pthread_cond_init(&w->freed, NULL);
    *out = w;
    w->place = calloc(w->places, sizeof *w->place);
    ks_status status = w->place ? KS_OK : ks_fail(KS_ERR_MEMORY, "simulator: %u segments", w->places);
    while (status == KS_OK && w->threads < threads && w->threads < THREADS_MOST) {
        int error = pthread_create(&w->thread[w->threads], NULL, work, w);
        if (error)
            status = ks_fail(KS_ERR_UNAVAILABLE, "simulator thread: %s", strerror(error));
        else
            w->threads++;
    }
    if (status != KS_OK) {
        ks_sim_workers_destroy(w);
        *out = NULL;
    }
    return status;
}

void ks_sim_workers_destroy(ks_sim_workers *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = 1;
    pthread_cond_broadcast(&w->freed);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->threads; i++)
        pthread_join(w->thread[i], NULL);
    for (unsigned i = 0; w->place && i < w->places; i++)
        ks_sim_segment_clear(&w->place[i].segment);
    pthread_cond_destroy(&w->freed);
    pthread_cond_destroy(&w->made);
    pthread_mutex_destroy(&w->lock);
    free(w->place);
    free(w);
}

ks_status ks_sim_workers_take(ks_sim_workers *w, uint64_t number, const ks_sim_segment **segment) {
    place *p = &w->place[number % w->places];
    *segment = &p->segment;
    w->current = number;
    if (w->threads == 0)
        return ks_sim_segment_make(&p->segment, w->plan, number);
    pthread_mutex_lock(&w->lock);
    while (p->state != SLOT_MADE && !(w->stop && p->state == SLOT_FREE))
        pthread_cond_wait(&w->made, &w->lock);
    ks_status status = p->state == SLOT_MADE ? p->status : KS_ERR_STATE;
    pthread_mutex_unlock(&w->lock);
    return status == KS_OK ? KS_OK : ks_fail(status, "%s", p->detail);
}

void ks_sim_workers_return(ks_sim_workers *w) {
    if (w->threads == 0)
        return;
    pthread_mutex_lock(&w->lock);
    w->place[w->current % w->places].state = SLOT_FREE;
    pthread_cond_broadcast(&w->freed);
    pthread_mutex_unlock(&w->lock);
}
