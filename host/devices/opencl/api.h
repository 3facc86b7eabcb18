/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL functions that the driver calls, found at run time: nothing here needs libOpenCL at link time.
 */
#ifndef KS_HOST_DEVICES_OPENCL_API_H
#define KS_HOST_DEVICES_OPENCL_API_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <keystill/status.h>

#define KS_CL_FUNCTIONS(F)                                                                                   \
    F(clGetPlatformIDs)                                                                                      \
    F(clGetPlatformInfo)                                                                                     \
    F(clGetDeviceIDs)                                                                                        \
    F(clGetDeviceInfo)                                                                                       \
    F(clCreateContext)                                                                                       \
    F(clReleaseContext)                                                                                      \
    F(clCreateCommandQueue)                                                                                  \
    F(clReleaseCommandQueue)                                                                                 \
    F(clCreateBuffer)                                                                                        \
    F(clReleaseMemObject)                                                                                    \
    F(clCreateProgramWithSource)                                                                             \
    F(clCreateProgramWithBinary)                                                                             \
    F(clBuildProgram)                                                                                        \
    F(clGetProgramInfo)                                                                                      \
    F(clGetProgramBuildInfo)                                                                                 \
    F(clReleaseProgram)                                                                                      \
    F(clCreateKernel)                                                                                        \
    F(clReleaseKernel)                                                                                       \
    F(clGetKernelWorkGroupInfo)                                                                              \
    F(clSetKernelArg)                                                                                        \
    F(clEnqueueNDRangeKernel)                                                                                \
    F(clEnqueueReadBuffer)                                                                                   \
    F(clEnqueueWriteBuffer)                                                                                  \
    F(clEnqueueFillBuffer)                                                                                   \
    F(clEnqueueMapBuffer)                                                                                    \
    F(clEnqueueUnmapMemObject)                                                                               \
    F(clFinish)                                                                                              \
    F(clGetEventInfo)                                                                                        \
    F(clGetEventProfilingInfo)                                                                               \
    F(clReleaseEvent)

#define KS_CL_MEMBER(name) __typeof__(&name) name;
typedef struct ks_cl_api {
    KS_CL_FUNCTIONS(KS_CL_MEMBER)
} ks_cl_api;
#undef KS_CL_MEMBER

/* Loads libOpenCL once; KS_ERR_UNAVAILABLE where there is none. Thread-safe; the library stays loaded. */
ks_status ks_cl_load(const ks_cl_api **api);

/* Constant text for an error code; never NULL. */
const char *ks_cl_error(cl_int code);

#endif
