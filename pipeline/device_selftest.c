/* SPDX-License-Identifier: Apache-2.0 */
/* What a device must compute right before it is trusted with key: published answers where there are some,
 * else the answers of the plain oracles in kernels/ref, which share nothing with any device's code. */
#include "pipeline/device_selftest.h"

#include <keystill/amplify.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ldpc/code.h"
#include "ldpc/splitmix.h"
#include "pipeline/status.h"

enum { LOG2N = 14, BITS = 1 << LOG2N, WORDS = BITS / 64, FRAMES = 3 };

ks_status ks_selftest_do(ks_device *device, ks_job *job) {
    KS_TRY(ks_device_submit(device, job));
    ks_device_wait(device, job);
    return job->status == KS_OK ? KS_OK : ks_fail(job->status, "the device could not do the job");
}

ks_status ks_selftest_wrong(const char *what) {
    return ks_fail(KS_ERR_UNAVAILABLE, "wrong answer: %s", what);
}

/* ---- reconciliation */

/* Three frames: whole, shortened within a column, and one with more errors than the code corrects. */
typedef struct frames {
    uint64_t sent[FRAMES][WORDS], received[FRAMES][WORDS], want[FRAMES][WORDS];
    uint64_t mother[FRAMES][WORDS], syndrome[FRAMES][WORDS], got[FRAMES][WORDS];
    ks_frame_task tasks[FRAMES];
    ks_ldpc_outcome outcomes[FRAMES];
    ks_code_decoder code;
} frames;

static const size_t real_bits[FRAMES] = {BITS, BITS - 1234, BITS};
static const double error_rate[FRAMES] = {0.02, 0.02, 0.2};
static const uint32_t most_passes[FRAMES] = {30, 30, 4};

static void make_frames(frames *f) {
    uint64_t state = 7;
    for (int k = 0; k < FRAMES; k++)
        for (size_t i = 0; i < BITS; i++) {
            uint64_t draw = ks_splitmix(&state), error = (double)(draw >> 12) < error_rate[k] * 0x1p52;
            uint64_t bit = i < real_bits[k] ? draw & 1 : 0;
            f->sent[k][i / 64] |= bit << i % 64;
            f->received[k][i / 64] |= (i < real_bits[k] ? bit ^ error : 0) << i % 64;
        }
}

/* Edges by column of the unmerged code. */
static ks_status oracle_syndromes(frames *f, uint16_t rate) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    const ks_base_graph *graph = ks_code_graph(r->base);
    if (!graph)
        return KS_ERR_MEMORY;
    ks_ldpc_edge *edges = malloc(graph->edges * sizeof *edges);
    if (!edges)
        return ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    const uint32_t z = BITS / spec->columns;
    for (uint32_t e = 0; e < graph->edges; e++)
        edges[e] = (ks_ldpc_edge){graph->edge[e].node, (uint16_t)(graph->edge[e].shift & (z - 1))};
    const ks_ldpc_lists by_column = {spec->columns, spec->rows, z, graph->first, edges};
    for (int k = 0; k < FRAMES; k++)
        ks_kernels_at(KS_ISA_ref)->ldpc_syndrome(f->mother[k], f->sent[k], &by_column);
    free(edges);
    return KS_OK;
}

