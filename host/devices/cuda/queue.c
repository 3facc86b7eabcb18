/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: streams, and events around runs of kernels that no copy interrupts. */
#include <stdlib.h>

#include "host/devices/cuda/cuda.h"
#include "pipeline/status.h"

enum { SPANS_MAX = 256 };

struct ks_gpu_queue {
    ks_gpu *gpu;
    cudaStream_t stream;
    struct {
        cudaEvent_t begin, end;
    } spans[SPANS_MAX]; /* events are made when first needed, then used again */
    int made, used, inside;
    uint64_t kernel_ns;
};

ks_status ks_gpu_queue_create(ks_gpu_queue **out, ks_gpu *gpu) {
    *out = NULL;
    KS_TRY(ks_cuda_enter(gpu));
    ks_gpu_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return ks_fail(KS_ERR_MEMORY, "no memory for a queue");
    queue->gpu = gpu;
    cudaError_t code = cudaStreamCreateWithFlags(&queue->stream, cudaStreamNonBlocking);
    if (code != cudaSuccess) {
        free(queue);
        return ks_cuda_lost(gpu, "making a stream", code);
    }
    *out = queue;
    return KS_OK;
}

void ks_gpu_queue_destroy(ks_gpu_queue *queue) {
    if (!queue)
        return;
    (void)cudaSetDevice(queue->gpu->index);
    (void)cudaStreamSynchronize(queue->stream);
    for (int i = 0; i < queue->made; i++) {
        (void)cudaEventDestroy(queue->spans[i].begin);
        (void)cudaEventDestroy(queue->spans[i].end);
    }
    (void)cudaStreamDestroy(queue->stream);
    (void)cudaGetLastError();
    free(queue);
}

/* ---- spans of kernels */

static cudaError_t begin_span(ks_gpu_queue *queue) {
    if (queue->inside || queue->used == SPANS_MAX)
        return cudaSuccess; /* times beyond so many are not counted */
    if (queue->used == queue->made) {
        cudaError_t code = cudaEventCreateWithFlags(&queue->spans[queue->made].begin, cudaEventDefault);
        if (code != cudaSuccess)
            return code;
        code = cudaEventCreateWithFlags(&queue->spans[queue->made].end, cudaEventDefault);
        if (code != cudaSuccess) {
            (void)cudaEventDestroy(queue->spans[queue->made].begin);
            return code;
        }
        queue->made++;
    }
    queue->inside = 1;
    return cudaEventRecord(queue->spans[queue->used].begin, queue->stream);
}

static cudaError_t end_span(ks_gpu_queue *queue) {
    if (!queue->inside)
        return cudaSuccess;
    queue->inside = 0;
    return cudaEventRecord(queue->spans[queue->used++].end, queue->stream);
}

static void count_spans(ks_gpu_queue *queue) {
    for (int i = 0; i < queue->used; i++) {
        float ms = 0;
        if (cudaEventElapsedTime(&ms, queue->spans[i].begin, queue->spans[i].end) == cudaSuccess && ms > 0)
            queue->kernel_ns += (uint64_t)((double)ms * 1e6);
    }
    queue->used = 0;
}

/* ---- commands */

static ks_status inside(const ks_gpu_memory *memory, size_t offset, size_t bytes) {
    return offset <= memory->bytes && bytes <= memory->bytes - offset
               ? KS_OK
               : ks_fail(KS_ERR_ARGUMENT, "%zu bytes at %zu of %zu", bytes, offset, memory->bytes);
}

static ks_status enqueued(ks_gpu_queue *queue, const char *what, cudaError_t code) {
    return code == cudaSuccess ? KS_OK : ks_cuda_lost(queue->gpu, what, code);
}

