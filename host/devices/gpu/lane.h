/* SPDX-License-Identifier: Apache-2.0 */
/* A lane of a GPU device: a queue of its own and memory that grows and is kept between jobs. A lane works on
 * one job at a time; several lanes make copies and kernels of different jobs overlap. */
#ifndef KS_HOST_DEVICES_GPU_LANE_H
#define KS_HOST_DEVICES_GPU_LANE_H

#include <keystill/backend.h>

#include "host/devices/gpu/driver.h"
#include "kernels/kernels.h"

enum { KS_LANE_SLOTS = 12, KS_LANE_BLOCKS = 64 };

typedef struct ks_lane {
    ks_gpu *gpu;
    ks_gpu_limits limits;
    ks_gpu_queue *queue;
    struct {
        ks_gpu_memory *device;
        void *host;
        size_t device_bytes, host_bytes, device_used, host_used;
    } slot[KS_LANE_SLOTS];
} ks_lane;

KS_MUST_CHECK ks_status ks_lane_init(ks_lane *lane, ks_gpu *gpu);
void ks_lane_wipe(ks_lane *lane); /* frees everything; a zeroed lane is allowed */

/* Memory of a slot, at least `bytes`, contents undefined; it belongs to the lane. */
KS_MUST_CHECK ks_status ks_lane_device(ks_lane *lane, unsigned slot, size_t bytes, ks_gpu_memory **out);
KS_MUST_CHECK ks_status ks_lane_host(ks_lane *lane, unsigned slot, size_t bytes, void **out);
/* Host and device memory of a slot, and the copy between them enqueued. */
KS_MUST_CHECK ks_status ks_lane_send(ks_lane *lane, unsigned slot, const void *data, size_t bytes,
                                     ks_gpu_memory **out);
/* Ends a job: waits for the queue, then zeroes what the job used on both sides. To be called after failures
 * too. */
KS_MUST_CHECK ks_status ks_lane_settle(ks_lane *lane);

/* The operations. Outputs are written only when everything succeeded. */
KS_MUST_CHECK ks_status ks_lane_syndrome(ks_lane *lane, ks_frame_task *tasks, size_t count);
KS_MUST_CHECK ks_status ks_lane_decode(ks_lane *lane, ks_frame_task *tasks, size_t count);
/* Tasks of an imported code. */
KS_MUST_CHECK ks_status ks_lane_decode_code(ks_lane *lane, ks_frame_task *tasks, size_t count);
KS_MUST_CHECK ks_status ks_lane_hash(ks_lane *lane, uint8_t tag[16], const uint8_t key[16],
                                     const uint64_t *bits, size_t n);
/* Jobs of KS_OP_TOEPLITZ, one or, where each joins the first, up to KS_LANE_BLOCKS. */
KS_MUST_CHECK ks_status ks_lane_toeplitz(ks_lane *lane, ks_job *const *jobs, size_t count);
/* Whether `next` can go through the launches of `first` and others that joined it, `bits` input bits in all:
 * both have one shape of transform, though n and m may differ, and the batch stays small. */
int ks_lane_toeplitz_joins(const ks_job *first, size_t bits, const ks_job *next);
int ks_lane_supports(ks_op op);

/* The rows below them, for conformance too. */

/* syndrome and frames of `count` frames, one after the other; edges by row. */
KS_MUST_CHECK ks_status ks_lane_syndrome_batch(ks_lane *lane, uint64_t *syndromes, const uint64_t *frames,
                                               size_t count, const ks_ldpc_lists *by_row);
KS_MUST_CHECK ks_status ks_lane_poly_hash(ks_lane *lane, uint8_t state[KS_HASH_BLOCK],
                                          const uint8_t key[KS_HASH_BLOCK], const uint8_t *blocks,
                                          size_t count);
KS_MUST_CHECK ks_status ks_lane_transpose(ks_lane *lane, uint64_t *out, const uint64_t *in, size_t rows,
                                          size_t columns);
KS_MUST_CHECK ks_status ks_lane_toeplitz_direct(ks_lane *lane, uint64_t *out, size_t out_words,
                                                const uint64_t *key, size_t key_words, const uint64_t *band);
/* shape->log_row >= 8. Leaves of 2^6 .. 2^log_tile points; both calls must be given the same. */
KS_MUST_CHECK ks_status ks_lane_toeplitz_prepare(ks_lane *lane, const ks_toeplitz_shape *shape,
                                                 void *prepared, const uint64_t *seed, unsigned log_tile);
KS_MUST_CHECK ks_status ks_lane_toeplitz_apply(ks_lane *lane, const ks_toeplitz_shape *shape, uint64_t *out,
                                               const uint64_t *key, const void *prepared, unsigned log_tile);

/* Decoding of `count` frames of one code; what ks_ldpc_task says of a single one. received, syndromes and
 * decoded: frames one after the other. */
typedef struct ks_lane_decoding {
    int exact;      /* row ldpc_exact; row_class and remap are not read */
    int soft_apart; /* soft values in global memory, whether they fit into local memory or not */
    const ks_ldpc_lists *by_row;
    const uint8_t *row_class;
    const ks_ldpc_remap *remap;
    const uint64_t *received, *syndromes;
    uint64_t *decoded;
    ks_ldpc_outcome *outcomes;
    const uint32_t *weights, *max_passes; /* of each frame */
    const ks_ldpc_kept *const *from;      /* of each frame: NULL or as in ks_ldpc_task; NULL: none has one */
    ks_ldpc_kept *const *keep;
    size_t count;
    uint32_t real_bits, patience;
} ks_lane_decoding;
KS_MUST_CHECK ks_status ks_lane_decode_batch(ks_lane *lane, const ks_lane_decoding *decoding);
/* Row ldpc_decode_sparse for any number of frames; task->frames is not read. `spread` may be NULL.
 * KS_ERR_LIMIT: the device has no room for 64 frames of the matrix. */
typedef struct ks_sparse_spread {
    size_t groups;  /* at work at once */
    uint32_t lanes; /* frames side by side in each, 1..KS_SPARSE_FRAMES */
} ks_sparse_spread;
KS_MUST_CHECK ks_status ks_lane_decode_sparse(ks_lane *lane, ks_ldpc_outcome *outcomes, uint64_t *decoded,
                                              const ks_sparse_task *task, size_t count,
                                              const ks_sparse_spread *spread);

#endif