static ks_status oracle_decoding(frames *f, uint16_t rate, double qber) {
    const ks_code_rate *r = ks_code_rate_of(rate);
    const ks_base_spec *spec = &ks_family[r->base];
    const uint32_t z = BITS / spec->columns;
    int16_t *state =
        malloc(((size_t)spec->columns + KS_CODE_EDGES_MAX) * z * sizeof *state); /* of either decoder */
    if (!state)
        return ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    for (int k = 0; k < FRAMES; k++) {
        ks_code_decoder_make(&f->code, spec, ks_code_graph(r->base), r->merges, z,
                             (uint32_t)((real_bits[k] + z - 1) / z));
        f->code.by_row.columns = spec->columns;
        ks_ldpc_task task = {.by_row = &f->code.by_row,
                             .row_class = f->code.row_class,
                             .remap = &f->code.remap,
                             .received = f->received[k],
                             .syndrome = f->syndrome[k],
                             .real_bits = (uint32_t)real_bits[k],
                             .weight = ks_code_weight(rate, qber),
                             .max_passes = most_passes[k],
                             .patience = KS_CODE_PATIENCE};
        ks_kernels_at(KS_ISA_ref)->ldpc_decode(&f->outcomes[k], f->want[k], &task, state);
        if (!f->outcomes[k].converged) {
            const uint32_t passes = f->outcomes[k].passes;
            task.weight = ks_code_exact_weight(rate, qber);
            ks_kernels_at(KS_ISA_ref)->ldpc_exact(&f->outcomes[k], f->want[k], &task, state);
            f->outcomes[k].passes += passes;
        }
        if (!f->outcomes[k].converged)
            memcpy(f->want[k], f->received[k], sizeof f->want[k]);
    }
    free(state);
    return KS_OK;
}

static ks_status check_syndrome(ks_device *device, frames *f, uint16_t rate) {
    for (int k = 0; k < FRAMES; k++)
        f->tasks[k] = (ks_frame_task){.frame = f->sent[k],
                                      .syndrome = f->got[k],
                                      .real_bits = real_bits[k],
                                      .rate = rate,
                                      .log2n = LOG2N};
    ks_job job = {.op = KS_OP_SYNDROME, .as.frames = {f->tasks, FRAMES}};
    KS_TRY(ks_selftest_do(device, &job));
    return memcmp(f->got, f->mother, sizeof f->got) == 0 ? KS_OK : ks_selftest_wrong("syndrome");
}

static ks_status check_decoding(ks_device *device, frames *f, uint16_t rate, double qber) {
    memcpy(f->got, f->received, sizeof f->got);
    for (int k = 0; k < FRAMES; k++)
        f->tasks[k] = (ks_frame_task){.frame = f->got[k],
                                      .syndrome = f->syndrome[k],
                                      .real_bits = real_bits[k],
                                      .qber = qber,
                                      .rate = rate,
                                      .log2n = LOG2N,
                                      .exact = 1,
                                      .iterations = most_passes[k]};
    ks_job job = {.op = KS_OP_DECODE, .as.frames = {f->tasks, FRAMES}};
    KS_TRY(ks_selftest_do(device, &job));
    for (int k = 0; k < FRAMES; k++)
        if (f->tasks[k].converged != f->outcomes[k].converged ||
            f->tasks[k].iterations != f->outcomes[k].passes ||
            memcmp(f->got[k], f->want[k], sizeof f->got[k]) != 0)
            return ks_selftest_wrong("decoded frame");
    return KS_OK;
}

static ks_status check_frames(ks_device *device) {
    const double qber = 0.025;
    uint16_t rate;
    KS_TRY(ks_ldpc_pick(&rate, LOG2N, qber, BITS, KS_LDPC_BALANCED));
    frames *f = calloc(1, sizeof *f);
    if (!f)
        return ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    make_frames(f);
    ks_status status = oracle_syndromes(f, rate);
    if (status == KS_OK && device->vtable->supports(device, KS_OP_SYNDROME))
        status = check_syndrome(device, f, rate);
    for (int k = 0; k < FRAMES && status == KS_OK; k++)
        status = ks_ldpc_merge(f->syndrome[k], f->mother[k], rate, LOG2N);
    if (status == KS_OK && device->vtable->supports(device, KS_OP_DECODE)) {
        status = oracle_decoding(f, rate, qber);
        if (status == KS_OK)
            status = check_decoding(device, f, rate, qber);
    }
    free(f);
    return status;
}

/* ---- hashing */

static uint64_t *stream(uint64_t state, size_t bits) {
    uint64_t *words = malloc((bits + 63) / 64 * 8);
    for (size_t i = 0; words && i < (bits + 63) / 64; i++)
        words[i] = ks_splitmix(&state);
    return words;
}

