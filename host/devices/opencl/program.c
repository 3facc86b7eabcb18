/* SPDX-License-Identifier: Apache-2.0 */
/* The program of a device: compiled from the embedded source, or taken from the cache. Warnings are no errors
 * here: a new compiler that warns must not cost the device; the tests compile every kernel with warnings as
 * errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/devices/opencl/opencl.h"
#include "pipeline/status.h"

static const char options[] = "-cl-std=CL1.2";

/* Name of the file for this source, compiler and device. */
static void cache_name(char out[64], const ks_gpu *gpu, cl_platform_id platform) {
    static const cl_device_info of_device[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR, CL_DEVICE_VERSION,
                                               CL_DRIVER_VERSION, CL_DEVICE_EXTENSIONS};
    char text[1024], digits[33];
    ks_cl_digest digest;
    ks_cl_digest_start(&digest);
    ks_cl_digest_add(&digest, ks_gpu_source, ks_gpu_source_bytes);
    ks_cl_digest_add(&digest, options, sizeof options);
    for (size_t i = 0; i < sizeof of_device / sizeof *of_device; i++) {
        ks_cl_device_text(gpu->cl, gpu->device, of_device[i], text, sizeof text);
        ks_cl_digest_add(&digest, text, strlen(text) + 1);
    }
    ks_cl_platform_text(gpu->cl, platform, CL_PLATFORM_VERSION, text, sizeof text);
    ks_cl_digest_add(&digest, text, strlen(text) + 1);
    ks_cl_digest_text(digits, &digest);
    (void)snprintf(out, 64, "keystill-%s.clb", digits);
}

static cl_int build(const ks_gpu *gpu, cl_program program) {
    return gpu->cl->clBuildProgram(program, 1, &gpu->device, options, NULL, NULL);
}

/* The end of the compiler's log says most. */
static ks_status build_failed(const ks_gpu *gpu, cl_program program, cl_int code) {
    size_t bytes = 0;
    char *log = NULL;
    if (gpu->cl->clGetProgramBuildInfo(program, gpu->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) ==
            CL_SUCCESS &&
        bytes > 0 && bytes < ((size_t)1 << 24))
        log = calloc(1, bytes + 1);
    if (log && gpu->cl->clGetProgramBuildInfo(program, gpu->device, CL_PROGRAM_BUILD_LOG, bytes, log, NULL) !=
                   CL_SUCCESS)
        log[0] = '\0';
    const char *tail = log ? log : "";
    size_t length = strlen(tail);
    tail += length > 320 ? length - 320 : 0;
    ks_status status =
        ks_fail(KS_ERR_UNAVAILABLE, "%s: %s (%d): %s", gpu->name, ks_cl_error(code), code, tail);
    free(log);
    return status;
}

static cl_program from_cache(const ks_gpu *gpu, const char *cache, const char *name) {
    unsigned char *binary;
    size_t bytes;
    if (ks_cl_cache_read(cache, name, &binary, &bytes) != KS_OK)
        return NULL;
    cl_int loaded = CL_SUCCESS, code;
    const unsigned char *const binaries[] = {binary};
    cl_program program = gpu->cl->clCreateProgramWithBinary(gpu->context, 1, &gpu->device, &bytes,
                                                            (const unsigned char **)binaries, &loaded, &code);
    free(binary);
    if (!program)
        return NULL;
    if (loaded == CL_SUCCESS && build(gpu, program) == CL_SUCCESS)
        return program;
    (void)gpu->cl->clReleaseProgram(program);
    return NULL;
}

/* A cache that cannot be written costs time at the next start and nothing else. */
static void to_cache(const ks_gpu *gpu, const char *cache, const char *name) {
    size_t bytes = 0;
    if (gpu->cl->clGetProgramInfo(gpu->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) !=
            CL_SUCCESS ||
        bytes == 0)
        return;
    unsigned char *binary = malloc(bytes);
    if (binary && gpu->cl->clGetProgramInfo(gpu->program, CL_PROGRAM_BINARIES, sizeof binary, &binary,
                                            NULL) == CL_SUCCESS)
        (void)ks_cl_cache_write(cache, name, binary, bytes);
    free(binary);
}

ks_status ks_cl_program(ks_gpu *gpu, cl_platform_id platform, const char *cache) {
    char name[64];
    cache_name(name, gpu, platform);
    if (cache && (gpu->program = from_cache(gpu, cache, name)) != NULL)
        return KS_OK;
    const char *source = ks_gpu_source;
    cl_int code;
    gpu->program = gpu->cl->clCreateProgramWithSource(gpu->context, 1, &source, &ks_gpu_source_bytes, &code);
    if (!gpu->program)
        return ks_fail(KS_ERR_UNAVAILABLE, "%s: no program: %s (%d)", gpu->name, ks_cl_error(code), code);
    code = build(gpu, gpu->program);
    if (code != CL_SUCCESS)
        return build_failed(gpu, gpu->program, code);
    if (cache)
        to_cache(gpu, cache, name);
    return KS_OK;
}
