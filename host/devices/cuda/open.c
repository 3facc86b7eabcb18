/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA devices, their memory, and memory of the host for transfers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <keystill/secret.h>

#include "host/devices/cuda/cuda.h"
#include "pipeline/status.h"

const char ks_gpu_backend[] = "cuda";

ks_status ks_cuda_lost(ks_gpu *gpu, const char *what, cudaError_t code) {
    atomic_store(&gpu->lost, 1);
    (void)cudaGetLastError();
    return ks_fail(KS_ERR_UNAVAILABLE, "%s is lost: %s: %s", gpu->name, what, cudaGetErrorString(code));
}

ks_status ks_cuda_enter(ks_gpu *gpu) {
    if (atomic_load(&gpu->lost))
        return ks_fail(KS_ERR_UNAVAILABLE, "%s was lost", gpu->name);
    cudaError_t code = cudaSetDevice(gpu->index);
    return code == cudaSuccess ? KS_OK : ks_cuda_lost(gpu, "choosing the device", code);
}

/* ---- what there is */

ks_status ks_gpu_count(size_t *count) {
    int found = 0;
    *count = 0;
    cudaError_t code = cudaGetDeviceCount(&found);
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
        int driver = 0;
        (void)cudaDriverGetVersion(&driver);
        return driver ? ks_fail(KS_ERR_UNAVAILABLE, "CUDA driver %d.%d, runtime %d.%d: %s", driver / 1000,
                                driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10,
                                cudaGetErrorString(code))
                      : ks_fail(KS_ERR_UNAVAILABLE,
                                "no CUDA driver: libcuda.so.1 is not installed, or it finds no GPU");
    }
    *count = (size_t)found;
    return found ? KS_OK : ks_fail(KS_ERR_UNAVAILABLE, "the CUDA driver finds no GPU");
}

static ks_status properties_of(struct cudaDeviceProp *properties, size_t index) {
    size_t count;
    KS_TRY(ks_gpu_count(&count));
    if (index >= count)
        return ks_fail(KS_ERR_UNAVAILABLE, "CUDA device %zu: there are %zu", index, count);
    cudaError_t code = cudaGetDeviceProperties(properties, (int)index);
    if (code == cudaSuccess)
        return KS_OK;
    (void)cudaGetLastError();
    return ks_fail(KS_ERR_UNAVAILABLE, "CUDA device %zu: %s", index, cudaGetErrorString(code));
}

static uint32_t flags_of(const struct cudaDeviceProp *properties) {
    return KS_DEVICE_GPU | (properties->integrated ? (uint32_t)KS_DEVICE_UNIFIED : 0);
}

ks_status ks_gpu_describe(ks_device_info *info, size_t index) {
    struct cudaDeviceProp properties = {0};
    int driver = 0;
    KS_TRY(properties_of(&properties, index));
    (void)cudaDriverGetVersion(&driver);
    *info = (ks_device_info){.memory = properties.totalGlobalMem,
                             .units = (uint32_t)properties.multiProcessorCount,
                             .flags = flags_of(&properties)};
    (void)snprintf(info->name, sizeof info->name, "%.127s", properties.name);
    (void)snprintf(info->driver, sizeof info->driver, "CUDA driver %d.%d, runtime %d.%d, compute %d.%d",
                   driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10,
                   properties.major, properties.minor);
    return KS_OK;
}

/* ---- open */

/* The program has code for this device; its kernels may have all the local memory there is; what every kernel
 * allows is the limit. */
static ks_status learn_limits(ks_gpu *gpu, const struct cudaDeviceProp *properties) {
    size_t local = properties->sharedMemPerBlockOptin, items = (size_t)properties->maxThreadsPerBlock;
    for (int i = 0; i < KS_GPU_KERNELS; i++) {
        struct cudaFuncAttributes attributes;
        cudaError_t code = cudaFuncGetAttributes(&attributes, ks_cuda_kernels[i]);
        if (code == cudaSuccess)
            code =
                cudaFuncSetAttribute(ks_cuda_kernels[i], cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     (int)(properties->sharedMemPerBlockOptin - attributes.sharedSizeBytes));
        if (code != cudaSuccess) {
            (void)cudaGetLastError();
            return ks_fail(KS_ERR_UNAVAILABLE, "%s (compute %d.%d): kernel %s: %s", gpu->name,
                           properties->major, properties->minor, ks_cuda_kernel_names[i],
                           cudaGetErrorString(code));
        }
        if (properties->sharedMemPerBlockOptin - attributes.sharedSizeBytes < local)
            local = properties->sharedMemPerBlockOptin - attributes.sharedSizeBytes;
        if ((size_t)attributes.maxThreadsPerBlock < items)
            items = (size_t)attributes.maxThreadsPerBlock;
    }
    gpu->limits = (ks_gpu_limits){.local_bytes = local,
                                  .items = items,
                                  .allocation = properties->totalGlobalMem,
                                  .units = (uint32_t)properties->multiProcessorCount,
                                  .flags = flags_of(properties)};
    return KS_OK;
}

