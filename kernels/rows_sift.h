/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of gating and sifting. Bit arrays are LSB-first in uint64_t words: bit i is bit i % 64 of word i / 64.
 * Bits of an input's last word past its length are ignored; bits of an output's last word past its length are
 * written as zero. */
#ifndef KS_KERNELS_ROWS_SIFT_H
#define KS_KERNELS_ROWS_SIFT_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>

/* What a record must not have to be plain. */
typedef struct ks_event_filter {
    uint32_t special;   /* lanes that need attention: markers */
    uint32_t detectors; /* lanes of detectors; more than one of them in a record needs attention */
} ks_event_filter;

/* Index of the first event that is not plain, n when all are. Not plain: a special lane, the flag
 * KS_EVENT_GAP, more than one detector lane, or a time before that of the predecessor (`previous` for the
 * first). */
typedef size_t ks_k_event_scan_fn(const ks_event *events, size_t n, int64_t previous,
                                  const ks_event_filter *filter);

/* One straight piece of the slot clock and what is asked of a click. Positions are in slots, 32 bits after
 * the point; slot s + base reaches from s to s + 1, its centre being s + 1/2. */
typedef struct ks_gate {
    int64_t origin;          /* tick of position `phase`; all times lie in [origin, origin + 2^31) */
    uint64_t phase;          /* at least the largest delay, so that positions are not negative */
    uint64_t base;           /* added to the integer part */
    uint32_t rate;           /* slots a tick = rate / 2^(31 + shift) */
    uint32_t shift;          /* 0..62; positions stay below 2^62 */
    uint32_t half_gate;      /* half the accepted width in 2^-32 slots; 2^31: the whole slot */
    uint32_t detectors;      /* lanes of detectors */
    int32_t delay[KS_LANES]; /* subtracted from the position, in 2^-16 slots */
    uint32_t code[KS_LANES]; /* outcome of the lane: KS_DETECTION_BIT, KS_DETECTION_BASIS */
} ks_gate;

/* A click: slot << KS_DETECTION_SLOT_SHIFT | KS_CLICK_OUTSIDE when outside the gate | outcome. */
typedef uint64_t ks_click;
enum { KS_CLICK_OUTSIDE = 128, KS_CLICK_OUTCOME = 3, KS_GATE_BINS = 64, KS_GATE_ROOM = 8 };

/* Clicks of plain events in their order; events without a detector lane give none. bins[i] = lane *
 * KS_GATE_BINS + arrival within the slot. Returns how many. Both outputs have room for n + KS_GATE_ROOM
 * elements; what lies past the result is unspecified. Position = phase + 2 floor((time - origin) rate /
 * 2^shift) / 2^32 - delay / 2^16. */
typedef size_t ks_k_gate_fn(ks_click *clicks, uint16_t *bins, const ks_event *events, size_t n,
                            const ks_gate *gate);

/* Result of dead_time: clicks taken from the front, how many of them were accepted, how many lay outside the
 * gate. */
typedef struct ks_settled {
    size_t taken, accepted, outside;
} ks_settled;

/* Dead time after any click, for clicks in order of slot. Takes clicks from the front up to the first that
 * shares its slot with its successor, which is left to the caller. Accepted is a click inside the gate in a
 * slot above `blocked`, which each click raises to its slot + dead. Accepted clicks go to out, their slots
 * lowered by `bias`, with the bits of KS_CLICK_KEPT. `out` has room for n + KS_GATE_ROOM elements; what lies
 * past the result is unspecified. slot + dead stays below 2^62. */
enum { KS_CLICK_KEPT = KS_CLICK_OUTCOME | KS_DETECTION_DOUBLE };
typedef ks_settled ks_k_dead_time_fn(ks_detection *out, const ks_click *clicks, size_t n, uint64_t blocked,
                                     uint64_t dead, uint64_t bias);

/* dst = the bits of src at the positions where mask is set, in order; returns how many (k). n is the length
 * of src and mask in bits. Writes (k + 63) / 64 words of dst; dst may be src itself, otherwise nothing
 * overlaps. */
typedef size_t ks_k_bit_compress_fn(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n);

/* The reverse: dst[i] = the next unused bit of src where mask[i] is set, 0 elsewhere; returns how many bits
 * of src were used (k, the weight of the mask). Reads (k + 63) / 64 words of src, writes (n + 63) / 64 words
 * of dst. No overlap. */
typedef size_t ks_k_bit_expand_fn(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n);

/* Number of positions below n where both a and b are set (a may be b: the weight of a). */
typedef uint64_t ks_k_bit_count_fn(const uint64_t *a, const uint64_t *b, size_t n);

/* Number of positions below n where a and b differ. */
typedef uint64_t ks_k_bit_xor_count_fn(const uint64_t *a, const uint64_t *b, size_t n);

/* Transpose of a bit matrix: bit r of row c of out = bit c of row r of in. `in` has `rows` rows of (columns +
 * 63) / 64 words, `out` `columns` rows of (rows + 63) / 64 words, tails zero. No overlap. Packs frames side
 * by side and takes them apart. */
typedef void ks_k_bit_transpose_fn(uint64_t *out, const uint64_t *in, size_t rows, size_t columns);

/* counts[k] = number of positions below n where mask is set and low + 2 high = k, for k = 0..3: counts by
 * intensity. */
typedef void ks_k_bit_tally_fn(uint64_t counts[4], const uint64_t *mask, const uint64_t *low,
                               const uint64_t *high, size_t n);

/* Takes packed detections apart: slots[i] (n of them) and the planes of basis and bit, (n + 63) / 64 words
 * each. */
typedef void ks_k_detections_split_fn(uint64_t *slots, uint64_t *basis, uint64_t *bit,
                                      const ks_detection *detections, size_t n);

/* Takes states, one a byte, apart into planes of basis, bit and the two bits of the intensity index, (n + 63)
 * / 64 words each. Bits 4..7 of a state are ignored. */
typedef void ks_k_states_split_fn(uint64_t *basis, uint64_t *bit, uint64_t *low, uint64_t *high,
                                  const ks_state *states, size_t n);

/* A source of Alice's states drawn from a seed, by counter: state i is a function of (key, nonce, i) alone.
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11,
 * section 3.3) of counter words (block low, block high, nonce[0], nonce[1]) with block = i >> 2; word i & 3
 * of its output is w. The state's bit is w & 1; its bits 3..1 (intensity, basis) are the number of thresholds
 * that w >> 1 has reached. Thresholds ascend, at most 2^31; categories that do not exist have their threshold
 * at 2^31. */
typedef struct ks_seeded_states {
    uint32_t key[2];
    uint32_t nonce[2];
    uint32_t threshold[5];
} ks_seeded_states;

/* out[j] = state of slot slots[j], one a byte. Slots in any order. */
typedef void ks_k_seeded_states_fn(uint8_t *out, const uint64_t *slots, size_t n,
                                   const ks_seeded_states *source);

#endif