static ks_status check_tag(ks_device *device, const uint8_t key[16], const uint64_t *bits, size_t n,
                           const uint8_t want[16]) {
    uint8_t tag[16] = {0};
    ks_job job = {.op = KS_OP_HASH, .as.hash = {tag, key, bits, n}};
    KS_TRY(ks_selftest_do(device, &job));
    return memcmp(tag, want, 16) == 0 ? KS_OK : ks_selftest_wrong("verification hash");
}

static ks_status check_hash(ks_device *device) {
    /* GCM specification (McGrew, Viega 2004), test case 2: one block of ciphertext and its length block. */
    static const uint8_t key[16] = {0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b,
                                    0x88, 0x4c, 0xfa, 0x59, 0xca, 0x34, 0x2b, 0x2e};
    static const uint8_t text[32] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92,       0xf3,
                                     0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78, [31] = 0x80};
    static const uint8_t want[16] = {0xf3, 0x8c, 0xbb, 0x1a, 0xd6, 0x92, 0x23, 0xdc,
                                     0xc3, 0x45, 0x7a, 0xe5, 0xb6, 0xb0, 0xf8, 0x85};
    enum { LONG = 128 * 3000 };
    uint64_t words[4];
    memcpy(words, text, sizeof words);
    KS_TRY(check_tag(device, key, words, 256, want));
    uint64_t *bits = stream(3, LONG);
    if (!bits)
        return ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    uint8_t state[16] = {0}, powers[KS_HASH_POWERS * KS_HASH_BLOCK] = {0}, zero[16] = {0};
    memcpy(powers, key, 16);
    for (size_t i = 1; i < KS_HASH_POWERS; i++) {
        memcpy(powers + 16 * i, powers + 16 * (i - 1), 16);
        ks_kernels_at(KS_ISA_ref)->poly_hash(powers + 16 * i, key, zero, 1);
    }
    ks_kernels_at(KS_ISA_ref)->poly_hash(state, powers, (const uint8_t *)bits, LONG / 128);
    ks_status status = check_tag(device, key, bits, LONG, state);
    free(bits);
    return status;
}

/* ---- amplification */

/* Digests of products of the streams of states 1 (key) and 2 (seed), modified form: the known answers of
 * tests/unit, whose SHA-256 an independent program computed, as FNV-1a (64 bits) of the output words. */
static const struct product {
    size_t n, m;
    uint64_t digest;
} products[] = {{1000, 300, 0x27dacc00c351d093},
                {4097, 1024, 0x1cc27e197aaf2ba1},
                {1000000, 500000, 0x4d8c4b5872c32a72},
                {1048577, 402688, 0xe8468134b9ccc58c}};

static uint64_t digest_of(const uint64_t *words, size_t count) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++)
        for (int b = 0; b < 64; b += 8)
            h = (h ^ (words[i] >> b & 0xff)) * UINT64_C(0x100000001b3);
    return h;
}

static ks_status check_product(ks_device *device, const struct product *p) {
    uint64_t *key = stream(1, p->n), *seed = stream(2, p->n - 1), *out = calloc((p->m + 63) / 64, 8);
    ks_status status = key && seed && out ? KS_OK : ks_fail(KS_ERR_MEMORY, "no memory for the self-test");
    if (status == KS_OK) {
        ks_job job = {.op = KS_OP_TOEPLITZ, .as.toeplitz = {out, key, seed, p->n, p->m}};
        status = ks_selftest_do(device, &job);
    }
    if (status == KS_OK && digest_of(out, (p->m + 63) / 64) != p->digest)
        status = ks_selftest_wrong("Toeplitz hash");
    free(key);
    free(seed);
    free(out);
    return status;
}

ks_status ks_device_selftest(ks_device *device) {
    if (device->vtable->supports(device, KS_OP_SYNDROME) || device->vtable->supports(device, KS_OP_DECODE))
        KS_TRY(check_frames(device));
    KS_TRY(ks_selftest_imported_code(device));
    if (device->vtable->supports(device, KS_OP_HASH))
        KS_TRY(check_hash(device));
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (device->vtable->supports(device, KS_OP_TOEPLITZ))
            KS_TRY(check_product(device, &products[i]));
    return KS_OK;
}
