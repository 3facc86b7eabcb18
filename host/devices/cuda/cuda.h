/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the CUDA driver. The runtime is linked statically and finds the vendor's driver at run time. */
#ifndef KS_HOST_DEVICES_CUDA_CUDA_H
#define KS_HOST_DEVICES_CUDA_CUDA_H

#include <cuda_runtime_api.h>
#include <stdatomic.h>

#include "host/devices/gpu/driver.h"

/* Of kernels.cu, by ks_gpu_kernel. */
extern const void *const ks_cuda_kernels[];
extern const char *const ks_cuda_kernel_names[];

struct ks_gpu {
    int index;
    cudaStream_t keeper; /* zeroes memory that is given back */
    ks_gpu_limits limits;
    atomic_int lost;
    char name[128];
};

struct ks_gpu_memory {
    ks_gpu *gpu;
    unsigned char *at;
    size_t bytes;
};

/* Makes the device that of the calling thread; KS_ERR_UNAVAILABLE when it was lost. */
ks_status ks_cuda_enter(ks_gpu *gpu);
/* The device is lost by the failure of `what`. */
ks_status ks_cuda_lost(ks_gpu *gpu, const char *what, cudaError_t code);

#endif
