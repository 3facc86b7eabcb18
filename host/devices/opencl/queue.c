/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: in order, each with its own kernel objects, since the arguments of one are set by one thread at a
 * time. */
#include <stdlib.h>

#include "host/devices/opencl/opencl.h"
#include "pipeline/status.h"

typedef struct command {
    cl_event event;
    int timed;
} command;

struct ks_gpu_queue {
    ks_gpu *gpu;
    cl_command_queue queue;
    cl_kernel kernels[KS_GPU_KERNELS]; /* made when first run */
    command *commands;                 /* enqueued since the last finish */
    size_t count, room;
    uint64_t kernel_ns;
};

ks_status ks_gpu_queue_create(ks_gpu_queue **out, ks_gpu *gpu) {
    *out = NULL;
    KS_TRY(ks_cl_usable(gpu));
    ks_gpu_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return ks_fail(KS_ERR_MEMORY, "no memory for a queue");
    queue->gpu = gpu;
    cl_int code;
    queue->queue = gpu->cl->clCreateCommandQueue(gpu->context, gpu->device, CL_QUEUE_PROFILING_ENABLE, &code);
    if (!queue->queue) {
        free(queue);
        return ks_fail(KS_ERR_UNAVAILABLE, "%s: no queue: %s (%d)", gpu->name, ks_cl_error(code), code);
    }
    *out = queue;
    return KS_OK;
}

/* Adds up the times of what has ended, and forgets it; an error code when one of the commands failed. */
static cl_int collect(ks_gpu_queue *queue) {
    const ks_cl_api *cl = queue->gpu->cl;
    cl_int failure = CL_SUCCESS;
    for (size_t i = 0; i < queue->count; i++) {
        cl_event event = queue->commands[i].event;
        cl_int state = CL_COMPLETE;
        cl_ulong start = 0, end = 0;
        cl_int code =
            cl->clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        if (code == CL_SUCCESS && state < 0)
            code = state;
        if (code != CL_SUCCESS && failure == CL_SUCCESS)
            failure = code;
        if (queue->commands[i].timed && code == CL_SUCCESS &&
            cl->clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) ==
                CL_SUCCESS &&
            cl->clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) ==
                CL_SUCCESS &&
            end > start)
            queue->kernel_ns += end - start;
        (void)cl->clReleaseEvent(event);
    }
    queue->count = 0;
    return failure;
}

void ks_gpu_queue_destroy(ks_gpu_queue *queue) {
    if (!queue)
        return;
    const ks_cl_api *cl = queue->gpu->cl;
    (void)cl->clFinish(queue->queue);
    (void)collect(queue);
    for (int i = 0; i < KS_GPU_KERNELS; i++)
        if (queue->kernels[i])
            (void)cl->clReleaseKernel(queue->kernels[i]);
    (void)cl->clReleaseCommandQueue(queue->queue);
    free(queue->commands);
    free(queue);
}

/* Before anything is enqueued: the device works, and there is room to remember the command. */
static ks_status ready(ks_gpu_queue *queue) {
    KS_TRY(ks_cl_usable(queue->gpu));
    if (queue->count < queue->room)
        return KS_OK;
    const size_t room = queue->room ? 2 * queue->room : 64;
    command *commands = realloc(queue->commands, room * sizeof *commands);
    if (!commands)
        return ks_fail(KS_ERR_MEMORY, "no memory for a queue");
    queue->commands = commands;
    queue->room = room;
    return KS_OK;
}

static ks_status enqueued(ks_gpu_queue *queue, const char *what, cl_int code, cl_event event, int timed) {
    if (code != CL_SUCCESS)
        return ks_cl_lost(queue->gpu, what, code);
    queue->commands[queue->count++] = (command){.event = event, .timed = timed};
    return KS_OK;
}

static ks_status inside(const ks_gpu_memory *memory, size_t offset, size_t bytes) {
    return offset <= memory->bytes && bytes <= memory->bytes - offset
               ? KS_OK
               : ks_fail(KS_ERR_ARGUMENT, "%zu bytes at %zu of %zu", bytes, offset, memory->bytes);
}

