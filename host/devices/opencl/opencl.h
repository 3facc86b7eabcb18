/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the OpenCL driver. */
#ifndef KS_HOST_DEVICES_OPENCL_OPENCL_H
#define KS_HOST_DEVICES_OPENCL_OPENCL_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/devices/gpu/driver.h"
#include "host/devices/opencl/api.h"

/* The program that the build embedded: port.h and every kernels/gpu/NAME.cl. */
extern const char ks_gpu_source[];
extern const size_t ks_gpu_source_bytes;
extern const char *const ks_cl_kernel_names[]; /* by ks_gpu_kernel */

/* Host memory handed out, which a mapped buffer of the driver lies behind. */
typedef struct ks_cl_mapping ks_cl_mapping;
struct ks_cl_mapping {
    ks_cl_mapping *next;
    void *at;
    cl_mem memory;
};

struct ks_gpu {
    const ks_cl_api *cl;
    cl_device_id device;
    cl_context context;
    cl_program program;
    ks_gpu_limits limits;
    atomic_int lost;
    char name[128];
    pthread_mutex_t mutex;   /* guards what follows */
    cl_command_queue keeper; /* zeroes memory that is given back, maps host memory */
    ks_cl_mapping *mappings;
};

struct ks_gpu_memory {
    ks_gpu *gpu;
    cl_mem buffer;
    size_t bytes, room; /* asked for, and made: whole vectors of 16 */
};

/* ---- devices.c */
typedef struct ks_cl_device {
    cl_platform_id platform;
    cl_device_id device;
} ks_cl_device;
/* Device `index` of all platforms taken together. */
ks_status ks_cl_find(const ks_cl_api **cl, ks_cl_device *out, size_t index);
/* Text of a device or of its platform, trimmed; empty where the driver tells nothing. */
void ks_cl_device_text(const ks_cl_api *cl, cl_device_id device, cl_device_info what, char *out, size_t room);
void ks_cl_platform_text(const ks_cl_api *cl, cl_platform_id platform, cl_platform_info what, char *out,
                         size_t room);

/* ---- program.c: makes gpu->program, from `cache` where that holds it, else from source, which then enters
 * the cache. */
ks_status ks_cl_program(ks_gpu *gpu, cl_platform_id platform, const char *cache);

/* ---- cache.c: compiled programs in files of the folder `cache`, by name. What is damaged or not ours reads
 * as missing (KS_ERR_EMPTY); writing is all or nothing. */
ks_status ks_cl_cache_read(const char *cache, const char *name, unsigned char **out, size_t *bytes);
ks_status ks_cl_cache_write(const char *cache, const char *name, const unsigned char *data, size_t bytes);
/* 128 bits, as text of 32 digits and NUL: tells texts and accidents apart, no adversaries. */
typedef struct ks_cl_digest {
    unsigned __int128 state;
} ks_cl_digest;
void ks_cl_digest_start(ks_cl_digest *digest);
void ks_cl_digest_add(ks_cl_digest *digest, const void *data, size_t bytes);
void ks_cl_digest_text(char out[33], const ks_cl_digest *digest);

/* ---- open.c */
/* KS_ERR_UNAVAILABLE when the device was lost. */
ks_status ks_cl_usable(const ks_gpu *gpu);
/* The device is lost by the failure of `what`. */
ks_status ks_cl_lost(ks_gpu *gpu, const char *what, cl_int code);
cl_int ks_cl_fill(const ks_cl_api *cl, cl_command_queue queue, cl_mem memory, size_t offset, size_t bytes,
                  cl_event *event);

#endif
