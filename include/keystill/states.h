/* SPDX-License-Identifier: Apache-2.0 */
/* Alice's prepared states, by slot. Part of libkeystill-host. Sources: a packed stream or file (QST1, docs/formats.md), a
 * repeating pattern, a seed (test only). */
#ifndef KEYSTILL_STATES_H
#define KEYSTILL_STATES_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/event.h>
#include <keystill/length.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ks_states ks_states;

/* Header of a QST1 stream: 64 bytes fixed plus the intensity table; docs/formats.md. */
typedef struct ks_states_header {
    uint64_t first_slot;
    uint64_t slots;       /* 0: until the end of the stream */
    double clock_hz;
    ks_source source;     /* intensities and their probabilities */
    int test_only;        /* repeating pattern or seed: the key is not secret */
} ks_states_header;

/* From the states of slots [first, first + slots) packed two a byte, borrowed for the life of the object (an mmap, say). */
KS_API KS_MUST_CHECK ks_status ks_states_from_memory(ks_states **out, const uint8_t *bytes, size_t size);
/* One period of `slots` states, one a byte, repeated for ever; copied. */
KS_API KS_MUST_CHECK ks_status ks_states_from_pattern(ks_states **out, const ks_states_header *header,
                                                      const ks_state *pattern, size_t slots);
/* Drawn from a 32-byte seed: state i is a function of (seed, i) alone, with the header's probabilities and `test_basis`,
 * the probability of basis 1. For simulation and tests. */
KS_API KS_MUST_CHECK ks_status ks_states_from_seed(ks_states **out, const ks_states_header *header,
                                                   const uint8_t seed[32], double test_basis);
/* A QST1 stream that arrives in pieces (a pipe): feed, gather, forget what is acknowledged. Memory stays proportional to the
 * slots not yet forgotten. */
KS_API KS_MUST_CHECK ks_status ks_states_from_stream(ks_states **out, uint64_t window_slots);
KS_API KS_MUST_CHECK ks_status ks_states_feed(ks_states *states, const uint8_t *bytes, size_t size, size_t *consumed);
KS_API void ks_states_forget(ks_states *states, uint64_t below_slot);
KS_API void ks_states_destroy(ks_states *states);

KS_API const ks_states_header *ks_states_get_header(const ks_states *states); /* NULL while a stream's is incomplete */

/* out[i] = state of slot slots[i]; slots strictly increasing. KS_ERR_EMPTY: not there yet; KS_ERR_LIMIT: outside what the
 * source holds or held. */
KS_API KS_MUST_CHECK ks_status ks_states_gather(ks_states *states, ks_state *out, const uint64_t *slots, size_t n);

#ifdef __cplusplus
}
#endif
#endif
