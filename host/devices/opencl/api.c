/* SPDX-License-Identifier: Apache-2.0 */
#include "host/devices/opencl/api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/status.h"

static ks_cl_api api;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char missing[256]; /* why it cannot be used; empty: it can */

static void load(void) {
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        (void)snprintf(missing, sizeof missing, "no OpenCL: %s",
                       reason ? reason : "libOpenCL.so.1 is not installed");
        return;
    }
    /* A function pointer through void: what POSIX asks of dlsym. */
#define KS_CL_FIND(name)                                                                                     \
    if (!missing[0]) {                                                                                       \
        void *at = dlsym(library, #name);                                                                    \
        if (at)                                                                                              \
            memcpy(&api.name, &at, sizeof at);                                                               \
        else                                                                                                 \
            (void)snprintf(missing, sizeof missing, "libOpenCL.so.1 has no %s: OpenCL 1.2 is needed",        \
                           #name);                                                                           \
    }
    KS_CL_FUNCTIONS(KS_CL_FIND)
#undef KS_CL_FIND
}

ks_status ks_cl_load(const ks_cl_api **out) {
    (void)pthread_once(&once, load);
    *out = &api;
    return missing[0] ? ks_fail(KS_ERR_UNAVAILABLE, "%s", missing) : KS_OK;
}

const char *ks_cl_error(cl_int code) {
    switch (code) {
    case CL_SUCCESS:
        return "success";
    case CL_DEVICE_NOT_FOUND:
        return "no device";
    case CL_DEVICE_NOT_AVAILABLE:
        return "device not available";
    case CL_COMPILER_NOT_AVAILABLE:
        return "no compiler";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
        return "no device memory";
    case CL_OUT_OF_RESOURCES:
        return "out of resources, or a kernel broke off";
    case CL_OUT_OF_HOST_MEMORY:
        return "no host memory";
    case CL_BUILD_PROGRAM_FAILURE:
        return "the program does not compile";
    case CL_INVALID_DEVICE:
        return "invalid device";
    case CL_INVALID_CONTEXT:
        return "invalid context";
    case CL_INVALID_COMMAND_QUEUE:
        return "invalid queue";
    case CL_INVALID_BINARY:
        return "invalid binary";
    case CL_INVALID_KERNEL_NAME:
        return "no kernel of that name";
    case CL_INVALID_ARG_INDEX:
        return "too many arguments";
    case CL_INVALID_ARG_SIZE:
        return "an argument of another size";
    case CL_INVALID_KERNEL_ARGS:
        return "arguments missing";
    case CL_INVALID_WORK_GROUP_SIZE:
        return "a group of this size does not fit";
    case -1001:
        return "no platform is installed";
    default:
        return "OpenCL error";
    }
}
