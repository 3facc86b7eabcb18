/* SPDX-License-Identifier: Apache-2.0 */
/* The channel of bench ldpc and the row it reports. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/bench_ldpc.h"
#include "host/cli/cli.h"
#include "ldpc/splitmix.h"

static double uniform(uint64_t *state) {
    return ((double)(ks_splitmix(state) >> 11) + 0.5) * 0x1p-53;
}

/* Error positions by geometric gaps. */
void ks_bench_ldpc_draw(uint64_t *alice, uint64_t *bob, const ks_bench_ldpc_options *o, uint64_t number,
                        double q) {
    uint64_t mixed = o->seed + number * UINT64_C(0xD1342543DE82EF95), seed = ks_splitmix(&mixed);
    size_t n = (size_t)1 << o->log2n;
    for (size_t i = 0; i < n / 64; i++)
        alice[i] = ks_splitmix(&seed);
    for (size_t i = o->real_bits; i < n; i++)
        alice[i / 64] &= ~(UINT64_C(1) << i % 64);
    memcpy(bob, alice, n / 8);
    double scale = 1 / log1p(-q), at = floor(log(uniform(&seed)) * scale);
    while (q > 0 && at < (double)o->real_bits) {
        size_t i = (size_t)at;
        bob[i / 64] ^= UINT64_C(1) << i % 64;
        at += 1 + floor(log(uniform(&seed)) * scale);
    }
}

double ks_bench_ldpc_edges(uint16_t rate, unsigned log2n) {
    ks_ldpc_rate info;
    if (ks_ldpc_rate_info(&info, rate) != KS_OK)
        return 0;
    return (double)info.edges * (double)((size_t)1 << log2n) / info.columns;
}

static double entropy(double q) {
    return q <= 0 ? 0 : -q * log2(q) - (1 - q) * log2(1 - q);
}

/* Upper tail of the standard normal distribution, inverted by bisection. */
static double normal_quantile(double tail) {
    double low = -10, high = 10;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (erfc(middle / sqrt(2)) / 2 > tail)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* No code of one syndrome does better than n h + sqrt(n v) z - log2(n) / 2 bits (Tomamichel, Martinez-Mateo,
 * Pacher, Elkouss, QIP 16, 280 (2017), normal approximation). The failure rate is taken three deviations
 * above what was counted. */
static int is_possible(const ks_bench_ldpc_totals *t, const ks_bench_ldpc_options *o, double q) {
    double n = (double)o->real_bits, frames = (double)t->frames, rate = (double)t->first_failed / frames;
    double failure = rate + 3 * sqrt(rate * (1 - rate) / frames) + 3 / frames;
    if (q <= 0 || failure >= 1)
        return 1;
    double l = log2((1 - q) / q), v = q * (1 - q) * l * l;
    return (double)t->first_leak / frames >=
           n * entropy(q) + sqrt(n * v) * normal_quantile(failure) - log2(n) / 2;
}

const char *const ks_bench_ldpc_decoders[] = {"fast", "both", "exact"};

int ks_bench_ldpc_report(const ks_bench_ldpc_totals *t, const ks_bench_ldpc_options *o,
                         ks_ldpc_decoders decoders, uint16_t rate, double q,
                         const ks_bench_ldpc_place *place) {
    static ks_bench_row row;
    ks_ldpc_rate info;
    if (ks_ldpc_rate_info(&info, rate) != KS_OK)
        return KS_EXIT_FAILED;
    char code[64];
    snprintf(code, sizeof code, "%s-%u", info.base, info.merges);
    double frames = (double)t->frames, bits = (double)t->bits;
    ks_bench_row_begin(&row, "ldpc", place->backend, place->device, place->threads);
    ks_bench_row_number(&row, "qber", q);
    ks_bench_row_text(&row, "code", code);
    ks_bench_row_u64(&row, "frame_bits", (uint64_t)1 << o->log2n);
    ks_bench_row_u64(&row, "real_bits", o->real_bits);
    ks_bench_row_text(&row, "effort", o->effort);
    ks_bench_row_text(&row, "decoders", ks_bench_ldpc_decoders[decoders]);
    ks_bench_row_u64(&row, "retries", o->retries);
    if (place->batch)
        ks_bench_row_u64(&row, "batch", place->batch);
    ks_bench_row_u64(&row, "frames", t->frames);
    ks_bench_row_number(&row, "fer", (double)t->failed / frames);
    ks_bench_row_number(&row, "first_fer", (double)t->first_failed / frames);
    ks_bench_row_u64(&row, "undetected", t->undetected);
    if (t->exhausted) {
        ks_bench_row_u64(&row, "disclosing", t->exhausted);
        ks_bench_row_u64(&row, "saved", t->saved);
    }
    if (t->retries) {
        ks_bench_row_number(&row, "retry_iterations_mean", (double)t->retry_iterations / (double)t->retries);
        ks_bench_row_number(&row, "retry_exact_iterations_mean",
                            (double)t->retry_exact_iterations / (double)t->retries);
    }
    if (q > 0) {
        ks_bench_row_number(&row, "efficiency", (double)t->leak / (bits * entropy(q)));
        ks_bench_row_number(&row, "first_efficiency", (double)t->first_leak / (bits * entropy(q)));
    }
    ks_bench_row_number(&row, "leak_bits_per_frame", (double)t->leak / frames);
    ks_bench_row_number(&row, "rounds_mean", (double)t->rounds / frames);
    ks_bench_row_number(&row, "iterations_mean", (double)t->iterations / frames);
    if (!place->batch) {
        ks_bench_row_number(&row, "exact_share", (double)t->exact_decodings / (double)t->rounds);
        ks_bench_row_number(&row, "exact_iterations_mean", (double)t->exact_iterations / frames);
    }
    ks_bench_row_number(&row, "throughput_mbps", t->mbps);
    if (!place->batch)
        ks_bench_row_number(&row, "core_mbps", bits / t->decode_seconds * 1e-6);
    ks_bench_row_number(&row, "gedges", t->edges / t->decode_seconds * 1e-9);
    ks_bench_row_number(&row, "syndrome_gbps", bits / t->encode_seconds * 1e-9);
    int possible = is_possible(t, o, q);
    if (!possible)
        ks_cli_say(0, "bench ldpc: qber %g is below the finite-length bound: something is counted wrong\n",
                   q);
    return ks_bench_row_end(&row, t->decode_seconds, possible);
}
