/* SPDX-License-Identifier: Apache-2.0 */
/* What `keystill bench amplify` does on the processor and on devices: bench_amplify.c and
 * bench_amplify_device.c. */
#ifndef KS_BENCH_AMPLIFY_H
#define KS_BENCH_AMPLIFY_H

#include <keystill/amplify.h>
#include <keystill/backend.h>

#include "bench/bench.h"

typedef struct ks_bench_amplify_options {
    const char *form, *backend;
    uint64_t bits, blocks, threads, seed; /* bits: 0: several sizes; blocks: 0: by size */
    double ratio, seconds;
} ks_bench_amplify_options;

/* One hash: key, seed and out as in ks_toeplitz_apply. */
typedef struct ks_bench_amplify_block {
    ks_toeplitz_form form;
    size_t n, m;
    uint64_t *key, *seed, *out;
} ks_bench_amplify_block;

/* Whether the first, the last and some other bits of the output are those of the definition. */
int ks_bench_amplify_agrees(const ks_bench_amplify_block *b);

/* A row without throughput. `device` as in ks_bench_row_begin. */
void ks_bench_amplify_row(ks_bench_row *row, const ks_bench_amplify_block *b, const char *backend,
                          const char *device, unsigned threads, uint64_t blocks, int cached);

/* The row of n bits by jobs of an open device, an exit code. The modified form. */
int ks_bench_amplify_device_run(ks_device *device, const ks_bench_amplify_options *o, size_t n);

#endif