ks_status ks_gpu_write(ks_gpu_queue *queue, ks_gpu_memory *to, size_t offset, const void *from,
                       size_t bytes) {
    KS_TRY(inside(to, offset, bytes));
    KS_TRY(ks_cuda_enter(queue->gpu));
    if (bytes == 0)
        return KS_OK;
    cudaError_t code = end_span(queue);
    if (code == cudaSuccess)
        code = cudaMemcpyAsync(to->at + offset, from, bytes, cudaMemcpyHostToDevice, queue->stream);
    return enqueued(queue, "write", code);
}

ks_status ks_gpu_read(ks_gpu_queue *queue, void *to, const ks_gpu_memory *from, size_t offset, size_t bytes) {
    KS_TRY(inside(from, offset, bytes));
    KS_TRY(ks_cuda_enter(queue->gpu));
    if (bytes == 0)
        return KS_OK;
    cudaError_t code = end_span(queue);
    if (code == cudaSuccess)
        code = cudaMemcpyAsync(to, from->at + offset, bytes, cudaMemcpyDeviceToHost, queue->stream);
    return enqueued(queue, "read", code);
}

/* Work of the device like a kernel's, and counted with its neighbours. */
ks_status ks_gpu_zero(ks_gpu_queue *queue, ks_gpu_memory *memory, size_t offset, size_t bytes) {
    KS_TRY(inside(memory, offset, bytes));
    KS_TRY(ks_cuda_enter(queue->gpu));
    return bytes ? enqueued(queue, "zero", cudaMemsetAsync(memory->at + offset, 0, bytes, queue->stream))
                 : KS_OK;
}

static ks_status check_launch(const ks_gpu *gpu, const ks_gpu_launch *launch, size_t count) {
    if ((unsigned)launch->kernel < KS_GPU_KERNELS && count <= KS_GPU_ARGS_MAX && launch->groups &&
        launch->groups <= INT32_MAX && launch->groups_y && launch->groups_y <= UINT16_MAX && launch->items &&
        launch->items <= gpu->limits.items && launch->local_bytes <= gpu->limits.local_bytes)
        return KS_OK;
    return ks_fail(KS_ERR_ARGUMENT, "kernel %u: %u x %u groups of %u items with %zu bytes, %zu arguments",
                   (unsigned)launch->kernel, launch->groups, launch->groups_y, launch->items,
                   launch->local_bytes, count);
}

ks_status ks_gpu_run(ks_gpu_queue *queue, const ks_gpu_launch *launch, const ks_gpu_arg *args, size_t count) {
    KS_TRY(check_launch(queue->gpu, launch, count));
    KS_TRY(ks_cuda_enter(queue->gpu));
    void *pointers[KS_GPU_ARGS_MAX], *values[KS_GPU_ARGS_MAX];
    for (size_t i = 0; i < count; i++) {
        const int is_memory = args[i].kind == KS_GPU_ARG_MEMORY;
        pointers[i] = is_memory && args[i].as.memory ? args[i].as.memory->at : NULL;
        values[i] = is_memory ? (void *)&pointers[i] : (void *)(uintptr_t)&args[i].as;
    }
    cudaError_t code = begin_span(queue);
    if (code == cudaSuccess)
        code = cudaLaunchKernel(ks_cuda_kernels[launch->kernel], (dim3){launch->groups, launch->groups_y, 1},
                                (dim3){launch->items, 1, 1}, values, launch->local_bytes, queue->stream);
    return enqueued(queue, ks_cuda_kernel_names[launch->kernel], code);
}

ks_status ks_gpu_finish(ks_gpu_queue *queue) {
    KS_TRY(ks_cuda_enter(queue->gpu));
    cudaError_t code = end_span(queue);
    if (code == cudaSuccess)
        code = cudaStreamSynchronize(queue->stream);
    if (code != cudaSuccess)
        return ks_cuda_lost(queue->gpu, "finish", code);
    count_spans(queue);
    return KS_OK;
}

uint64_t ks_gpu_kernel_ns(const ks_gpu_queue *queue) {
    return queue->kernel_ns;
}
