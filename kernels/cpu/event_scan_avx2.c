/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL ks_event_scan_avx2
#include "kernels/cpu/event_scan.inc"
