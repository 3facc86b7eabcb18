/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_event_scan_avx512
#include "kernels/cpu/event_scan.inc"
