/* SPDX-License-Identifier: Apache-2.0 */
/* Compute devices: operations on batches, submitted as jobs. The CPU is always there; plugins add others
 * behind the same table. Queues, device buffers and sub-kernels stay inside a backend. Every backend gives
 * the same bits. */
#ifndef KEYSTILL_BACKEND_H
#define KEYSTILL_BACKEND_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/code.h>
#include <keystill/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ks_op {
    KS_OP_SYNDROME = 1, /* frames -> full syndromes of a code */
    KS_OP_DECODE = 2,   /* received frames and syndromes -> corrected frames */
    KS_OP_HASH = 3,     /* verification tag of a long bit string */
    KS_OP_TOEPLITZ = 4  /* privacy amplification of one block */
} ks_op;

/* One frame of KS_OP_SYNDROME or KS_OP_DECODE, of the library's family or of an imported code. Bits are
 * packed LSB first. Family (code NULL): a frame holds 2^log2n bits of which the first `real_bits` carry key
 * and the others are agreed zeros. Imported code: a frame holds `real_bits` bits in (real_bits + 63) / 64
 * words, zeros behind; the code's other columns are agreed zeros and not stored. Frames are decoded many side
 * by side, so all tasks of a job agree in code, real_bits, qber and iterations. */
typedef struct ks_frame_task {
    uint64_t *
        frame; /* SYNDROME: in. DECODE: in the received bits, out the corrected ones (unchanged on failure) */
    uint64_t *syndrome; /* SYNDROME: out, the mother code's. DECODE: in, that of `rate`. Of an imported code:
                           (rows + 63) / 64 words, the tail of the last one zero */
    size_t real_bits;
    double qber;         /* DECODE: expected error rate, public */
    const ks_code *code; /* NULL: the family's, by rate and log2n */
    uint16_t rate;
    uint8_t log2n;
    uint8_t exact;       /* DECODE: 1: a frame that the fast decoder does not correct goes to the exact one;
                            an imported code has one decoder */
    uint8_t converged;   /* DECODE, out: 1 when the syndrome is met */
    uint32_t iterations; /* DECODE, in: the limit of each decoder; out: used, of both */
    /* DECODE: NULL, or what an earlier try of this frame left, with less syndrome: the exact decoder goes on
     * from there. Out: what this try left, NULL when it converged or nothing is kept. Secret memory of the
     * library; after a failed job still there. Jobs made outside the library leave both NULL. */
    struct ks_ldpc_memory *memory;
    uint64_t *allowance; /* DECODE: bytes of such memories that may still be made, changed atomically by all
                            who name it; NULL: none are made or gone on from */
} ks_frame_task;

typedef struct ks_job ks_job;
struct ks_job {
    ks_op op;
    union {
        struct {
            ks_frame_task *tasks;
            size_t count;
        } frames;
        struct {
            uint8_t *tag;       /* 16 bytes, out */
            const uint8_t *key; /* 16 bytes */
            const uint64_t *bits;
            size_t n;
        } hash;
        struct {
            uint64_t *out; /* m bits, tail of the last word zero */
            const uint64_t *key;
            const uint64_t *seed; /* n - 1 bits: modified form */
            size_t n, m;
        } toeplitz;
    } as;
    /* Filled by the backend. */
    ks_status status;     /* valid when done */
    uint64_t busy_ns;     /* compute time summed over its workers */
    int done;             /* private: use ks_job_done */
    size_t next, pending; /* private to the backend */
    ks_job *link;         /* private to the backend */
    /* Called once from a worker (or from poll) after the job is done, when not NULL: must only wake somebody.
     */
    void (*wake)(void *context);
    void *wake_context;
};

enum { KS_BACKEND_ABI = 2 };

/* A device as a plugin offers it. Several sessions may submit to one device; jobs complete in any order. A
 * job and all it points to belong to the backend from submit until it is done. A device that offers SYNDROME
 * or DECODE may still refuse imported codes: submit returns KS_ERR_UNSUPPORTED then, or the job ends with it.
 */
typedef struct ks_device ks_device;
typedef struct ks_device_vtable {
    uint32_t abi_version; /* KS_BACKEND_ABI */
    uint32_t struct_size; /* sizeof(ks_device_vtable) */
    const char *backend;  /* "cpu", "opencl", "cuda" */
    int (*supports)(const ks_device *device, ks_op op);
    ks_status (*submit)(ks_device *device, ks_job *job);
    /* Does work in the calling thread when the device has no threads of its own; 1 when it did something. */
    int (*poll)(ks_device *device);
    void (*wait)(ks_device *device, ks_job *job);
    void (*close)(ks_device *device);
} ks_device_vtable;

struct ks_device {
    const ks_device_vtable *vtable;
    char name[64];
    uint32_t threads;
};

/* The CPU: `threads` workers, 0: work is done inside poll and wait. */
KS_API KS_MUST_CHECK ks_status ks_device_open_cpu(ks_device **out, uint32_t threads);
KS_API void ks_device_close(ks_device *device); /* waits for its jobs; NULL is allowed */
KS_API KS_MUST_CHECK ks_status ks_device_submit(ks_device *device, ks_job *job);
KS_API int ks_device_poll(ks_device *device);
KS_API void ks_device_wait(ks_device *device, ks_job *job);
KS_API int ks_job_done(const ks_job *job);

/* Known answers of every operation that the device offers; to be met before it is used. KS_ERR_UNAVAILABLE
 * and what was wrong in the detail otherwise. Tens of milliseconds on a CPU. */
KS_API KS_MUST_CHECK ks_status ks_device_selftest(ks_device *device);

#ifdef __cplusplus
}
#endif
#endif
