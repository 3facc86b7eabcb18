/* SPDX-License-Identifier: Apache-2.0 */
/* Opening an OpenCL device, its memory, and memory of the host for transfers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <keystill/secret.h>

#include "host/devices/opencl/opencl.h"
#include "pipeline/status.h"

const char ks_gpu_backend[] = "opencl";

#define KS_GPU_KERNEL(name) #name,
const char *const ks_cl_kernel_names[] = {
#include "kernels/gpu/list.def"
};
#undef KS_GPU_KERNEL

ks_status ks_cl_usable(const ks_gpu *gpu) {
    return atomic_load(&gpu->lost) ? ks_fail(KS_ERR_UNAVAILABLE, "%s was lost", gpu->name) : KS_OK;
}

ks_status ks_cl_lost(ks_gpu *gpu, const char *what, cl_int code) {
    atomic_store(&gpu->lost, 1);
    return ks_fail(KS_ERR_UNAVAILABLE, "%s is lost: %s: %s (%d)", gpu->name, what, ks_cl_error(code), code);
}

/* ---- open */

static ks_status check_device(const ks_gpu *gpu) {
    const ks_cl_api *cl = gpu->cl;
    cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL);
    if (!available || !compiler || !little)
        return ks_fail(KS_ERR_UNAVAILABLE, "%s %s", gpu->name,
                       !available  ? "is not available"
                       : !compiler ? "has no compiler"
                                   : "is big-endian");
    char version[64];
    int major = 0, minor = 0;
    ks_cl_device_text(cl, gpu->device, CL_DEVICE_OPENCL_C_VERSION, version, sizeof version);
    if (sscanf(version, "OpenCL C %d.%d", &major, &minor) != 2 || major < 1 || (major == 1 && minor < 2))
        return ks_fail(KS_ERR_UNAVAILABLE, "%s offers \"%s\": OpenCL C 1.2 is needed", gpu->name, version);
    return KS_OK;
}

/* What a group may have on this device, with every kernel of the program. */
static ks_status learn_limits(ks_gpu *gpu) {
    const ks_cl_api *cl = gpu->cl;
    cl_ulong local = 0, allocation = 0;
    size_t items = 0, sizes[16] = {0};
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof allocation, &allocation,
                              NULL);
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof items, &items, NULL);
    (void)cl->clGetDeviceInfo(gpu->device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL);
    gpu->limits.local_bytes = local;
    gpu->limits.allocation = allocation;
    gpu->limits.items = items < sizes[0] ? items : sizes[0];
    for (int i = 0; i < KS_GPU_KERNELS; i++) {
        cl_int code;
        cl_kernel kernel = cl->clCreateKernel(gpu->program, ks_cl_kernel_names[i], &code);
        if (!kernel)
            return ks_fail(KS_ERR_UNAVAILABLE, "%s: kernel %s: %s", gpu->name, ks_cl_kernel_names[i],
                           ks_cl_error(code));
        if (cl->clGetKernelWorkGroupInfo(kernel, gpu->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof items, &items,
                                         NULL) == CL_SUCCESS &&
            items < gpu->limits.items)
            gpu->limits.items = items;
        (void)cl->clReleaseKernel(kernel);
    }
    return KS_OK;
}

static ks_status make(ks_gpu *gpu, cl_platform_id platform, const char *cache) {
    KS_TRY(check_device(gpu));
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
    cl_int code;
    gpu->context = gpu->cl->clCreateContext(properties, 1, &gpu->device, NULL, NULL, &code);
    if (!gpu->context)
        return ks_fail(KS_ERR_UNAVAILABLE, "%s: no context: %s (%d)", gpu->name, ks_cl_error(code), code);
    gpu->keeper = gpu->cl->clCreateCommandQueue(gpu->context, gpu->device, 0, &code);
    if (!gpu->keeper)
        return ks_fail(KS_ERR_UNAVAILABLE, "%s: no queue: %s (%d)", gpu->name, ks_cl_error(code), code);
    KS_TRY(ks_cl_program(gpu, platform, cache));
    return learn_limits(gpu);
}

ks_status ks_gpu_open(ks_gpu **out, size_t index, const char *cache) {
    *out = NULL;
    ks_device_info info;
    const ks_cl_api *cl;
    ks_cl_device at = {0};
    KS_TRY(ks_cl_find(&cl, &at, index));
    KS_TRY(ks_gpu_describe(&info, index));
    ks_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        return ks_fail(KS_ERR_MEMORY, "no memory for a device");
    gpu->cl = cl;
    gpu->device = at.device;
    gpu->limits.units = info.units;
    gpu->limits.flags = info.flags;
    memcpy(gpu->name, info.name, sizeof gpu->name);
    (void)pthread_mutex_init(&gpu->mutex, NULL);
    ks_status status = make(gpu, at.platform, cache);
    if (status != KS_OK) {
        ks_gpu_close(gpu);
        return status;
    }
    *out = gpu;
    return KS_OK;
}

void ks_gpu_close(ks_gpu *gpu) {
    if (!gpu)
        return;
    if (gpu->program)
        (void)gpu->cl->clReleaseProgram(gpu->program);
    if (gpu->keeper)
        (void)gpu->cl->clReleaseCommandQueue(gpu->keeper);
    if (gpu->context)
        (void)gpu->cl->clReleaseContext(gpu->context);
    (void)pthread_mutex_destroy(&gpu->mutex);
    free(gpu);
}

void ks_gpu_limits_of(ks_gpu_limits *limits, const ks_gpu *gpu) {
    *limits = gpu->limits;
}

/* ---- device memory */

