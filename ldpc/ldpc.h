/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciliation by LDPC codes: Alice sends the syndrome of her frame, Bob corrects his frame towards it.
 *
 * Frames are n = 2^log2n bits, log2n in 14, 16, 18, 20, packed LSB first in 64-bit words. Codes are
 * quasi-cyclic lifts of our own base graphs. A *rate* is a base graph with some of its row pairs merged
 * (their syndromes added): the more merges, the fewer syndrome bits. Rates of one base are nested, so a
 * failed decoding goes on with a few more bits. Rates are numbered 0..ks_ldpc_rate_count()-1 by rising leak;
 * the numbering is part of the protocol version.
 *
 * Syndromes are packed like frames; every length below is a multiple of 64 bits. A base graph is grown from
 * its seed when it is first used and kept. Functions are thread-safe; a workspace serves one thread at a
 * time. What is exported (KS_API) is for libkeystill-host alone. docs/reconciliation.md. */
#ifndef KS_LDPC_LDPC_H
#define KS_LDPC_LDPC_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/status.h>

enum { KS_LDPC_LOG2N_MIN = 14, KS_LDPC_LOG2N_MAX = 20 };

/* How near the limit the first syndrome is chosen: fast keeps iterations few, efficient accepts more retries.
 */
typedef enum ks_ldpc_effort { KS_LDPC_FAST, KS_LDPC_BALANCED, KS_LDPC_EFFICIENT } ks_ldpc_effort;

typedef struct ks_ldpc_rate {
    const char *base; /* name of the base graph */
    unsigned columns; /* of the base graph */
    unsigned rows;    /* of the base graph before merging */
    unsigned edges;   /* of the base graph */
    unsigned merges;  /* row pairs merged: (rows - merges) / columns = leak */
    double leak;      /* syndrome bits per frame bit */
    double threshold; /* error rate up to which the code decodes for n without end, by density evolution of
                         the decoder */
} ks_ldpc_rate;

unsigned ks_ldpc_rate_count(void);
KS_MUST_CHECK ks_status ks_ldpc_rate_info(ks_ldpc_rate *info, uint16_t rate);
/* 1 when frames of 2^log2n bits can be coded at this rate. */
int ks_ldpc_supports(uint16_t rate, unsigned log2n);

/* Chooses the rate of the first syndrome for error rate `qber`. real_bits < n: the rest of the frame is known
 * zeros at its end (shortened), and less syndrome does. A pure function of its arguments, equal at both ends.
 * An error rate beyond the family takes the rate of most syndrome (decoding will likely fail);
 * KS_ERR_ARGUMENT when log2n is not served, real_bits is 0 or above n, or qber is not in [0, 1/2]. */
KS_API KS_MUST_CHECK ks_status ks_ldpc_pick(uint16_t *rate, unsigned log2n, double qber, size_t real_bits,
                                            ks_ldpc_effort effort);
/* The next rate with more syndrome of the same base; KS_ERR_EMPTY when `rate` is the last. */
KS_MUST_CHECK ks_status ks_ldpc_next(uint16_t *next, uint16_t rate);

/* Bits of the unmerged syndrome, of the syndrome of a rate, of what goes from one rate to a later one of the
 * same base. 0 for a rate or size that is not served, or rates that are not of one base in this order. */
size_t ks_ldpc_mother_bits(uint16_t rate, unsigned log2n);
size_t ks_ldpc_syndrome_bits(uint16_t rate, unsigned log2n);
size_t ks_ldpc_extra_bits(uint16_t from, uint16_t to, unsigned log2n);

/* Alice. The unmerged syndrome (ks_ldpc_mother_bits) of a frame: the same for all rates of one base. Secret
 * until sent. */
KS_API KS_MUST_CHECK ks_status ks_ldpc_syndrome(uint64_t *mother, const uint64_t *frame, uint16_t rate,
                                                unsigned log2n);
/* Alice. What is sent first (ks_ldpc_syndrome_bits). `out` must not overlap `mother`. */
KS_API KS_MUST_CHECK ks_status ks_ldpc_merge(uint64_t *out, const uint64_t *mother, uint16_t rate,
                                             unsigned log2n);
/* Alice. What is sent to go from rate `from` to `to` (ks_ldpc_extra_bits). */
KS_MUST_CHECK ks_status ks_ldpc_extra(uint64_t *out, const uint64_t *mother, uint16_t from, uint16_t to,
                                      unsigned log2n);
