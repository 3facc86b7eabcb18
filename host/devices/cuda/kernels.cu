/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of kernels/gpu as CUDA, and the table that the driver launches them by. */
#include "kernels/gpu/port.h"
#include <gpu_kernels.inc> /* generated */

extern "C" {
extern const void *const ks_cuda_kernels[];
extern const char *const ks_cuda_kernel_names[];

#define KS_GPU_KERNEL(name) (const void *)name,
const void *const ks_cuda_kernels[] = {
#include "kernels/gpu/list.def"
};
#undef KS_GPU_KERNEL

#define KS_GPU_KERNEL(name) #name,
const char *const ks_cuda_kernel_names[] = {
#include "kernels/gpu/list.def"
};
#undef KS_GPU_KERNEL
}
