/* SPDX-License-Identifier: Apache-2.0 */
/* The dialect of the GPU kernels: strict OpenCL C 1.2 that nvcc compiles too. docs/kernel-howto.md says how it is used.
 *
 *   KS_KERNEL_FN(name) (KS_GLOBAL const ks_u64 *in, ks_u32 n KS_LOCAL_PARAM(scratch)) { KS_LOCAL_BIND(ks_u32, scratch) ... }
 *
 * Rules: fixed-width types only; no recursion, no float; every item of a group reaches every KS_BARRIER; kernels take
 * pointers to global memory and 32- or 64-bit integers, the local memory of the launch last. Vectors are ks_u32x4 with .x .y
 * .z .w, made by KS_U32X4. */
#ifndef KS_GPU_PORT_H
#define KS_GPU_PORT_H

#if defined(__OPENCL_C_VERSION__) || defined(__OPENCL_VERSION__)

typedef uchar ks_u8;
typedef char ks_i8;
typedef ushort ks_u16;
typedef short ks_i16;
typedef uint ks_u32;
typedef int ks_i32;
typedef ulong ks_u64;
typedef long ks_i64;
typedef uint4 ks_u32x4;
#define KS_U32X4(a, b, c, d) ((uint4)((a), (b), (c), (d)))

#define KS_KERNEL_FN(name) __kernel void name
#define KS_FN static inline
#define KS_GLOBAL __global
#define KS_LOCAL __local /* pointer to, or array in, the memory of a group */
#define KS_CONSTANT __constant
#define KS_LOCAL_POINTER __local
#define KS_CONSTANT_POINTER __constant
#define KS_LOCAL_PARAM(name) , __local ks_u32x4 *name##_room
#define KS_LOCAL_BIND(type, name) __local type *name = (__local type *)name##_room;
#define KS_BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define KS_BARRIER_GLOBAL() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define KS_ITEM() ((ks_u32)get_local_id(0))
#define KS_ITEMS() ((ks_u32)get_local_size(0))
#define KS_GROUP() ((ks_u32)get_group_id(0))
#define KS_GROUPS() ((ks_u32)get_num_groups(0))
#define KS_GROUP_Y() ((ks_u32)get_group_id(1))
#define KS_POPCOUNT(x) popcount(x)
#define KS_KEEP(pointer) ((void)(pointer))
#define KS_BYTE_SIGNS(x) as_uint(as_char4((ks_u32)(x)) < (char4)0) /* all ones in each byte that has its top bit set */
#define KS_LOCAL_ADD(at, v) ((void)atomic_add((at), (v)))
#define KS_GLOBAL_ADD(at, v) atomic_add((at), (v)) /* the old value */
#define KS_GLOBAL_XOR(at, v) ((void)atomic_xor((at), (v)))
#define KS_LOCAL_XOR(at, v) ((void)atomic_xor((at), (v)))

#elif defined(__CUDACC__)

typedef unsigned char ks_u8;
typedef signed char ks_i8;
typedef unsigned short ks_u16;
typedef short ks_i16;
typedef unsigned int ks_u32;
typedef int ks_i32;
typedef unsigned long long ks_u64;
typedef long long ks_i64;
typedef uint4 ks_u32x4;
#define KS_U32X4(a, b, c, d) make_uint4((a), (b), (c), (d))

#define KS_KERNEL_FN(name) extern "C" __global__ void name
#define KS_FN static __device__ __forceinline__
#define KS_GLOBAL
#define KS_LOCAL __shared__
#define KS_CONSTANT static __constant__ const
#define KS_LOCAL_POINTER
#define KS_CONSTANT_POINTER
#define KS_LOCAL_PARAM(name)
#define KS_LOCAL_BIND(type, name) type *name = (type *)ks_local_room;
#define KS_BARRIER() __syncthreads()
#define KS_BARRIER_GLOBAL() __syncthreads()
#define KS_ITEM() ((ks_u32)threadIdx.x)
#define KS_ITEMS() ((ks_u32)blockDim.x)
#define KS_GROUP() ((ks_u32)blockIdx.x)
#define KS_GROUPS() ((ks_u32)gridDim.x)
#define KS_GROUP_Y() ((ks_u32)blockIdx.y)
#define KS_POPCOUNT(x) ((ks_u32)(sizeof(x) == 8 ? __popcll(x) : __popc((ks_u32)(x))))
#define KS_LOCAL_ADD(at, v) ((void)atomicAdd((at), (v)))
#define KS_GLOBAL_ADD(at, v) atomicAdd((at), (v))
#define KS_GLOBAL_XOR(at, v) ((void)atomicXor((at), (v)))
#define KS_LOCAL_XOR(at, v) ((void)atomicXor((at), (v)))
extern __shared__ uint4 ks_local_room[];

/* A pointer to global memory stays in a register instead of being computed again at each use. */
#define KS_KEEP(pointer)                                             \
    do {                                                             \
        size_t kept = __cvta_generic_to_global(pointer);             \
        asm("" : "+l"(kept));                                        \
        pointer = (decltype(pointer))__cvta_global_to_generic(kept); \
    } while (0)

/* A selector with its top bit set repeats the sign of the byte. */
static __device__ __forceinline__ ks_u32 KS_BYTE_SIGNS(ks_u32 x) {
    ks_u32 signs;
    asm("prmt.b32 %0, %1, 0, 0xba98;" : "=r"(signs) : "r"(x));
    return signs;
}

#else
#error "compile as OpenCL C 1.2 or as CUDA"
#endif

#endif