/* Bob. Turns the syndrome of rate `from` into that of `to`, in place: room for ks_ldpc_syndrome_bits(to). */
KS_MUST_CHECK ks_status ks_ldpc_extend(uint64_t *syndrome, const uint64_t *extra, uint16_t from, uint16_t to,
                                       unsigned log2n);

typedef struct ks_ldpc_workspace ks_ldpc_workspace;

/* Memory of one decoder for frames of 2^log2n bits at any rate: secret, wiped when destroyed. NULL may be
 * destroyed. */
KS_MUST_CHECK ks_status ks_ldpc_workspace_create(ks_ldpc_workspace **out, unsigned log2n);
void ks_ldpc_workspace_destroy(ks_ldpc_workspace *workspace);

/* The fast decoder is min-sum in int8; the exact one is sum-product in int16, some seven times slower, for
 * frames that the fast one cannot correct: it needs 2 to 4 % less syndrome. */
typedef enum ks_ldpc_decoders {
    KS_LDPC_FAST_ONLY,
    KS_LDPC_FAST_THEN_EXACT,
    KS_LDPC_EXACT_ONLY
} ks_ldpc_decoders;

/* Where the exact decoder stopped on a frame that it could not decode: soft values and messages, 2 bytes a
 * bit and 2 an edge of the lifted graph (2.6 MB at n = 2^18 and 5 %). Secret memory; the same bits on every
 * instruction set and device. */
typedef struct ks_ldpc_memory ks_ldpc_memory;

/* Wipes and frees a memory and gives its bytes back to the allowance that they came from, which must still
 * exist; NULL is allowed. */
void ks_ldpc_forget(ks_ldpc_memory *memory);

/* The `count` bits (1..real bits) with the smallest magnitudes of their soft values, equal ones by position;
 * the positions ascend. They depend on the received bits and on the syndrome. */
KS_MUST_CHECK ks_status ks_ldpc_least_reliable(uint32_t *positions, size_t count,
                                               const ks_ldpc_memory *memory);
/* From here on the bits at these positions, which are real ones, are taken to be those of `frame`: soft
 * values at their limit, no messages from before. */
KS_MUST_CHECK ks_status ks_ldpc_know(ks_ldpc_memory *memory, const uint32_t *positions, size_t count,
                                     const uint64_t *frame);

typedef struct ks_ldpc_request {
    const uint64_t *received; /* Bob's frame; bits from real_bits on are taken as zeros */
    const uint64_t *syndrome; /* Alice's, ks_ldpc_syndrome_bits(rate) */
    uint16_t rate;
    size_t real_bits; /* 1..n */
    double qber;      /* expected error rate: sets the weight of received bits; 0: the rate's own threshold */
    unsigned max_iterations; /* of each decoder; 0: the default, 200 */
    ks_ldpc_decoders decoders;
    /* NULL: every try is for itself. Else in: NULL, or what an earlier try of this frame left, at the same
     * rate or one of the same base with less syndrome: the exact decoder goes on from there, and only a
     * frame that it fails on goes to the fast one, from the received bits. Out: what the exact decoder left;
     * NULL when it converged, did not run or got no memory. After an error it is still the caller's. */
    ks_ldpc_memory **memory;
    uint64_t *allowance; /* with `memory`: how many bytes more may be kept, by all who name it; it is changed
                            atomically. Past it frames are begun anew. */
} ks_ldpc_request;

typedef struct ks_ldpc_result {
    int converged;       /* 1: frame_out has Alice's syndrome. Not yet a proof of equality: verify by hash */
    unsigned iterations; /* passes of the fast decoder over the graph */
    unsigned exact_iterations; /* passes of the exact one */
    size_t errors;             /* bits changed, when converged */
    size_t unsatisfied;        /* checks that the last iteration found unsatisfied */
} ks_ldpc_result;

/* Bob. Decodes one frame, from the received bits or from where an earlier try stopped; frame_out may be
 * `received` itself. Not converging is no error: KS_OK with converged = 0, frame_out then holds the received
 * bits. Same bits, iterations and failures on every instruction set. The workspace keeps nothing of the
 * frame. */
KS_MUST_CHECK ks_status ks_ldpc_decode(ks_ldpc_workspace *workspace, ks_ldpc_result *result,
                                       uint64_t *frame_out, const ks_ldpc_request *request);

#endif
