/* SPDX-License-Identifier: Apache-2.0 */
/* The three forms a click takes: event (time tag), detection (slot with basis and bit), state (what Alice
 * prepared). */
#ifndef KEYSTILL_EVENT_H
#define KEYSTILL_EVENT_H

#include <stdint.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One record of a time tagger. `time` counts ticks of the source's unit, a rational number of seconds that
 * the source states beside the events (1/256 ns is not a whole number of ps: times are never rounded to ps).
 * `lanes` has one bit per input lane 0..31 that fired; more than one bit is a coincidence inside one record.
 * In T3 sources `time` counts sync periods and `fine` is the delay after the sync in units of the source's
 * fine unit. */
typedef struct ks_event {
    int64_t time;
    uint32_t lanes;
    uint16_t flags; /* KS_EVENT_* */
    uint16_t fine;
} ks_event;

enum {
    KS_EVENT_GAP = 1, /* data was lost before this event: dead time and clock must not be trusted across it */
    KS_EVENT_BACKSTEP = 2 /* earlier than its predecessor in the file */
};

enum { KS_LANES = 32 };

/* A unit of time: numerator / denominator seconds, both positive. 1 ps is {1, 1000000000000}. */
typedef struct ks_unit {
    uint64_t numerator;
    uint64_t denominator;
} ks_unit;

/* A detection after alignment, gate, dead time and double-click policy, packed in 64 bits:
 * bits 63..8 slot index, bit 0 measured bit, bit 1 basis (0 or 1), bit 2 set when the bit was drawn at random
 * because several detectors clicked. Arrays of detections are strictly increasing in slot. */
typedef uint64_t ks_detection;

enum { KS_DETECTION_BIT = 1, KS_DETECTION_BASIS = 2, KS_DETECTION_DOUBLE = 4 };
#define KS_DETECTION_SLOT_SHIFT 8
#define KS_SLOT_MAX             ((UINT64_C(1) << 56) - 1)

static inline uint64_t ks_detection_slot(ks_detection d) {
    return d >> KS_DETECTION_SLOT_SHIFT;
}
static inline ks_detection ks_detection_make(uint64_t slot, unsigned basis, unsigned bit,
                                             unsigned is_double) {
    return slot << KS_DETECTION_SLOT_SHIFT | (uint64_t)(is_double << 2 | basis << 1 | bit);
}

/* A prepared state: bit 0 the bit, bit 1 the basis, bits 3..2 the intensity index. Packed streams hold two a
 * byte, the low nibble being the earlier slot. */
typedef uint8_t ks_state;

enum { KS_STATE_BIT = 1, KS_STATE_BASIS = 2, KS_STATE_INTENSITY_SHIFT = 2 };

#ifdef __cplusplus
}
#endif
#endif
