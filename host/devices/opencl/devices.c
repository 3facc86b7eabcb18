/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL devices of this machine: those of all platforms, numbered through. */
#include <stdio.h>
#include <string.h>

#include "host/devices/opencl/opencl.h"
#include "pipeline/status.h"

enum { PLATFORMS_MAX = 32, DEVICES_MAX = 64 };

static ks_cl_device devices[DEVICES_MAX];
static size_t device_count;
static char missing[256]; /* why there is none */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look(void) {
    const ks_cl_api *cl;
    if (ks_cl_load(&cl) != KS_OK) {
        (void)snprintf(missing, sizeof missing, "%s", ks_error_detail());
        return;
    }
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint count = 0;
    cl_int code = cl->clGetPlatformIDs(PLATFORMS_MAX, platforms, &count);
    if (code != CL_SUCCESS || count == 0) {
        (void)snprintf(missing, sizeof missing, "OpenCL is installed, but %s",
                       ks_cl_error(code == CL_SUCCESS ? -1001 : code));
        return;
    }
    for (cl_uint p = 0; p < count && p < PLATFORMS_MAX && device_count < DEVICES_MAX; p++) {
        cl_device_id found[DEVICES_MAX];
        cl_uint some = 0, room = (cl_uint)(DEVICES_MAX - device_count);
        if (cl->clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, room, found, &some) != CL_SUCCESS)
            continue;
        for (cl_uint i = 0; i < some && i < room; i++)
            devices[device_count++] = (ks_cl_device){.platform = platforms[p], .device = found[i]};
    }
    if (device_count == 0)
        (void)snprintf(missing, sizeof missing, "OpenCL is installed (%u platforms), but it finds no device",
                       count);
}

ks_status ks_gpu_count(size_t *count) {
    (void)pthread_once(&once, look);
    *count = device_count;
    return device_count ? KS_OK : ks_fail(KS_ERR_UNAVAILABLE, "%s", missing);
}

ks_status ks_cl_find(const ks_cl_api **cl, ks_cl_device *out, size_t index) {
    size_t count;
    KS_TRY(ks_gpu_count(&count));
    KS_TRY(ks_cl_load(cl));
    if (index >= count)
        return ks_fail(KS_ERR_UNAVAILABLE, "OpenCL device %zu: there are %zu", index, count);
    *out = devices[index];
    return KS_OK;
}

/* Without blanks at its ends and control characters. */
static void tidy(char *text) {
    size_t begin = strspn(text, " \t\r\n"), length = strlen(text + begin);
    memmove(text, text + begin, length + 1);
    while (length && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
}

/* Longer texts than 255 bytes are cut by going through a buffer of their own: OpenCL gives all or nothing. */
void ks_cl_device_text(const ks_cl_api *cl, cl_device_id device, cl_device_info what, char *out,
                       size_t room) {
    char text[1024] = "";
    if (cl->clGetDeviceInfo(device, what, sizeof text - 1, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    tidy(text);
    (void)snprintf(out, room, "%s", text);
}

void ks_cl_platform_text(const ks_cl_api *cl, cl_platform_id platform, cl_platform_info what, char *out,
                         size_t room) {
    char text[1024] = "";
    if (cl->clGetPlatformInfo(platform, what, sizeof text - 1, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    tidy(text);
    (void)snprintf(out, room, "%s", text);
}

static uint32_t flags_of(const ks_cl_api *cl, cl_device_id device) {
    cl_device_type type = 0;
    cl_bool unified = CL_FALSE;
    (void)cl->clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    (void)cl->clGetDeviceInfo(device, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    uint32_t flags = 0;
    if (type & CL_DEVICE_TYPE_CPU)
        flags = KS_DEVICE_HOST;
    else if (type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR))
        flags = KS_DEVICE_GPU;
    return unified ? flags | KS_DEVICE_UNIFIED : flags;
}

ks_status ks_gpu_describe(ks_device_info *info, size_t index) {
    const ks_cl_api *cl;
    ks_cl_device at = {0};
    KS_TRY(ks_cl_find(&cl, &at, index));
    *info = (ks_device_info){.flags = flags_of(cl, at.device)};
    cl_uint units = 0;
    cl_ulong memory = 0;
    (void)cl->clGetDeviceInfo(at.device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    (void)cl->clGetDeviceInfo(at.device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    info->units = units;
    info->memory = memory;
    ks_cl_device_text(cl, at.device, CL_DEVICE_NAME, info->name, sizeof info->name);
    char platform[64], version[64];
    ks_cl_platform_text(cl, at.platform, CL_PLATFORM_NAME, platform, sizeof platform);
    ks_cl_device_text(cl, at.device, CL_DRIVER_VERSION, version, sizeof version);
    (void)snprintf(info->driver, sizeof info->driver, "%.60s %.30s", platform, version);
    return KS_OK;
}
