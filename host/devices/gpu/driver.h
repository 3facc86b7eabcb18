/* SPDX-License-Identifier: Apache-2.0 */
/* What the GPU backend needs of a driver: memory, queues, kernel launches. host/devices/opencl and
 * host/devices/cuda each define these functions; a plugin links one of them with host/devices/gpu. Errors
 * leave their reason with ks_fail. */
#ifndef KS_HOST_DEVICES_GPU_DRIVER_H
#define KS_HOST_DEVICES_GPU_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <keystill/plugin.h>
#include <keystill/status.h>

#define KS_GPU_KERNEL(name) name,
typedef enum ks_gpu_kernel {
#include "kernels/gpu/list.def"
    KS_GPU_KERNELS
} ks_gpu_kernel;
#undef KS_GPU_KERNEL

typedef struct ks_gpu ks_gpu;               /* an open device; thread-safe */
typedef struct ks_gpu_memory ks_gpu_memory; /* device memory; used by one queue at a time unless only read */
typedef struct ks_gpu_queue ks_gpu_queue;   /* work in order; one thread at a time */

extern const char ks_gpu_backend[]; /* "opencl" or "cuda" */

typedef struct ks_gpu_limits {
    size_t local_bytes; /* local memory that one group may ask for */
    size_t items;       /* most items of a group */
    size_t allocation;  /* most bytes of one ks_gpu_memory */
    uint32_t units;
    uint32_t flags; /* ks_device_flag */
} ks_gpu_limits;

KS_MUST_CHECK ks_status ks_gpu_count(size_t *count);
KS_MUST_CHECK ks_status ks_gpu_describe(ks_device_info *info, size_t index);
/* Opens the device and makes its program (from `cache` when it is there and fits); cache may be NULL. */
KS_MUST_CHECK ks_status ks_gpu_open(ks_gpu **out, size_t index, const char *cache);
void ks_gpu_close(ks_gpu *gpu); /* everything made from it is destroyed already; NULL is allowed */
void ks_gpu_limits_of(ks_gpu_limits *limits, const ks_gpu *gpu);

/* Contents undefined. Destroying zeroes the memory first: it may have held key bits. NULL may be destroyed.
 */
KS_MUST_CHECK ks_status ks_gpu_memory_create(ks_gpu_memory **out, ks_gpu *gpu, size_t bytes);
void ks_gpu_memory_destroy(ks_gpu_memory *memory);
size_t ks_gpu_memory_bytes(const ks_gpu_memory *memory);

/* Host memory good for transfers (page-locked where the driver offers it), left out of dumps, wiped when
 * destroyed. */
KS_MUST_CHECK ks_status ks_gpu_host_create(void **out, ks_gpu *gpu, size_t bytes);
void ks_gpu_host_destroy(ks_gpu *gpu, void *memory, size_t bytes);

KS_MUST_CHECK ks_status ks_gpu_queue_create(ks_gpu_queue **out, ks_gpu *gpu);
void ks_gpu_queue_destroy(ks_gpu_queue *queue);
/* Enqueue; host memory belongs to the queue until ks_gpu_finish. */
KS_MUST_CHECK ks_status ks_gpu_write(ks_gpu_queue *queue, ks_gpu_memory *to, size_t offset, const void *from,
                                     size_t bytes);
KS_MUST_CHECK ks_status ks_gpu_read(ks_gpu_queue *queue, void *to, const ks_gpu_memory *from, size_t offset,
                                    size_t bytes);
KS_MUST_CHECK ks_status ks_gpu_zero(ks_gpu_queue *queue, ks_gpu_memory *memory, size_t offset, size_t bytes);

typedef struct ks_gpu_arg {
    enum { KS_GPU_ARG_MEMORY, KS_GPU_ARG_U32, KS_GPU_ARG_U64 } kind;
    union {
        const ks_gpu_memory *memory;
        uint32_t u32;
        uint64_t u64;
    } as;
} ks_gpu_arg;
#define KS_GPU_MEMORY(m) ((ks_gpu_arg){.kind = KS_GPU_ARG_MEMORY, .as.memory = (m)})
#define KS_GPU_U32(v)    ((ks_gpu_arg){.kind = KS_GPU_ARG_U32, .as.u32 = (v)})
#define KS_GPU_U64(v)    ((ks_gpu_arg){.kind = KS_GPU_ARG_U64, .as.u64 = (v)})

/* groups and groups_y groups of `items` items, each with local_bytes of dynamic local memory (0: the kernel
 * has no KS_LOCAL_PARAM). At most KS_GPU_ARGS_MAX arguments. */
enum { KS_GPU_ARGS_MAX = 17 };
typedef struct ks_gpu_launch {
    ks_gpu_kernel kernel;
    uint32_t groups, groups_y, items;
    size_t local_bytes;
} ks_gpu_launch;
KS_MUST_CHECK ks_status ks_gpu_run(ks_gpu_queue *queue, const ks_gpu_launch *launch, const ks_gpu_arg *args,
                                   size_t count);
/* Waits for all that was enqueued. After a failure the device is lost: every later call on it fails too. */
KS_MUST_CHECK ks_status ks_gpu_finish(ks_gpu_queue *queue);
/* Device time of the kernels (not the copies) since the queue was made, ns, as of the last ks_gpu_finish. */
uint64_t ks_gpu_kernel_ns(const ks_gpu_queue *queue);

#endif