static ks_status make(ks_gpu *gpu, const struct cudaDeviceProp *properties) {
    KS_TRY(ks_cuda_enter(gpu));
    cudaError_t code = cudaStreamCreateWithFlags(&gpu->keeper, cudaStreamNonBlocking);
    if (code != cudaSuccess)
        return ks_cuda_lost(gpu, "making a stream", code);
    return learn_limits(gpu, properties);
}

/* The program is compiled already, but for devices newer than the toolkit, whose driver keeps a cache of its
 * own: `cache` is not used. */
ks_status ks_gpu_open(ks_gpu **out, size_t index, const char *cache) {
    (void)cache;
    *out = NULL;
    struct cudaDeviceProp properties = {0};
    KS_TRY(properties_of(&properties, index));
    ks_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        return ks_fail(KS_ERR_MEMORY, "no memory for a device");
    gpu->index = (int)index;
    (void)snprintf(gpu->name, sizeof gpu->name, "%.127s", properties.name);
    ks_status status = make(gpu, &properties);
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
    (void)cudaSetDevice(gpu->index);
    if (gpu->keeper)
        (void)cudaStreamDestroy(gpu->keeper);
    free(gpu);
}

void ks_gpu_limits_of(ks_gpu_limits *limits, const ks_gpu *gpu) {
    *limits = gpu->limits;
}

/* ---- memory */

ks_status ks_gpu_memory_create(ks_gpu_memory **out, ks_gpu *gpu, size_t bytes) {
    *out = NULL;
    KS_TRY(ks_cuda_enter(gpu));
    if (bytes == 0 || bytes > gpu->limits.allocation)
        return ks_fail(KS_ERR_LIMIT, "%s: %zu bytes in one piece: 1 to %zu are possible", gpu->name, bytes,
                       gpu->limits.allocation);
    ks_gpu_memory *memory = malloc(sizeof *memory);
    if (!memory)
        return ks_fail(KS_ERR_MEMORY, "no memory for a buffer");
    void *at = NULL;
    cudaError_t code = cudaMalloc(&at, bytes);
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
        free(memory);
        return ks_fail(KS_ERR_MEMORY, "%s: %zu bytes: %s", gpu->name, bytes, cudaGetErrorString(code));
    }
    *memory = (ks_gpu_memory){.gpu = gpu, .at = at, .bytes = bytes};
    *out = memory;
    return KS_OK;
}

void ks_gpu_memory_destroy(ks_gpu_memory *memory) {
    if (!memory)
        return;
    ks_gpu *gpu = memory->gpu;
    if (cudaSetDevice(gpu->index) != cudaSuccess ||
        cudaMemsetAsync(memory->at, 0, memory->bytes, gpu->keeper) != cudaSuccess ||
        cudaStreamSynchronize(gpu->keeper) != cudaSuccess)
        atomic_store(&gpu->lost, 1);
    (void)cudaFree(memory->at);
    (void)cudaGetLastError();
    free(memory);
}

size_t ks_gpu_memory_bytes(const ks_gpu_memory *memory) {
    return memory->bytes;
}

static size_t pages_of(size_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

ks_status ks_gpu_host_create(void **out, ks_gpu *gpu, size_t bytes) {
    *out = NULL;
    KS_TRY(ks_cuda_enter(gpu));
    if (bytes == 0)
        return ks_fail(KS_ERR_ARGUMENT, "host memory of 0 bytes");
    cudaError_t code = cudaHostAlloc(out, pages_of(bytes), cudaHostAllocPortable);
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
        *out = NULL;
        return ks_fail(KS_ERR_MEMORY, "%s: %zu bytes for transfers: %s", gpu->name, bytes,
                       cudaGetErrorString(code));
    }
    if ((uintptr_t)*out % 4096 ==
        0) /* memory of the driver may be no ordinary one: then nothing is dumped anyway */
        (void)madvise(*out, pages_of(bytes), MADV_DONTDUMP);
    return KS_OK;
}

void ks_gpu_host_destroy(ks_gpu *gpu, void *memory, size_t bytes) {
    if (!memory)
        return;
    ks_wipe(memory, bytes);
    (void)cudaSetDevice(gpu->index);
    (void)cudaFreeHost(memory);
    (void)cudaGetLastError();
}
