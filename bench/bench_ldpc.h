/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `keystill bench ldpc`: the processor's threads (bench_ldpc.c), jobs of a device
 * (bench_ldpc_device.c), the channel and the row that both report (bench_ldpc_row.c). */
#ifndef KS_BENCH_BENCH_LDPC_H
#define KS_BENCH_BENCH_LDPC_H

#include <stdint.h>

#include "ldpc/ldpc.h"

typedef struct ks_bench_ldpc_options {
    const char *qber, *effort, *decoders, *backend;
    uint64_t log2n, frames, seed, real_bits, iterations, rate, retries, threads, batch, disclosures;
    double seconds;
    int anew;
} ks_bench_ldpc_options;

typedef struct ks_bench_ldpc_totals {
    uint64_t frames, failed, undetected, first_failed, bits, leak, first_leak, rounds, iterations;
    uint64_t exact_decodings, exact_iterations, retries, retry_iterations, retry_exact_iterations;
    uint64_t exhausted, saved; /* frames that disclosed their least reliable bits; decoded then */
    double edges, decode_seconds, encode_seconds, mbps;
} ks_bench_ldpc_totals;

/* Where a row was computed. A job of a device tells its passes in one sum and takes wall time. */
typedef struct ks_bench_ldpc_place {
    const char *backend, *device; /* as ks_bench_row_begin takes them */
    int threads;
    uint64_t batch; /* frames a job; 0: no jobs */
} ks_bench_ldpc_place;

extern const char *const ks_bench_ldpc_decoders[]; /* names, by ks_ldpc_decoders */

/* Frame number `number` of 2^log2n bits and what the channel of error rate q makes of it. */
void ks_bench_ldpc_draw(uint64_t *alice, uint64_t *bob, const ks_bench_ldpc_options *o, uint64_t number,
                        double q);
/* Edges of the lifted graph. */
double ks_bench_ldpc_edges(uint16_t rate, unsigned log2n);
/* Prints the row; an exit code. */
int ks_bench_ldpc_report(const ks_bench_ldpc_totals *t, const ks_bench_ldpc_options *o,
                         ks_ldpc_decoders decoders, uint16_t rate, double q,
                         const ks_bench_ldpc_place *place);

/* Jobs of the device that o->backend names, an error rate a row. */
typedef struct ks_bench_ldpc_device ks_bench_ldpc_device;
int ks_bench_ldpc_device_open(ks_bench_ldpc_device **out, const ks_bench_ldpc_options *o);
int ks_bench_ldpc_device_run(ks_bench_ldpc_device *device, ks_ldpc_decoders decoders, uint16_t rate,
                             double q);
void ks_bench_ldpc_device_close(ks_bench_ldpc_device *device); /* NULL is allowed */

#endif
