/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_detections_split_generic
#include "kernels/cpu/detections_split.inc"
