/* SPDX-License-Identifier: Apache-2.0 */
#include "host/formats/order.h"

#include <stdlib.h>
#include <string.h>
#include <keystill/secret.h>

#include "pipeline/status.h"

/* Twice what may be held, so that moving events to the front is rare. */
enum { CAPACITY = 2 * (KS_ORDER_EVENTS + KS_ORDER_BATCH) };

ks_status ks_order_init(ks_order *order, uint64_t window) {
    *order = (ks_order){.window = window, .newest = INT64_MIN};
    if (window == 0)
        return KS_OK;
    order->events = malloc(CAPACITY * sizeof *order->events);
    return order->events ? KS_OK : ks_fail(KS_ERR_MEMORY, "reorder window of %d events", CAPACITY);
}

void ks_order_wipe(ks_order *order) {
    free(order->events);
    *order = (ks_order){0};
}

int ks_order_ready(const ks_order *order) {
    return order->tail - order->head <= KS_ORDER_EVENTS;
}

static uint64_t distance(int64_t later, int64_t earlier) {
    return (uint64_t)later - (uint64_t)earlier;
}

static void make_room(ks_order *order, size_t n) {
    if (order->tail + n <= CAPACITY)
        return;
    memmove(order->events, order->events + order->head, (order->tail - order->head) * sizeof *order->events);
    order->tail -= order->head;
    ks_wipe(order->events + order->tail, order->head * sizeof *order->events);
    order->barrier = order->barrier > order->head ? order->barrier - order->head : 0;
    order->head = 0;
}

/* An event is too late when more than the window earlier than the newest, or when its place is before all
 * that memory allows to hold. Neither depends on how much has been handed out already, so that every split of
 * a stream reads alike. */
static int is_late(const ks_order *order, size_t first, int64_t time) {
    if (distance(order->newest, time) > order->window)
        return 1;
    return order->tail - first >= KS_ORDER_EVENTS && time < order->events[order->tail - KS_ORDER_EVENTS].time;
}

/* An event earlier than the newest: sorts it in, or restarts the order with it. Returns 1 when it was too
 * late. */
static uint64_t insert(ks_order *order, const ks_event *event) {
    size_t first = order->barrier > order->head ? order->barrier : order->head;
    if (is_late(order, first, event->time)) {
        order->barrier = order->tail;
        order->events[order->tail++] = *event;
        order->newest = event->time;
        return 1;
    }
    size_t at = order->tail;
    while (at > first && order->events[at - 1].time > event->time)
        at--;
    memmove(order->events + at + 1, order->events + at, (order->tail - at) * sizeof *order->events);
    order->events[at] = *event;
    order->tail++;
    return 0;
}

/* How many of the events follow the newest and each other in order. */
static size_t ordered_run(const ks_order *order, const ks_event *events, size_t n) {
    int64_t newest = order->newest;
    size_t run = 0;
    for (; run < n && events[run].time >= newest; run++)
        newest = events[run].time;
    return run;
}

uint64_t ks_order_add(ks_order *order, const ks_event *events, size_t n) {
    uint64_t late = 0;
    make_room(order, n);
    for (size_t i = 0; i < n;) {
        size_t run = ordered_run(order, events + i, n - i);
        if (run == 0) {
            late += insert(order, &events[i++]);
            continue;
        }
        memcpy(order->events + order->tail, events + i, run * sizeof *events);
        order->tail += run;
        i += run;
        order->newest = events[i - 1].time;
    }
    return late;
}

/* First held event, from `barrier` on, that a later one may still precede. */
static size_t first_kept(const ks_order *order) {
    size_t low = order->barrier > order->head ? order->barrier : order->head, high = order->tail;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (distance(order->newest, order->events[middle].time) > order->window)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t ks_order_release(ks_order *order, ks_event *events, size_t capacity, int all) {
    size_t until = all ? order->tail : first_kept(order);
    if (order->tail - until > KS_ORDER_EVENTS)
        until = order->tail - KS_ORDER_EVENTS;
    size_t n = until - order->head < capacity ? until - order->head : capacity;
    if (n == 0)
        return 0;
    memcpy(events, order->events + order->head, n * sizeof *events);
    ks_wipe(order->events + order->head, n * sizeof *events);
    order->head += n;
    return n;
}
