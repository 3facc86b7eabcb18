/* SPDX-License-Identifier: Apache-2.0 */
/* Alice's prepared states, by slot. Part of libkeystill-host. Sources: packed states in memory (an mmap) or
 * in a stream, a repeating pattern, a seed (test only). docs/states.md has the formats QST1 (packed), QSP1
 * (pattern), QSS1 (seed).
 *
 * An object is used by one thread at a time, except that ks_states_gather of a source that is not a stream
 * may be called by several at once. */
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

/* What the header of every format says: 64 bytes fixed plus the intensity table. */
typedef struct ks_states_header {
    uint64_t first_slot;
    uint64_t slots; /* 0: until the end of the stream */
    double clock_hz;
    ks_source source; /* intensities and their probabilities */
    int test_only;    /* repeating pattern or seed: the key is not secret */
} ks_states_header;

/* ---- sources. KS_ERR_FORMAT for a malformed image, KS_ERR_ARGUMENT for a header outside its ranges; the
 * detail names offset, what was expected, what stood there. */

/* Any of the three formats, told apart by magic. Packed states are borrowed for the life of the object, the
 * others copied. */
KS_API KS_MUST_CHECK ks_status ks_states_open(ks_states **out, const uint8_t *bytes, size_t size);
/* The same from a file, which stays mapped for the life of the object. KS_ERR_IO when it cannot be read. */
KS_API KS_MUST_CHECK ks_status ks_states_open_file(ks_states **out, const char *path);
/* A whole QST1 image, borrowed for the life of the object (an mmap, say). */
KS_API KS_MUST_CHECK ks_status ks_states_from_memory(ks_states **out, const uint8_t *bytes, size_t size);
/* One period of `slots` states, one a byte, repeated for ever from the header's first slot; copied. */
KS_API KS_MUST_CHECK ks_status ks_states_from_pattern(ks_states **out, const ks_states_header *header,
                                                      const ks_state *pattern, size_t slots);
/* Drawn from a 32-byte seed: state i is a function of (seed, i) alone, with the header's probabilities and
 * `test_basis`, the probability of basis 1 (probabilities are rounded to multiples of 2^-31). For simulation
 * and tests. */
KS_API KS_MUST_CHECK ks_status ks_states_from_seed(ks_states **out, const ks_states_header *header,
                                                   const uint8_t seed[32], double test_basis);
/* A QST1 stream that arrives in pieces (a pipe): feed, gather, forget what is acknowledged. Memory stays
 * proportional to the slots not yet forgotten, of which there are at most `window_slots`. */
KS_API KS_MUST_CHECK ks_status ks_states_from_stream(ks_states **out, uint64_t window_slots);
/* KS_OK with *consumed < size when the window is full: forget, then feed the rest. KS_ERR_FORMAT for a bad
 * header and for bytes behind the last slot that the header promised. */
KS_API KS_MUST_CHECK ks_status ks_states_feed(ks_states *states, const uint8_t *bytes, size_t size,
                                              size_t *consumed);
/* The stream ended: what has not come never will. KS_ERR_FORMAT when the header promised more; what came
 * stays usable. */
KS_API KS_MUST_CHECK ks_status ks_states_end(ks_states *states);
/* Wipes the states of a stream below `below_slot`, those still to come included. Other sources keep theirs.
 */
KS_API void ks_states_forget(ks_states *states, uint64_t below_slot);
KS_API void ks_states_destroy(ks_states *states);

KS_API const ks_states_header *
ks_states_get_header(const ks_states *states); /* NULL while a stream's is incomplete */

/* out[i] = state of slot slots[i]; slots strictly increasing. KS_ERR_EMPTY: not there yet; KS_ERR_LIMIT:
 * outside what the source holds or held; KS_ERR_FORMAT: the source holds an intensity index there that its
 * header does not know. */
KS_API KS_MUST_CHECK ks_status ks_states_gather(ks_states *states, ks_state *out, const uint64_t *slots,
                                                size_t n);

/* ---- writing. Capacity first; *size bytes were written. KS_ERR_FULL when they do not fit. */

enum { KS_STATES_HEADER_MAX = 64 + 16 * KS_MAX_INTENSITIES, KS_STATES_SEED_MAX = KS_STATES_HEADER_MAX + 32 };

/* The header of a QST1 image; packed states follow it. */
KS_API KS_MUST_CHECK ks_status ks_states_write_header(uint8_t *out, size_t capacity, size_t *size,
                                                      const ks_states_header *header);
/* A whole QSP1 image: KS_STATES_HEADER_MAX + (slots + 1) / 2 bytes are enough. */
KS_API KS_MUST_CHECK ks_status ks_states_write_pattern(uint8_t *out, size_t capacity, size_t *size,
                                                       const ks_states_header *header,
                                                       const ks_state *pattern, size_t slots);
/* A whole QSS1 image: KS_STATES_SEED_MAX bytes are enough. */
KS_API KS_MUST_CHECK ks_status ks_states_write_seed(uint8_t *out, size_t capacity, size_t *size,
                                                    const ks_states_header *header, const uint8_t seed[32],
                                                    double test_basis);
/* Packs n states two a byte, the earlier in the low nibble; a last odd one leaves the high nibble 0. (n + 1)
 * / 2 bytes. */
KS_API void ks_states_pack(uint8_t *out, const ks_state *states, size_t n);

#ifdef __cplusplus
}
#endif
#endif
