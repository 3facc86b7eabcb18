/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KS_KERNELS_ROWS_LDPC_H
#define KS_KERNELS_ROWS_LDPC_H

#include <stddef.h>
#include <stdint.h>

#endif
