/* SPDX-License-Identifier: Apache-2.0 */
/* The reorder window: events late by at most `window` ticks are put back in order. Memory is bounded: about
 * KS_ORDER_EVENTS are held; when a longer window would need more, the oldest leave early. */
#ifndef KS_HOST_FORMATS_ORDER_H
#define KS_HOST_FORMATS_ORDER_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/status.h>

enum { KS_ORDER_EVENTS = 8192, KS_ORDER_BATCH = 2048 };

typedef struct ks_order {
    uint64_t window;  /* 0: not in use */
    ks_event *events; /* [head, tail) are held, sorted from `barrier` on */
    size_t head, tail;
    size_t barrier; /* events before it leave first, in the order in which they stand */
    int64_t newest; /* latest time since the order last restarted */
} ks_order;

ks_status ks_order_init(ks_order *order, uint64_t window);
void ks_order_wipe(ks_order *order);

/* 1 when a batch may be added; otherwise release first. */
int ks_order_ready(const ks_order *order);

/* Adds n <= KS_ORDER_BATCH events; returns how many came later than the window allows. Such an event is not
 * sorted in: it stands where it came, and order restarts with it. */
uint64_t ks_order_add(ks_order *order, const ks_event *events, size_t n);

/* Hands out what no later event can precede; `all`: everything. Returns the number written. */
size_t ks_order_release(ks_order *order, ks_event *events, size_t capacity, int all);

#endif
