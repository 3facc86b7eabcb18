/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_detections_split_avx512
#include "kernels/cpu/detections_split.inc"