ks_status ks_gpu_write(ks_gpu_queue *queue, ks_gpu_memory *to, size_t offset, const void *from,
                       size_t bytes) {
    KS_TRY(inside(to, offset, bytes));
    KS_TRY(ready(queue));
    if (bytes == 0)
        return KS_OK;
    cl_event event = NULL;
    cl_int code = queue->gpu->cl->clEnqueueWriteBuffer(queue->queue, to->buffer, CL_FALSE, offset, bytes,
                                                       from, 0, NULL, &event);
    return enqueued(queue, "write", code, event, 0);
}

ks_status ks_gpu_read(ks_gpu_queue *queue, void *to, const ks_gpu_memory *from, size_t offset, size_t bytes) {
    KS_TRY(inside(from, offset, bytes));
    KS_TRY(ready(queue));
    if (bytes == 0)
        return KS_OK;
    cl_event event = NULL;
    cl_int code = queue->gpu->cl->clEnqueueReadBuffer(queue->queue, from->buffer, CL_FALSE, offset, bytes, to,
                                                      0, NULL, &event);
    return enqueued(queue, "read", code, event, 0);
}

ks_status ks_gpu_zero(ks_gpu_queue *queue, ks_gpu_memory *memory, size_t offset, size_t bytes) {
    KS_TRY(inside(memory, offset, bytes));
    KS_TRY(ready(queue));
    if (bytes == 0)
        return KS_OK;
    cl_event event = NULL;
    cl_int code = ks_cl_fill(queue->gpu->cl, queue->queue, memory->buffer, offset, bytes, &event);
    return enqueued(queue, "zero", code, event, 0);
}

static cl_int set_args(const ks_cl_api *cl, cl_kernel kernel, const ks_gpu_arg *args, cl_uint count,
                       size_t local_bytes) {
    for (cl_uint i = 0; i < count; i++) {
        const void *at = &args[i].as;
        size_t bytes = args[i].kind == KS_GPU_ARG_U32 ? sizeof(cl_uint) : sizeof(cl_ulong);
        cl_mem buffer = NULL;
        if (args[i].kind == KS_GPU_ARG_MEMORY) {
            buffer = args[i].as.memory ? args[i].as.memory->buffer : NULL;
            at = &buffer;
            bytes = sizeof buffer;
        }
        cl_int code = cl->clSetKernelArg(kernel, i, bytes, at);
        if (code != CL_SUCCESS)
            return code;
    }
    return local_bytes ? cl->clSetKernelArg(kernel, count, local_bytes, NULL) : CL_SUCCESS;
}

ks_status ks_gpu_run(ks_gpu_queue *queue, const ks_gpu_launch *launch, const ks_gpu_arg *args, size_t count) {
    const ks_gpu *gpu = queue->gpu;
    const unsigned which = (unsigned)launch->kernel;
    if (which >= KS_GPU_KERNELS || count > KS_GPU_ARGS_MAX || !launch->groups || !launch->groups_y ||
        !launch->items || launch->items > gpu->limits.items || launch->local_bytes > gpu->limits.local_bytes)
        return ks_fail(KS_ERR_ARGUMENT, "kernel %u: %u x %u groups of %u items with %zu bytes, %zu arguments",
                       which, launch->groups, launch->groups_y, launch->items, launch->local_bytes, count);
    KS_TRY(ready(queue));
    const char *name = ks_cl_kernel_names[which];
    cl_int code = CL_SUCCESS;
    if (!queue->kernels[which])
        queue->kernels[which] = gpu->cl->clCreateKernel(gpu->program, name, &code);
    if (code == CL_SUCCESS)
        code = set_args(gpu->cl, queue->kernels[which], args, (cl_uint)count, launch->local_bytes);
    const size_t local[2] = {launch->items, 1},
                 global[2] = {(size_t)launch->groups * launch->items, launch->groups_y};
    cl_event event = NULL;
    if (code == CL_SUCCESS)
        code = gpu->cl->clEnqueueNDRangeKernel(queue->queue, queue->kernels[which], 2, NULL, global, local, 0,
                                               NULL, &event);
    return enqueued(queue, name, code, event, 1);
}

ks_status ks_gpu_finish(ks_gpu_queue *queue) {
    cl_int code = queue->gpu->cl->clFinish(queue->queue), failure = collect(queue);
    if (code == CL_SUCCESS)
        code = failure;
    KS_TRY(ks_cl_usable(queue->gpu));
    return code == CL_SUCCESS ? KS_OK : ks_cl_lost(queue->gpu, "finish", code);
}

uint64_t ks_gpu_kernel_ns(const ks_gpu_queue *queue) {
    return queue->kernel_ns;
}