cl_int ks_cl_fill(const ks_cl_api *cl, cl_command_queue queue, cl_mem memory, size_t offset, size_t bytes,
                  cl_event *event) {
    static const unsigned char zeros[16];
    size_t pattern = sizeof zeros;
    while ((offset | bytes) % pattern)
        pattern /= 2;
    return cl->clEnqueueFillBuffer(queue, memory, zeros, pattern, offset, bytes, 0, NULL, event);
}

ks_status ks_gpu_memory_create(ks_gpu_memory **out, ks_gpu *gpu, size_t bytes) {
    *out = NULL;
    KS_TRY(ks_cl_usable(gpu));
    if (bytes == 0 || bytes > gpu->limits.allocation)
        return ks_fail(KS_ERR_LIMIT, "%s: %zu bytes in one piece: 1 to %zu are possible", gpu->name, bytes,
                       gpu->limits.allocation);
    ks_gpu_memory *memory = malloc(sizeof *memory);
    if (!memory)
        return ks_fail(KS_ERR_MEMORY, "no memory for a buffer");
    *memory = (ks_gpu_memory){.gpu = gpu, .bytes = bytes, .room = (bytes + 15) / 16 * 16};
    cl_int code;
    memory->buffer = gpu->cl->clCreateBuffer(gpu->context, CL_MEM_READ_WRITE, memory->room, NULL, &code);
    if (!memory->buffer) {
        free(memory);
        return ks_fail(KS_ERR_MEMORY, "%s: %zu bytes: %s (%d)", gpu->name, bytes, ks_cl_error(code), code);
    }
    *out = memory;
    return KS_OK;
}

void ks_gpu_memory_destroy(ks_gpu_memory *memory) {
    if (!memory)
        return;
    ks_gpu *gpu = memory->gpu;
    (void)pthread_mutex_lock(&gpu->mutex);
    if (ks_cl_fill(gpu->cl, gpu->keeper, memory->buffer, 0, memory->room, NULL) != CL_SUCCESS ||
        gpu->cl->clFinish(gpu->keeper) != CL_SUCCESS)
        atomic_store(&gpu->lost, 1);
    (void)pthread_mutex_unlock(&gpu->mutex);
    (void)gpu->cl->clReleaseMemObject(memory->buffer);
    free(memory);
}

size_t ks_gpu_memory_bytes(const ks_gpu_memory *memory) {
    return memory->bytes;
}

/* ---- host memory: of the driver, which may lock its pages for transfers, on devices that have their own
 * memory; else ordinary memory for secrets. */

static ks_status map_host(ks_gpu *gpu, ks_cl_mapping *mapping, size_t bytes) {
    cl_int code;
    mapping->memory =
        gpu->cl->clCreateBuffer(gpu->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &code);
    if (!mapping->memory)
        return ks_fail(KS_ERR_MEMORY, "%s: %zu bytes for transfers: %s (%d)", gpu->name, bytes,
                       ks_cl_error(code), code);
    (void)pthread_mutex_lock(&gpu->mutex);
    mapping->at = gpu->cl->clEnqueueMapBuffer(gpu->keeper, mapping->memory, CL_TRUE,
                                              CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &code);
    if (mapping->at) {
        mapping->next = gpu->mappings;
        gpu->mappings = mapping;
    }
    (void)pthread_mutex_unlock(&gpu->mutex);
    if (mapping->at)
        return KS_OK;
    (void)gpu->cl->clReleaseMemObject(mapping->memory);
    return ks_fail(KS_ERR_MEMORY, "%s: mapping %zu bytes: %s (%d)", gpu->name, bytes, ks_cl_error(code),
                   code);
}

/* Whole pages only; what the driver mapped may be no ordinary memory, then nothing is dumped anyway. */
static void keep_from_dumps(void *memory, size_t bytes) {
    const uintptr_t page = 4096, begin = ((uintptr_t)memory + page - 1) / page * page,
                    end = ((uintptr_t)memory + bytes) / page * page;
    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_DONTDUMP);
}

ks_status ks_gpu_host_create(void **out, ks_gpu *gpu, size_t bytes) {
    *out = NULL;
    KS_TRY(ks_cl_usable(gpu));
    if (bytes == 0)
        return ks_fail(KS_ERR_ARGUMENT, "host memory of 0 bytes");
    if (gpu->limits.flags & (KS_DEVICE_HOST | KS_DEVICE_UNIFIED))
        return ks_secret_alloc(out, bytes, KS_SECRET_BLOCK);
    const size_t pages = (bytes + 4095) / 4096 * 4096; /* nobody else's data on our last page */
    ks_cl_mapping *mapping = malloc(sizeof *mapping);
    if (!mapping)
        return ks_fail(KS_ERR_MEMORY, "no memory for a buffer");
    ks_status status = map_host(gpu, mapping, pages);
    if (status != KS_OK) {
        free(mapping);
        return status;
    }
    keep_from_dumps(mapping->at, pages);
    *out = mapping->at;
    return KS_OK;
}

void ks_gpu_host_destroy(ks_gpu *gpu, void *memory, size_t bytes) {
    if (!memory)
        return;
    (void)pthread_mutex_lock(&gpu->mutex);
    ks_cl_mapping **at = &gpu->mappings;
    while (*at && (*at)->at != memory)
        at = &(*at)->next;
    ks_cl_mapping *mapping = *at;
    if (mapping) {
        *at = mapping->next;
        ks_wipe(memory, bytes);
        (void)gpu->cl->clEnqueueUnmapMemObject(gpu->keeper, mapping->memory, memory, 0, NULL, NULL);
        (void)gpu->cl->clFinish(gpu->keeper);
        (void)gpu->cl->clReleaseMemObject(mapping->memory);
    }
    (void)pthread_mutex_unlock(&gpu->mutex);
    if (mapping)
        free(mapping);
    else
        ks_secret_free(memory);
}
